"""What the deletion of a cluster takes away, what it leaves, and every fact that stands against it.  Read-only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from daylily_ec.aws import clusters
from daylily_ec.aws.clusters import ClusterView
from daylily_ec.aws.fsx import Association, Task
from daylily_ec.aws.holdings import SHARED
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import CredentialsExpired, DyecError, NoCredentials, Refused
from daylily_ec.fsx.exports import is_export
from daylily_ec.fsx.results import Results, look
from daylily_ec.headnode.remote import Remote
from daylily_ec.headnode.slurm import SlurmJob, list_jobs
from daylily_ec.workflow.delete_results import Evidence, ResultsFate, judge, read_receipts
from daylily_ec.workflow.leftovers import Holdings, Item, look_for
from daylily_ec.workflow.services import Services

DELETING = "DELETE_IN_PROGRESS"
_NEVER_USED = ("CREATE_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_")
_KEEPS = ("Retain", "Snapshot")
_ALWAYS = ("budget", "snapshot")
_LOGS = "log group"
_SHOWN = 10

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Losses that the user has accepted, each by its own flag."""

    abandon_exports: bool = False
    exports_unknown_ok: bool = False
    lose_results: bool = False
    kill_jobs: bool = False
    node_unreachable_ok: bool = False


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """Which cluster, which losses are accepted, and where receipts lie that cannot be found otherwise."""

    cluster: ClusterName
    acknowledged: Acknowledged = Acknowledged()
    receipts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileSystemPlan:
    """A file system of the cluster: `deletion_policy` is CloudFormation's (Retain keeps it, and its cost).

    `problem` says why FSx does not tell its associations and tasks.
    """

    file_system_id: str
    deletion_policy: str
    associations: tuple[Association, ...]
    tasks: tuple[Task, ...]
    problem: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether it outlives the cluster."""
        return self.deletion_policy.startswith(_KEEPS)


@dataclass(frozen=True, slots=True)
class Gate:
    """A fact that forbids the deletion until its flag acknowledges it."""

    fact: str
    flag: str
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What would go, and what stands against it.

    `jobs` is None when the head node could not be asked, `results` when nobody can tell what lies there; both with the
    reason.  `holdings` is everything of the cluster with its price, `stays` the ids that outlive the deletion.
    """

    cluster_name: str
    region: str
    status: str
    stack_id: str
    head_node: clusters.HeadNode | None
    file_systems: tuple[FileSystemPlan, ...]
    jobs: tuple[SlurmJob, ...] | None
    jobs_problem: str
    results: tuple[ResultsFate, ...] | None
    results_problem: str
    holdings: Holdings
    stays: tuple[str, ...]
    artifacts: S3Prefix | None = None
    gates: tuple[Gate, ...] = ()

    @property
    def is_under_way(self) -> bool:
        """Whether AWS is deleting it already."""
        return self.status == DELETING

    @property
    def closed(self) -> tuple[Gate, ...]:
        """Gates that nobody has acknowledged."""
        return tuple(gate for gate in self.gates if not gate.acknowledged)

    @property
    def kept(self) -> tuple[str, ...]:
        """File systems that stay."""
        return tuple(system.file_system_id for system in self.file_systems if system.is_kept)

    @property
    def usd_per_hour(self) -> float:
        """What the cluster costs now, as far as prices are known; what it shares is not its own."""
        days = [item.usd_per_day or 0.0 for item in self.holdings.items if not _is_shared(item)]
        return round(sum(days) / 24, 4)

    @property
    def staying(self) -> tuple[Item, ...]:
        """What stays."""
        return tuple(item for item in self.holdings.items if item.id in self.stays)


