"""Stage a sample sheet: check all of it, copy its files to S3, write the workflow's tables, attach the stage."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path, PurePosixPath

from daylily_ec.domain.fsxpath import STAGING_ROOT, FsxPath
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import InvalidValue, ValidationError
from daylily_ec.fsx.records import MountRecord
from daylily_ec.fsx.staging import staging_mount
from daylily_ec.samples import columns
from daylily_ec.samples.plan import StagePlan, plan_stage, table
from daylily_ec.samples.sheet import Issue, read_sheet
from daylily_ec.samples.sources import Roles
from daylily_ec.samples.transfer import StagedFile, Transfer, expand, missing
from daylily_ec.util.files import write_atomic
from daylily_ec.workflow.attach_mount import CreateMount, create_mount
from daylily_ec.workflow.mounts import FileSystemTarget
from daylily_ec.workflow.services import Services


@dataclass(frozen=True, slots=True)
class StageRequest:
    """A sheet to stage; `target` names a cluster or file system to attach the stage to, or neither."""

    sheet: Path
    roles: Roles
    config_dir: Path
    stage_target: str = f"/fsx{STAGING_ROOT}"
    target: FileSystemTarget = field(default_factory=FileSystemTarget)
    mount_timeout: float = 900.0
    precheck_only: bool = False
    config_only: bool = False


@dataclass(frozen=True, slots=True)
class Precheck:
    """What a sheet holds: rows, samples, files and directories that were looked at, all of them found."""

    sheet: str
    rows: int
    samples: int
    sources: int
    directories: int
    to_copy: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Blockers:
    """Everything that keeps a sheet from being staged."""

    sheet: str
    issues: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class WrittenTable:
    """A table of the workflow: here, and in S3 unless nothing was uploaded."""

    local: str
    s3_uri: str = ""


@dataclass(frozen=True, slots=True)
class Staged:
    """What was staged; `stage_dir` is the directory on the head node once the stage is attached."""

    precheck: Precheck
    stage_name: str
    stage_dir: str
    stage_s3_uri: str
    samples_tsv: WrittenTable
    units_tsv: WrittenTable
    files: tuple[StagedFile, ...]
    mount: MountRecord | None


def stage_samples(services: Services, request: StageRequest) -> Staged | Precheck:
    """Stage, or only check; nothing is written anywhere before the whole sheet has passed."""
    name = _stage_name(services)
    directory = _stage_directory(request.stage_target, name)
    source = request.roles.staging.child(name)
    services.reporter.step(f"Checking {request.sheet}")
    plan = _checked(services, request, directory.on_node)
    precheck = _precheck(request, plan)
    if request.precheck_only:
        return precheck
    files = _copy(services, plan, source)
    tables = _write_tables(services, request, plan, name, source)
    mount = _attach(services, request, directory, source)
    stage_uri = "" if request.config_only else str(source)
    return Staged(precheck, name, str(directory.on_node), stage_uri, *tables, files, mount)


def _stage_name(services: Services) -> str:
    stamp = services.clock.now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"remote_stage_{stamp}_{secrets.token_hex(4)}"


def _stage_directory(target: str, name: str) -> FsxPath:
    root = FsxPath.parse(target, "stage target")
    if not target.startswith("/fsx/") or not root.value.startswith(STAGING_ROOT):
        raise InvalidValue("stage target", target, f"must be /fsx{STAGING_ROOT} or below")
    return FsxPath(f"{root.value}{name}/")


def _checked(services: Services, request: StageRequest, directory: PurePosixPath) -> StagePlan:
    """The plan, or one error that lists every blocker of the sheet."""
    plan = plan_stage(read_sheet(request.sheet), request.roles, directory)
    issues = [*plan.issues, *missing(services.s3, plan.needed)]
    if request.config_only and plan.copies:
        issues += [Issue(item.row.line, item.column, f"{item.source} would have to be staged", item.row.sample)
                   for item in plan.needed if item.source in {copy.source for copy in plan.copies}]  # fmt: skip
    if issues:
        blockers = Blockers(str(request.sheet), tuple(sorted(issues)))
        raise ValidationError(
            f"{request.sheet} cannot be staged: {len(issues)} problem(s); first: {blockers.issues[0]}.",
            code="sheet_blocked", evidence=blockers, details={"issues": list(blockers.issues)},
            hint="Correct the sheet; nothing was copied.",
        )  # fmt: skip
    for note in plan.notes:
        services.reporter.note(note)
    return plan


def _precheck(request: StageRequest, plan: StagePlan) -> Precheck:
    files = {item.source.text for item in plan.needed if not item.is_tree}
    trees = {item.source.text for item in plan.needed if item.is_tree}
    return Precheck(str(request.sheet), len(plan.units), len(plan.samples), len(files), len(trees),
                    len(plan.copies), plan.notes)  # fmt: skip


def _copy(services: Services, plan: StagePlan, source: S3Prefix) -> tuple[StagedFile, ...]:
    if not plan.copies:
        return ()
    copies = expand(services.s3, plan.copies)
    services.reporter.step(f"Staging {len(copies)} files to {source}")
    return Transfer(services.s3, source, services.clock, services.reporter).run(copies)


def _write_tables(
    services: Services, request: StageRequest, plan: StagePlan, name: str, source: S3Prefix
) -> tuple[WrittenTable, WrittenTable]:
    """Both tables, here and, unless only the configuration is wanted, at the stage's root."""
    prefix = name.removeprefix("remote_stage_")

    def write(kind: str, text: str) -> WrittenTable:
        path = request.config_dir / f"{prefix}_{kind}.tsv"
        write_atomic(path, text, mode=0o644)
        if request.config_only:
            return WrittenTable(str(path))
        services.s3.put(source.bucket, source.object_key(path.name), text.encode())
        return WrittenTable(str(path), source.object_uri(path.name))

    return write("samples", table(columns.SAMPLES, plan.samples)), write("units", table(columns.UNITS, plan.units))


def _attach(services: Services, request: StageRequest, directory: FsxPath, source: S3Prefix) -> MountRecord | None:
    target = request.target
    if request.config_only or not (target.cluster or target.file_system_id):
        return None
    mount = staging_mount(directory, source)
    return create_mount(services, CreateMount(target, mount, timeout=request.mount_timeout))
