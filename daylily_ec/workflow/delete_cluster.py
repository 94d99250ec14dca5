"""Delete a cluster: show what goes, refuse when something would be lost, delete, wait until it is proved gone.

Only a not-found answer proves that it is gone.  Run again after any interruption, it goes on waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from daylily_ec.aws import clusters
from daylily_ec.aws.cloudformation import Stack
from daylily_ec.aws.clusters import ClusterView
from daylily_ec.aws.fsx import Association, Task
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import ClusterFailed, DyecError, NotFound, Refused
from daylily_ec.fsx.policy import EXPORT_PURPOSE
from daylily_ec.headnode.slurm import SlurmJob, list_jobs
from daylily_ec.pcluster.monitor import Tolerant
from daylily_ec.state.locks import cluster_lock
from daylily_ec.state.models import RunStatus
from daylily_ec.state.store import StateStore
from daylily_ec.util.clock import timestamp, wait_until
from daylily_ec.workflow.ensure_heartbeat import remove_heartbeat
from daylily_ec.workflow.services import Services

_DELETING = "DELETE_IN_PROGRESS"
_FAILED = "DELETE_FAILED"
_DEADLINE_S = 2 * 3600.0
_POLL_S = 15.0
_FIRST_POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Losses that the user has accepted, each by its own flag."""

    abandon_exports: bool = False
    kill_jobs: bool = False
    node_unreachable_ok: bool = False


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """Which cluster, and which losses are accepted."""

    cluster: ClusterName
    acknowledged: Acknowledged = Acknowledged()


@dataclass(frozen=True, slots=True)
class FileSystemPlan:
    """A file system of the cluster: `deletion_policy` is CloudFormation's (Retain keeps it, and its cost)."""

    file_system_id: str
    deletion_policy: str
    associations: tuple[Association, ...]
    tasks: tuple[Task, ...]

    @property
    def is_kept(self) -> bool:
        """Whether it outlives the cluster."""
        return self.deletion_policy.startswith("Retain")


