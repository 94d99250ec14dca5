"""Ends dyec at a line of its journal.  Loaded by Python itself when this folder is on PYTHONPATH.

DYEC_FAULT_JOURNAL is `<side>:<line>:<seconds>:<whom>`: `before` the line is written, `after` it is on disk,
or `inside`, so many seconds after it; whom is `alone` (this process) or `group` (with its children).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

# Taken away, so that children (pcluster) are not concerned.
_PLAN = os.environ.pop("DYEC_FAULT_JOURNAL", "")


def _install(plan: str) -> None:
    side, line, seconds, whom = plan.split(":")
    seen = [0]

    def die() -> None:
        if whom == "group":
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    def later(path: Path) -> None:
        while not path.exists() or path.read_bytes().count(b"\n") < int(line):
            time.sleep(0.001)
        time.sleep(float(seconds))
        die()

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event != "open" or not isinstance(arguments[2], int) or not arguments[2] & os.O_APPEND:
            return
        path = Path(str(arguments[0]))
        if not path.name.startswith("journal_"):
            return
        seen[0] += 1
        if seen[0] == int(line):
            if side == "before":
                die()
            threading.Thread(target=later, args=(path,), daemon=True).start()

    sys.addaudithook(watch)


if _PLAN:
    _install(_PLAN)
