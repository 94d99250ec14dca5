"""Options of `dyec workflow launch`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from daylily_ec.headnode.launch import ExportTrigger
from daylily_ec.workflow.launch_request import GENOME, DefaultCommand, LaunchRequest, Registration

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
Genome = Annotated[str | None, Option("--genome", help=f"Genome build, by default {GENOME}.")]
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
Trigger = Annotated[ExportTrigger, Option("--export-trigger", help="When the session exports the analysis.")]
ExportDestination = Annotated[
    str | None,
    Option("--export-destination-s3-uri", help="Empty prefix ending with <executing-entity>/<analysis-id>/."),
]
DeleteOnExport = Annotated[
    bool, Option("--delete-on-export-success", help="Delete the analysis directory after a verified export.")
]
RunContextFile = Annotated[Path | None, Option("--run-context-file", help="runs.tsv of the run directories to use.")]
StageBase = Annotated[
    str | None, Option("--stage-base", help="Directory of stages; its only complete one is used without --stage-dir.")
]
BootstrapTestConfig = Annotated[bool, Option("--bootstrap-test-config", help="The repository's own test tables.")]
CommandId = Annotated[str | None, Option("--command-id", help="Command of the catalog, instead of --dy-command.")]
Feature = Annotated[list[str] | None, Option("--feature", help="Optional feature of that command; repeatable.")]
EngineDryRun = Annotated[
    bool, Option("--engine-dry-run", help="Launch that command's dry run: the engine only shows its plan.")
]
RegistrationCommand = Annotated[
    str | None, Option("--artifact-registration-command-id", help="Register what was exported by this policy.")
]
DeweyUrl = Annotated[str | None, Option("--dewey-url", help="Where to register.")]
DeweyTokenEnv = Annotated[str | None, Option("--dewey-token-env", help="NAME of the variable with the token.")]
DeweyDirectory = Annotated[
    str | None, Option("--dewey-analysis-dir-external-object-id", help="Analysis directory there.")
]
DeweyRun = Annotated[str | None, Option("--dewey-run-artifact-euid", help="Run there.")]
DeweyAnalysis = Annotated[str | None, Option("--dewey-ursa-analysis-euid", help="Analysis there.")]


def request_from(params: Mapping[str, Any]) -> LaunchRequest:
    """The request in the parameters of the command, which are named like its fields."""
    defaults = DefaultCommand(
        **{field.name: params[field.name] for field in fields(DefaultCommand) if field.name in params},
        containerized=not params["no_containerized"],
    )
    given = {field.name: params[field.name] for field in fields(LaunchRequest) if field.name in params}
    # The parameters of the context are what was typed; only the command's own arguments are converted.
    given["export_trigger"] = ExportTrigger(given["export_trigger"])
    given |= {name: Path(given[name]) for name in ("samples_file", "units_file", "run_context_file") if given[name]}
    trio = (params["dewey_directory"], params["dewey_run"], params["dewey_analysis"])
    registration = Registration(params["registration_command"], params["dewey_url"], params["dewey_token_env"], trio)
    return LaunchRequest(**given, features=tuple(params["feature"] or ()), default_command=defaults,
                         registration=registration)  # fmt: skip
