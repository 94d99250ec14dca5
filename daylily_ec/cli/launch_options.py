"""Options of `dyec workflow launch`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from daylily_ec.workflow.launch_plan import TRIGGERS, DefaultCommand, LaunchRequest, refuse_unavailable


def _unavailable(param: typer.CallbackParam, value: Any) -> Any:
    refuse_unavailable(param.opts[0], value)
    return value


def _hidden(name: str) -> Any:
    return Option(name, hidden=True, callback=_unavailable)


CatalogFile = Annotated[
    Path | None,
    Option("--catalog-config", "--config", "--repository-catalog", help="Catalog file, not the packaged one."),
]
AnalysisIdOption = Annotated[str, Option("--analysis-id", help="Name of the analysis: its directory.")]
Entity = Annotated[str, Option("--executing-entity", help="Who runs it: the directory above.")]
StageDir = Annotated[str | None, Option("--stage-dir", help="Stage on the file system.")]
StageRoot = Annotated[
    str | None, Option("--stage-s3-uri", help="S3 root of the stages, if the cluster's record has none.")
]
SamplesFile = Annotated[Path | None, Option("--samples-file", help="samples.tsv to use.")]
UnitsFile = Annotated[Path | None, Option("--units-file", help="units.tsv to use.")]
InputStaging = Annotated[bool, Option("--input-staging/--no-input-staging", help="Whether the workflow gets tables.")]
Activation = Annotated[
    bool, Option("--default-activation/--no-default-activation", help="Source dyoainit and bin/day_activate.")
]
SessionName = Annotated[str | None, Option("--session-name", help="Name of the session, by default the analysis id.")]
RepositoryOption = Annotated[str | None, Option("--repository", help="Repository of the catalog.")]
GitTag = Annotated[str | None, Option("--git-tag", "-t", help="Tag, branch or commit, by default the catalog's pin.")]
Project = Annotated[str | None, Option("--project", help="Project that pays.")]
SkipProjectCheck = Annotated[
    bool, Option("--skip-project-check/--strict-project-check", help="Whether dyoainit checks the project.")
]
Genome = Annotated[str, Option("--genome", help="Genome build.")]
Jobs = Annotated[int, Option("--jobs", min=1, help="Jobs at a time.")]
Aligners = Annotated[str, Option("--aligners", help="Comma-separated.")]
Dedupers = Annotated[str, Option("--dedupers", help="Comma-separated.")]
SnvCallers = Annotated[str, Option("--snv-callers", help="Comma-separated.")]
SvCallers = Annotated[str, Option("--sv-callers", help="Comma-separated.")]
Target = Annotated[str, Option("--target", help="Targets, separated by spaces.")]
SnakemakeExtra = Annotated[str, Option("--snakemake-extra", help="More options of the engine.")]
NoContainerized = Annotated[bool, Option("--no-containerized", help="Tools without containers.")]
DyCommand = Annotated[
    str | None, Option("--dy-command", help="Command line for the node's shell, instead of the default one.")
]
ReplaceExisting = Annotated[
    bool, Option("--replace-existing-analysis-dir", help="Delete what lies in the analysis directory.")
]
ExportTrigger = Annotated[str, Option("--export-trigger", help=", ".join(TRIGGERS))]
ExportDestination = Annotated[
    str | None, Option("--export-destination-s3-uri", help="Not available here: use dyec export.")
]
RunContextFile = Annotated[str | None, _hidden("--run-context-file")]
StageBase = Annotated[str | None, _hidden("--stage-base")]
BootstrapTestConfig = Annotated[bool, _hidden("--bootstrap-test-config")]
DeleteOnExport = Annotated[bool, _hidden("--delete-on-export-success")]
Registration = Annotated[str | None, _hidden("--artifact-registration-command-id")]


def request_from(params: Mapping[str, Any]) -> LaunchRequest:
    """The request in the parameters of the command, which are named like its fields."""
    defaults = DefaultCommand(
        **{field.name: params[field.name] for field in fields(DefaultCommand) if field.name in params},
        containerized=not params["no_containerized"],
    )
    given = {field.name: params[field.name] for field in fields(LaunchRequest) if field.name in params}
    return LaunchRequest(**given, default_command=defaults)
