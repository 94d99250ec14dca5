"""The phases of an export one by one: look, attach, run, wait, finish.

All of them work on the same receipt as `export`, so that any of them goes on where another one stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from daylily_ec.aws import clusters
from daylily_ec.aws.fsx import Task
from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import NotFound, Refused
from daylily_ec.fsx import exports, mounts
from daylily_ec.fsx.inventory import list_directory, unexportable
from daylily_ec.fsx.obstacles import Rules
from daylily_ec.fsx.receipts import ExportReceipt, Phase, read_beside
from daylily_ec.workflow.export_analysis import export_analysis
from daylily_ec.workflow.export_lookup import cluster_of, default_output_dir, find_export
from daylily_ec.workflow.export_request import ExportRequest, ExportResult
from daylily_ec.workflow.export_run import check_place, refusals
from daylily_ec.workflow.mounts import FileSystemTarget
from daylily_ec.workflow.services import Services


@dataclass(frozen=True, slots=True)
class PartRequest:
    """Which export, and how long to wait (seconds); without a destination it is that of the export that is there."""

    target: FileSystemTarget
    source_path: str
    destination: str = ""
    output_dir: Path | None = None
    settings: ExportRequest | None = None


@dataclass(frozen=True, slots=True)
class Attached:
    """The association of an export."""

    analysis_dir: str
    cluster_name: str
    region: str
    fsx_file_system_id: str
    file_system_path: str
    headnode_path: str
    destination_s3_uri: str
    association_id: str
    lifecycle: str


@dataclass(frozen=True, slots=True)
class TaskRun:
    """A task of an export, over or not."""

    fsx_file_system_id: str
    task_id: str
    task_lifecycle: str
    source_path: str
    report_path: str
    failure_details: dict[str, Any] = field(default_factory=dict)
    task_counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExportPreflight:
    """What an export would meet; nothing was changed.  `problems` would stop it, an export in the queue waits."""

    analysis_dir: str
    destination_s3_uri: str
    fsx_file_system_id: str
    files: int
    bytes: int
    slots_used: int
    continues: bool
    problems: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether an export would start."""
        return not self.problems


def preflight_export(services: Services, request: PartRequest) -> ExportPreflight:
    """Everything that can be said without hashing and without changing anything."""
    analysis = AnalysisDirectory.parse(request.source_path)
    destination = exports.parse_destination(request.destination, analysis)
    name = ClusterName.parse(cluster_of(services, request.target))
    view = clusters.require(services.clusters, name, services.context.region)
    check_place(services, view, request.target.file_system_id)
    inventory = list_directory(services.headnodes.connect(view), analysis.path.on_node)
    wanted = exports.Export(view.file_system_id, analysis, destination, "", view.name, "").association()
    existing = services.fsx.associations(view.file_system_id)
    earlier, _ = read_beside(services.s3, destination)
    here = (analysis.path.value, view.file_system_id)
    ours = [earlier] if earlier and (earlier.source_path, earlier.fsx_file_system_id) == here else []
    allowed = request.settings is not None and request.settings.allow_run_links
    run_links = allowed or any(one.allow_run_links for one in ours)
    rules = Rules(str(analysis.path.on_node), len(destination.key.encode()), run_links)
    problems = list(unexportable(inventory, rules))
    conflict = None if any(mounts.equal(one, wanted) for one in existing) else mounts.find_conflict(wanted, existing)
    if conflict is not None and not exports.is_queueable(existing, wanted):
        problems.append(conflict.reason)
    problems += [one.message.rstrip(".") for one in refusals(services.s3, destination, earlier, ours, is_written=False)]
    return ExportPreflight(str(analysis), str(destination), view.file_system_id, inventory.files, inventory.bytes,
                           len(existing), bool(ours), tuple(problems))  # fmt: skip


def attach_export(services: Services, request: PartRequest) -> Attached:
    """Attach the destination to the directory; an equal association is adopted, a slot is waited for."""
    receipt = _carried_out(services, request, Phase.ATTACH).receipt
    return Attached(
        receipt.analysis_dir, receipt.cluster_name or "", receipt.region, receipt.fsx_file_system_id,
        receipt.file_system_path, receipt.headnode_path, receipt.destination_s3_uri, receipt.association_id,
        receipt.lifecycle,
    )  # fmt: skip


def run_export(services: Services, request: PartRequest) -> TaskRun:
    """Hash the directory and run the task; `ExportFailed` unless it SUCCEEDED with no file left out."""
    return _task_run(_carried_out(services, request, Phase.RUN).receipt)


def finish_export(services: Services, request: PartRequest) -> ExportResult:
    """Wait for the export that is there, verify it, detach it: whoever started it, wherever."""
    known = request.destination or find_export(services, request.target, request.source_path).destination_s3_uri
    return _carried_out(services, replace(request, destination=known), Phase.COMPLETE)


def wait_export(services: Services, request: PartRequest, timeout: float) -> TaskRun:
    """Wait for the latest task of a directory; nothing is changed, whatever its end."""
    known = find_export(services, request.target, request.source_path)
    task = services.fsx.task(known.task_id) if known.task_id else None
    if task is None:
        raise NotFound(f"No task exports {request.source_path}.", code="task_not_found",
                       hint="Start one with: dyec exports run")  # fmt: skip
    task = exports.wait_task(services.fsx, services.clock, services.reporter, task, timeout)
    exports.require_success(task)
    return _run_of(task, request.source_path)


def _run_of(task: Task, source: str) -> TaskRun:
    counts = {"total": task.total, "succeeded": task.succeeded, "failed": task.failed}
    return TaskRun(task.file_system_id, task.id, str(task.lifecycle), AnalysisDirectory.parse(source).path.value,
                   task.report, {}, counts)  # fmt: skip


def _task_run(receipt: ExportReceipt) -> TaskRun:
    return TaskRun(
        receipt.fsx_file_system_id, receipt.task_id, receipt.task_lifecycle, receipt.source_path, receipt.report_path,
        dict(receipt.failure_details), dict(receipt.task_counts),
    )  # fmt: skip


def _carried_out(services: Services, request: PartRequest, until: Phase) -> ExportResult:
    cluster = cluster_of(services, request.target)
    file_system_id = request.target.resolve(services)
    settings = request.settings or ExportRequest(cluster, request.source_path, request.destination, Path())
    folder = request.output_dir or default_output_dir(
        services.context.region, file_system_id, request.source_path)  # fmt: skip
    wanted = replace(settings, cluster=cluster, source_path=request.source_path, destination=request.destination,
                     output_dir=folder, until=until, file_system_id=request.target.file_system_id)  # fmt: skip
    if until is Phase.RUN:
        _require_attached(services, wanted, file_system_id)
    return export_analysis(services, wanted)


def _require_attached(services: Services, request: ExportRequest, file_system_id: str) -> None:
    analysis = AnalysisDirectory.parse(request.source_path)
    wanted = exports.Export(
        file_system_id, analysis, exports.parse_destination(request.destination, analysis), "", request.cluster, "",
    ).association()  # fmt: skip
    if not any(mounts.equal(one, wanted) for one in services.fsx.associations(file_system_id)):
        raise Refused(f"{request.destination} is not attached to {analysis.path.on_node}.", code="not_attached",
                      hint="Attach it first: dyec exports attach")  # fmt: skip
