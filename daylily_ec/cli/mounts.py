"""`dyec mounts`."""

from __future__ import annotations

from typing import Annotated

import typer

from daylily_ec.cli.frame import App
from daylily_ec.cli.options import Profile, Region
from daylily_ec.cli.render import emit, pairs, table, text
from daylily_ec.cli.session import services
from daylily_ec.domain.ids import MountId
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.fsx import policy
from daylily_ec.fsx.records import MountRecord
from daylily_ec.workflow.mounts import (
    CreateMount,
    FileSystemTarget,
    MountList,
    create_mount,
    describe_mount,
    list_mounts,
)

app = App("Attach S3 run directories to the file system.")

OptionalCluster = Annotated[str | None, typer.Option("--cluster", "--cluster-name", help="Cluster name.")]
FileSystem = Annotated[str | None, typer.Option("--fsx-file-system-id", help="File system, instead of a cluster.")]
MountIdOption = Annotated[str | None, typer.Option("--mount-id", help="Name of the mount.")]
PurposeOption = Annotated[str, typer.Option("--purpose", help="run, reference, control-data, staging or custom.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it can be used.")]
Timeout = Annotated[float, typer.Option("--timeout-seconds", min=1, help="How long to wait.")]
ReadOnly = Annotated[bool, typer.Option("--read-only/--no-read-only", help="Nothing shall be written through it.")]
BatchImport = Annotated[
    bool,
    typer.Option(
        "--batch-import-metadata-on-create/--no-batch-import-metadata-on-create", help="List what is there already."
    ),
]


@app.command("create")
def create(
    source: Annotated[str, typer.Argument(metavar="S3_URI", help="Prefix to attach.")],
    region: Region,
    purpose: PurposeOption = "run",
    cluster: OptionalCluster = None,
    fsx_file_system_id: FileSystem = None,
    profile: Profile = None,
    mount_id: MountIdOption = None,
    run_id: Annotated[str | None, typer.Option("--run-id", help="Run id, by default the mount id.")] = None,
    platform: Annotated[str, typer.Option("--platform", help=", ".join(policy.Platform))] = "OTHER",
    file_system_path: Annotated[
        str | None, typer.Option("--file-system-path", help="Directory, as FSx names it.")
    ] = None,
    read_only: ReadOnly = True,
    batch_import: BatchImport = True,
    auto_import: Annotated[str, typer.Option("--auto-import", help="S3 events to follow, or none.")] = "NEW,CHANGED",
    auto_export: Annotated[str | None, typer.Option("--auto-export", help="File events to write to S3.")] = None,
    writeback: Annotated[bool, typer.Option("--allow-writeback-admin", help="Permit writing to S3.")] = False,
    wait: Wait = True,
    timeout: Timeout = 900,
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="Tag; repeatable.")] = None,
) -> None:
    """Attach an S3 prefix; an equal mount that exists already is adopted."""
    location, kind = S3Prefix.parse(source), policy.Purpose.parse(purpose)
    name = policy.choose_mount_id(location, mount_id, run_id)
    mount = policy.MountRequest(
        location, kind, name, MountId.parse(run_id or name), policy.Platform.parse(platform),
        policy.choose_path(kind, name, file_system_path), read_only, batch_import,
        policy.parse_events(auto_import, "auto-import", ("NEW", "CHANGED")),
        policy.parse_events(auto_export, "auto-export", ()), policy.parse_tags(tag or []),
    )  # fmt: skip
    target = FileSystemTarget(cluster, fsx_file_system_id)
    emit(create_mount(services(profile, region), CreateMount(target, mount, writeback, wait, timeout)))


@app.command("list")
def list_(
    region: Region,
    cluster: OptionalCluster = None,
    fsx_file_system_id: FileSystem = None,
    profile: Profile = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="Only mounts of this purpose.")] = None,
) -> None:
    """Show the mounts of a cluster."""
    wanted = policy.Purpose.parse(purpose) if purpose else None
    emit(list_mounts(services(profile, region), FileSystemTarget(cluster, fsx_file_system_id), wanted))


@app.command("describe")
def describe(
    region: Region,
    cluster: OptionalCluster = None,
    fsx_file_system_id: FileSystem = None,
    profile: Profile = None,
    mount_id: MountIdOption = None,
    association_id: Annotated[str | None, typer.Option("--association-id", help="FSx's id of it.")] = None,
) -> None:
    """Show one mount."""
    target = FileSystemTarget(cluster, fsx_file_system_id)
    emit(describe_mount(services(profile, region), target, mount_id=mount_id, association_id=association_id))


@text.register
def _(record: MountRecord) -> str:
    warnings = "".join(f"Warning: {warning}\n" for warning in record.warnings)
    return warnings + pairs(
        {
            "mount": f"{record.mount_id} ({record.purpose}, {record.platform})",
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
def _(result: MountList) -> str:
    used = f"{result.slots_used} of {result.slots} association slots are taken.\n"
    if not result.mounts:
        return "No mounts.\n" + used
    headers = ["MOUNT_ID", "RUN_ID", "PURPOSE", "LIFECYCLE", "ASSOCIATION_ID", "HEADNODE_PATH", "SOURCE_S3_URI",
               "CREATED_AT"]  # fmt: skip
    return table(headers, [
        [m.mount_id, m.run_id, m.purpose, m.lifecycle, m.association_id, m.headnode_path, m.source_s3_uri, m.created_at]
        for m in result.mounts
    ]) + used  # fmt: skip
