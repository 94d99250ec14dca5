"""The tables of a launch: a stage, two files, a run context with what its runs say, the repository's own, or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from daylily_ec.aws.s3 import S3Api
from daylily_ec.domain.fsxpath import MOUNT_POINT, STAGING_ROOT, FsxPath
from daylily_ec.domain.ids import MountId
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import InvalidValue, MissingInput, NotFound, Refused
from daylily_ec.headnode import sessions
from daylily_ec.headnode.launch import InputKind, Inputs, Launch
from daylily_ec.headnode.remote import Remote
from daylily_ec.samples.bcl import samples_table
from daylily_ec.samples.run_context import RunContext, RunRow
from daylily_ec.workflow import launch_command
from daylily_ec.workflow.launch_request import LaunchRequest

OWN_TABLES = Inputs(InputKind.TEST, optional=True)
"""The repository's own small tables if it has some: what a command without inputs gets."""
_SHOWN = 8


def plan_inputs(request: LaunchRequest, context: RunContext | None, clone: PurePosixPath, command: str) -> Inputs:
    """The inputs as far as the request alone says; a stage that was not named has no directory yet."""
    if context is not None:
        samples, units = launch_command.named_tables(command)
        return Inputs(InputKind.RUNS, runs_tsv=context.projected(clone), run_links=context.links(clone),
                      samples_table=samples, units_table=units)  # fmt: skip
    if request.samples_file is not None and request.units_file is not None:
        return Inputs(InputKind.TABLES, samples_tsv=read_table(request.samples_file),
                      units_tsv=read_table(request.units_file))  # fmt: skip
    if request.bootstrap_test_config:
        return Inputs(InputKind.TEST)
    if not request.input_staging:
        return Inputs(InputKind.NONE)
    base = stage_base(request)
    return Inputs(
        InputKind.STAGE, stage_dir=str(stage_path(request.stage_dir, base).on_node) if request.stage_dir else ""
    )


def read_table(path: Path) -> str:
    """A table as it is."""
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue("table", str(path), f"cannot be read: {error}") from error


def stage_base(request: LaunchRequest) -> FsxPath:
    """The directory of all stages: below the staging root, or that itself."""
    path = FsxPath.parse(request.stage_base or f"{MOUNT_POINT}{STAGING_ROOT}", "stage base")
    if not path.value.startswith(STAGING_ROOT):
        raise InvalidValue("stage base", request.stage_base or "", f"must be {MOUNT_POINT}{STAGING_ROOT} or below")
    return path


def stage_path(text: str, base: FsxPath) -> FsxPath:
    """A stage on the file system: exactly one component below the base."""
    path = FsxPath.parse(text, "stage directory")
    name = path.value.removeprefix(base.value).strip("/")
    if not path.value.startswith(base.value) or not name or "/" in name:
        raise InvalidValue("stage directory", text, f"must be {base.on_node}/<stage>")
    MountId.parse(name)
    return path


def with_stage(remote: Remote, request: LaunchRequest, launch: Launch) -> Launch:
    """The launch with its stage: the one named, else the only complete one on the node.

    The newest of several may be somebody else's, so several are never chosen from.
    """
    if launch.inputs.kind is not InputKind.STAGE or launch.inputs.stage_dir:
        return launch
    base = stage_base(request)
    found = sessions.complete_stages(remote, str(base.on_node))
    if len(found) != 1:
        raise _not_one(found, base)
    return replace(
        launch, inputs=replace(launch.inputs, stage_dir=str(stage_path(f"{base.on_node}/{found[0]}", base).on_node))
    )


def _not_one(found: tuple[str, ...], base: FsxPath) -> Refused | MissingInput:
    if not found:
        return MissingInput(
            f"No stage with samples and units tables lies in {base.on_node}.", code="no_stage_runs",
            hint="Stage with dyec samples stage, or give --samples-file with --units-file, or --no-input-staging.",
        )  # fmt: skip
    newest = sorted(found, reverse=True)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return Refused(
        f"{len(found)} stages lie in {base.on_node}: {', '.join(newest[:_SHOWN])}{more}; the newest may not be yours.",
        code="ambiguous_stage", hint=f"Name yours: --stage-dir {base.on_node}/{newest[0]}",
        details={"candidates": newest},
    )  # fmt: skip


def with_run_tables(s3: S3Api, launch: Launch, context: RunContext) -> Launch:
    """The launch with what its command needs of the runs' own files: samples of a sample sheet, Ultima's metrics."""
    if launch_command.converts_bcl(launch.command):
        row = _only(context, "ILMN", "BCL Convert")
        inputs = replace(launch.inputs, samples_tsv=_bcl_samples(s3, row), drop_units=True)
        launch = replace(launch, inputs=inputs)
    if launch_command.checks_ultima(launch.command):
        launch = _with_metrics(s3, launch, _only(context, "ULTIMA", "produce_ultima_run_qc"))
    return launch


def _only(context: RunContext, platform: str, what: str) -> RunRow:
    rows = [row for row in context.rows if row.platform == platform]
    if len(rows) != 1:
        raise InvalidValue("run context", f"{len(rows)} rows of platform {platform}", f"{what} works on exactly one")
    return rows[0]


def _bcl_samples(s3: S3Api, row: RunRow) -> str:
    sheet = row.get("SAMPLE_SHEET")
    place = row.object_of(sheet) if sheet else None
    if place is None:
        raise InvalidValue("SAMPLE_SHEET", sheet, f"must lie in the run mount {row.mount_dir} of run {row.run_id}")
    name = f"s3://{place[0]}/{place[1]}"
    return samples_table(_text(s3, *place), name)


def _with_metrics(s3: S3Api, launch: Launch, row: RunRow) -> Launch:
    uri = row.get("METRICS_S3_URI")
    if row.source is None or not (uri or row.get("METRICS_PATH")):
        raise InvalidValue("run context", row.run_id,
                           "an Ultima run needs SOURCE_S3_URI, and METRICS_S3_URI or METRICS_PATH")  # fmt: skip
    if uri:
        prefix = S3Prefix.parse(uri, "METRICS_S3_URI")
        text = _text(s3, prefix.bucket, prefix.key.rstrip("/"))
        if not text.strip():
            raise InvalidValue("METRICS_S3_URI", uri, "is empty")
        launch = replace(launch, inputs=replace(launch.inputs, metrics_csv=text))
    return replace(launch, command=launch_command.with_ultima(launch.command, row, row.source, copied=bool(uri)))


def _text(s3: S3Api, bucket: str, key: str) -> str:
    found = s3.read_text(bucket, key)
    if found is None:
        raise NotFound(f"There is no object s3://{bucket}/{key}.")
    return found.text.removeprefix("\ufeff")
