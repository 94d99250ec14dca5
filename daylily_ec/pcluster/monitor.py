"""The wait for a cluster's creation: what is being made, what failed, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from daylily_ec.aws.cloudformation import Stack, StackEvent, StacksApi
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import AccessDenied, AwsError, CredentialsExpired, DeadlinePassed, NoCredentials
from daylily_ec.util.clock import Clock, wait_until
from daylily_ec.util.progress import Reporter

TOLERATED_FAILURES = 5
"""Consecutive failed polls after which the wait gives up: the specification's figure."""
DEADLINE_S = 2 * 3600.0
"""File system and head node take up to an hour each, one after the other."""
_EVERY_S = 15.0

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
        except (AccessDenied, CredentialsExpired, NoCredentials) as error:
            error.hint = f"Log in again (aws sso login), then {self._again}"
            raise
        except AwsError as error:
            self._failures += 1
            if self._failures >= TOLERATED_FAILURES:
                error.hint = f"{TOLERATED_FAILURES} polls in a row failed.  When AWS answers again, {self._again}"
                raise
            self._reporter.warn(f"Poll {self._failures} of at most {TOLERATED_FAILURES} failed: {error.message}")
        return self._last


@dataclass(slots=True)
class Progress:
    """What the stack's events have told so far."""

    head_node: str = ""
    last_event: str = ""
    status: dict[str, str] = field(default_factory=dict)
    failed: list[StackEvent] = field(default_factory=list)

    def add(self, events: tuple[StackEvent, ...]) -> None:
        """Take in new events, oldest first."""
        for event in events:
            self.last_event = event.event_id
            self.status[event.resource] = event.status
            if event.resource == "HeadNode" and event.physical_id.startswith("i-"):
                self.head_node = event.physical_id
            if event.is_failure:
                self.failed.append(event)

    @property
    def phase(self) -> str:
        """What is being made now, in words."""
        making = [name for name, status in self.status.items() if status == "CREATE_IN_PROGRESS"]
        ready = sum(status == "CREATE_COMPLETE" for status in self.status.values())
        if any(name.startswith("HeadNodeWaitCondition") for name in making):
            return f"the head node boots ({ready} resources ready)"
        if any("FSX" in name.upper() or "DataRepository" in name for name in making):
            return f"the file system is being made ({ready} resources ready)"
        return f"{ready} resources ready"


@dataclass(frozen=True, slots=True)
class Ended:
    """How the creation ended: the stack (None when it vanished) and what its events told."""

    stack: Stack | None
    progress: Progress

    @property
    def succeeded(self) -> bool:
        """Whether the cluster is there."""
        return self.stack is not None and self.stack.is_usable


def watch_creation(
    stacks: StacksApi, name: ClusterName, *, clock: Clock, reporter: Reporter, deadline: float = DEADLINE_S
) -> Ended:
    """Wait until the stack is complete or has begun to fail; failures are seen before a rollback has ended."""
    again = "run the same command again: it goes on with this cluster, which AWS keeps making."
    progress = Progress()

    def poll() -> Ended:
        stack = stacks.find(name)
        if stack is not None:
            progress.add(stacks.events(name, progress.last_event))
        return Ended(stack, progress)

    first = Ended(Stack(name, "", "UNKNOWN"), progress)
    try:
        return wait_until(
            Tolerant(poll, first, reporter, again), done=_is_over, what=f"cluster {name}", deadline=deadline,
            first=1.0, every=_EVERY_S, clock=clock, describe=_describe,
            observe=lambda seen, elapsed: reporter.waiting(f"cluster {name}", _describe(seen), elapsed),
        )  # fmt: skip
    except DeadlinePassed as error:
        error.hint = f"Look at it with: dyec cluster describe --cluster {name}; to wait longer, {again}"
        raise


def _is_over(seen: Ended) -> bool:
    return seen.stack is None or seen.stack.status not in ("UNKNOWN", "CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")


def _describe(seen: Ended) -> str:
    return f"{seen.stack.status}, {seen.progress.phase}" if seen.stack else "there is no stack"
