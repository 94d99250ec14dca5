"""One export: its association, its task, and how both are found again after an interruption."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from daylily_ec.aws.context import aws_code
from daylily_ec.aws.fsx import Association, AssociationSpec, FsxApi, Task
from daylily_ec.aws.s3 import S3Api
from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError, ExportFailed, InvalidValue, Refused
from daylily_ec.fsx.mounts import MAX_ASSOCIATIONS, detach, ensure_association, request_token, same_link
from daylily_ec.fsx.obstacles import MONITOR
from daylily_ec.fsx.policy import EXPORT_PURPOSE, is_of_export, tag_text
from daylily_ec.util.clock import Clock, wait_until
from daylily_ec.util.jsonio import plain
from daylily_ec.util.progress import Reporter

_RUN_TAG = "dyec:export-id"
_ATTEMPT_TAG = "dyec:attempt"
_POLL_S = 30.0
_SHOWN = 5
_FIRST_POLL_S = 1.0
_NO_SLOT = {"BadRequest", "ServiceLimitExceeded"}
_SAME_TOKEN = {"IncompatibleParameterError", "BadRequest"}


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


def report_prefix(destination: S3Prefix, started_at: datetime, attempt: int) -> S3Prefix:
    """Where FSx lists the files that it could not export; whoever goes on with an attempt names the same place."""
    moment = started_at.astimezone(UTC) + timedelta(seconds=attempt - 1)
    return destination.child(MONITOR, "fsx-export", moment.strftime("%Y%m%dT%H%M%SZ"), "export-report")


@dataclass(frozen=True, slots=True)
class FailedFile:
    """One line of FSx's report: path and error code."""

    path: str
    code: str


def failed_files(s3: S3Api, report: S3Prefix, limit: int = 20) -> tuple[FailedFile, ...]:
    """The first files that FSx reports as failed; none when there is no report to be read."""
    try:
        texts = [s3.read_text(report.bucket, one.key) for one in s3.objects(report) if one.key.endswith(".csv")]
    except AwsError:
        return ()
    rows = [row for found in texts if found for row in csv.reader(io.StringIO(found.text))]
    return tuple(FailedFile(row[0], row[-1]) for row in rows[:limit] if row)


def queue(fsx: FsxApi, clock: Clock, reporter: Reporter, wanted: AssociationSpec, deadline: float) -> Association:
    """The association; while all slots are taken and exports hold some of them, those are waited for.

    `DeadlinePassed` when none became free in `deadline` seconds; `Refused` when only mounts hold them.
    """
    began = clock.monotonic()
    while True:
        existing = _await_slot(fsx, clock, reporter, wanted, deadline - (clock.monotonic() - began))
        for failed in filter(lambda one: _is_ours_and_failed(one, wanted), existing):
            reporter.note(f"{failed.id} of an earlier run is {failed.state}: it is removed and made anew")
            detach(fsx, clock, reporter, failed.id)
        try:
            return ensure_association(fsx, clock, reporter, wanted, wait=False)[0]
        except (AwsError, Refused) as error:
            # Another export in the queue was quicker.
            if not _is_slot_taken(error) or not is_queueable(fsx.associations(wanted.file_system_id), wanted):
                raise


def _is_slot_taken(error: AwsError | Refused) -> bool:
    return error.code == "no_free_slot" if isinstance(error, Refused) else aws_code(error) in _NO_SLOT


def _is_ours_and_failed(association: Association, wanted: AssociationSpec) -> bool:
    # FAILED never recovers, and the export that made it is the one that goes on.
    ours = is_of_export(association) and _RUN_TAG in association.tags and same_link(association, wanted)
    return ours and association.lifecycle.is_failed


def is_queueable(existing: tuple[Association, ...], wanted: AssociationSpec) -> bool:
    """Whether waiting helps: all slots are taken, not by the wanted one, and some of them by exports."""
    mine = any(same_link(one, wanted) for one in existing)
    return not mine and len(existing) >= MAX_ASSOCIATIONS and any(map(is_of_export, existing))


