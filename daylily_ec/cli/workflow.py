"""`dyec workflow`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from daylily_ec.cli import launch_options as options
from daylily_ec.cli.frame import FRAME, App
from daylily_ec.cli.options import Cluster, DryRun, Profile, Region
from daylily_ec.cli.render import emit, pairs, text
from daylily_ec.cli.session import services
from daylily_ec.errors import UsageError
from daylily_ec.workflow.launch_workflow import LaunchResult, launch_workflow
from daylily_ec.workflow.workflow_status import (
    LogTail,
    StatusRequest,
    WorkflowStatus,
    follow_log,
    require_success,
    wait_for_workflow,
    workflow_log,
    workflow_status,
)

app = App("Launch workflows and follow them.")

Session = Annotated[str | None, typer.Option("--session", help="Name of the session.")]
RunDir = Annotated[str | None, typer.Option("--run-dir", help="Its run directory on the head node.")]


@app.command("launch")
def launch(
    ctx: typer.Context,
    region: Region,
    cluster: Cluster,
    analysis_id: options.AnalysisIdOption,
    executing_entity: options.Entity,
    profile: Profile = None,
    stage_dir: options.StageDir = None,
    stage_s3_uri: options.StageRoot = None,
    samples_file: options.SamplesFile = None,
    units_file: options.UnitsFile = None,
    input_staging: options.InputStaging = True,
    activation: options.Activation = True,
    session_name: options.SessionName = None,
    repository: options.RepositoryOption = None,
    catalog: options.CatalogFile = None,
    git_tag: options.GitTag = None,
    project: options.Project = None,
    skip_project_check: options.SkipProjectCheck = True,
    genome: options.Genome = "hg38",
    jobs: options.Jobs = 6,
    aligners: options.Aligners = "bwa2a",
    dedupers: options.Dedupers = "dmd",
    snv_callers: options.SnvCallers = "deep",
    sv_callers: options.SvCallers = "",
    target: options.Target = "produce_snv_concordances",
    snakemake_extra: options.SnakemakeExtra = "",
    no_containerized: options.NoContainerized = False,
    dy_command: options.DyCommand = None,
    replace_existing: options.ReplaceExisting = False,
    export_trigger: options.ExportTrigger = "none",
    export_destination: options.ExportDestination = None,
    run_context_file: options.RunContextFile = None,
    stage_base: options.StageBase = None,
    bootstrap_test_config: options.BootstrapTestConfig = False,
    delete_on_export_success: options.DeleteOnExport = False,
    registration: options.Registration = None,
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
    stage = result.stage
    shown = pairs(
        {
            "session": result.session_name,
            "run dir": result.run_dir,
            "repo path": result.repo_path,
            "repository": f"{result.repository_url} at {result.git_ref}",
            "commit": result.commit,
            "stage": f"{stage.source_s3_uri} at {stage.path} ({stage.outcome or 'to be attached'})" if stage else "",
            "command": result.command,
        }
    )
    where = f"--cluster {result.cluster} --region {result.region}"
    if result.dry_run:
        replaced = f" {result.analysis_dir} would be replaced." if result.replaces_analysis_dir else ""
        return f"{shown}Dry run: every check passed; nothing was changed.{replaced}\n"
    ended = "" if result.exit_code is None else f"The command has ended with exit code {result.exit_code}.\n"
    return f"{shown}{ended}Next: dyec workflow status {where} --session {result.session_name} --wait\n"


def _which(cluster: str, session: str | None, run_dir: str | None) -> StatusRequest:
    if (session is None) == (run_dir is None):
        raise UsageError("Give exactly one of --session and --run-dir.")
    return StatusRequest(cluster, session, run_dir)


@app.command("status")
def status(
    region: Region,
    cluster: Cluster,
    profile: Profile = None,
    session: Session = None,
    run_dir: RunDir = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for its end; exit 2 unless it succeeded.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait.")] = 86400.0,
) -> None:
    """Show what a workflow is doing."""
    request = _which(cluster, session, run_dir)
    if not wait:
        emit(workflow_status(services(profile, region), request))
        return
    seen = wait_for_workflow(services(profile, region), request, timeout)
    require_success(seen)
    emit(seen)


@text.register
def _(result: WorkflowStatus) -> str:
    jobs = "not known" if result.jobs is None else ", ".join(f"{job.job_id} {job.state}" for job in result.jobs)
    return pairs(
        {
            "session": result.session_name,
            "state": result.state,
            "reason": result.reason,
            "phase": result.phase,
            "exit code": result.exit_code,
            "started": result.started_at,
            "completed": result.completed_at,
            "jobs": jobs or "none",
            "command": result.command,
            "repo path": result.repo_path,
            "run dir": result.run_dir,
        }
    )


@app.command("logs")
def logs(
    region: Region,
    cluster: Cluster,
    profile: Profile = None,
    session: Session = None,
    run_dir: RunDir = None,
    lines: Annotated[int, typer.Option("--lines", min=1, help="How many of the last lines.")] = 200,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until it ends.")] = False,
) -> None:
    """Print the log of a workflow."""
    request = _which(cluster, session, run_dir)
    if not follow:
        emit(workflow_log(services(profile, region), request, lines))
        return
    if FRAME.json:
        raise UsageError("--follow prints lines as they come; --json prints one document.")
    for piece in follow_log(services(profile, region), request, lines):
        sys.stdout.write(piece)
        sys.stdout.flush()


@text.register
def _(result: LogTail) -> str:
    return result.text
