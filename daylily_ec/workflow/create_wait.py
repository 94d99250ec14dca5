"""The end of `create`: the wait for the cluster, and what is left behind when it fails or is interrupted.

ParallelCluster is told to keep a cluster that fails: dyec reads what happened, writes the support bundle, and only then
takes the cluster down, if the operator chose that.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from daylily_ec.aws.cloudformation import Stack
from daylily_ec.aws.clusters import ClusterView, require
from daylily_ec.config.settings import config_dir
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import (
    AccessDenied,
    AwsError,
    ClusterFailed,
    CredentialsExpired,
    DyecError,
    Interrupted,
    NoCredentials,
)
from daylily_ec.pcluster.failure import Inquest, boot_logs, explain
from daylily_ec.pcluster.monitor import Ended, watch_creation
from daylily_ec.state.history import CREATED, history
from daylily_ec.state.models import RunRecord, RunStatus
from daylily_ec.state.store import StateStore
from daylily_ec.workflow.create_record import RunBook
from daylily_ec.workflow.create_steps import BOOT_FILES
from daylily_ec.workflow.services import Services
from daylily_ec.workflow.support_bundle import LOG_LINES, Evidence, redactor, write_bundle


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait (seconds), and whether a cluster that failed is taken down."""

    deadline: float
    rollback: bool


def await_cluster(services: Services, book: RunBook, name: ClusterName, patience: Patience) -> ClusterView:
    """The cluster that was submitted, once it is complete; else an error that says why, after a support bundle."""
    record = book.record
    expected = history(StateStore(config_dir()), record.account_id, record.region)
    ended = watch_creation(
        services.stacks, name, clock=services.clock, reporter=services.reporter, deadline=patience.deadline,
        logs=services.boot_logs, expected=expected,
    )  # fmt: skip
    if not ended.succeeded:
        raise _failed(services, book, name, ended, patience)
    seconds = ended.seconds(services.clock.now())
    if seconds is not None:
        book.journal.append(CREATED, seconds=seconds, phases=ended.progress.seconds(services.clock.now()))
    return require(services.clusters, name, record.region)


def _failed(services: Services, book: RunBook, name: ClusterName, ended: Ended, patience: Patience) -> ClusterFailed:
    scripts = {"OnNodeConfigured": f"{book.record.boot_uri}/{BOOT_FILES[0]}"}
    ask = Inquest(services.boot_logs, services.pcluster, services.clock, scripts)
    error = explain(ended, name, book.record.region, ask)
    _bundle(services, book, name, ended, error)
    if not patience.rollback:
        error.hint = f"The failed cluster was kept for inspection and costs money until you run: {error.hint}"
    elif _is_kept(ended.stack):
        _roll_back(services, book, name, error)
    # Last, so that a run killed before this line comes back here and takes the cluster down.
    book.fail(error)
    return error


def _bundle(services: Services, book: RunBook, name: ClusterName, ended: Ended, error: DyecError) -> None:
    logs = boot_logs(services.boot_logs, name, ended.progress.head_node, LOG_LINES)
    evidence = Evidence(book.record, book.path, error, tuple(ended.progress.events), logs)
    try:
        path = write_bundle(config_dir(), evidence, redactor(services.context.secrets()), services.clock)
    except OSError as problem:
        services.reporter.warn(f"No support bundle was written: {problem}")
        return
    book.save(support_bundle_path=str(path))
    book.journal.append("support-bundle", path=str(path))
    error.details["support_bundle"] = str(path)
    error.message += f"\nSupport bundle (secrets, account and addresses are taken out): {path}"


def _is_kept(stack: Stack | None) -> bool:
    return stack is not None and stack.status == "CREATE_FAILED"


def _roll_back(services: Services, book: RunBook, name: ClusterName, error: DyecError) -> None:
    """Start the deletion; what cannot be started is said, because the cluster goes on costing."""
    delete = _delete_command(book)
    book.journal.append("rollback")
    try:
        services.pcluster.delete(name)
    except DyecError as problem:
        services.reporter.warn(f"The failed cluster was not taken down: {problem.message}")
        error.hint = f"It goes on costing until you run: {delete}"
        return
    services.reporter.note(f"Rolling back: {name} is being deleted.")
    error.hint = f"Correct the cause, then run the same command again; `{delete}` waits for the end of the rollback."


def _delete_command(book: RunBook) -> str:
    record = book.record
    place = ["--region", record.region, "--cluster", record.cluster_name]
    return shlex.join(["dyec", "delete", *_profile(record), *place])


def _profile(record: RunRecord) -> list[str]:
    return ["--profile", record.aws_profile] if record.aws_profile else []


@contextmanager
def resumable(book: RunBook) -> Iterator[None]:
    """Errors and Ctrl-C leave the journal's word and tell how to go on; nothing remote is touched."""
    try:
        yield
    except KeyboardInterrupt:
        book.journal.append("detached", status=book.record.status.value)
        raise _detached(book) from None
    except DyecError as error:
        if book.record.status.is_unfinished:
            book.journal.append("stopped", error=error.message)
            _advise(book, error)
        raise


def _detached(book: RunBook) -> Interrupted:
    record = book.record
    if record.status is RunStatus.SUBMITTED:
        state = "AWS goes on making it"
    elif record.status.is_unfinished:
        state = "it had not been submitted as far as this run knows"
    else:
        state = f"its run is recorded as {record.status}"
    return Interrupted(
        f"Interrupted; nothing was destroyed.  Cluster {record.cluster_name}: {state}.",
        hint=f"{record.resume_command}  (goes on where this stopped; `{_delete_command(book)}` gives it up)",
        details={"cluster": record.cluster_name, "status": record.status, "state_path": str(book.path),
                 "resume_command": record.resume_command},
    )  # fmt: skip


def _advise(book: RunBook, error: DyecError) -> None:
    record = book.record
    error.details.update(state_path=str(book.path), resume_command=record.resume_command)
    if isinstance(error, CredentialsExpired | NoCredentials):
        login = shlex.join(["aws", "sso", "login", *_profile(record)])
        error.hint = (
            f"Log in again ({login}), then: {record.resume_command}\n"
            "     It goes on with this run; AWS keeps making what was submitted."
        )
    elif isinstance(error, AwsError) and not isinstance(error, AccessDenied):
        error.hint = error.hint or f"Repeat: {record.resume_command}"
