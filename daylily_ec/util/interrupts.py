"""Ctrl-C that arrives where the interpreter cannot raise it.

A `KeyboardInterrupt` inside a function that C code has called, or inside `__del__` and callbacks of weak references, is
printed as "Exception ignored" and forgotten (Python's documentation of `sys.unraisablehook`).  `awscrt` calls such a
function for every header that it signs, so about one Ctrl-C in a hundred met one: dyec went on as if it had not been
pressed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_AGAIN_S = 0.01
"""Longer than such a function takes; one that meets the signal again has it sent once more."""


def repeat_lost_interrupts() -> None:
    """From now on an interrupt that was forgotten is sent again; other unraisable exceptions are shown as ever."""
    sys.unraisablehook = _again


def _again(lost: UnraisableHookArgs) -> None:
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    import signal
    import threading

    main = threading.main_thread().ident
    timer = threading.Timer(_AGAIN_S, signal.pthread_kill, (main, signal.SIGINT))  # a sleeping main thread wakes up
    timer.daemon = True
    timer.start()
