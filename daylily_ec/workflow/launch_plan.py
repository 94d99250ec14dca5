"""From a request to a launch: every identity and every rule, before anything is asked of AWS or the node."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from daylily_ec.catalog import command_line
from daylily_ec.catalog.launch import CommandLaunch, GivenInputs, command_launch
from daylily_ec.catalog.selection import command, repository
from daylily_ec.domain.fsxpath import AnalysisDirectory, FsxPath
from daylily_ec.domain.ids import (
    AnalysisId,
    ClusterName,
    ExecutingEntity,
    GitRef,
    RepositoryKey,
    WorkflowSession,
)
from daylily_ec.errors import InvalidValue, UsageError
from daylily_ec.fsx.exports import parse_destination
from daylily_ec.headnode.launch import ExportSettings, Launch, Needs, clone_path
from daylily_ec.samples.run_context import RunContext, read_run_context
from daylily_ec.workflow import launch_command
from daylily_ec.workflow.launch_inputs import OWN_TABLES, plan_inputs, read_table
from daylily_ec.workflow.launch_request import GENOME, LaunchRequest, check_options

if TYPE_CHECKING:  # the models load pydantic, which only a launch needs
    from daylily_ec.catalog.models import Catalog


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """A launch, its runs when it has some, and the associations that must be there beforehand.

    `follows_catalog`: its reference is the repository's default, which a node may be configured to override.
    """

    launch: Launch
    context: RunContext | None = None
    startup_mounts: tuple[FsxPath, ...] = ()
    follows_catalog: bool = False


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What is run: by a catalog command, or by the request itself."""

    repository: str | None
    git_ref: str | None
    genome: str
    command: str
    activation: bool
    startup_mounts: tuple[FsxPath, ...] = ()
    own_tables: bool = False
    pin: str | None = None
    is_pinned: bool = False


def plan_launch(request: LaunchRequest, catalog: Catalog, analysis_root: str, region: str) -> LaunchPlan:
    """The plan, or the first rule the request breaks.  Reads the given tables, nothing else."""
    check_options(request)
    ClusterName.parse(request.cluster)
    analysis = AnalysisDirectory(ExecutingEntity.parse(request.executing_entity), AnalysisId.parse(request.analysis_id))
    context = read_run_context(request.run_context_file, region) if request.run_context_file else None
    chosen = _chosen(request, catalog)
    key, entry = repository(catalog, chosen.repository)
    clone = clone_path(analysis_root, analysis, entry.relative_path)
    launch = Launch(
        session=_session(request),
        analysis=analysis,
        analysis_root=analysis_root,
        repository=RepositoryKey.parse(key),
        repository_url=entry.https_url,
        folder=entry.relative_path,
        git_ref=GitRef.parse(chosen.git_ref or entry.default_ref),
        inputs=OWN_TABLES if chosen.own_tables else plan_inputs(request, context, clone, chosen.command),
        command=command_line.with_initialisation(
            chosen.command, _project_options(request) if request.command_id else ()
        ),
        genome=chosen.genome,
        launch_id=secrets.token_hex(8),
        activate=chosen.activation,
        project=_project(request.project or ""),
        skip_project_check=request.skip_project_check,
        replace=request.replace_existing,
        cluster=request.cluster,
        region=region,
        export=_export(request, analysis),
        needs=_needs(chosen, entry.default_ref, with_runs=context is not None),
    )
    follows = request.git_tag is None and not chosen.is_pinned
    return LaunchPlan(launch, context, chosen.startup_mounts, follows)


def _needs(chosen: _Chosen, default_ref: str, *, with_runs: bool) -> Needs:
    converts = with_runs and launch_command.converts_bcl(chosen.command)
    return Needs(
        pin=chosen.pin or default_ref,
        bclconvert=converts,
        bcl_settings=launch_command.bcl_settings(chosen.command) if converts else "{}",
        repaired_targets=launch_command.repaired_targets(chosen.command),
    )


def _chosen(request: LaunchRequest, catalog: Catalog) -> _Chosen:
    if request.command_id:
        given = _given(request, command(catalog, request.command_id).input_contract)
        return _from_catalog(request, command_launch(
            catalog, request.command_id, given, git_ref=request.git_tag, features=request.features,
            engine_dry_run=request.engine_dry_run,
        ))  # fmt: skip
    genome = launch_command.word("genome", request.genome if request.genome is not None else GENOME)
    line = (
        launch_command.own_line(request.dy_command)
        if request.dy_command is not None
        else launch_command.default_line(request.default_command, genome)
    )
    return _Chosen(request.repository, request.git_tag, genome, line, request.activation)


def _from_catalog(request: LaunchRequest, found: CommandLaunch) -> _Chosen:
    for option, typed, fixed in (("--repository", request.repository, found.repository),
                                 ("--genome", request.genome, found.genome)):  # fmt: skip
        if typed is not None and typed != fixed:
            raise UsageError(f"Command {found.command_id} has {option} {fixed}, not {typed}.")
    return _Chosen(found.repository, found.git_ref, found.genome, found.command,
                   request.activation and found.activation, found.startup_mounts,
                   own_tables=found.bootstrap_test_config, pin=found.pin, is_pinned=found.is_pinned)  # fmt: skip


def _given(request: LaunchRequest, contract: str) -> GivenInputs:
    """Without any input a command that takes samples gets the only stage there is."""

    def text(path: Path | None) -> str | None:
        return read_table(path) if path is not None else None

    files = request.samples_file or request.units_file or request.run_context_file
    found = contract == "sample_manifest" and request.input_staging and not files
    return GivenInputs(
        stage=bool(request.stage_dir or request.stage_base or found),
        samples_tsv=text(request.samples_file),
        units_tsv=text(request.units_file),
        runs_tsv=text(request.run_context_file),
    )


def _export(request: LaunchRequest, analysis: AnalysisDirectory) -> ExportSettings:
    if request.export_destination is None:
        return ExportSettings()
    destination = parse_destination(request.export_destination, analysis)
    return ExportSettings(request.export_trigger, str(destination), request.delete_on_export_success)


def _session(request: LaunchRequest) -> WorkflowSession:
    if request.session_name is not None:
        return WorkflowSession.parse(request.session_name)
    return WorkflowSession.parse(re.sub(r"[^A-Za-z0-9_-]", "_", request.analysis_id)[:100])


def _project_options(request: LaunchRequest) -> tuple[str, ...]:
    """What a catalog command that sources dyoainit itself tells it, as an activation by the session would."""
    project = ("--project", request.project) if request.project else ()
    return (*project, *(("--skip-project-check",) if request.skip_project_check else ()))


def _project(text: str) -> str:
    if text.startswith("-") or any(ord(char) < 33 for char in text):
        raise InvalidValue("project", text, "must be one word that does not start with '-'")
    return text
