"""`dyec exports`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daylily_ec.cli.export import FileSystem, HashOn, RunLinks, Verify, show_preflight
from daylily_ec.cli.frame import App
from daylily_ec.cli.options import Profile, Region
from daylily_ec.cli.render import emit, pairs, table, text
from daylily_ec.cli.session import services
from daylily_ec.fsx.verification import Mode
from daylily_ec.workflow import export_lookup, export_parts
from daylily_ec.workflow.export_lookup import ExportList, KnownExport
from daylily_ec.workflow.export_parts import Attached, PartRequest, TaskRun
from daylily_ec.workflow.export_request import ExportRequest
from daylily_ec.workflow.mounts import FileSystemTarget
from daylily_ec.workflow.verify_export import Verified, is_uri, read_local, read_stored, verify_export

app = App("Export in parts: attach, run, wait, finish, detach; look at exports and verify them again.")

OptionalCluster = Annotated[str | None, typer.Option("--cluster", "--cluster-name", help="Cluster name.")]
Source = Annotated[str, typer.Option("--source-path", help="/fsx/analysis_results/<entity>/<analysis id>")]
Destination = Annotated[str, typer.Option("--destination-s3-uri", help="S3 prefix ending in the same two names.")]
OutputDir = Annotated[Path | None, typer.Option("--output-dir", help="Where this machine keeps the receipt.")]
Timeout = Annotated[float, typer.Option("--timeout-seconds", min=1, help="How long to wait for slot and task.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end of the task.")]


def _settings(timeout: float, *, wait: bool = True, verify: str = Mode.CHECKSUM, hash_on: str | None = None,
              run_links: bool = False) -> ExportRequest:  # fmt: skip
    return ExportRequest("", "", "", Path(), wait, timeout, Mode.parse(verify), hash_on, run_links)


@app.command("preflight")
def preflight(
    source_path: Source, destination: Destination, region: Region, cluster: OptionalCluster = None,
    fsx_file_system_id: FileSystem = None, profile: Profile = None, run_links: RunLinks = False,
) -> None:  # fmt: skip
    """Say what an export would meet, without hashing; change nothing."""
    target, settings = FileSystemTarget(cluster, fsx_file_system_id), _settings(1, run_links=run_links)
    show_preflight(services(profile, region), PartRequest(target, source_path, destination, settings=settings))


@app.command("attach")
def attach(
    source_path: Source, destination: Destination, region: Region, cluster: OptionalCluster = None,
    fsx_file_system_id: FileSystem = None, profile: Profile = None, output_dir: OutputDir = None,
    timeout: Timeout = 900,
) -> None:  # fmt: skip
    """Attach the destination to the directory; waits for a slot while other exports hold them."""
    target = FileSystemTarget(cluster, fsx_file_system_id)
    request = PartRequest(target, source_path, destination, output_dir, _settings(timeout))
    emit(export_parts.attach_export(services(profile, region), request))


@app.command("run")
def run(
    source_path: Source, destination: Destination, region: Region, cluster: OptionalCluster = None,
    fsx_file_system_id: FileSystem = None, profile: Profile = None, output_dir: OutputDir = None, wait: Wait = True,
    timeout: Timeout = 3600, hash_on: HashOn = None, run_links: RunLinks = False,
) -> None:  # fmt: skip
    """Hash an attached directory and run the task; exit code 2 unless every file was written."""
    target = FileSystemTarget(cluster, fsx_file_system_id)
    settings = _settings(timeout, wait=wait, hash_on=hash_on, run_links=run_links)
    request = PartRequest(target, source_path, destination, output_dir, settings)
    emit(export_parts.run_export(services(profile, region), request))


@app.command("wait")
def wait_(
    source_path: Source, region: Region, cluster: OptionalCluster = None, fsx_file_system_id: FileSystem = None,
    profile: Profile = None, timeout: Timeout = 3600,
) -> None:  # fmt: skip
    """Wait for the task of a directory; verify and detach nothing."""
    request = PartRequest(FileSystemTarget(cluster, fsx_file_system_id), source_path)
    emit(export_parts.wait_export(services(profile, region), request, timeout))


@app.command("finish")
def finish(
    source_path: Source, region: Region, cluster: OptionalCluster = None, fsx_file_system_id: FileSystem = None,
    profile: Profile = None, output_dir: OutputDir = None, timeout: Timeout = 3600, verify: Verify = Mode.CHECKSUM,
    hash_on: HashOn = None, run_links: RunLinks = False,
) -> None:  # fmt: skip
    """Wait for an export that anybody started anywhere, verify it, detach it, leave the receipt."""
    target = FileSystemTarget(cluster, fsx_file_system_id)
    settings = _settings(timeout, verify=verify, hash_on=hash_on, run_links=run_links)
    request = PartRequest(target, source_path, output_dir=output_dir, settings=settings)
    emit(export_parts.finish_export(services(profile, region), request))


@app.command("detach")
def detach(
    association_id: Annotated[str, typer.Option("--association-id", help="FSx's id of it.")], region: Region,
    profile: Profile = None, timeout: Timeout = 900,
) -> None:  # fmt: skip
    """Detach an export's association and keep the files; refused while a task writes through it."""
    emit(export_lookup.detach_export(services(profile, region), association_id, timeout))