def _await_slot(
    fsx: FsxApi, clock: Clock, reporter: Reporter, wanted: AssociationSpec, deadline: float
) -> tuple[Association, ...]:
    def holders(existing: tuple[Association, ...]) -> str:
        names = ", ".join(one.tags.get("Name", one.path.value) for one in existing if is_of_export(one))
        return f"{len(existing)} of {MAX_ASSOCIATIONS} are taken, by the exports {names}"

    return wait_until(
        lambda: fsx.associations(wanted.file_system_id), done=lambda existing: not is_queueable(existing, wanted),
        what="an association slot for this export", deadline=deadline, every=_POLL_S, first=_FIRST_POLL_S, clock=clock,
        describe=holders,
        observe=lambda seen, elapsed: reporter.waiting("an association slot", holders(seen), elapsed)
        if is_queueable(seen, wanted) else None,
    )  # fmt: skip


def destination_of(task: Task) -> S3Prefix | None:
    """Where an export of ours goes to, as the place of its report says."""
    uri, found, _ = task.report.partition(f"/{MONITOR}/")
    return S3Prefix.parse(uri) if found else None


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
    try:
        return fsx.start_export(
            export.file_system_id, export.analysis.path, report, token=token, tags=export.task_tags(attempt)
        )
    except AwsError as error:
        # Somebody else who goes on with the same attempt was quicker, under a name of their own.
        if aws_code(error) in _SAME_TOKEN:
            found = find_task(fsx, export, attempt=attempt, task_id="")
            if found is not None:
                return found
        raise


def wait_task(
    fsx: FsxApi, clock: Clock, reporter: Reporter, task: Task, deadline: float, done: Callable[[], str] = str
) -> Task:
    """Wait until the task is over; the deadline leaves it running.  `done` tells what S3 holds so far."""

    def show(seen: Task, elapsed: float) -> None:
        if not seen.lifecycle.is_over:
            reporter.waiting(f"export task {task.id}", " ".join(filter(None, [seen.progress, done()])), elapsed)

    def poll() -> Task:
        seen = fsx.task(task.id)
        if seen is None:
            raise ExportFailed(f"FSx does not know the export task {task.id} any more.", hint="Run the export again.")
        return seen

    return wait_until(
        poll, done=lambda seen: seen.lifecycle.is_over, what=f"export task {task.id}", deadline=deadline,
        every=_POLL_S, first=_FIRST_POLL_S, clock=clock, describe=lambda seen: seen.progress, observe=show,
    )  # fmt: skip


def task_facts(task: Task) -> dict[str, object]:
    """What the receipt keeps of a task."""
    return {
        "task_id": task.id,
        "task_lifecycle": str(task.lifecycle),
        "task_counts": {"total": task.total, "succeeded": task.succeeded, "failed": task.failed},
    }


def task_failure(task: Task, failed: tuple[FailedFile, ...]) -> dict[str, object]:
    """What the receipt keeps of a failure that FSx tells."""
    details = {"reason": task.reason, "failed": task.failed, "files": [plain(one) for one in failed]}
    return {"task_failure_details": details}


def require_success(task: Task, failed: tuple[FailedFile, ...] = ()) -> None:
    """`ExportFailed` unless the task SUCCEEDED and no file failed; `failed` is what its report names."""
    if task.lifecycle.is_success and task.failed == 0:
        return
    why = task.reason.rstrip(".") or f"{task.failed} of {task.total} files failed"
    shown = "; ".join(f"{one.path} ({one.code})" for one in failed[:_SHOWN])
    raise ExportFailed(
        f"The export task {task.id} ended as {task.lifecycle}: {why}." + (f" Failed: {shown}." if shown else ""),
        hint=f"Read the failure report below {task.report}, then run the export again.",
        details={"task_id": task.id, "lifecycle": str(task.lifecycle), "failed": task.failed, "report": task.report,
                 "reason": task.reason, "failed_files": list(failed)},
    )  # fmt: skip
