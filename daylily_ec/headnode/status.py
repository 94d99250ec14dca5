"""What a workflow session is doing: one state, derived from its exit record, its controller and its Slurm jobs.

An empty queue proves nothing: a workflow has none between two jobs, and none when it was killed.  An exit record
counts only when the controller that the node knows of wrote it: one of an earlier attempt proves nothing either.
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
    EXPORTING = "EXPORTING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_final(self) -> bool:
        """Whether waiting longer is useless."""
        return self not in (WorkflowState.STARTING, WorkflowState.RUNNING, WorkflowState.EXPORTING)

    @property
    def is_success(self) -> bool:
        """Whether the workflow ended well, and its export with it when one was due."""
        return self is WorkflowState.SUCCEEDED


class Controller(StrEnum):
    """The process that runs a session: NONE when it never started, OTHER_BOOT when the node restarted since."""

    ALIVE = "alive"
    GONE = "gone"
    NONE = "none"
    OTHER_BOOT = "other-boot"


class Analysis(StrEnum):
    """What became of a session's analysis directory: REPLACED when another launch's is in its place."""

    PRESENT = "present"
    GONE = "gone"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job of the session that is still in Slurm's queue."""

    job_id: str
    state: str


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What the node says of a run directory.

    `jobs` is None when Slurm could not be asked; they are known by their working directory, which lies in the analysis
    directory.  `record` is status.json, `receipt` that of the export, None when missing or unreadable.
    `controller_id` names the last controller's process as its records do; `command_alive` says whether the command
    line itself or what it started still runs, `analysis` what became of the analysis directory.
    """

    run_dir: str
    tmux_alive: bool
    controller: Controller
    jobs: tuple[QueuedJob, ...] | None
    record: dict[str, Any] | None
    controller_id: str = ""
    command_alive: bool = False
    analysis: Analysis = Analysis.PRESENT
    receipt: dict[str, Any] | None = None

    @property
    def exit_code(self) -> int | None:
        """The exit code that the last controller recorded, None when there is none or an earlier one wrote it."""
        record = self.record or {}
        code = record.get("exit_code")
        return code if type(code) is int and self.controller_id == _writer(record) else None

    @property
    def session_name(self) -> str:
        """Name of the session; that of a kept, older run ends in a number."""
        return self.run_dir.rpartition("/")[2]


def _writer(record: dict[str, Any]) -> str:
    return f"{record.get('boot_id')} {record.get('controller_pid')} {record.get('controller_start')}"


def parse_facts(text: str) -> SessionFacts:
    """The facts as `dyec_facts` prints them."""
    head, _, documents = text.partition("\n--\n")
    record, _, receipt = documents.partition("\n--\n")
    pairs = [line.partition("=") for line in head.splitlines()]
    values = {key: value for key, _, value in pairs if key != "job"}
    jobs = tuple(QueuedJob(*value.split(" ", 1)) for key, _, value in pairs if key == "job")
    try:
        return SessionFacts(
            run_dir=values["run_dir"],
            tmux_alive=values["tmux"] == "alive",
            controller=Controller(values["controller"]),
            jobs=jobs if values["jobs"] == "known" else None,
            record=_document(record),
            controller_id=values["controller_id"],
            command_alive=values["command"] == "alive",
            analysis=Analysis(values["analysis"]),
            receipt=(_document(receipt) or {}).get("fsx_export"),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise RemoteCommandFailed(f"The status of the session is not understood: {error!r}",
                                  details={"stdout": text[:2000]}) from error  # fmt: skip


def _document(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def derive(facts: SessionFacts) -> tuple[WorkflowState, str]:
    """The state, and the reason in one sentence or two."""
    if facts.record is None:
        if facts.controller is Controller.ALIVE:
            return WorkflowState.UNKNOWN, "The controller lives but its status file is missing or damaged."
        return WorkflowState.UNKNOWN, "The status file is missing or damaged."
    if facts.exit_code is not None:
        state, reason = _ended(facts.record, facts.exit_code)
        return state, f"{reason} What it started still runs; a stop ends it." if facts.command_alive else reason
    if facts.controller is Controller.ALIVE:
        return _alive(facts, facts.record)
    if facts.record.get("exit_code") is not None:
        return WorkflowState.UNKNOWN, "The exit record is not that of the last controller."
    return _without_controller(facts)


def _alive(facts: SessionFacts, record: dict[str, Any]) -> tuple[WorkflowState, str]:
    phase = record.get("phase")
    if record.get("exit_code") is not None:
        return WorkflowState.STARTING, "A new controller lives; the exit record is that of an earlier one."
    if phase == "running":
        return WorkflowState.RUNNING, _running(facts)
    if phase == "exporting":
        code = record.get("workflow_exit_code")
        return WorkflowState.EXPORTING, f"The command ended with exit code {code}; the export runs."
    if phase == "waiting":
        return WorkflowState.STARTING, "The session waits for jobs that an earlier attempt left in the queue."
    return WorkflowState.STARTING, f"The session is {phase}."


def _ended(record: dict[str, Any], code: int) -> tuple[WorkflowState, str]:
    phase = record.get("phase")
    if phase == "stopped":
        who = f"by {record['stopped_by']}" if record.get("stopped_by") else "by a signal"
        return WorkflowState.STOPPED, f"The session was stopped {who} (exit code {code})."
    export = record.get("export")
    if isinstance(export, dict) and export.get("status") == "error":
        workflow = f"The command ended with exit code {record.get('workflow_exit_code')}"
        return WorkflowState.FAILED, f"{workflow}; its export failed: {export.get('message')}"
    if code == 0 and phase == "finished":
        return WorkflowState.SUCCEEDED, "The command ended with exit code 0."
    if phase == "finished":
        return WorkflowState.FAILED, f"The command ended with exit code {code}."
    why = f": {record['message']}" if record.get("message") else "."
    return WorkflowState.FAILED, f"The session ended while {phase}, with exit code {code}{why}"


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
    if facts.command_alive:
        why += " Its command still runs; a stop or a resume ends it."
    if facts.jobs is None:
        return WorkflowState.STOPPED, f"{why} Slurm could not be asked for its jobs."
    left = f" {len(facts.jobs)} of its jobs are still in the queue." if facts.jobs else ""
    return WorkflowState.STOPPED, why + left
