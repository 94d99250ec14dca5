"""`dyec workflow`."""

from __future__ import annotations

import typer

from daylily_ec.cli import launch_options as options
from daylily_ec.cli import workflow_control, workflow_sessions
from daylily_ec.cli.frame import App
from daylily_ec.cli.options import Cluster, DryRun, Profile, Region
from daylily_ec.cli.render import emit, pairs, text
from daylily_ec.cli.session import services
from daylily_ec.headnode.launch import ExportTrigger
from daylily_ec.workflow.launch_mounts import LaunchMount
from daylily_ec.workflow.launch_request import TARGET
from daylily_ec.workflow.launch_workflow import LaunchResult, launch_workflow

app = App("Launch workflows and follow them.")


@app.command("launch")
def launch(
    ctx: typer.Context,
    region: Region,
    cluster: Cluster,
    analysis_id: options.AnalysisIdOption,
    executing_entity: options.Entity,
    profile: Profile = None,
    stage_dir: options.StageDir = None,
    stage_base: options.StageBase = None,
    stage_s3_uri: options.StageRoot = None,
    samples_file: options.SamplesFile = None,
    units_file: options.UnitsFile = None,
    run_context_file: options.RunContextFile = None,
    bootstrap_test_config: options.BootstrapTestConfig = False,
    input_staging: options.InputStaging = True,
    activation: options.Activation = True,
    session_name: options.SessionName = None,
    repository: options.RepositoryOption = None,
    catalog: options.CatalogFile = None,
    git_tag: options.GitTag = None,
    command_id: options.CommandId = None,
    feature: options.Feature = None,
    engine_dry_run: options.EngineDryRun = False,
    project: options.Project = None,
    skip_project_check: options.SkipProjectCheck = True,
    genome: options.Genome = None,
    jobs: options.Jobs = 6,
    aligners: options.Aligners = "bwa2a",
    dedupers: options.Dedupers = "dmd",
    snv_callers: options.SnvCallers = "deep",
    sv_callers: options.SvCallers = "",
    target: options.Target = TARGET,
    snakemake_extra: options.SnakemakeExtra = "",
    no_containerized: options.NoContainerized = False,
    dy_command: options.DyCommand = None,
    replace_existing: options.ReplaceExisting = False,
    export_trigger: options.Trigger = ExportTrigger.NONE,
    export_destination: options.ExportDestination = None,
    delete_on_export_success: options.DeleteOnExport = False,
    registration_command: options.RegistrationCommand = None,
    dewey_url: options.DeweyUrl = None,
    dewey_token_env: options.DeweyTokenEnv = None,
    dewey_directory: options.DeweyDirectory = None,
    dewey_run: options.DeweyRun = None,
    dewey_analysis: options.DeweyAnalysis = None,
    dry_run: DryRun = False,
) -> None:
    """Clone a workflow, give it its tables and run it in a detached session on the head node."""
    from daylily_ec.catalog.loader import load_catalog
    from daylily_ec.catalog.site import load_site_settings

    request = options.request_from(ctx.params)
    root = load_site_settings().analysis_root
    emit(launch_workflow(services(profile, region), request, load_catalog(catalog), root))


@text.register
def _(result: LaunchResult) -> str:
    shown = pairs(
        {
            "session": result.session_name,
            "run dir": result.run_dir,
            "repo path": result.repo_path,
            "repository": f"{result.repository_url} at {result.git_ref}",
            "commit": result.commit,
            "stage": _mount(result.stage) if result.stage else "",
            "run mounts": "; ".join(map(_mount, result.run_mounts)),
            "command": result.command,
            "export": f"{result.export_trigger}, to {result.export_destination_s3_uri}"
            if result.export_destination_s3_uri else "",
            "node lacks": ", ".join(warning.partition(":")[0] for warning in result.warnings),
        }
    )  # fmt: skip
    where = f"--cluster {result.cluster} --region {result.region}"
    if result.dry_run:
        replaced = f" {result.analysis_dir} would be replaced." if result.replaces_analysis_dir else ""
        return f"{shown}Dry run: every check passed; nothing was changed.{replaced}\n"
    ended = "" if result.exit_code is None else f"The command has ended with exit code {result.exit_code}.\n"
    return f"{shown}{ended}Next: dyec workflow status {where} --session {result.session_name} --wait\n"


def _mount(mount: LaunchMount) -> str:
    return f"{mount.source_s3_uri} at {mount.path} ({mount.outcome or 'to be attached'})"


for _name, _command in (*workflow_sessions.COMMANDS, *workflow_control.COMMANDS):
    app.command(_name)(_command)
