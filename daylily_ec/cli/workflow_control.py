"""`dyec workflow stop|attach|resume`: what can be done to a session that was launched."""

from __future__ import annotations

import os
import shutil
from typing import Annotated

import typer

from daylily_ec.cli.frame import FRAME
from daylily_ec.cli.options import Cluster, DryRun, Profile, Region
from daylily_ec.cli.render import emit, pairs, text
from daylily_ec.cli.session import services
from daylily_ec.cli.workflow_sessions import RunDir, Session, job_words, moment_and_who, which_session
from daylily_ec.errors import ToolchainError, UsageError
from daylily_ec.workflow.attach_workflow import AttachCommand, attach_command
from daylily_ec.workflow.control_workflow import (
    ResumeRequest,
    ResumeResult,
    StopResult,
    resume_workflow,
    stop_workflow,
)
from daylily_ec.workflow.run_on_headnode import PLUGIN

CancelJobs = Annotated[bool, typer.Option("--cancel-jobs", help="Cancel its jobs in Slurm's queue.")]
ResumeCommand = Annotated[
    str | None, typer.Option("--dy-command", help="Command line that resumes it, when its engine is not known.")
]


def stop(
    region: Region,
    cluster: Cluster,
    profile: Profile = None,
    session: Session = None,
    run_dir: RunDir = None,
    cancel_jobs: CancelJobs = False,
) -> None:
    """End a session; its jobs in Slurm's queue go on unless --cancel-jobs is given."""
    emit(stop_workflow(services(profile, region), which_session(cluster, session, run_dir), cancel_jobs))


@text.register
def _(result: StopResult) -> str:
    left = job_words(result.status.jobs)
    return pairs(
        {
            "session": result.status.session_name,
            "outcome": result.outcome,
            "state": result.status.state,
            "stopped": moment_and_who(result.status.stopped_at, result.status.stopped_by),
            "cancelled jobs": result.cancelled_jobs,
            "jobs still in the queue": left,
        }
    ) + ("Cancel them by repeating the command with --cancel-jobs.\n" if result.status.jobs else "")


def attach(
    region: Region,
    cluster: Cluster,
    profile: Profile = None,
    session: Session = None,
    run_dir: RunDir = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command; do not run it.")] = False,
) -> None:
    """Show the screen of a running session; leave it with Ctrl-B D."""
    if FRAME.json and not dry_run:
        raise UsageError("attach opens a terminal; --json goes with --dry-run only.")
    command = attach_command(services(profile, region), which_session(cluster, session, run_dir))
    if dry_run:
        emit(command)
        return
    for program in (command.argv[0],) if command.local else (command.argv[0], PLUGIN):
        if shutil.which(program) is None:
            raise ToolchainError(f"{program} is not on PATH.", hint="Follow the log: dyec workflow logs --follow")
    os.execvp(command.argv[0], command.argv)


@text.register
def _(result: AttachCommand) -> str:
    return result.line


def resume(
    region: Region,
    cluster: Cluster,
    profile: Profile = None,
    session: Session = None,
    run_dir: RunDir = None,
    cancel_jobs: CancelJobs = False,
    dy_command: ResumeCommand = None,
    dry_run: DryRun = False,
) -> None:
    """Go on with a session that was stopped or failed; what had finished is not run again."""
    request = ResumeRequest(which_session(cluster, session, run_dir), dy_command, cancel_jobs, dry_run)
    emit(resume_workflow(services(profile, region), request))


@text.register
def _(result: ResumeResult) -> str:
    left = job_words(result.jobs_left)
    shown = pairs(
        {
            "session": result.session_name,
            "attempt": result.attempt,
            "engine": result.engine,
            "unlock": result.unlock_command,
            "command": result.command,
            "only the export": "yes" if result.only_export else "",
            "cancels jobs" if result.cancel_jobs else "waits for jobs": left,
        }
    )
    if result.dry_run:
        return f"{shown}Dry run: nothing was changed.\n"
    where = f"--cluster {result.cluster} --region {result.region}"
    return f"{shown}Next: dyec workflow status {where} --session {result.session_name} --wait\n"


COMMANDS = (("stop", stop), ("attach", attach), ("resume", resume))
"""The commands by name."""
