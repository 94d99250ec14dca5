"""Progress on stderr: plain lines in a log, one living line on a terminal."""

from __future__ import annotations

import sys
import time

from daylily_ec.cli.frame import FRAME
from daylily_ec.cli.render import paint
from daylily_ec.util.clock import duration


class Console:
    """A `Reporter` for people.  On a terminal a wait overwrites its line; in a log it is printed when it changes."""

    def __init__(self) -> None:
        self._open_line = False
        self._last_wait = ""
        self._last_time = 0.0

    def _line(self, words: str) -> None:
        if self._open_line:
            sys.stderr.write("\r\x1b[2K")
            self._open_line = False
        sys.stderr.write(words + "\n")
        sys.stderr.flush()

    def step(self, text: str) -> None:
        """A phase begins."""
        self._line(f"{paint('==>', '36')} {text}")

    def note(self, text: str) -> None:
        """An indented line."""
        self._line(f"    {text}")

    def warn(self, text: str) -> None:
        """A warning."""
        self._line(f"{paint('Warning:', '33')} {text}")

    def waiting(self, what: str, state: str, elapsed: float, expected: float | None = None) -> None:
        """One line per change of state, or a living line on a terminal."""
        usual = f" (usually {duration(expected)})" if expected else ""
        words = f"    {what}: {state}  {duration(elapsed)}{usual}"
        if sys.stderr.isatty() and not FRAME.json:
            sys.stderr.write("\r\x1b[2K" + words[:200])
            sys.stderr.flush()
            self._open_line = True
        elif state != self._last_wait or time.monotonic() - self._last_time > 30:
            self._line(words)
            self._last_wait, self._last_time = state, time.monotonic()
