"""`dyec mount rundir`: the short form for what is mounted most."""

from __future__ import annotations

import typer

import daylily_ec.cli.mounts  # noqa: F401  (its view of a mount)
from daylily_ec.cli.frame import App
from daylily_ec.cli.mount_options import (
    AutoExport,
    AutoImport,
    BatchImport,
    FileSystem,
    FileSystemPath,
    MountIdOption,
    OptionalCluster,
    PlatformOption,
    ReadOnly,
    RunId,
    Source,
    Tags,
    Timeout,
    Wait,
    Writeback,
    request_from,
)
from daylily_ec.cli.options import Profile, Region
from daylily_ec.cli.render import emit
from daylily_ec.cli.session import services
from daylily_ec.fsx.policy import Purpose
from daylily_ec.workflow.attach_mount import create_mount

app = App("Attach a run directory.")


@app.callback()
def mount() -> None:
    """Attach a run directory."""


@app.command("rundir")
def rundir(
    ctx: typer.Context, source: Source, region: Region, cluster: OptionalCluster = None,
    fsx_file_system_id: FileSystem = None, profile: Profile = None, mount_id: MountIdOption = None,
    run_id: RunId = None, platform: PlatformOption = "OTHER", file_system_path: FileSystemPath = None,
    read_only: ReadOnly = True, batch_import: BatchImport = True, auto_import: AutoImport = "NEW,CHANGED",
    auto_export: AutoExport = None, writeback: Writeback = False, wait: Wait = True, timeout: Timeout = 900,
    tag: Tags = None,
) -> None:  # fmt: skip
    """Attach a run directory at /fsx/run_dir_mounts: dyec mounts create --purpose run."""
    emit(create_mount(services(profile, region), request_from(ctx.params, Purpose.RUN)))
