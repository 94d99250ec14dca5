"""What was asked of `workflow launch`, parsed: every identity and every rule before anything is started."""

from __future__ import annotations

import json
import re
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from daylily_ec.catalog.selection import repository
from daylily_ec.domain.fsxpath import MOUNT_POINT, STAGING_ROOT, AnalysisDirectory, FsxPath
from daylily_ec.domain.ids import (
    AnalysisId,
    ClusterName,
    ExecutingEntity,
    GitRef,
    MountId,
    RepositoryKey,
    WorkflowSession,
)
from daylily_ec.errors import InvalidValue, MissingInput, Refused, UsageError
from daylily_ec.headnode.sessions import InputKind, Inputs, Launch

if TYPE_CHECKING:  # the models load pydantic, which only a launch needs
    from daylily_ec.catalog.models import Catalog

TRIGGERS = ("none", "on-success", "on-fail", "all")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class DefaultCommand:
    """The choices that make `bin/day_run …` when no command is given; lists are comma-separated."""

    target: str = "produce_snv_concordances"
    jobs: int = 6
    aligners: str = "bwa2a"
    dedupers: str = "dmd"
    snv_callers: str = "deep"
    sv_callers: str = ""
    snakemake_extra: str = ""
    containerized: bool = True

    def line(self, genome: str) -> str:
        """The command line, safe for the shell that evaluates it."""
        lists = {"aligners": self.aligners, "dedupers": self.dedupers, "snv_callers": self.snv_callers,
                 "sv_callers": self.sv_callers}  # fmt: skip
        settings = [f"genome_build={genome}"]
        for name, text in lists.items():
            tools = [_word(name, tool.strip()) for tool in text.split(",") if tool.strip()]
            if tools:
                settings.append(f"{name}={json.dumps(tools, separators=(',', ':'))}")
        targets = [_word("target", target) for target in self.target.split()]
        words = ["bin/day_run", *targets, "-p", "-k", "-j", str(self.jobs), "--config", *settings]
        try:
            words += shlex.split(self.snakemake_extra)
        except ValueError as error:
            raise InvalidValue("snakemake extra", self.snakemake_extra, str(error)) from None
        return f"DAY_CONTAINERIZED={str(self.containerized).lower()} {shlex.join(words)}"


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """`dyec workflow launch` as it was typed."""

    cluster: str
    analysis_id: str
    executing_entity: str
    stage_dir: str | None = None
    stage_s3_uri: str | None = None
    samples_file: Path | None = None
    units_file: Path | None = None
    input_staging: bool = True
    activation: bool = True
    session_name: str | None = None
    repository: str | None = None
    git_tag: str | None = None
    project: str | None = None
    skip_project_check: bool = True
    genome: str = "hg38"
    dy_command: str | None = None
    default_command: DefaultCommand = DefaultCommand()
    export_trigger: str = "none"
    export_destination: str | None = None
    replace_existing: bool = False
    dry_run: bool = False


_INSTEAD = {
    "--run-context-file": "Run-folder launches are not available; attach the run with dyec mounts create, "
    "and give --no-input-staging with --dy-command.",
    "--stage-base": "The newest stage may be somebody else's; name yours with --stage-dir.",
    "--bootstrap-test-config": "Give the tables with --samples-file and --units-file.",
    "--delete-on-export-success": "Nothing is deleted after an export; use dyec export, then remove the directory.",
    "--artifact-registration-command-id": "Registration at launch is not available.",
}


def refuse_unavailable(option: str, value: object) -> None:
    """`Refused` when an option of `_INSTEAD` has a value; the hint says what to do instead."""
    if value:
        raise Refused(f"{option} is not available.", code="option_unavailable", hint=_INSTEAD[option])


