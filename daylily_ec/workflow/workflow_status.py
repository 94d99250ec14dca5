"""What the workflow sessions of a cluster are doing: one of them, all of them, waiting for the end of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daylily_ec.errors import DeadlinePassed, RemoteCommandFailed, Throttled, Unreachable
from daylily_ec.headnode import runs
from daylily_ec.headnode.remote import Remote
from daylily_ec.headnode.runs import RunDirectory
from daylily_ec.headnode.status import QueuedJob, SessionFacts, WorkflowState, derive
from daylily_ec.util.clock import wait_until
from daylily_ec.workflow.run_on_headnode import open_head_node
from daylily_ec.workflow.services import Services

FIRST_POLL_S = 1.0
_POLL_S = 10.0


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Which session of which cluster."""

    cluster: str
    session: str | None = None
    run_dir: str | None = None

    def directory(self) -> RunDirectory:
        """The run directory, parsed."""
        return RunDirectory.parse(self.session, self.run_dir)


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The export of a session: when it is due, how it stands, and what its receipt says.

    `status` is pending, running, success, error or not-due; `exit_code` that of `dyec export`, `deleted` whether the
    analysis directory was removed after the proof.
    """

    trigger: str
    destination_s3_uri: str
    status: str
    exit_code: int | None
    message: str | None
    deleted: bool
    receipt: str
    receipt_status: str | None
    receipt_phase: str | None
    task_lifecycle: str | None
    detached: bool | None


@dataclass(frozen=True, slots=True)
class RegistrationReport:
    """The registration of the exported artifacts, as the export's receipt has it."""

    status: str
    receipt: str | None


@dataclass(frozen=True, slots=True)
class WorkflowStatus:
    """The derived state with its reason, and the exit record; `jobs` is None when Slurm could not be asked.

    `exit_code` is the session's, which a failed export replaces; `workflow_exit_code` stays the command's own.
    """

    state: WorkflowState
    reason: str
    session_name: str
    run_dir: str
    controller: str
    jobs: tuple[QueuedJob, ...] | None
    export: ExportReport | None
    registration: RegistrationReport | None
    phase: str | None
    exit_code: int | None
    workflow_exit_code: int | None
    attempt: int | None
    started_at: str | None
    started_by: str | None
    resumed_at: str | None
    resumed_by: str | None
    stopped_at: str | None
    stopped_by: str | None
    completed_at: str | None
    command: str | None
    repo_path: str | None
    analysis_dir: str | None
    analysis_id: str | None
    executing_entity: str | None
    repository: str | None
    git_ref: str | None
    commit: str | None


_FROM_RECORD = (
    "phase", "workflow_exit_code", "attempt", "started_at", "started_by", "resumed_at", "resumed_by",
    "stopped_at", "stopped_by", "completed_at", "command", "repo_path", "analysis_dir", "analysis_id",
    "executing_entity", "repository", "git_ref", "commit",
)  # fmt: skip


def status_of(facts: SessionFacts) -> WorkflowStatus:
    """The status that the node's facts amount to."""
    state, reason = derive(facts)
    record: dict[str, Any] = facts.record or {}
    return WorkflowStatus(
        state=state,
        reason=reason,
        session_name=str(record.get("session_name") or facts.session_name),
        run_dir=facts.run_dir,
        controller=facts.controller.value,
        exit_code=facts.exit_code,
        jobs=facts.jobs,
        export=_export(record.get("export"), facts.receipt or {}),
        registration=_registration(facts.receipt or {}),
        **{name: record.get(name) for name in _FROM_RECORD},
    )


_FROM_EXPORT = ("trigger", "destination_s3_uri", "status", "exit_code", "message", "deleted", "receipt")


def _export(record: Any, receipt: dict[str, Any]) -> ExportReport | None:
    if not isinstance(record, dict):
        return None
    values: dict[str, Any] = {name: record.get(name) for name in _FROM_EXPORT}
    return ExportReport(
        **values,
        receipt_status=receipt.get("status"),
        receipt_phase=receipt.get("phase"),
        task_lifecycle=receipt.get("task_lifecycle"),
        detached=receipt.get("detached"),
    )


def _registration(receipt: dict[str, Any]) -> RegistrationReport | None:
    status = receipt.get("dewey_registration_status")
    return RegistrationReport(str(status), receipt.get("dewey_registration_receipt")) if status else None


def workflow_status(services: Services, request: StatusRequest) -> WorkflowStatus:
    """What the session is doing."""
    directory = request.directory()
    return look(open_head_node(services, request.cluster), directory)


def look(remote: Remote, directory: RunDirectory) -> WorkflowStatus:
    """What the session of a run directory is doing."""
    return status_of(runs.ask(remote, directory))


@dataclass(frozen=True, slots=True)
class WorkflowList:
    """The sessions of a cluster's head node, oldest first; kept older runs of a name are among them."""

    cluster: str
    sessions: tuple[WorkflowStatus, ...]


def list_workflows(services: Services, cluster: str) -> WorkflowList:
    """Every session of the head node, in one question."""
    found = [status_of(facts) for facts in runs.every(open_head_node(services, cluster))]
    return WorkflowList(cluster, tuple(sorted(found, key=lambda one: (one.started_at or "", one.run_dir))))


def wait_for_workflow(services: Services, request: StatusRequest, timeout: float) -> WorkflowStatus:
    """Poll until the state is final; `DeadlinePassed` after `timeout` seconds.  A missed answer is asked for again."""
    directory = request.directory()
    remote = open_head_node(services, request.cluster)
    seen = wait_until(
        lambda: _patiently(services, remote, directory),
        done=lambda status: status is not None and status.state.is_final,
        what=f"workflow {directory.name}",
        deadline=timeout,
        first=FIRST_POLL_S,
        every=_POLL_S,
        clock=services.clock,
        describe=_brief,
        observe=lambda status, elapsed: services.reporter.waiting(
            f"workflow {directory.name}", _brief(status), elapsed
        ),
    )
    assert seen is not None
    return seen


def _patiently(services: Services, remote: Remote, directory: RunDirectory) -> WorkflowStatus | None:
    try:
        return look(remote, directory)
    except (Throttled, Unreachable, DeadlinePassed) as error:
        services.reporter.warn(error.message)
        return None


def _brief(status: WorkflowStatus | None) -> str:
    if status is None:
        return "no answer"
    jobs = "Slurm not reachable" if status.jobs is None else f"{len(status.jobs)} jobs"
    return f"{status.state}, {status.phase}, {jobs}"


def require_success(status: WorkflowStatus) -> None:
    """`RemoteCommandFailed` with code `workflow_failed` unless the workflow succeeded; the status is its evidence."""
    if status.state.is_success:
        return
    raise RemoteCommandFailed(
        f"Workflow {status.session_name} is {status.state}: {status.reason}", code="workflow_failed",
        hint=f"dyec workflow logs --session {status.session_name}", evidence=status,
        details={name: getattr(status, name) for name in WorkflowStatus.__slots__},
    )  # fmt: skip
