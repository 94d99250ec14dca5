"""Shared test tools: a clock that never waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from daylily_ec.cli.frame import FRAME


class FakeClock:
    """A `Clock` whose sleep only moves its own time."""

    def __init__(self) -> None:
        self.time = 0.0
        self.start = datetime(2026, 2, 11, 14, 37, 22, tzinfo=UTC)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.time)

    def local(self) -> datetime:
        return self.now()

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(autouse=True)
def _frame() -> Iterator[None]:
    """A command line run within a test leaves its `--json` or `--no-color` to no other test."""
    FRAME.reset()
    yield
    FRAME.reset()
