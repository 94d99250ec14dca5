"""`dyec workflow status|logs|list`: what a session that was launched does and says."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from daylily_ec.cli.frame import FRAME
from daylily_ec.cli.options import Cluster, Profile, Region
from daylily_ec.cli.render import emit, pairs, table, text
from daylily_ec.cli.session import services
from daylily_ec.errors import Interrupted, UsageError
from daylily_ec.headnode.status import QueuedJob
from daylily_ec.workflow.workflow_log import LogFollower, LogRequest, LogTail, workflow_log
from daylily_ec.workflow.workflow_status import (
    ExportReport,
    StatusRequest,
    WorkflowList,
    WorkflowStatus,
    list_workflows,
    require_success,
    wait_for_workflow,
    workflow_status,
)

Session = Annotated[str | None, typer.Option("--session", help="Name of the session.")]
RunDir = Annotated[str | None, typer.Option("--run-dir", help="Its run directory on the head node.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for its end; exit 2 unless it succeeded.")]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait.")]
Lines = Annotated[int, typer.Option("--lines", min=1, help="How many of the last lines.")]
Follow = Annotated[
    bool,
    typer.Option(
        "--follow", "-f", help="Go on with new lines until it ends; exit with its exit code, 0 only if it succeeded."
    ),
]
Match = Annotated[str | None, typer.Option("--match", metavar="REGEX", help="Show only lines that match.")]


def which_session(cluster: str, session: str | None, run_dir: str | None) -> StatusRequest:
    """The session that the options name; `UsageError` unless exactly one of the two is given."""
    if (session is None) == (run_dir is None):
        raise UsageError("Give exactly one of --session and --run-dir.")
    return StatusRequest(cluster, session, run_dir)


def status(
    region: Region,
    cluster: Cluster,
    profile: Profile = None,
    session: Session = None,
    run_dir: RunDir = None,
    wait: Wait = False,
    timeout: Timeout = 86400.0,
) -> None:
    """Show what a workflow is doing."""
    request = which_session(cluster, session, run_dir)
    if not wait:
        emit(workflow_status(services(profile, region), request))
        return
    seen = wait_for_workflow(services(profile, region), request, timeout)
    require_success(seen)
    emit(seen)


@text.register
def _(result: WorkflowStatus) -> str:
    return pairs(
        {
            "session": result.session_name,
            "state": result.state,
            "reason": result.reason,
            "phase": result.phase,
            "attempt": result.attempt if result.attempt != 1 else None,
            "exit code": result.exit_code,
            "of the command": result.workflow_exit_code if result.workflow_exit_code != result.exit_code else None,
            "started": moment_and_who(result.started_at, result.started_by),
            "resumed": moment_and_who(result.resumed_at, result.resumed_by),
            "stopped": moment_and_who(result.stopped_at, result.stopped_by),
            "completed": result.completed_at,
            "jobs": job_words(result.jobs) or "none",
            "export": _export(result.export),
            "registration": result.registration.status if result.registration else None,
            "command": result.command,
            "repo path": result.repo_path,
            "run dir": result.run_dir,
        }
    )


def moment_and_who(moment: str | None, who: str | None) -> str | None:
    """`2026-01-01T00:00:00Z by user@host`, or what is known of it."""
    return f"{moment} by {who}" if moment and who else moment


def job_words(jobs: tuple[QueuedJob, ...] | None) -> str:
    """The jobs in one line; empty for none."""
    return "not known" if jobs is None else ", ".join(f"{job.job_id} {job.state}" for job in jobs)


def _export(report: ExportReport | None) -> str | None:
    if report is None:
        return None
    said = f": {report.message}" if report.message else ""
    deleted = "; the analysis directory was deleted" if report.deleted else ""
    return f"{report.trigger} to {report.destination_s3_uri}: {report.status}{said}{deleted}"


def logs(
    region: Region,
    cluster: Cluster,
    profile: Profile = None,
    session: Session = None,
    run_dir: RunDir = None,
    lines: Lines = 200,
    follow: Follow = False,
    match: Match = None,
) -> None:
    """Print the log of a workflow."""
    request = LogRequest(which_session(cluster, session, run_dir), lines, match)
    if not follow:
        emit(workflow_log(services(profile, region), request))
        return
    if FRAME.json:
        raise UsageError("--follow prints lines as they come; --json prints one document.")
    _follow(LogFollower(services(profile, region), request), session or run_dir or "")


def _follow(follower: LogFollower, name: str) -> None:
    try:
        for piece in follower:
            sys.stdout.write(piece)
            sys.stdout.flush()
    except KeyboardInterrupt:
        raise Interrupted(f"Detached; session {name} goes on.", hint="Follow it again with the same command.") from None
    seen = follower.status
    if seen is not None:
        # A session that recorded 0 need not have succeeded: it may have ended before its command began.
        if not seen.exit_code:
            require_success(seen)
        sys.exit(seen.exit_code or 0)


@text.register
def _(result: LogTail) -> str:
    return result.text


def list_sessions(region: Region, cluster: Cluster, profile: Profile = None) -> None:
    """Show every session of the head node."""
    emit(list_workflows(services(profile, region), cluster))


@text.register
def _(result: WorkflowList) -> str:
    if not result.sessions:
        return f"No sessions on {result.cluster}."
    rows: list[list[Any]] = [
        [one.run_dir.rpartition("/")[2], one.state, f"{one.executing_entity or '?'}/{one.analysis_id or '?'}",
         one.started_at or "", one.started_by or "", "?" if one.jobs is None else len(one.jobs)]
        for one in result.sessions
    ]  # fmt: skip
    return table(["SESSION", "STATE", "ANALYSIS", "STARTED", "BY", "JOBS"], rows)


COMMANDS = (("status", status), ("logs", logs), ("list", list_sessions))
"""The commands by name."""