def plan_launch(request: LaunchRequest, catalog: Catalog, analysis_root: str) -> Launch:
    """The launch, or the first rule it breaks.  Reads the given tables, nothing else."""
    ClusterName.parse(request.cluster)
    analysis = AnalysisDirectory(ExecutingEntity.parse(request.executing_entity), AnalysisId.parse(request.analysis_id))
    _refuse_export(request, analysis)
    key, chosen = repository(catalog, request.repository)
    genome = _word("genome", request.genome)
    return Launch(
        session=_session(request),
        analysis=analysis,
        analysis_root=analysis_root,
        repository=RepositoryKey.parse(key),
        repository_url=chosen.https_url,
        folder=chosen.relative_path,
        git_ref=GitRef.parse(request.git_tag or chosen.default_ref),
        inputs=_inputs(request),
        command=_command(request.dy_command) if request.dy_command else request.default_command.line(genome),
        genome=genome,
        launch_id=secrets.token_hex(8),
        activate=request.activation,
        project=_project(request.project or ""),
        skip_project_check=request.skip_project_check,
        replace=request.replace_existing,
    )


def _refuse_export(request: LaunchRequest, analysis: AnalysisDirectory) -> None:
    if request.export_trigger not in TRIGGERS:
        raise InvalidValue("--export-trigger", request.export_trigger, f"must be one of {', '.join(TRIGGERS)}")
    if request.export_trigger == "none" and request.export_destination is None:
        return
    destination = request.export_destination or f"s3://BUCKET/PREFIX/{analysis}/"
    raise Refused(
        "An export at the end of a workflow is not available; export the finished analysis with dyec export.",
        code="export_trigger_unavailable",
        hint=f"Leave out --export-trigger and --export-destination-s3-uri; when the workflow has ended: "
        f"dyec export --cluster {request.cluster} --source-path {analysis.path.on_node} "
        f"--destination-s3-uri {destination} --output-dir DIR",
    )


def _session(request: LaunchRequest) -> WorkflowSession:
    if request.session_name is not None:
        return WorkflowSession.parse(request.session_name)
    return WorkflowSession.parse(re.sub(r"[^A-Za-z0-9_-]", "_", request.analysis_id)[:100])


def _inputs(request: LaunchRequest) -> Inputs:
    tables = (request.samples_file, request.units_file)
    chosen = [name for name, given in (("--stage-dir", request.stage_dir), ("--samples-file", any(tables)),
                                       ("--no-input-staging", not request.input_staging)) if given]  # fmt: skip
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other.")
    if not chosen:
        raise MissingInput(
            "Nothing says where samples.tsv and units.tsv come from.",
            hint="Give --stage-dir, or --samples-file with --units-file, or --no-input-staging.",
        )
    if request.stage_dir:
        return Inputs(InputKind.STAGE, stage_dir=str(stage_path(request.stage_dir).on_node))
    if request.samples_file is None and request.units_file is None:
        return Inputs(InputKind.NONE)
    if request.samples_file is None or request.units_file is None:
        raise UsageError("--samples-file and --units-file belong together.")
    return Inputs(InputKind.TABLES, samples_tsv=_table(request.samples_file), units_tsv=_table(request.units_file))


def stage_path(text: str) -> FsxPath:
    """A stage on the file system: exactly one component below the staging root."""
    path = FsxPath.parse(text, "stage directory")
    name = path.value.removeprefix(STAGING_ROOT).strip("/")
    if not path.value.startswith(STAGING_ROOT) or not name or "/" in name:
        raise InvalidValue("stage directory", text, f"must be {MOUNT_POINT}{STAGING_ROOT}<stage>")
    MountId.parse(name)
    return path


def _table(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue("table", str(path), f"cannot be read: {error}") from error


def _command(text: str) -> str:
    if any(ord(char) < 32 and char not in "\n\t" for char in text) or not text.strip():
        raise InvalidValue("command", text, "must be a command line without control characters")
    return text


def _project(text: str) -> str:
    if text.startswith("-") or any(ord(char) < 33 for char in text):
        raise InvalidValue("project", text, "must be one word that does not start with '-'")
    return text


def _word(field: str, text: str) -> str:
    if not _WORD.fullmatch(text):
        raise InvalidValue(field, text, "must be letters, digits, '_', '.' or '-' and not start with '-' or '.'")
    return text
