"""Delete a cluster: show what goes, refuse when something would be lost, delete, wait until it is proved gone, sweep.

Only a not-found answer proves that it is gone.  Run again after any interruption, it goes on where that was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeGuard

from daylily_ec.aws.cloudformation import Stack
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import ClusterFailed, DeadlinePassed, NotFound, Refused
from daylily_ec.pcluster.monitor import Tolerant
from daylily_ec.state.locks import cluster_lock
from daylily_ec.state.models import RunRecord, RunStatus
from daylily_ec.state.store import StateStore
from daylily_ec.util.clock import timestamp, wait_until
from daylily_ec.workflow.delete_gates import require_open
from daylily_ec.workflow.delete_plan import plan_deletion
from daylily_ec.workflow.deletion import DELETING, DeleteRequest, DeletionPlan
from daylily_ec.workflow.ensure_heartbeat import remove_heartbeat
from daylily_ec.workflow.leftovers import Holdings, look_for
from daylily_ec.workflow.services import Services

_FAILED = "DELETE_FAILED"
_DEADLINE_S = 2 * 3600.0
_POLL_S = 15.0
_FIRST_POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Deleted:
    """The proof: the stack is not found any more.

    `kept` names file systems that stay by their DeletionPolicy, `leftovers` is what the sweep found afterwards.
    """

    cluster_name: str
    region: str
    stack_id: str
    kept: tuple[str, ...]
    state_files: tuple[str, ...]
    leftovers: Holdings
    status: str = "deleted"
    warnings: tuple[str, ...] = ()


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
    except NotFound as error:
        if error.code == "cluster_not_found":
            _tidy(services, request.cluster, store, error)
        raise
    if not plan.is_under_way:
        require_open(plan)
        confirm(plan)
        plan = _ask(services, request, plan)
    before = _last_event(services, plan)
    if not plan.is_under_way:
        services.reporter.step(f"Deleting {plan.cluster_name}")
        _submit(services, plan)
    successor = _wait_gone(services, plan, before)
    if successor is None:
        warnings = _stop_heartbeat(services, request.cluster)
    else:
        # Heartbeat and leftovers have the cluster's name, so they may be the new one's.
        warnings = (f"{plan.cluster_name} is another cluster by now ({successor.stack_id}): its heartbeat stays, and "
                    "leftovers of the old one were not looked for.",)  # fmt: skip
        services.reporter.warn(*warnings)
    files = _mark_deleted(services, store, _records(services, store, request.cluster))
    left = Holdings((), warnings) if successor else _sweep(services, request.cluster, plan.artifacts, plan.stack_id)
    return Deleted(plan.cluster_name, plan.region, plan.stack_id, plan.kept, files, left, warnings=warnings)


def _tidy(services: Services, cluster: ClusterName, store: StateStore, error: NotFound) -> None:
    """Finish for a cluster that is gone already, and say so; `error` then carries what is left of it.

    A name that no record of this account knows may be a typing error, or the cluster of another account: nothing is
    changed for it.
    """
    found = _records(services, store, cluster)
    if not found:
        return
    _stop_heartbeat(services, cluster)
    files = _mark_deleted(services, store, found)
    left = _sweep(services, cluster, None, found[0][1].cluster_stack_id)
    error.message = f"{cluster} in {services.context.region} is deleted already: its stack is not found."
    error.evidence = left
    error.details |= {"state_files": files, "leftovers": left}


def _sweep(services: Services, cluster: ClusterName, artifacts: S3Prefix | None, stack_id: str) -> Holdings:
    services.reporter.step("Looking for leftovers")
    return look_for(services, cluster, artifacts, stack_id)


def _submit(services: Services, plan: DeletionPlan) -> None:
    """Ask ParallelCluster; when somebody else was quicker their deletion is as good."""
    try:
        services.pcluster.delete(ClusterName(plan.cluster_name))
    except ClusterFailed:
        found = services.stacks.find(plan.cluster_name)
        if found is not None and found.status != DELETING:
            raise


def _stop_heartbeat(services: Services, cluster: ClusterName) -> tuple[str, ...]:
    """Remove the heartbeat of a cluster that is proved gone: what fails to go still costs, and still has to say so."""
    warnings = remove_heartbeat(services.topics, services.schedules, cluster)
    for text in warnings:
        services.reporter.warn(text)
    return warnings


def _ask(services: Services, request: DeleteRequest, shown: DeletionPlan) -> DeletionPlan:
    """The plan as it is after the confirmation, which must still be of the same stack and open."""
    plan = plan_deletion(services, request, priced=False)
    if plan.stack_id != shown.stack_id:
        raise Refused(f"{plan.cluster_name} was replaced by another cluster meanwhile.", code="delete_refused")
    require_open(plan)
    return plan


def _last_event(services: Services, plan: DeletionPlan) -> str:
    events = services.stacks.events(plan.stack_id)
    return events[-1].event_id if events else ""


def _wait_gone(services: Services, plan: DeletionPlan, before: str) -> Stack | None:
    """Wait until the stack is gone; the stack that has its name by then, if any.

    The name is unique: another id under it proves that this one is gone.
    """
    clock, reporter, name = services.clock, services.reporter, plan.cluster_name
    again = "run the same command again: it goes on waiting for this deletion."

    def is_ours(stack: Stack | None) -> TypeGuard[Stack]:
        return stack is not None and stack.stack_id == plan.stack_id

    def describe(stack: Stack | None) -> str:
        return stack.status if is_ours(stack) else "gone"

    first: Stack | None = Stack(name, plan.stack_id, DELETING)
    poll = Tolerant(lambda: services.stacks.find(name), first, reporter, again)
    try:
        seen = wait_until(
            poll, done=lambda stack: not is_ours(stack) or stack.status == _FAILED, what=f"deletion of {name}",
            deadline=_DEADLINE_S, every=_POLL_S, first=_FIRST_POLL_S, clock=clock, describe=describe,
            observe=lambda stack, elapsed: reporter.waiting(f"deletion of {name}", describe(stack), elapsed),
        )  # fmt: skip
    except DeadlinePassed as error:
        error.hint = f"AWS goes on deleting; {again}"
        raise
    if is_ours(seen):
        raise _failed(services, plan, seen, before)
    return seen


def _failed(services: Services, plan: DeletionPlan, stack: Stack, before: str) -> ClusterFailed:
    """The error that names every resource which CloudFormation could not delete, and why."""
    failed = [event for event in services.stacks.events(plan.stack_id, before) if event.is_failure]
    shown = "; ".join(f"{event}{f' [{event.physical_id}]' if event.physical_id else ''}" for event in failed)
    return ClusterFailed(
        f"The deletion of {plan.cluster_name} failed: {shown or stack.reason or 'CloudFormation gives no reason'}",
        code="delete_failed", hint="Remove the obstacle, then delete again; until then the rest goes on costing.",
        details={"events": [str(event) for event in failed], "resources": [event.physical_id for event in failed]},
    )  # fmt: skip


_Records = tuple[tuple[Path, RunRecord], ...]


def _mark_deleted(services: Services, store: StateStore, found: _Records) -> tuple[str, ...]:
    """Mark these records as deleted; returns their files."""
    for path, record in found:
        if record.status is not RunStatus.DELETED:
            now = timestamp(services.clock.now())
            store.save(path, replace(record, status=RunStatus.DELETED, updated_at=now))
    return tuple(str(path) for path, _ in found)


def _records(services: Services, store: StateStore, name: ClusterName) -> _Records:
    """The readable records of the cluster in this account and region, newest first; of damaged ones it warns."""
    entries = store.entries()
    for entry in entries:
        if entry.cluster_name == name and entry.record is None:
            services.reporter.warn(f"A record of {name} cannot be read: {entry.problem}")
    known = [(Path(entry.path), entry.record) for entry in entries if entry.record is not None]
    named = [one for one in known if (one[1].cluster_name, one[1].region) == (name, services.context.region)]
    return tuple(one for one in named if one[1].account_id == services.context.identity().account_id)
