"""One writer per cluster on this machine: a file lock that the kernel releases when its process dies."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daylily_ec.errors import Busy
from daylily_ec.util.clock import Clock, timestamp
from daylily_ec.util.files import write_atomic


@contextmanager
def cluster_lock(directory: Path, region: str, cluster: str, purpose: str, clock: Clock) -> Iterator[None]:
    """Hold the lock of one cluster; `Busy` names the holder's process, purpose and start when another has it."""
    from filelock import FileLock, Timeout

    base = directory / "locks" / f"{region}_{cluster}"
    base.parent.mkdir(parents=True, exist_ok=True)
    holder = base.with_name(base.name + ".holder")
    lock = FileLock(base.with_name(base.name + ".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise _busy(holder, region, cluster) from None
    try:
        write_atomic(holder, json.dumps({"pid": os.getpid(), "purpose": purpose, "since": timestamp(clock.now())}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _busy(holder: Path, region: str, cluster: str) -> Busy:
    try:
        known = json.loads(holder.read_text())
        who = f"process {known['pid']} ({known['purpose']}, since {known['since']})"
    except (OSError, ValueError, KeyError):
        known, who = {}, "another process"
    return Busy(f"Cluster {cluster} in {region} is being worked on by {who}.", details={"holder": known},
                hint="Wait for it to end, or look at it with: "
                f"dyec cluster describe --region {region} --cluster {cluster}")  # fmt: skip
