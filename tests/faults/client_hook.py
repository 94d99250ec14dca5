"""Counts dyec's own AWS calls in its process, and ends the process before or after one of them.

Loaded into the product from outside: by a forked child, or by `site/sitecustomize.py` on PYTHONPATH.
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MARKER = "dyec"


@dataclass
class Counter:
    """The calls sent so far; `kill_at` is the number at which the process dies, on the side `before` or `after`."""

    kill_at: int = 0
    side: str = "before"
    log: Path | None = None
    names: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    mine: threading.local = field(default_factory=threading.local)

    def before(self, event_name: str, **_: Any) -> None:
        service, action = event_name.split(".")[-2:]
        with self.lock:
            self.names.append(f"{service}:{action}")
            self.mine.number = len(self.names)
            if self.log is not None:
                with self.log.open("a") as out:
                    out.write(f"{service}:{action}\n")
            if self.side == "before":
                self._die_at(self.mine.number)

    def after(self, **_: Any) -> None:
        if self.side == "after":
            self._die_at(self.mine.number)

    def _die_at(self, number: int) -> None:
        if number == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def install(counter: Counter) -> None:
    """Follow every client that carries dyec's mark in its user agent; others (pcluster's) are not counted."""
    from botocore.client import ClientCreator

    original = ClientCreator.create_client

    def create(self: Any, *args: Any, **kwargs: Any) -> Any:
        client = original(self, *args, **kwargs)
        if client.meta.config.user_agent_extra == MARKER:
            client.meta.events.register_first("before-send.*.*", counter.before)
            client.meta.events.register_first("response-received.*.*", counter.after)
        return client

    ClientCreator.create_client = create
