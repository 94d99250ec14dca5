"""Progress on stderr: plain lines in a log, a living view on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from daylily_ec.cli.frame import FRAME
from daylily_ec.cli.render import columns, folded, paint_first
from daylily_ec.util.clock import duration
from daylily_ec.util.progress import WaitView

if TYPE_CHECKING:  # rich loads in a tenth of a second, which only a living view is worth
    from daylily_ec.cli.live import LiveView

_QUIET_S = 30.0
"""After so many seconds without news a log gets a line, so that nobody thinks the program hangs."""


class Console:
    """A `Reporter` for people.  On a terminal a wait is redrawn in place; in a log each change is a line."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open_line = False
        self._last_wait = ""
        self._last_time = 0.0
        self._live: LiveView | None = None

    def _line(self, words: str) -> None:
        if self._live is not None:
            self._live.print(words)
            return
        if self._open_line:
            sys.stderr.write("\r\x1b[2K")
            self._open_line = False
        sys.stderr.write(words + "\n")
        sys.stderr.flush()

    def step(self, text: str) -> None:
        """A phase begins."""
        self._line(paint_first(folded(f"==> {text}", "    "), "==>", "36"))

    def note(self, text: str) -> None:
        """An indented line."""
        self._line(folded(f"    {text}", "      "))

    def warn(self, text: str) -> None:
        """A warning."""
        self._line(paint_first(folded(f"Warning: {text}", "    "), "Warning:", "33"))

    def waiting(self, what: str, state: str, elapsed: float, expected: float | None = None) -> None:
        """One line per change of state, or a living line on a terminal."""
        words = f"    {what}: {state}  {duration(elapsed)}{usual(expected)}"
        if _is_alive():
            sys.stderr.write("\r\x1b[2K" + words[: columns() - 1])
            sys.stderr.flush()
            self._open_line = True
        elif state != self._last_wait or self._now() - self._last_time > _QUIET_S:
            self._line(words)
            self._last_wait, self._last_time = state, self._now()

    def watching(self, view: WaitView) -> None:
        """Phases, events and log lines: a living view, or lines for what is new."""
        view = replace(view, events=_printable(view.events), log_lines=_printable(view.log_lines))
        if _is_alive():
            self._show(view)
            return
        for line in view.log_lines:
            self._line(f"    boot | {line}")
        for event in view.events:
            # A creation has a hundred resources; a log gets the failures and, below, what is being made.
            if "_FAILED" in event:
                self._line(f"    {event}")
        self.waiting(view.what, view.state, view.elapsed, view.expected)

    def _show(self, view: WaitView) -> None:
        if self._live is None:
            from daylily_ec.cli.live import LiveView

            if self._open_line:
                self._line("")
            self._live = LiveView(colored=FRAME.color, now=self._now)
        self._live.update(view)

    def settled(self) -> None:
        """The view stays on the screen as it was last."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._last_wait = ""


def usual(expected: float | None) -> str:
    """What history expects, in words."""
    return f" (usually {duration(expected)})" if expected else ""


def _printable(lines: tuple[str, ...]) -> tuple[str, ...]:
    """A node's output may hold anything; what a terminal would obey is not passed on."""
    return tuple("".join(sign if sign.isprintable() or sign == "\t" else "?" for sign in line) for line in lines)


def _is_alive() -> bool:
    return sys.stderr.isatty() and not FRAME.json
