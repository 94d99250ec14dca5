"""`dyec samples`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daylily_ec.cli.frame import App
from daylily_ec.cli.options import Profile, Region
from daylily_ec.cli.render import emit, pairs, text
from daylily_ec.cli.session import services
from daylily_ec.domain.fsxpath import STAGING_ROOT
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import UsageError
from daylily_ec.samples.sources import Roles
from daylily_ec.workflow.mounts import FileSystemTarget
from daylily_ec.workflow.stage_samples import Blockers, Precheck, Staged, StageRequest, stage_samples

app = App("Stage sample sheets and their reads.")


@app.callback()
def samples() -> None:
    """Stage sample sheets and their reads."""


@app.command("stage")
def stage(
    sheet: Annotated[Path, typer.Argument(metavar="ANALYSIS_SAMPLES", help="Sample sheet, tab-separated.")],
    reference: Annotated[str, typer.Option("--reference-s3-uri", help="What /fsx/references shows.")],
    control_data: Annotated[str, typer.Option("--control-data-s3-uri", help="What /fsx/control_data shows.")],
    staging: Annotated[str, typer.Option("--stage-s3-uri", help="Where stages are made.")],
    region: Region,
    config_dir: Annotated[Path | None, typer.Option("--config-dir", help="Where the tables are written.")] = None,
    stage_target: Annotated[
        str, typer.Option("--stage-target", help="Directory of stages on the head node.")
    ] = f"/fsx{STAGING_ROOT}",
    profile: Profile = None,
    cluster: Annotated[str | None, typer.Option("--cluster", "--cluster-name", help="Attach the stage to it.")] = None,
    file_system: Annotated[str | None, typer.Option("--fsx-file-system-id", help="Attach the stage to it.")] = None,
    mount_timeout: Annotated[
        float, typer.Option("--staging-mount-timeout-seconds", min=1, help="How long to wait.")
    ] = 900,
    precheck_only: Annotated[bool, typer.Option("--precheck-only", help="Check the sheet; write nothing.")] = False,
    config_only: Annotated[bool, typer.Option("--config-only", help="Write the tables here; upload nothing.")] = False,
) -> None:
    """Check a sample sheet, copy its reads to S3 and write samples.tsv and units.tsv."""
    if precheck_only and config_only:
        raise UsageError("--precheck-only and --config-only exclude each other.")
    roles = Roles(S3Prefix.parse(reference, "reference-s3-uri"), S3Prefix.parse(control_data, "control-data-s3-uri"),
                  S3Prefix.parse(staging, "stage-s3-uri"))  # fmt: skip
    target = FileSystemTarget(cluster, file_system)
    request = StageRequest(sheet, roles, config_dir or sheet.parent, stage_target, target, mount_timeout,
                           precheck_only, config_only)  # fmt: skip
    emit(stage_samples(services(profile, region), request))


@text.register
def _(result: Precheck) -> str:
    return (
        f"{result.sheet}: {result.rows} rows, {result.samples} samples, {result.sources} files and "
        f"{result.directories} directories found, {result.to_copy} to copy.\n"
    )


@text.register
def _(result: Blockers) -> str:
    return f"{result.sheet}:\n" + "".join(f"  {issue}\n" for issue in result.issues)


@text.register
def _(result: Staged) -> str:
    lines = [f"Remote FSx stage directory: {result.stage_dir}\n"]
    if result.mount is not None:
        lines.append(f"Staging association: {result.mount.association_id} {result.mount.lifecycle}\n")
    if result.files:
        lines.append(f"Staged files: {len(result.files)}\n")
        lines += [f"  {file.source} -> {file.s3_uri}\n" for file in result.files]
    lines.append(f"samples.tsv -> {result.samples_tsv.s3_uri or result.samples_tsv.local}\n")
    lines.append(f"units.tsv   -> {result.units_tsv.s3_uri or result.units_tsv.local}\n")
    return "".join(lines) + pairs({"local tables": Path(result.samples_tsv.local).parent})
