"""The facts that stand against a deletion, all at once, each with the flag that acknowledges exactly it.  Pure."""

from __future__ import annotations

from daylily_ec.errors import Refused
from daylily_ec.fsx.policy import is_of_export
from daylily_ec.workflow.deletion import Acknowledged, DeletionPlan, FileSystemPlan, Gate

_SHOWN = 10
_ADVICE = "Export what matters (dyec export), wait until the rest is over;"


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
                if is_of_export(one) and not one.lifecycle.is_leaving]  # fmt: skip
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
