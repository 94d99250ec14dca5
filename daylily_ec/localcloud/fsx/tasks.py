"""Data repository tasks: one at a time on each file system.

https://docs.aws.amazon.com/fsx/latest/LustreGuide/data-repository-tasks.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from daylily_ec.localcloud.fsx import exports, imports
from daylily_ec.localcloud.fsx.context import Context
from daylily_ec.localcloud.fsx.errors import (
    BadRequest,
    DataRepositoryTaskEnded,
    DataRepositoryTaskNotFound,
    UnsupportedOperation,
)
from daylily_ec.localcloud.fsx.links import Link
from daylily_ec.localcloud.fsx.model import Document, FileSystem, Task, filter_values, new_id, page, tags_of
from daylily_ec.localcloud.fsx.objects import StoreError
from daylily_ec.localcloud.fsx.tree import Parts, posix_parts

LARGEST_PAGE = 50
REPORT_FORMAT = "REPORT_CSV_20191124"
REPORT_SCOPE = "FAILED_FILES_ONLY"
_USABLE = ("AVAILABLE", "UPDATING", "MISCONFIGURED")


class InvalidPath(Exception):
    """A path of a task that is not linked or does not exist: the task fails."""


def create(context: Context, request: Document) -> Task:
    """Queue a task, or give back the one that the same token made."""
    with context.lock:
        before = context.made_before("CreateDataRepositoryTask", request)
        found = context.file_system(request["FileSystemId"])
        if before is not None:
            return found.tasks[before]
        _check(found, request)
        made = new_id("task")
        arn = context.place.arn(f"task/{found.id}/{made}")
        task = Task(made, next(context.numbers), arn, dict(request), context.clock.now(), tags_of(request))
        found.tasks[made] = task
        context.remember("CreateDataRepositoryTask", request, made)
    return task


def _check(found: FileSystem, request: Mapping[str, Any]) -> None:
    if request["Type"] not in _WORK:
        raise UnsupportedOperation(f"{request['Type']} is not a task of Lustre file systems.")
    if found.lifecycle not in ("AVAILABLE", "UPDATING"):
        raise BadRequest(f"{found.id} is {found.lifecycle}.")
    links = _links(found)
    if not links:
        raise BadRequest(f"No data repository is linked to {found.id}.")
    if request["Report"]["Enabled"]:
        _check_report(links, request["Report"])


def _check_report(links: list[Link], report: Mapping[str, Any]) -> None:
    if report.get("Format") != REPORT_FORMAT or report.get("Scope") != REPORT_SCOPE or not report.get("Path"):
        raise BadRequest(f"An enabled report needs a path, the format {REPORT_FORMAT} and the scope {REPORT_SCOPE}.")
    bucket, prefix = _place(report["Path"])
    if not any(link.bucket == bucket and f"{prefix.rstrip('/')}/".startswith(link.prefix) for link in links):
        raise BadRequest(f"The report path {report['Path']} is not below a linked data repository.")


def _links(found: FileSystem) -> list[Link]:
    return [one.link for one in found.associations.values() if one.lifecycle in _USABLE]


def _place(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def everywhere(context: Context) -> Iterator[Task]:
    """The tasks of all file systems."""
    for found in list(context.file_systems.values()):
        yield from list(found.tasks.values())


def get(context: Context, task_id: str) -> Task:
    """One task.

    Raises DataRepositoryTaskNotFound.
    """
    for found in everywhere(context):
        if found.id == task_id:
            return found
    raise DataRepositoryTaskNotFound(task_id)


def describe(context: Context, query: Mapping[str, Any]) -> Document:
    """One page of tasks.

    Raises DataRepositoryTaskNotFound for an id that does not exist.
    """
    ids = query.get("TaskIds")
    found = [get(context, one) for one in ids] if ids else list(everywhere(context))
    of, states = filter_values(query, "file-system-id"), filter_values(query, "task-lifecycle")
    found = [one for one in found if of is None or one.request["FileSystemId"] in of]
    shown, token = page((one for one in found if states is None or one.lifecycle in states), query, LARGEST_PAGE)
    return {"DataRepositoryTasks": [one.document() for one in shown], **token}


def cancel(context: Context, task_id: str) -> Task:
    """Ask a task to stop; what it has transferred stays.

    Raises DataRepositoryTaskNotFound, DataRepositoryTaskEnded.
    """
    with context.lock:
        found = get(context, task_id)
        if found.is_over:
            raise DataRepositoryTaskEnded(task_id)
        found.lifecycle = "CANCELING"
    return found


def advance(context: Context, owner: FileSystem) -> None:
    """Bring the oldest unfinished task one step on."""
    open_tasks = [task for task in owner.tasks.values() if not task.is_over]
    for task in open_tasks:
        if task.lifecycle == "CANCELING":
            _end(context, task, "CANCELED")
    waiting = [task for task in open_tasks if not task.is_over]
    if not waiting:
        return
    task, now = min(waiting, key=lambda one: one.number), context.clock.now()
    if task.lifecycle == "PENDING" and now >= task.created + context.pace.task_pending:
        with context.lock:
            if task.lifecycle == "PENDING":
                task.lifecycle, task.started, task.updated = "EXECUTING", now, now
    elif task.started is not None and now >= task.started + context.pace.task:
        _run(context, owner, task)


def _run(context: Context, owner: FileSystem, task: Task) -> None:
    def stopped() -> bool:
        task.updated = context.clock.now()
        return task.lifecycle == "CANCELING"

    try:
        _WORK[task.request["Type"]](owner, task, stopped)
    except InvalidPath as error:
        task.failure = str(error)
    except OSError as error:
        task.failure = f"The file system cannot be read: {error}."
    if stopped():
        _end(context, task, "CANCELED")
        return
    failed = len(task.progress.failures)
    if failed:
        task.failure = f"{failed} of {task.progress.total} files failed; the completion report lists them."
        _report(owner, task)
    _end(context, task, "FAILED" if task.failure else "SUCCEEDED")


def _end(context: Context, task: Task, lifecycle: str) -> None:
    with context.lock:
        task.lifecycle, task.ended, task.updated = lifecycle, context.clock.now(), context.clock.now()


def _report(owner: FileSystem, task: Task) -> None:
    report = task.request["Report"]
    if not report["Enabled"]:
        return
    name = "report.csv" if task.request["Type"].startswith("IMPORT") else "failures.csv"
    bucket, prefix = _place(report["Path"])
    key = "/".join(part for part in (prefix.rstrip("/"), task.id, name) if part)
    try:
        _links(owner)[0].objects.write(bucket, key, exports.report_of(task.progress.failures), {})
    except (StoreError, IndexError):
        task.failure = f"{task.failure} The report could not be written."


def _targets(owner: FileSystem, task: Task) -> Iterator[tuple[Link, Parts]]:
    """Every linked directory that the task's paths touch, with the part of it that is meant."""
    for text in task.request.get("Paths") or ["/"]:
        stripped = text.strip("/")
        parts = posix_parts(stripped) if stripped else ()
        pairs = [] if parts is None else [(link, _deeper(link.directory, parts)) for link in _links(owner)]
        found = [(link, below) for link, below in pairs if below is not None]
        if not found:
            raise InvalidPath(f"The path {text} is not linked to a data repository.")
        for link, below in found:
            if link.tree.status(below) is None:
                raise InvalidPath(f"The path {text} does not exist.")
            yield link, below


