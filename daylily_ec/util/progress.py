"""How workflows tell what they do: they report events, the command line decides how to show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PhaseView:
    """One phase of a long wait; `state` is waiting, running, done or failed; times are seconds, None is unknown."""

    name: str
    state: str
    elapsed: float | None = None
    expected: float | None = None


@dataclass(frozen=True, slots=True)
class WaitView:
    """A long wait as it is now; `events` and `log_lines` are those that are new since the view before."""

    what: str
    state: str
    elapsed: float
    expected: float | None = None
    phases: tuple[PhaseView, ...] = ()
    events: tuple[str, ...] = ()
    log_lines: tuple[str, ...] = ()


class Reporter(Protocol):
    """Receives what happens; never prints from within a workflow."""

    def step(self, text: str) -> None:
        """A phase begins."""

    def note(self, text: str) -> None:
        """Something worth knowing happened."""

    def warn(self, text: str) -> None:
        """Something needs attention, the work goes on."""

    def waiting(self, what: str, state: str, elapsed: float, expected: float | None = None) -> None:
        """A long wait continues: what for, the last state, seconds so far, seconds that history expects."""

    def watching(self, view: WaitView) -> None:
        """A wait that has phases, events and log lines continues."""

    def settled(self) -> None:
        """That wait is over, in whatever way."""


class Silent:
    """A reporter that keeps quiet."""

    def step(self, text: str) -> None:
        """Ignored."""

    def note(self, text: str) -> None:
        """Ignored."""

    def warn(self, text: str) -> None:
        """Ignored."""

    def waiting(self, what: str, state: str, elapsed: float, expected: float | None = None) -> None:
        """Ignored."""

    def watching(self, view: WaitView) -> None:
        """Ignored."""

    def settled(self) -> None:
        """Ignored."""
