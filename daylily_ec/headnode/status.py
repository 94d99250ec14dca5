"""What a workflow session is doing: one state, derived from its exit record, its controller and its Slurm jobs.

An empty queue proves nothing: a workflow has none between two jobs, and none when it was killed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from daylily_ec.errors import RemoteCommandFailed


class WorkflowState(StrEnum):
    """The derived state of a session."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_final(self) -> bool:
        """Whether waiting longer is useless."""
        return self not in (WorkflowState.STARTING, WorkflowState.RUNNING)

    @property
    def is_success(self) -> bool:
        """Whether the workflow ended well."""
        return self is WorkflowState.SUCCEEDED


class Controller(StrEnum):
    """The process that runs a session: NONE when it never started, OTHER_BOOT when the node restarted since."""

    ALIVE = "alive"
    GONE = "gone"
    NONE = "none"
    OTHER_BOOT = "other-boot"


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job of the session that is still in Slurm's queue."""

    job_id: str
    state: str


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What the node says of a run directory; `jobs` is None when Slurm could not be asked, `record` when unreadable."""

    run_dir: str
    tmux_alive: bool
    controller: Controller
    jobs: tuple[QueuedJob, ...] | None
    record: dict[str, Any] | None


def parse_facts(text: str) -> SessionFacts:
    """The facts in the output of `workflow_status.sh`."""
    head, _, document = text.partition("\n--\n")
    pairs = [line.partition("=") for line in head.splitlines()]
    values = {key: value for key, _, value in pairs if key != "job"}
    jobs = tuple(QueuedJob(*value.split(" ", 1)) for key, _, value in pairs if key == "job")
    try:
        return SessionFacts(
            run_dir=values["run_dir"],
            tmux_alive=values["tmux"] == "alive",
            controller=Controller(values["controller"]),
            jobs=jobs if values["jobs"] == "known" else None,
            record=_record(document),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise RemoteCommandFailed(f"The status of the session is not understood: {error!r}",
                                  details={"stdout": text[:2000]}) from error  # fmt: skip


def _record(document: str) -> dict[str, Any] | None:
    try:
        record = json.loads(document)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def derive(facts: SessionFacts) -> tuple[WorkflowState, str]:
    """The state, and the reason in one sentence."""
    if facts.record is None:
        if facts.controller is Controller.ALIVE:
            return WorkflowState.UNKNOWN, "The controller lives but its status file is missing or damaged."
        return WorkflowState.UNKNOWN, "The status file is missing or damaged."
    code = facts.record.get("exit_code")
    if isinstance(code, int):
        return _ended(facts.record, code)
    if facts.controller is Controller.ALIVE:
        phase = facts.record.get("phase")
        if phase == "running":
            return WorkflowState.RUNNING, _running(facts)
        return WorkflowState.STARTING, f"The session is {phase}."
    return _without_controller(facts)


def _ended(record: dict[str, Any], code: int) -> tuple[WorkflowState, str]:
    phase = record.get("phase")
    if phase == "stopped":
        return WorkflowState.STOPPED, f"The session was stopped by a signal (exit code {code})."
    if code == 0 and phase == "finished":
        return WorkflowState.SUCCEEDED, "The command ended with exit code 0."
    if phase == "finished":
        return WorkflowState.FAILED, f"The command ended with exit code {code}."
    return WorkflowState.FAILED, f"The session ended while {phase}, with exit code {code}."


def _running(facts: SessionFacts) -> str:
    if facts.jobs is None:
        return "The controller lives; Slurm could not be asked."
    return f"The controller lives; {len(facts.jobs)} of its jobs are in the queue."


def _without_controller(facts: SessionFacts) -> tuple[WorkflowState, str]:
    if facts.controller is Controller.NONE and facts.tmux_alive:
        return WorkflowState.STARTING, "The session is starting."
    why = {
        Controller.NONE: "The controller never started.",
        Controller.OTHER_BOOT: "The head node restarted while the session ran.",
        Controller.GONE: "The controller was killed: it is gone without an exit record.",
    }[facts.controller]
    if facts.jobs is None:
        return WorkflowState.STOPPED, f"{why} Slurm could not be asked for its jobs."
    left = f" {len(facts.jobs)} of its jobs are still in the queue." if facts.jobs else ""
    return WorkflowState.STOPPED, why + left