@app.command("status")
def status(
    source_path: Source, region: Region, cluster: OptionalCluster = None, fsx_file_system_id: FileSystem = None,
    profile: Profile = None,
) -> None:  # fmt: skip
    """Show the export of one directory: association, task, receipt."""
    target = FileSystemTarget(cluster, fsx_file_system_id)
    emit(export_lookup.find_export(services(profile, region), target, source_path))


@app.command("verify")
def verify(
    receipt: Annotated[str, typer.Argument(metavar="RECEIPT", help="fsx_export.yaml, its S3 URI, or a destination.")],
    mode: Annotated[
        str | None, typer.Option("--verify", help="checksum, full or sizes; default: as exported, never sizes.")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", help="AWS region; default: the receipt's.")] = None,
    profile: Profile = None,
) -> None:
    """Compare S3 with the manifest of an export once more; needs no cluster."""
    wanted = Mode.parse(mode) if mode else None
    if not is_uri(receipt):
        local = read_local(receipt)
        emit(verify_export(services(profile, region or local.receipt.region), local, wanted))
        return
    made = services(profile, region or "us-east-1")
    stored = read_stored(made.s3, receipt)
    emit(verify_export(services(profile, region or stored.receipt.region), stored, wanted))


@app.command("list")
def list_(
    region: Region, cluster: OptionalCluster = None, fsx_file_system_id: FileSystem = None, profile: Profile = None
) -> None:
    """Show the exports of a cluster, and how many association slots are taken."""
    emit(export_lookup.list_exports(services(profile, region), FileSystemTarget(cluster, fsx_file_system_id)))


@text.register
def _(result: Attached) -> str:
    return pairs({
        "analysis": result.headnode_path, "destination": result.destination_s3_uri,
        "association": f"{result.association_id} {result.lifecycle}",
    })  # fmt: skip


@text.register
def _(result: TaskRun) -> str:
    counts = ", ".join(f"{number} {name}" for name, number in result.task_counts.items())
    return pairs({"task": f"{result.task_id} {result.task_lifecycle}", "files": counts, "report": result.report_path})


@text.register
def _(result: KnownExport) -> str:
    counts = ", ".join(f"{number} {name}" for name, number in result.task_counts.items())
    return pairs({
        "analysis": result.analysis_dir, "destination": result.destination_s3_uri,
        "association": f"{result.association_id} {result.lifecycle}".strip() or "detached",
        "task": f"{result.task_id} {result.task_lifecycle}".strip(), "files": counts, "reason": result.reason,
        "receipt": f"{result.receipt_status} ({result.receipt_phase})" if result.receipt_status else "none",
        "cluster": result.cluster_name, "by": result.created_by,
    })  # fmt: skip


@text.register
def _(result: ExportList) -> str:
    used = f"{result.slots_used} of {result.slots} association slots are taken.\n"
    if not result.exports:
        return "No exports.\n" + used
    rows = [[one.analysis_dir, one.association_id or "-", one.lifecycle or "detached", one.task_lifecycle or "-",
             one.created_by or "-", one.destination_s3_uri] for one in result.exports]  # fmt: skip
    return table(["ANALYSIS", "ASSOCIATION_ID", "LIFECYCLE", "TASK", "BY", "DESTINATION"], rows) + used


@text.register
def _(result: Verified) -> str:
    facts = result.verification
    return pairs({
        "verified": f"{facts['objects']:,} objects, {facts['bytes']:,} bytes, no difference (mode {facts['mode']})",
        "destination": result.destination_s3_uri, "export": f"{result.analysis_dir} ({result.status})",
        "receipt": result.receipt,
    })  # fmt: skip
