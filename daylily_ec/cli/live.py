"""The living view of a long wait on a terminal: phases with their times, the last events, the last boot-log lines."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from daylily_ec.util.clock import duration
from daylily_ec.util.progress import PhaseView, WaitView

_EVENTS = 5
_LOG_LINES = 6
_MARKS = {"waiting": ("·", "dim"), "running": ("▶", "cyan"), "done": ("✓", "green"), "failed": ("✗", "red")}


class LiveView:
    """Redraws the newest view twice a second, so that its clocks go on between two polls."""

    def __init__(self, colored: bool, now: Callable[[], float] = time.monotonic) -> None:
        plain = not colored or "NO_COLOR" in os.environ
        self._console = Console(file=sys.stderr, no_color=plain, highlight=False)
        self._now = now
        self._events: deque[str] = deque(maxlen=_EVENTS)
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._view: WaitView | None = None
        self._since = now()
        self._ended: float | None = None
        self._live = Live(self, console=self._console, refresh_per_second=2, vertical_overflow="crop")
        self._live.start()

    def update(self, view: WaitView) -> None:
        """Show a newer view."""
        self._events.extend(view.events)
        self._lines.extend(view.log_lines)
        self._view, self._since = view, self._now()
        self._live.refresh()

    def print(self, words: str) -> None:
        """A lasting line above the view."""
        self._console.print(Text.from_ansi(words), soft_wrap=True)

    def stop(self) -> None:
        """Draw it a last time and leave it there."""
        self._ended = self._now()
        self._live.stop()

    def __rich__(self) -> RenderableType:
        view = self._view
        if view is None:
            return Text("")
        over = self._ended is not None
        ago = (self._now() if self._ended is None else self._ended) - self._since
        times = _times(view.elapsed + ago, view.expected, "done" if over else "running")
        head = Text(f"    {view.what}: {times} · {view.state}", no_wrap=True, overflow="ellipsis")
        parts: list[RenderableType] = [head, _phases(view.phases, ago)]
        parts += [Text(f"      {event}", style="dim", no_wrap=True, overflow="ellipsis") for event in self._events]
        parts += [Text(f"      boot | {line}", no_wrap=True, overflow="ellipsis") for line in self._lines]
        if not over:
            parts.append(Text("    Ctrl-C leaves; AWS goes on, and the same command comes back here.", style="dim"))
        return Group(*parts)


def _phases(phases: tuple[PhaseView, ...], ago: float) -> Table:
    table = Table.grid(padding=(0, 2))
    for phase in phases:
        mark, style = _MARKS[phase.state]
        spent = phase.elapsed + ago if phase.state == "running" and phase.elapsed is not None else phase.elapsed
        table.add_row(
            "    ", Text(f"{mark} {phase.name}", style=style), phase.state, _times(spent, phase.expected, phase.state)
        )
    return table


def _times(elapsed: float | None, expected: float | None, state: str) -> str:
    spent = "" if elapsed is None else duration(elapsed)
    usual = f"usually {duration(expected)}" if expected else ""
    left = ""
    if state == "running" and elapsed is not None and expected and expected - elapsed >= 1:
        left = f", about {duration(expected - elapsed)} left"
    return " · ".join(filter(None, (spent, usual))) + left
