"""Ends dyec where its export receipt gets to a state.  Loaded by Python itself when this folder is on PYTHONPATH.

DYEC_FAULT_RECEIPT is `<side>:<name>=<value>:<times>:<seconds>`: the process dies before or so many seconds after the
receipt with that value is put in its place for the so-manieth time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

# Taken away, so that children are not concerned.
_PLAN = os.environ.pop("DYEC_FAULT_RECEIPT", "")


def _install(plan: str) -> None:
    side, condition, times, seconds = plan.split(":")
    name, _, value = condition.partition("=")
    seen = [0]

    def later(moment: float) -> None:
        time.sleep(moment)
        os.kill(os.getpid(), signal.SIGKILL)

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event != "os.rename" or not str(arguments[1]).endswith("/fsx_export.yaml"):
            return
        receipt = json.loads(Path(str(arguments[0])).read_text())["fsx_export"]
        if str(receipt.get(name)) != value:
            return
        seen[0] += 1
        if seen[0] == int(times):
            if side == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            threading.Thread(target=later, args=(float(seconds),), daemon=True).start()

    sys.addaudithook(watch)


if _PLAN:
    _install(_PLAN)
