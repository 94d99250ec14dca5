"""One export: its association, its task, and how both are found again after an interruption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daylily_ec.aws.fsx import AssociationSpec, FsxApi, Task
from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import ExportFailed, InvalidValue
from daylily_ec.fsx.inventory import MONITOR
from daylily_ec.fsx.mounts import request_token
from daylily_ec.fsx.policy import EXPORT_PURPOSE, tag_text
from daylily_ec.util.clock import Clock, wait_until
from daylily_ec.util.progress import Reporter

_RUN_TAG = "dyec:export-id"
_ATTEMPT_TAG = "dyec:attempt"
_POLL_S = 30.0
_FIRST_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Export:
    """What goes where, under which run id."""

    file_system_id: str
    analysis: AnalysisDirectory
    destination: S3Prefix
    run_id: str
    cluster: str
    creator: str

    def tags(self) -> dict[str, str]:
        """Tags by which any operator on any machine finds the export again."""
        tags = {
            "lsmc:purpose": EXPORT_PURPOSE,
            "Name": str(self.analysis),
            _RUN_TAG: self.run_id,
            "dyec:cluster": self.cluster,
            "dyec:created-by": tag_text(self.creator),
        }
        return {key: value for key, value in tags.items() if value}

    def association(self) -> AssociationSpec:
        """The temporary association on exactly the analysis directory; nothing is imported through it."""
        return AssociationSpec(self.file_system_id, self.analysis.path, self.destination, self.tags())

    def task_tags(self, attempt: int) -> Mapping[str, str]:
        """Tags of the task of one attempt."""
        return {**self.tags(), _ATTEMPT_TAG: str(attempt)}

    def is_mine(self, task: Task) -> bool:
        """Whether the task exports exactly this directory."""
        return task.is_export and any(path.strip("/") == self.analysis.path.value.strip("/") for path in task.paths)


def parse_destination(text: str, analysis: AnalysisDirectory) -> S3Prefix:
    """The destination, whose last two components must be the analysis directory's."""
    destination = S3Prefix.parse(text, "destination")
    if not destination.ends_with(str(analysis.entity), str(analysis.analysis_id)):
        raise InvalidValue("destination", text, f"must end with /{analysis}/",
                           hint=f"Write it as {destination.child(str(analysis))}")  # fmt: skip
    return destination


def report_prefix(destination: S3Prefix, stamp: str) -> S3Prefix:
    """Where FSx lists the files it could not export."""
    return destination.child(MONITOR, "fsx-export", stamp, "export-report")


def find_task(fsx: FsxApi, export: Export, *, attempt: int, task_id: str) -> Task | None:
    """The task to go on with: one that runs on this directory, else the last attempt's own, whatever its state."""
    tasks = fsx.tasks(export.file_system_id)
    running = [task for task in tasks if export.is_mine(task) and task.is_running_export]
    if running:
        return running[-1]
    own = [
        task
        for task in tasks
        if task.id == task_id or (task.tags.get(_RUN_TAG), task.tags.get(_ATTEMPT_TAG)) == (export.run_id, str(attempt))
    ]
    return own[-1] if own else None


def start_task(fsx: FsxApi, export: Export, *, attempt: int, report: S3Prefix) -> Task:
    """Start the export of one attempt; asking twice for the same attempt gives the same task."""
    token = request_token(export.file_system_id, export.analysis, export.destination, export.run_id, attempt, report)
    return fsx.start_export(
        export.file_system_id, export.analysis.path, report, token=token, tags=export.task_tags(attempt)
    )


def wait_task(fsx: FsxApi, clock: Clock, reporter: Reporter, task: Task, deadline: float) -> Task:
    """Wait until the task is over; the deadline leaves it running."""

    def poll() -> Task:
        seen = fsx.task(task.id)
        if seen is None:
            raise ExportFailed(f"FSx does not know the export task {task.id} any more.", hint="Run the export again.")
        return seen

    return wait_until(
        poll, done=lambda seen: seen.lifecycle.is_over, what=f"export task {task.id}", deadline=deadline,
        every=_POLL_S, first=_FIRST_POLL_S, clock=clock, describe=lambda seen: seen.progress,
        observe=lambda seen, elapsed: reporter.waiting(f"export task {task.id}", seen.progress, elapsed),
    )  # fmt: skip


def task_facts(task: Task) -> dict[str, object]:
    """What the receipt keeps of a task."""
    return {
        "task_id": task.id,
        "task_lifecycle": str(task.lifecycle),
        "task_counts": {"total": task.total, "succeeded": task.succeeded, "failed": task.failed},
    }


def require_success(task: Task) -> None:
    """`ExportFailed` unless the task SUCCEEDED and no file failed."""
    if task.lifecycle.is_success and task.failed == 0:
        return
    why = task.reason or f"{task.failed} of {task.total} files failed"
    raise ExportFailed(
        f"The export task {task.id} ended as {task.lifecycle}: {why}.",
        hint=f"Read the failure report below {task.report}, then run the export again.",
        details={"task_id": task.id, "lifecycle": str(task.lifecycle), "failed": task.failed, "report": task.report},
    )
