"""Associations of one file system are asked for one at a time: a lock among the processes of this machine's user.

FSx works on one request of a file system at a time, and refuses what overlaps only once it has looked.  The kernel
releases the lock when its process dies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from daylily_ec.config.settings import config_dir
from daylily_ec.domain.ids import FileComponent
from daylily_ec.util.clock import Clock, wait_until
from daylily_ec.util.progress import Reporter

_POLL_S = 5.0
_FIRST_POLL_S = 0.2


@contextmanager
def turn(clock: Clock, reporter: Reporter, file_system_id: str, deadline: float) -> Iterator[None]:
    """Hold the file system's turn; `DeadlinePassed` when others kept it for `deadline` seconds."""
    from filelock import FileLock, Timeout

    path = config_dir() / "locks" / f"{FileComponent.parse(file_system_id)}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock, what = FileLock(path, timeout=0), f"turn to make an association on {file_system_id}"

    def taken() -> bool:
        try:
            lock.acquire()
        except Timeout:
            return False
        return True

    wait_until(
        taken, done=bool, what=what, deadline=deadline, every=_POLL_S, first=_FIRST_POLL_S, clock=clock,
        describe=lambda _: "another process of yours makes one",
        observe=lambda mine, elapsed: None if mine else reporter.waiting(what, "another process makes one", elapsed),
    )  # fmt: skip
    try:
        yield
    finally:
        lock.release()