def plan_deletion(services: Services, request: DeleteRequest, *, priced: bool = True) -> DeletionPlan:
    """Everything that goes and every gate, by read-only calls; `NotFound` when there is no such cluster.

    Without `priced` the holdings are left out: the gates alone are asked.
    """
    view = clusters.require(services.clusters, request.cluster, services.context.region)
    named = read_receipts(services, request.receipts)
    with ThreadPoolExecutor(max_workers=8) as pool:
        policies = pool.submit(services.retention.policies, view.stack_id)
        holdings = pool.submit(look_for, services, request.cluster, view.artifacts, view.stack_id) if priced else None
        asked = pool.submit(_ask_node, services, view)
        found = {name: pool.submit(_exports, services, name) for name in view.file_system_ids}
        systems = tuple(_file_system(name, policies, exports) for name, exports in found.items())
        node = asked.result()
        owned = holdings.result() if holdings else Holdings(())
    evidence = Evidence(
        view.file_system_ids, tuple(one for system in systems for one in system.associations),
        tuple(one for system in systems for one in system.tasks), named,
    )  # fmt: skip
    results, problem = _results(services, node, systems, evidence)
    plan = DeletionPlan(
        view.name, view.region, view.status, view.stack_id, view.head_node, systems, node.jobs, node.jobs_problem,
        results, problem, owned, _stays(owned, policies.result(), systems),
        view.artifacts,
    )  # fmt: skip
    return replace(plan, gates=gates(plan, request.acknowledged))


@dataclass(frozen=True, slots=True)
class _Node:
    """What the head node says: its queue and its analysis directories, each None with the reason when it does not."""

    remote: Remote | None
    jobs: tuple[SlurmJob, ...] | None = ()
    jobs_problem: str = ""
    found: tuple[Results, ...] | None = ()
    found_problem: str = ""


def _ask_node(services: Services, view: ClusterView) -> _Node:
    """Without a head node there is no Slurm, so no jobs; what lies on a file system of a used cluster is not known."""
    if view.status == DELETING:
        return _Node(None)
    if view.head_node is None:
        if not view.file_system_ids or view.status.startswith(_NEVER_USED):
            return _Node(None)
        return _Node(None, found=None, found_problem="there is no head node that could be asked")
    try:
        remote = services.headnodes.connect(view)
    except (CredentialsExpired, NoCredentials):
        raise
    except DyecError as error:
        return _Node(None, None, error.message, None, error.message)
    jobs, jobs_problem = _told(lambda: tuple(job for job in list_jobs(remote) if job.is_active))
    found, problem = _told(lambda: look(remote, mounted=bool(view.file_system_ids)))
    return _Node(remote, jobs, jobs_problem, found, problem)


def _told(ask: Callable[[], T]) -> tuple[T | None, str]:
    try:
        return ask(), ""
    except (CredentialsExpired, NoCredentials):
        raise
    except DyecError as error:
        return None, error.message


def _results(
    services: Services, node: _Node, systems: tuple[FileSystemPlan, ...], evidence: Evidence
) -> tuple[tuple[ResultsFate, ...] | None, str]:
    """The fate of every analysis directory; a file system that is kept keeps them."""
    if systems and all(system.is_kept for system in systems):
        return (), ""
    if node.found is None or (node.found and node.remote is None):
        return None, node.found_problem
    return (judge(services, node.remote, node.found, evidence) if node.remote else ()), ""


def _exports(services: Services, name: str) -> tuple[tuple[Association, ...], tuple[Task, ...], str]:
    def ask() -> tuple[tuple[Association, ...], tuple[Task, ...]]:
        return services.fsx.associations(name), services.fsx.tasks(name)

    told, problem = _told(ask)
    return (*(told or ((), ())), problem)


def _file_system(
    file_system_id: str,
    policies: Future[Mapping[str, str]],
    exports: Future[tuple[tuple[Association, ...], tuple[Task, ...], str]],
) -> FileSystemPlan:
    # A file system that the stack did not make is not deleted with it.
    policy = policies.result().get(file_system_id, "Retain")
    return FileSystemPlan(file_system_id, policy, *exports.result())


