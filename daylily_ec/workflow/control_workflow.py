"""Stop a workflow session, or start its next attempt where the last one ended."""

from __future__ import annotations

from dataclasses import dataclass

from daylily_ec.errors import Refused, RemoteCommandFailed
from daylily_ec.headnode import runs
from daylily_ec.headnode.runs import Attempt, operator
from daylily_ec.headnode.status import Analysis, QueuedJob
from daylily_ec.workflow.engines import Engine, ResumeCommands, resume_commands
from daylily_ec.workflow.run_on_headnode import open_head_node
from daylily_ec.workflow.services import Services
from daylily_ec.workflow.workflow_status import StatusRequest, WorkflowStatus, status_of


@dataclass(frozen=True, slots=True)
class StopResult:
    """What a stop did: `outcome` is `stopped` or `already-ended`; the jobs it cancelled, and the status after it."""

    outcome: str
    cancelled_jobs: tuple[str, ...]
    status: WorkflowStatus


def stop_workflow(services: Services, request: StatusRequest, cancel_jobs: bool) -> StopResult:
    """End the session; what it has in the queue goes on unless `cancel_jobs`.  Safe to repeat."""
    directory = request.directory()
    remote = open_head_node(services, request.cluster)
    services.reporter.step(f"Stopping session {directory.name}")
    done = runs.stop(remote, directory, cancel_jobs=cancel_jobs, who=operator())
    result = StopResult(done.outcome, done.cancelled, status_of(done.facts))
    if cancel_jobs and done.facts.jobs != ():
        left = "Slurm does not answer" if done.facts.jobs is None else f"{len(done.facts.jobs)} are still in the queue"
        raise RemoteCommandFailed(
            f"Session {directory.name} is stopped, but its jobs are not all cancelled: {left}.",
            code="jobs_not_cancelled", hint="Repeat the command.", evidence=result,
        )  # fmt: skip
    return result


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """Which session to resume, how, and what happens to the jobs that the last attempt left in the queue."""

    which: StatusRequest
    command: str | None = None
    cancel_jobs: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ResumeResult:
    """The next attempt of a session, or with `dry_run` the one that would be; it waits for `jobs_left` first.

    With `only_export` the workflow had succeeded, and its export alone is done again.
    """

    dry_run: bool
    session_name: str
    cluster: str
    region: str
    attempt: int
    engine: Engine | None
    command: str | None
    unlock_command: str | None
    only_export: bool
    cancel_jobs: bool
    jobs_left: tuple[QueuedJob, ...] | None


def resume_workflow(services: Services, request: ResumeRequest) -> ResumeResult:
    """Start the next attempt with the engine's own resume; nothing that had finished is run again."""
    directory = request.which.directory()
    remote = open_head_node(services, request.which.cluster)
    facts = runs.ask(remote, directory)
    status = status_of(facts)
    where = f"--cluster {request.which.cluster} --region {services.context.region}"
    _check(status, facts.analysis, where)
    only_export = status.export is not None and status.workflow_exit_code == 0
    commands = None if only_export else _commands(status, request.command)
    attempt = (status.attempt or 1) + 1
    if not request.dry_run:
        services.reporter.step(f"Starting attempt {attempt} of session {directory.name}")
        given = Attempt(
            command=commands.command if commands else "",
            unlock_command=commands.unlock_command if commands else "",
            cancel_jobs=request.cancel_jobs,
            only_export=only_export,
        )
        attempt = runs.resume(remote, directory, given).attempt
    return ResumeResult(
        dry_run=request.dry_run,
        session_name=status.session_name,
        cluster=request.which.cluster,
        region=services.context.region,
        attempt=attempt,
        engine=commands.engine if commands else None,
        command=commands.command if commands else None,
        unlock_command=(commands.unlock_command or None) if commands else None,
        only_export=only_export,
        cancel_jobs=request.cancel_jobs,
        jobs_left=facts.jobs,
    )


def _check(status: WorkflowStatus, analysis: Analysis, where: str) -> None:
    """The rules that the node checks again under its lock; here they are told before anything is asked for."""
    name = status.session_name
    if not status.state.is_final or status.controller == "alive":
        raise Refused(f"Session {name} is {status.state}: {status.reason}", code="session_runs",
                      hint=f"dyec workflow stop {where} --session {name}", evidence=status)  # fmt: skip
    if status.state.is_success:
        raise Refused(f"Session {name} has succeeded; nothing is left to do.", code="session_succeeded")
    if analysis is Analysis.REPLACED:
        raise Refused(f"Another launch has replaced {status.analysis_dir} since.", code="analysis_dir_replaced",
                      hint=f"Resume the session of that launch: dyec workflow list {where}")  # fmt: skip
    if analysis is Analysis.GONE:
        raise Refused(f"{status.analysis_dir} does not exist any more.", code="analysis_dir_gone",
                      hint="Launch the analysis again: dyec workflow launch")  # fmt: skip


def _commands(status: WorkflowStatus, given: str | None) -> ResumeCommands:
    if given is not None:
        return ResumeCommands(Engine.GIVEN, given)
    if status.command is None:
        raise Refused("The status file does not say which command was launched.", code="engine_unknown",
                      hint="Give the command that resumes it with --dy-command.")  # fmt: skip
    return resume_commands(status.command)