def _deeper(one: Parts, other: Parts) -> Parts | None:
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return longer if longer[: len(shorter)] == shorter else None


def _export(owner: FileSystem, task: Task, stopped: Callable[[], bool]) -> None:
    work = [(link, exports.changed_items(link, below)) for link, below in list(_targets(owner, task))]
    task.progress.total = sum(len(items) for _, items in work)
    for link, items in work:
        exports.export_items(link, items, task.progress, stopped)


def _import(owner: FileSystem, task: Task, stopped: Callable[[], bool]) -> None:
    links = _links(owner)
    for uri in task.request.get("Paths") or [f"s3://{link.bucket}/{link.prefix}" for link in links]:
        bucket, prefix = _place(uri)
        touched = [link for link in links if link.bucket == bucket and _related(link.prefix, prefix)]
        if not touched:
            raise InvalidPath(f"The path {uri} is not linked to the file system.")
        for link in touched:
            imports.import_new(link, task.progress, stopped, prefix.removeprefix(link.prefix) if prefix else "")


def _related(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _release(owner: FileSystem, task: Task, stopped: Callable[[], bool]) -> None:
    for link, below in _targets(owner, task):
        count = exports.release(link, below)
        task.progress.total += count
        task.progress.succeeded += count


_WORK: Mapping[str, Callable[[FileSystem, Task, Callable[[], bool]], None]] = {
    "EXPORT_TO_REPOSITORY": _export,
    "IMPORT_METADATA_FROM_REPOSITORY": _import,
    "RELEASE_DATA_FROM_FILESYSTEM": _release,
}
