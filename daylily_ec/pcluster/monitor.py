"""The wait for a cluster's creation: what is being made, what failed, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from daylily_ec.aws.boot import BootLogsApi, LogPosition
from daylily_ec.aws.cloudformation import Stack, StackEvent, StacksApi
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import AccessDenied, AwsError, CredentialsExpired, DeadlinePassed, NoCredentials
from daylily_ec.pcluster.progress import Progress
from daylily_ec.state.history import History
from daylily_ec.util.clock import Clock, wait_until
from daylily_ec.util.progress import Reporter, WaitView

TOLERATED_FAILURES = 5
"""Consecutive failed polls after which the wait gives up: the specification's figure."""
DEADLINE_S = 2 * 3600.0
"""File system and head node take up to an hour each, one after the other."""
_EVERY_S = 15.0
_NO_HISTORY = History()
AGAIN = "run the same command again: it goes on with this cluster, which AWS keeps making."

T = TypeVar("T")


class Tolerant(Generic[T]):
    """A poll that survives single failures: it repeats its last answer and raises at the fifth failure in a row.

    Refused or expired credentials raise at once, with the advice to log in and run the command again.
    """

    def __init__(self, poll: Callable[[], T], first: T, reporter: Reporter, again: str) -> None:
        self._poll = poll
        self._last = first
        self._reporter = reporter
        self._again = again
        self._failures = 0

    def __call__(self) -> T:
        try:
            self._last = self._poll()
            self._failures = 0
        except (CredentialsExpired, NoCredentials) as error:
            error.hint = f"Log in again (aws sso login), then {self._again}"
            raise
        except AccessDenied as error:
            error.hint = f"Have it allowed for this caller, then {self._again}"
            raise
        except AwsError as error:
            self._failures += 1
            if self._failures >= TOLERATED_FAILURES:
                error.hint = f"{TOLERATED_FAILURES} polls in a row failed.  When AWS answers again, {self._again}"
                raise
            self._reporter.warn(f"Poll {self._failures} of at most {TOLERATED_FAILURES} failed: {error.message}")
        return self._last


@dataclass(frozen=True, slots=True)
class Ended:
    """How the creation ended: the stack (None when it vanished) and what its events told."""

    stack: Stack | None
    progress: Progress

    @property
    def succeeded(self) -> bool:
        """Whether the cluster is there."""
        return self.stack is not None and self.stack.is_usable

    def seconds(self, now: datetime) -> float | None:
        """From the stack's beginning to its last event; None when AWS did not say when it began."""
        if self.stack is None or not self.stack.created_at:
            return None
        last = max((datetime.fromisoformat(event.at) for event in self.progress.events), default=now)
        return max((last - datetime.fromisoformat(self.stack.created_at)).total_seconds(), 0.0)


class _Watch:
    """One creation under observation: polls AWS, and makes the view of what is new."""

    def __init__(self, stacks: StacksApi, logs: BootLogsApi | None, name: ClusterName, reporter: Reporter) -> None:
        self._stacks = stacks
        self._logs = logs
        self._name = name
        self._reporter = reporter
        self._progress = Progress()
        self._position = LogPosition()
        self._events: list[StackEvent] = []
        self._lines: list[str] = []

    def poll(self) -> Ended:
        """Stack, new events (nested stacks too) and new boot-log lines."""
        stack = self._stacks.find(self._name)
        if stack is not None:
            self._take(self._name)
            for nested in tuple(self._progress.nested):
                self._take(nested)
            self._read_log()
        return Ended(stack, self._progress)

    def _take(self, stack: str) -> None:
        new = self._stacks.events(stack, self._progress.last_seen.get(stack, ""))
        self._progress.add(new, stack)
        self._events += new

    def _read_log(self) -> None:
        node = self._progress.head_node
        if self._logs is None or not node:
            return
        try:
            lines, self._position = self._logs.following(self._name, node, self._position)
        except AwsError as error:
            # The creation does not depend on its log; whoever may not read it is told once.
            self._reporter.warn(f"The boot log is not shown: {error.message}")
            self._logs = None
        else:
            self._lines += lines

    def view(self, seen: Ended, elapsed: float, now: datetime, expected: History) -> WaitView:
        """The wait as it is now; hands out what is new once."""
        events, lines = tuple(map(_line, sorted(self._events, key=lambda event: event.at))), tuple(self._lines)
        self._events, self._lines = [], []
        return WaitView(f"cluster {self._name}", _describe(seen), _age(seen.stack, elapsed, now), expected.total,
                        self._progress.views(now, expected.phases), events, lines)  # fmt: skip


def watch_creation(
    stacks: StacksApi,
    name: ClusterName,
    *,
    clock: Clock,
    reporter: Reporter,
    deadline: float = DEADLINE_S,
    logs: BootLogsApi | None = None,
    expected: History = _NO_HISTORY,
) -> Ended:
    """Wait until the stack is complete or has begun to fail; failures are seen before a rollback has ended."""
    watch = _Watch(stacks, logs, name, reporter)
    first = Ended(Stack(name, "", "UNKNOWN"), Progress())
    try:
        return wait_until(
            Tolerant(watch.poll, first, reporter, AGAIN), done=_is_over, what=f"cluster {name}", deadline=deadline,
            first=1.0, every=_EVERY_S, clock=clock, describe=_describe,
            observe=lambda seen, elapsed: reporter.watching(watch.view(seen, elapsed, clock.now(), expected)),
        )  # fmt: skip
    except DeadlinePassed as error:
        error.hint = f"Look at it with: dyec cluster describe --cluster {name}; to wait longer, {AGAIN}"
        raise
    finally:
        reporter.settled()


def _age(stack: Stack | None, elapsed: float, now: datetime) -> float:
    """Seconds since AWS began, which an earlier process may have asked for."""
    if stack is None or not stack.created_at:
        return elapsed
    return max((now - datetime.fromisoformat(stack.created_at)).total_seconds(), 0.0)


def _is_over(seen: Ended) -> bool:
    return seen.stack is None or seen.stack.status not in ("UNKNOWN", "CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")


def _describe(seen: Ended) -> str:
    return f"{seen.stack.status}, {seen.progress.phase}" if seen.stack else "there is no stack"


def _line(event: StackEvent) -> str:
    reason = f": {event.reason}" if event.reason and event.status.endswith("FAILED") else ""
    return f"{event.status:<18} {event.resource} ({event.resource_type.removeprefix('AWS::')}){reason}"
