"""What exports a file system knows of, by FSx's own records: any operator on any machine finds them again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from daylily_ec.aws.fsx import Association, Task
from daylily_ec.config.settings import config_dir
from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.ids import FileComponent
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import NotFound, Refused
from daylily_ec.fsx import exports, mounts
from daylily_ec.fsx.policy import is_of_export
from daylily_ec.fsx.receipts import parse_receipt, receipt_key
from daylily_ec.workflow.mounts import FileSystemTarget
from daylily_ec.workflow.services import Services


@dataclass(frozen=True, slots=True)
class KnownExport:
    """One export as FSx shows it: its association, if it is attached, and its latest task; empty text is not known."""

    analysis_dir: str
    destination_s3_uri: str
    association_id: str = ""
    lifecycle: str = ""
    reason: str = ""
    task_id: str = ""
    task_lifecycle: str = ""
    task_counts: dict[str, int] = field(default_factory=dict)
    cluster_name: str = ""
    created_by: str = ""
    receipt_status: str = ""
    receipt_phase: str = ""


@dataclass(frozen=True, slots=True)
class ExportList:
    """The exports of a file system; `slots_used` counts every association, FAILED ones too."""

    fsx_file_system_id: str
    exports: tuple[KnownExport, ...]
    slots_used: int
    slots: int = mounts.MAX_ASSOCIATIONS


@dataclass(frozen=True, slots=True)
class Detached:
    """An association that is gone."""

    association_id: str
    detach_lifecycle: str = "DELETED"
    delete_data_in_file_system: bool = False


def cluster_of(services: Services, target: FileSystemTarget) -> str:
    """The cluster's name: as the file system's tags say when one is named, which wins, else as given."""
    if target.cluster and not target.file_system_id:
        return target.cluster
    system = services.fsx.file_system(target.resolve(services))
    name = system.tags.get("parallelcluster:cluster-name") if system is not None else None
    if not (name := name or target.cluster):
        raise NotFound(f"No cluster owns {target.file_system_id}.", hint="Give --cluster.")
    return name


def list_exports(services: Services, target: FileSystemTarget) -> ExportList:
    """Every export that is attached or was carried out on the file system (FSx keeps tasks for two weeks)."""
    file_system_id = target.resolve(services)
    associations = services.fsx.associations(file_system_id)
    links = {one.path.value: one for one in associations if is_of_export(one)}
    tasks = {one.paths[0]: one for one in services.fsx.tasks(file_system_id) if one.is_export and one.paths}
    found = (_known(links.get(path), tasks.get(path), path) for path in sorted({*links, *tasks}))
    return ExportList(file_system_id, tuple(found), len(associations))


def _known(link: Association | None, task: Task | None, path: str) -> KnownExport:
    told = exports.destination_of(task) if task else None
    destination = link.source if link else told
    tags = link.tags if link else task.tags if task else {}
    counts = {"total": task.total, "succeeded": task.succeeded, "failed": task.failed} if task else {}
    return KnownExport(
        analysis_dir="/".join(path.strip("/").split("/")[1:]), destination_s3_uri=str(destination or ""),
        association_id=link.id if link else "", lifecycle=str(link.lifecycle) if link else "",
        reason=(link.reason if link else "") or (task.reason if task else ""),
        task_id=task.id if task else "", task_lifecycle=str(task.lifecycle) if task else "", task_counts=counts,
        cluster_name=tags.get("dyec:cluster", ""), created_by=tags.get("dyec:created-by", ""),
    )  # fmt: skip


def find_export(services: Services, target: FileSystemTarget, source_path: str) -> KnownExport:
    """The export of one directory with what its receipt beside the data says; `NotFound` when FSx knows of none."""
    analysis = AnalysisDirectory.parse(source_path)
    file_system_id = target.resolve(services)
    link = next((one for one in services.fsx.associations(file_system_id)
                 if is_of_export(one) and one.path == analysis.path), None)  # fmt: skip
    path = analysis.path.value.strip("/")
    tasks = [one for one in services.fsx.tasks(file_system_id)
             if one.is_export and any(each.strip("/") == path for each in one.paths)]  # fmt: skip
    if link is None and not tasks:
        raise NotFound(f"There is no export of {analysis.path.on_node}.", code="export_not_found",
                       hint="Start one with: dyec export")  # fmt: skip
    known = _known(link, tasks[-1] if tasks else None, analysis.path.value)
    return _with_receipt(services, known)


def _with_receipt(services: Services, known: KnownExport) -> KnownExport:
    if not known.destination_s3_uri:
        return known
    destination = S3Prefix.parse(known.destination_s3_uri)
    stored = services.s3.read_text(destination.bucket, receipt_key(destination))
    if stored is None:
        return known
    receipt = parse_receipt(stored.text, f"s3://{destination.bucket}/{receipt_key(destination)}")
    return replace(known, receipt_status=str(receipt.status), receipt_phase=str(receipt.phase))


def detach_export(services: Services, association_id: str, timeout: float) -> Detached:
    """Detach one export's association; refused for mounts, and while a task still writes through it."""
    link = services.fsx.association(association_id)
    if link is None:
        raise NotFound(f"There is no association {association_id}.", code="association_not_found")
    if not is_of_export(link):
        raise Refused(f"{association_id} at {link.path.on_node} is a mount.", code="not_an_export",
                      hint="Detach mounts with: dyec mounts delete")  # fmt: skip
    tasks = [one for one in services.fsx.tasks(link.file_system_id) if one.is_running_export]
    running = [one for one in tasks if any(link.path.value.startswith(_slashed(path)) for path in one.paths)]
    if running:
        raise Refused(
            f"{running[0].id} ({running[0].lifecycle}) still exports {link.path.on_node} through {association_id}.",
            code="export_runs", hint="Wait for its end with: dyec exports finish",
            details={"task_id": running[0].id},
        )  # fmt: skip
    mounts.detach(services.fsx, services.clock, services.reporter, association_id, timeout)
    return Detached(association_id)


def _slashed(path: str) -> str:
    return f"/{path.strip('/')}/" if path.strip("/") else "/"


def default_output_dir(region: str, file_system_id: str, source_path: str) -> Path:
    """Where this machine keeps the receipt of an export when no directory was named."""
    analysis = AnalysisDirectory.parse(source_path)
    folder = config_dir() / "exports" / FileComponent.parse(region) / FileComponent.parse(file_system_id)
    return folder / analysis.entity / analysis.analysis_id
