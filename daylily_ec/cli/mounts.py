"""`dyec mounts`."""

from __future__ import annotations

from typing import Annotated

import typer

from daylily_ec.cli.frame import App
from daylily_ec.cli.mount_options import (
    AssociationId,
    AutoExport,
    AutoImport,
    BatchImport,
    FileSystem,
    FileSystemPath,
    MountIdOption,
    OptionalCluster,
    PlatformOption,
    PurposeOption,
    ReadOnly,
    RunId,
    Source,
    Tags,
    Timeout,
    Wait,
    Writeback,
    request_from,
)
from daylily_ec.cli.options import Cluster, Profile, Region
from daylily_ec.cli.render import emit, pairs, table, text
from daylily_ec.cli.session import services
from daylily_ec.fsx import policy
from daylily_ec.fsx.records import MountRecord
from daylily_ec.workflow.attach_mount import create_mount, ensure_mount
from daylily_ec.workflow.delete_mount import IN_USE_FLAG, UNKNOWN_FLAG, DeleteMount, delete_mount
from daylily_ec.workflow.mounts import FileSystemTarget, MountList, MountName, describe_mount, list_mounts
from daylily_ec.workflow.verify_mount import VerifiedMount, VerifyMount, verify_mount

app = App("Attach S3 run directories to the file system.")


@app.command("ensure", help="Attach an S3 prefix unless it is; add the tags that an equal mount lacks.")
@app.command("create", help="Attach an S3 prefix; an equal mount that exists already is adopted.")
def attach(
    ctx: typer.Context, source: Source, region: Region, purpose: PurposeOption = "run",
    cluster: OptionalCluster = None, fsx_file_system_id: FileSystem = None, profile: Profile = None,
    mount_id: MountIdOption = None, run_id: RunId = None, platform: PlatformOption = "OTHER",
    file_system_path: FileSystemPath = None, read_only: ReadOnly = True, batch_import: BatchImport = True,
    auto_import: AutoImport = "NEW,CHANGED", auto_export: AutoExport = None, writeback: Writeback = False,
    wait: Wait = True, timeout: Timeout = 900, tag: Tags = None,
) -> None:  # fmt: skip
    """Registered under both names."""
    make = ensure_mount if ctx.command.name == "ensure" else create_mount
    emit(make(services(profile, region), request_from(ctx.params, purpose)))


@app.command("list")
def list_(
    region: Region,
    cluster: OptionalCluster = None,
    fsx_file_system_id: FileSystem = None,
    profile: Profile = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="Only mounts of this purpose.")] = None,
) -> None:
    """Show the mounts of a cluster, and who uses its association slots."""
    wanted = policy.Purpose.parse(purpose) if purpose else None
    emit(list_mounts(services(profile, region), FileSystemTarget(cluster, fsx_file_system_id), wanted))


@app.command("describe")
def describe(
    region: Region, cluster: OptionalCluster = None, fsx_file_system_id: FileSystem = None, profile: Profile = None,
    mount_id: MountIdOption = None, association_id: AssociationId = None,
) -> None:  # fmt: skip
    """Show one mount."""
    target = FileSystemTarget(cluster, fsx_file_system_id)
    emit(describe_mount(services(profile, region), target, mount_id=mount_id, association_id=association_id))


@app.command("verify")
def verify(
    region: Region, cluster: Cluster, fsx_file_system_id: FileSystem = None, profile: Profile = None,
    mount_id: MountIdOption = None, association_id: AssociationId = None,
    platform: Annotated[
        str | None, typer.Option("--platform", help="What it must hold; default: the platform it was mounted as.")
    ] = None,
    timeout: Timeout = 300,
) -> None:  # fmt: skip
    """Wait until the head node shows all that S3 has, read it there, and say what the run lacks."""
    name, kind = MountName(mount_id, association_id), policy.Platform.parse(platform) if platform else None
    emit(verify_mount(services(profile, region), VerifyMount(cluster, name, fsx_file_system_id, kind, timeout)))


@app.command("delete")
def delete(
    region: Region, cluster: OptionalCluster = None, fsx_file_system_id: FileSystem = None, profile: Profile = None,
    mount_id: MountIdOption = None, association_id: AssociationId = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until FSx no longer knows it.")] = True,
    timeout: Timeout = 900,
    in_use_ok: Annotated[bool, typer.Option(IN_USE_FLAG, help="Detach although a workflow uses it.")] = False,
    node_unreachable_ok: Annotated[
        bool, typer.Option(UNKNOWN_FLAG, help="Detach although nobody can tell whether it is used.")
    ] = False,
) -> None:  # fmt: skip
    """Detach a mount that no workflow uses; its files in S3 stay, and so do those on the file system."""
    target, name = FileSystemTarget(cluster, fsx_file_system_id), MountName(mount_id, association_id)
    request = DeleteMount(target, name, wait, timeout, in_use_ok, node_unreachable_ok)
    emit(delete_mount(services(profile, region), request))


@text.register
def _(record: MountRecord) -> str:
    warnings = "".join(f"Warning: {warning}\n" for warning in record.warnings)
    return warnings + pairs(
        {
            "mount": f"{record.mount_id} ({record.purpose}, {record.platform})",
            "run": record.run_id,
            "on the node": record.headnode_path,
            "source": record.source_s3_uri,
            "association": f"{record.association_id} {record.lifecycle} {record.outcome}".rstrip(),
            "reason": record.reason,
            "file system": record.fsx_file_system_id,
            "imports": record.auto_import_events,
            "exports": record.auto_export_events,
            "created": f"{record.created_at} by {record.created_by}" if record.created_by else record.created_at,
        }
    )


@text.register
def _(result: VerifiedMount) -> str:
    facts = result.verification
    return text(result.record) + "".join(f"Warning: {warning}\n" for warning in result.warnings) + pairs({
        "verified": f"{facts.s3_objects:,} files of S3, all of them there ({facts.platform})",
        "read": tuple(facts.found.values()),
    })  # fmt: skip


@text.register
def _(result: MountList) -> str:
    used = f"{result.slots_used} of {result.slots} association slots are taken"
    report = used + (":\n" if result.slot_report else ".\n") + "".join(f"  {slot}\n" for slot in result.slot_report)
    if not result.mounts:
        return "No mounts.\n" + report
    headers = ["MOUNT_ID", "RUN_ID", "PURPOSE", "LIFECYCLE", "ASSOCIATION_ID", "HEADNODE_PATH", "SOURCE_S3_URI",
               "CREATED_AT"]  # fmt: skip
    return table(headers, [
        [m.mount_id, m.run_id, m.purpose, m.lifecycle, m.association_id, m.headnode_path, m.source_s3_uri, m.created_at]
        for m in result.mounts
    ]) + report  # fmt: skip