def _stays(owned: Holdings, policies: Mapping[str, str], systems: tuple[FileSystemPlan, ...]) -> tuple[str, ...]:
    """Ids of what outlives the stack: by its policy, or because nobody deletes it."""
    kept = {system.file_system_id for system in systems if system.is_kept}
    kept |= {name for name, policy in policies.items() if policy.startswith(_KEEPS)}
    # Functions write their logs into groups that are no part of the stack.
    kept |= {item.id for item in owned.items if item.kind == _LOGS and item.id not in policies}
    return tuple(item.id for item in owned.items if item.id in kept or item.kind in _ALWAYS or _is_shared(item))


def _is_shared(item: Item) -> bool:
    return item.kind.startswith(SHARED)


def gates(plan: DeletionPlan, acknowledged: Acknowledged) -> tuple[Gate, ...]:
    """The facts against the deletion; none when AWS is deleting already, because nothing can be saved any more."""
    if plan.is_under_way:
        return ()
    facts = (
        (_unfinished(plan), "--abandon-exports", acknowledged.abandon_exports),
        (_unreadable(plan), "--exports-unknown-ok", acknowledged.exports_unknown_ok),
        (_unsafe(plan), "--lose-results", acknowledged.lose_results),
        (_jobs(plan), "--kill-jobs", acknowledged.kill_jobs),
        (_silent_node(plan), "--node-unreachable-ok", acknowledged.node_unreachable_ok),
    )
    return tuple(Gate(fact, flag, given) for fact, flag, given in facts if fact)


def _listed(texts: list[str]) -> str:
    more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more


def _unfinished(plan: DeletionPlan) -> str:
    texts = [text for system in plan.file_systems for text in _unfinished_exports(system)]
    return f"{len(texts)} export(s) are not finished: {_listed(texts)}" if texts else ""


def _unfinished_exports(system: FileSystemPlan) -> list[str]:
    running = [f"{task.id} {task.progress}" for task in system.tasks if task.is_running_export]
    attached = [f"{one.id} {one.path.on_node} is still attached" for one in system.associations
                if is_export(one) and not one.lifecycle.is_leaving]  # fmt: skip
    return running + attached


def _unreadable(plan: DeletionPlan) -> str:
    texts = [f"{one.file_system_id}: {one.problem}" for one in plan.file_systems if one.problem]
    return f"nobody can tell whether an export runs: {_listed(texts)}" if texts else ""


def _unsafe(plan: DeletionPlan) -> str:
    if plan.results is None:
        return f"nobody can tell what lies in the analysis directories: {plan.results_problem.rstrip('.')}"
    lost = [one for one in plan.results if not one.is_safe]
    texts = [f"{one.path} ({one.files:,} files, {one.bytes:,} bytes): {one.reason}" for one in lost]
    return f"{len(lost)} analysis directories would be lost: {_listed(texts)}" if lost else ""


def _jobs(plan: DeletionPlan) -> str:
    if not plan.jobs:
        return ""
    shown = ", ".join(f"{job.job_id} {job.name} {job.state}" for job in plan.jobs[:_SHOWN])
    return f"{len(plan.jobs)} Slurm job(s) are waiting or running: {shown}"


def _silent_node(plan: DeletionPlan) -> str:
    if plan.jobs is not None:
        return ""
    return f"the head node cannot be asked for running jobs: {plan.jobs_problem.rstrip('.')}"


def require_open(plan: DeletionPlan) -> None:
    """`Refused` with every closed gate and the flag that acknowledges exactly it."""
    if not plan.closed:
        return
    facts = ". ".join(f"{gate.fact[0].upper()}{gate.fact[1:].rstrip('.')} [{gate.flag}]" for gate in plan.closed)
    flags = " ".join(gate.flag for gate in plan.closed)
    raise Refused(
        f"{plan.cluster_name} is not deleted. {facts}.", code="delete_refused", evidence=plan,
        hint=f"{_ADVICE} or, if it may be lost: {flags}",
        details={"gates": [{"fact": gate.fact, "flag": gate.flag} for gate in plan.closed], "plan": plan},
    )  # fmt: skip


_ADVICE = "Export what matters (dyec export), wait until the rest is over;"
