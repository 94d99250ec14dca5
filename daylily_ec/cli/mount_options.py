"""Options of the commands that make mounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from daylily_ec.domain.ids import MountId
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.fsx import policy
from daylily_ec.workflow.attach_mount import CreateMount
from daylily_ec.workflow.mounts import FileSystemTarget

Source = Annotated[str, typer.Argument(metavar="S3_URI", help="Prefix to attach.")]
OptionalCluster = Annotated[str | None, typer.Option("--cluster", "--cluster-name", help="Cluster name.")]
FileSystem = Annotated[str | None, typer.Option("--fsx-file-system-id", help="File system, instead of a cluster.")]
MountIdOption = Annotated[str | None, typer.Option("--mount-id", help="Name of the mount.")]
AssociationId = Annotated[str | None, typer.Option("--association-id", help="FSx's id of it.")]
PurposeOption = Annotated[str, typer.Option("--purpose", help="run, reference, control-data, staging or custom.")]
RunId = Annotated[str | None, typer.Option("--run-id", help="Run id, by default the mount id.")]
PlatformOption = Annotated[str, typer.Option("--platform", help=", ".join(policy.Platform))]
FileSystemPath = Annotated[str | None, typer.Option("--file-system-path", help="Directory, as FSx names it.")]
ReadOnly = Annotated[bool, typer.Option("--read-only/--no-read-only", help="Nothing shall be written through it.")]
BatchImport = Annotated[
    bool,
    typer.Option(
        "--batch-import-metadata-on-create/--no-batch-import-metadata-on-create", help="List what is there already."
    ),
]
AutoImport = Annotated[str, typer.Option("--auto-import", help="S3 events to follow, or none.")]
AutoExport = Annotated[str | None, typer.Option("--auto-export", help="File events to write to S3.")]
Writeback = Annotated[bool, typer.Option("--allow-writeback-admin", help="Permit writing to S3.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it can be used.")]
Timeout = Annotated[float, typer.Option("--timeout-seconds", min=1, help="How long to wait.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="Tag; repeatable.")]


def request_from(params: Mapping[str, Any], purpose: str) -> CreateMount:
    """The request in the parameters of a command, every value parsed."""
    location, kind = S3Prefix.parse(params["source"]), policy.Purpose.parse(purpose)
    name = policy.choose_mount_id(location, params["mount_id"], params["run_id"])
    mount = policy.MountRequest(
        location, kind, name, MountId.parse(params["run_id"] or name), policy.Platform.parse(params["platform"]),
        policy.choose_path(kind, name, params["file_system_path"]), params["read_only"], params["batch_import"],
        policy.parse_events(params["auto_import"], "auto-import", ("NEW", "CHANGED")),
        policy.parse_events(params["auto_export"], "auto-export", ()), policy.parse_tags(params["tag"] or []),
    )  # fmt: skip
    target = FileSystemTarget(params["cluster"], params["fsx_file_system_id"])
    return CreateMount(target, mount, params["writeback"], params["wait"], params["timeout"])
