"""How workflows tell what they do: they report events, the command line decides how to show them."""

from __future__ import annotations

from typing import Protocol


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
