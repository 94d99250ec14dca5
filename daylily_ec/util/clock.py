"""Time and the one wait of the product."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from daylily_ec.errors import DeadlinePassed

T = TypeVar("T")


class Clock(Protocol):
    """What waits and timestamps need; tests inject their own."""

    def now(self) -> datetime:
        """Current time, UTC."""

    def local(self) -> datetime:
        """Current time in the local zone (file names)."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The real clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def local(self) -> datetime:
        return datetime.now().astimezone()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with whole seconds and `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def file_stamp(moment: datetime) -> str:
    """`YYYYMMDDHHMMSS`, as file names carry it."""
    return moment.strftime("%Y%m%d%H%M%S")


def duration(seconds: float) -> str:
    """`42s`, `3m07s` or `1h02m`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def wait_until(
    poll: Callable[[], T],
    *,
    done: Callable[[T], bool],
    what: str,
    deadline: float,
    every: float,
    clock: Clock,
    observe: Callable[[T, float], None] | None = None,
    describe: Callable[[T], str] = str,
    first: float | None = None,
) -> T:
    """Poll until `done`, and return what was seen; `DeadlinePassed` after `deadline` seconds names the last state.

    The interval starts at `first` (default: `every`) and grows by half up to `every`, with a jitter of ten percent.
    `observe(state, elapsed)` is called after each poll.
    """
    start = clock.monotonic()
    interval = every if first is None else first
    while True:
        seen = poll()
        elapsed = clock.monotonic() - start
        if observe is not None:
            observe(seen, elapsed)
        if done(seen):
            return seen
        if elapsed >= deadline:
            raise DeadlinePassed(
                f"{what}: not done after {duration(elapsed)}; last seen: {describe(seen)}",
                details={"what": what, "elapsed_s": round(elapsed, 1), "last_seen": describe(seen)},
            )
        clock.sleep(min(interval * random.uniform(0.9, 1.1), max(deadline - elapsed, 0.05)))
        interval = min(interval * 1.5, every)
