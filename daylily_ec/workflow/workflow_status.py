"""Follow a workflow session: its state, waiting for its end, its log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from daylily_ec.errors import DeadlinePassed, RemoteCommandFailed, Throttled, Unreachable
from daylily_ec.headnode import sessions
from daylily_ec.headnode.remote import Remote
from daylily_ec.headnode.sessions import LogLines, RunDirectory
from daylily_ec.headnode.status import QueuedJob, WorkflowState, derive
from daylily_ec.util.clock import wait_until
from daylily_ec.workflow.run_on_headnode import open_head_node
from daylily_ec.workflow.services import Services

_FIRST_POLL_S = 1.0
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
class WorkflowStatus:
    """The derived state with its reason, and the exit record; `jobs` is None when Slurm could not be asked."""

    state: WorkflowState
    reason: str
    session_name: str
    run_dir: str
    controller: str
    jobs: tuple[QueuedJob, ...] | None
    phase: str | None
    exit_code: int | None
    started_at: str | None
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
    "phase", "exit_code", "started_at", "completed_at", "command", "repo_path", "analysis_dir", "analysis_id",
    "executing_entity", "repository", "git_ref", "commit",
)  # fmt: skip


def workflow_status(services: Services, request: StatusRequest) -> WorkflowStatus:
    """What the session is doing."""
    directory = request.directory()
    return _look(open_head_node(services, request.cluster), directory)


def _look(remote: Remote, directory: RunDirectory) -> WorkflowStatus:
    facts = sessions.ask(remote, directory)
    state, reason = derive(facts)
    record: dict[str, Any] = facts.record or {}
    return WorkflowStatus(
        state=state,
        reason=reason,
        session_name=str(record.get("session_name") or facts.run_dir.rpartition("/")[2]),
        run_dir=facts.run_dir,
        controller=facts.controller.value,
        jobs=facts.jobs,
        **{name: record.get(name) for name in _FROM_RECORD},
    )


def wait_for_workflow(services: Services, request: StatusRequest, timeout: float) -> WorkflowStatus:
    """Poll until the state is final; `DeadlinePassed` after `timeout` seconds.  A missed answer is asked for again."""
    directory = request.directory()
    remote = open_head_node(services, request.cluster)
    name = directory.session or directory.path.rpartition("/")[2]
    seen = wait_until(
        lambda: _patiently(services, remote, directory),
        done=lambda status: status is not None and status.state.is_final,
        what=f"workflow {name}",
        deadline=timeout,
        first=_FIRST_POLL_S,
        every=_POLL_S,
        clock=services.clock,
        describe=_brief,
        observe=lambda status, elapsed: services.reporter.waiting(f"workflow {name}", _brief(status), elapsed),
    )
    assert seen is not None
    return seen


def _patiently(services: Services, remote: Remote, directory: RunDirectory) -> WorkflowStatus | None:
    try:
        return _look(remote, directory)
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


@dataclass(frozen=True, slots=True)
class LogTail:
    """The last lines of a session's log; `total_lines` counts all of it."""

    session_name: str
    total_lines: int
    exit_code: int | None
    text: str


def workflow_log(services: Services, request: StatusRequest, lines: int) -> LogTail:
    """The last lines of the log."""
    directory = request.directory()
    seen = sessions.read_log(open_head_node(services, request.cluster), directory, lines=lines)
    return LogTail(directory.session or directory.path.rpartition("/")[2], seen.total, seen.exit_code, seen.text)


def follow_log(services: Services, request: StatusRequest, lines: int) -> Iterator[str]:
    """The last lines, then every new one, until the session has ended or nobody writes the log any more."""
    directory = request.directory()
    remote = open_head_node(services, request.cluster)
    seen = sessions.read_log(remote, directory, lines=lines)
    yield seen.text
    while seen.exit_code is None and not _look(remote, directory).state.is_final:
        services.clock.sleep(_FIRST_POLL_S)
        seen = _continued(remote, directory, seen)
        yield seen.text
    yield _continued(remote, directory, seen).text


def _continued(remote: Remote, directory: RunDirectory, seen: LogLines) -> LogLines:
    return sessions.read_log(remote, directory, after=seen.total)