@dataclass(frozen=True, slots=True)
class Gate:
    """A fact that forbids the deletion until its flag acknowledges it."""

    fact: str
    flag: str
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What would go, and what stands against it; `jobs` is None when the head node could not be asked."""

    cluster_name: str
    region: str
    status: str
    stack_id: str
    head_node: clusters.HeadNode | None
    file_systems: tuple[FileSystemPlan, ...]
    jobs: tuple[SlurmJob, ...] | None
    jobs_problem: str
    gates: tuple[Gate, ...] = ()

    @property
    def is_under_way(self) -> bool:
        """Whether AWS is deleting it already."""
        return self.status == _DELETING

    @property
    def closed(self) -> tuple[Gate, ...]:
        """Gates that nobody has acknowledged."""
        return tuple(gate for gate in self.gates if not gate.acknowledged)


@dataclass(frozen=True, slots=True)
class Deleted:
    """The proof: the stack is not found any more; `kept` names file systems that stay by their DeletionPolicy."""

    cluster_name: str
    region: str
    stack_id: str
    kept: tuple[str, ...]
    state_files: tuple[str, ...]
    status: str = "deleted"
    warnings: tuple[str, ...] = ()


def plan_deletion(services: Services, request: DeleteRequest) -> DeletionPlan:
    """Everything that goes and every gate, by read-only calls; `NotFound` when there is no such cluster."""
    view = clusters.require(services.clusters, request.cluster, services.context.region)
    with ThreadPoolExecutor(max_workers=8) as pool:
        jobs = pool.submit(_jobs, services, view)
        policies = pool.submit(services.retention.file_system_policies, view.stack_id)
        found = {
            file_system: (pool.submit(services.fsx.associations, file_system),
                          pool.submit(services.fsx.tasks, file_system))
            for file_system in view.file_system_ids
        }  # fmt: skip
        systems = tuple(_file_system(name, policies, *futures) for name, futures in found.items())
        listed, problem = jobs.result()
    plan = DeletionPlan(view.name, view.region, view.status, view.stack_id, view.head_node, systems, listed, problem)
    return replace(plan, gates=gates(plan, request.acknowledged))


def _file_system(
    file_system_id: str,
    policies: Future[Mapping[str, str]],
    associations: Future[tuple[Association, ...]],
    tasks: Future[tuple[Task, ...]],
) -> FileSystemPlan:
    # A file system that the stack did not make is not deleted with it.
    policy = policies.result().get(file_system_id, "Retain")
    return FileSystemPlan(file_system_id, policy, associations.result(), tasks.result())


def _jobs(services: Services, view: ClusterView) -> tuple[tuple[SlurmJob, ...] | None, str]:
    """Active jobs; None with the reason when nobody can tell.  Without a head node there is no Slurm, so no jobs."""
    if view.head_node is None or view.status == _DELETING:
        return (), ""
    try:
        return tuple(job for job in list_jobs(services.headnodes.connect(view)) if job.is_active), ""
    except DyecError as error:
        return None, error.message


def gates(plan: DeletionPlan, acknowledged: Acknowledged) -> tuple[Gate, ...]:
    """The facts against the deletion; none when AWS is deleting already, because nothing can be saved any more."""
    if plan.is_under_way:
        return ()
    found: list[Gate] = []
    unfinished = [text for system in plan.file_systems for text in _unfinished_exports(system)]
    if unfinished:
        fact = f"{len(unfinished)} export(s) are not finished: {'; '.join(unfinished)}"
        found.append(Gate(fact, "--abandon-exports", acknowledged.abandon_exports))
    if plan.jobs is None:
        fact = f"the head node cannot be asked for running jobs: {plan.jobs_problem}"
        found.append(Gate(fact, "--node-unreachable-ok", acknowledged.node_unreachable_ok))
    elif plan.jobs:
        shown = ", ".join(f"{job.job_id} {job.name} {job.state}" for job in plan.jobs[:10])
        fact = f"{len(plan.jobs)} Slurm job(s) are waiting or running: {shown}"
        found.append(Gate(fact, "--kill-jobs", acknowledged.kill_jobs))
    return tuple(found)


def _unfinished_exports(system: FileSystemPlan) -> list[str]:
    running = [f"{task.id} {task.progress}" for task in system.tasks if task.is_running_export]
    attached = [
        f"{one.id} {one.path.on_node} is still attached"
        for one in system.associations
        if one.tags.get("lsmc:purpose") == EXPORT_PURPOSE and not one.lifecycle.is_leaving
    ]
    return running + attached


def require_open(plan: DeletionPlan) -> None:
    """`Refused` with every closed gate and the flag that acknowledges exactly it."""
    if not plan.closed:
        return
    facts = "; ".join(gate.fact for gate in plan.closed)
    flags = " ".join(gate.flag for gate in plan.closed)
    raise Refused(
        f"{plan.cluster_name} is not deleted: {facts}.", code="delete_refused", evidence=plan,
        hint=f"Wait until that is over; or, if it may be lost: {flags}",
        details={"gates": [{"fact": gate.fact, "flag": gate.flag} for gate in plan.closed]},
    )  # fmt: skip


def delete_cluster(
    services: Services, request: DeleteRequest, store: StateStore, confirm: Callable[[DeletionPlan], None]
) -> Deleted:
    """Delete the cluster after `confirm(plan)` has returned; the gates are asked again just before.

    Holds the cluster's lock, so that no `create` of this machine works on it meanwhile; `Busy` names who does.
    """
    with cluster_lock(store.directory, services.context.region, request.cluster, "delete", services.clock):
        return _delete(services, request, store, confirm)


def _delete(
    services: Services, request: DeleteRequest, store: StateStore, confirm: Callable[[DeletionPlan], None]
) -> Deleted:
    try:
        plan = plan_deletion(services, request)
    except NotFound:
        # A name that no record knows may be a typing error: nothing is changed for it.
        if store.latest(request.cluster, services.context.region) is not None:
            _stop_heartbeat(services, request.cluster)
        mark_deleted(services, store, request.cluster)
        raise
    if not plan.is_under_way:
        require_open(plan)
        confirm(plan)
        plan = _ask(services, request, plan)
    before = _last_event(services, plan)
    if not plan.is_under_way:
        services.reporter.step(f"Deleting {plan.cluster_name}")
        services.pcluster.delete(request.cluster)
    warnings = _stop_heartbeat(services, request.cluster)
    _wait_gone(services, request.cluster, before)
    kept = tuple(system.file_system_id for system in plan.file_systems if system.is_kept)
    files = mark_deleted(services, store, request.cluster)
    return Deleted(plan.cluster_name, plan.region, plan.stack_id, kept, files, warnings=warnings)


def _stop_heartbeat(services: Services, cluster: ClusterName) -> tuple[str, ...]:
    """Remove the heartbeat of a cluster that is going or gone, never before AWS has accepted the deletion."""
    warnings = remove_heartbeat(services.topics, services.schedules, cluster)
    for text in warnings:
        services.reporter.warn(text)
    return warnings


def _ask(services: Services, request: DeleteRequest, shown: DeletionPlan) -> DeletionPlan:
    """The plan as it is after the confirmation, which must still be of the same stack and open."""
    plan = plan_deletion(services, request)
    if plan.stack_id != shown.stack_id:
        raise Refused(f"{plan.cluster_name} was replaced by another cluster meanwhile.", code="delete_refused")
    require_open(plan)
    return plan


def _last_event(services: Services, plan: DeletionPlan) -> str:
    events = services.stacks.events(plan.stack_id)
    return events[-1].event_id if events else ""


def _wait_gone(services: Services, name: ClusterName, before: str) -> None:
    clock, reporter = services.clock, services.reporter
    again = "run the same command again: it goes on waiting for this deletion."

    def describe(stack: Stack | None) -> str:
        return stack.status if stack is not None else "gone"

    poll: Tolerant[Stack | None] = Tolerant(
        lambda: services.stacks.find(name), Stack(str(name), "", _DELETING), reporter, again
    )
    seen = wait_until(
        poll, done=lambda stack: stack is None or stack.status == _FAILED, what=f"deletion of {name}",
        deadline=_DEADLINE_S, every=_POLL_S, first=_FIRST_POLL_S, clock=clock, describe=describe,
        observe=lambda stack, elapsed: reporter.waiting(f"deletion of {name}", describe(stack), elapsed),
    )  # fmt: skip
    if seen is not None:
        failed = [str(event) for event in services.stacks.events(name, before) if event.is_failure]
        raise ClusterFailed(
            f"The deletion of {name} failed: {'; '.join(failed) or seen.reason or 'CloudFormation gives no reason'}",
            code="delete_failed", details={"events": failed}, hint="Remove the obstacle, then delete again.",
        )  # fmt: skip


def mark_deleted(services: Services, store: StateStore, name: ClusterName) -> tuple[str, ...]:
    """Mark every readable record of the cluster in this region as deleted; returns their files."""
    marked = []
    for entry in store.entries():
        record = entry.record
        if record is None or record.cluster_name != name or record.region != services.context.region:
            continue
        if record.status is not RunStatus.DELETED:
            now = timestamp(services.clock.now())
            store.save(Path(entry.path), replace(record, status=RunStatus.DELETED, updated_at=now))
        marked.append(entry.path)
    return tuple(marked)
