"""Processes that outlived their daemon: found by an environment variable that every child of the daemon inherits."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

MARK = "DYEC_LOCAL_ROOT"
"""Environment variable that names the root of the local cloud a process belongs to."""
PATIENCE_SECONDS = 10.0
POLL_SECONDS = 0.05


def marked(root: Path, proc: Path = Path("/proc")) -> Iterator[int]:
    """Process ids of the caller's processes that carry the mark of this root, the caller's own excepted."""
    wanted = f"{MARK}={root}".encode()
    for entry in proc.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            zombie = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if wanted in variables and not zombie:
            yield int(entry.name)


def kill_marked(root: Path) -> int:
    """Kill every process of this root and wait until all are gone; returns how many there were.

    Mounts of boxes live in the mount namespaces of those processes and vanish with them.
    """
    seen: set[int] = set()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (alive := set(marked(root))) and time.monotonic() < deadline:
        seen |= alive
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
    return len(seen)
