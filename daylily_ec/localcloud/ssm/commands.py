"""Commands and their invocations: what is known of each, changed by the thread that runs it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from daylily_ec.localcloud.ssm.inventory import Scope

PENDING = "Pending"
DELAYED = "Delayed"
IN_PROGRESS = "InProgress"
CANCELLING = "Cancelling"
SUCCESS = "Success"
FAILED = "Failed"
TIMED_OUT = "TimedOut"
CANCELLED = "Cancelled"
DELIVERY_TIMED_OUT = "DeliveryTimedOut"
EXECUTION_TIMED_OUT = "ExecutionTimedOut"
UNDELIVERABLE = "Undeliverable"
NOT_STARTED = -1
"""Response code of a command that has not begun."""
FINAL = frozenset({SUCCESS, FAILED, TIMED_OUT, CANCELLED})


@dataclass(frozen=True, slots=True)
class State:
    """One moment of an invocation; the outputs are complete, and filled when it has ended."""

    status: str = PENDING
    details: str = PENDING
    code: int = NOT_STARTED
    started: datetime | None = None
    ended: datetime | None = None
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class Request:
    """A `SendCommand` that was accepted; both timeouts are in seconds."""

    scope: Scope
    instance_ids: tuple[str, ...]
    commands: tuple[str, ...]
    """Lines of the script as it runs."""
    parameters: dict[str, list[str]]
    """As they were sent."""
    document: str
    document_version: str
    delivery_timeout: int
    execution_timeout: int
    comment: str = ""
    targets: tuple[dict[str, object], ...] = ()
    bucket: str = ""
    prefix: str = ""
    max_concurrency: str = "50"
    max_errors: str = "0"
    service_role: str = ""


class Invocation:
    """One command on one instance; safe from any thread."""

    def __init__(self, instance_id: str, run_id: str) -> None:
        self.instance_id = instance_id
        self.run_id = run_id
        """Under which name the node manager runs it."""
        self._lock = threading.Lock()
        self._state = State()
        self._cancelled = False

    @property
    def state(self) -> State:
        """What it is like now."""
        with self._lock:
            return self._state

    def advance(self, state: State) -> bool:
        """Take the next state; False when the invocation has ended, or was cancelled and the state is not an end."""
        with self._lock:
            if self._state.is_final or (self._cancelled and not state.is_final):
                return False
            self._state = state
            return True

    def cancel(self, now: datetime) -> bool:
        """Ask for the end; True when it runs and has to be stopped."""
        with self._lock:
            if self._state.is_final or self._cancelled:
                return False
            self._cancelled = True
            running = self._state.started is not None
            status = CANCELLING if running else CANCELLED
            self._state = State(status, status, started=self._state.started, ended=None if running else now)
            return running


@dataclass(frozen=True, slots=True)
class Command:
    """A command that was sent."""

    command_id: str
    request: Request
    requested: datetime
    invocations: tuple[Invocation, ...]

    @property
    def expires(self) -> datetime:
        """Total timeout: delivery and execution ("Understanding command timeout values")."""
        return self.requested + timedelta(seconds=self.request.delivery_timeout + self.request.execution_timeout)

    def invocation(self, instance_id: str) -> Invocation | None:
        """The copy for one instance."""
        return next((item for item in self.invocations if item.instance_id == instance_id), None)

    def states(self) -> list[State]:
        """The state of every invocation."""
        return [item.state for item in self.invocations]


def summary(states: Sequence[State]) -> tuple[str, str]:
    """Status and details of a command from those of its invocations."""
    statuses = {state.status for state in states}
    if not statuses <= FINAL:
        if CANCELLING in statuses:
            return CANCELLING, CANCELLING
        return (PENDING, PENDING) if statuses <= {PENDING, DELAYED} else (IN_PROGRESS, IN_PROGRESS)
    for status in (FAILED, TIMED_OUT, CANCELLED):
        worst = [state.details for state in states if state.status == status]
        if worst:
            return status, worst[0]
    return SUCCESS, SUCCESS
