"""SHA-256 and CRC-64/NVME of many files, each byte read once, on every core.  Runs on the node.

A file counts only when it is in the same state before its first byte, after its last one, and as the walk saw it.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing.sharedctypes import Synchronized

from awscrt import checksums

from daylily_ec.fsx.hash_cache import Digest
from daylily_ec.fsx.manifest import crc_text, escaped
from daylily_ec.fsx.obstacles import Obstacle, Why
from daylily_ec.fsx.walking import Entry, Stamp

_BLOCK = 512 * 1024
"""Bytes read at a time: both sums are made while they are in the processor's cache."""
_BATCH_BYTES = 64 * 1024 * 1024
_BATCH_FILES = 200
"""Small files are handed out together; a killed run loses no more than one such batch for each process."""
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_REPLACED = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}
"""What opening says of a path whose file is gone, or is a link or a socket now."""
_PR_SET_PDEATHSIG = 1


Outcome = Digest | Obstacle
Hashed = list[tuple[Entry, Outcome]]
"""Entries of one batch, each with what became of it."""


def of_bytes(content: bytes) -> Digest:
    """The digest of what is in memory already."""
    return Digest(hashlib.sha256(content).hexdigest(), crc_text(checksums.crc64nvme(content)))


def of_file(root: str, entry: Entry, advance: Callable[[int], None] = lambda _: None) -> Outcome:
    """The digest of a file in exactly the state of `entry`, else why there is none; `advance` hears of bytes read."""
    try:
        handle = os.open(f"{root}/{entry.path}", _FLAGS)
    except OSError as error:
        if error.errno in _REPLACED:
            return Obstacle(Why.BEING_WRITTEN, escaped(entry.path), "it went away while the directory was read")
        return Obstacle(Why.UNREADABLE, escaped(entry.path), f"it cannot be read: {error.strerror}")
    try:
        return _of_handle(handle, entry, advance)
    except OSError as error:
        return Obstacle(Why.UNREADABLE, escaped(entry.path), f"it cannot be read: {error.strerror}")
    finally:
        os.close(handle)


def _of_handle(handle: int, entry: Entry, advance: Callable[[int], None]) -> Outcome:
    before = Stamp.of(os.fstat(handle))
    sha256, crc, total = hashlib.sha256(), 0, 0
    block = memoryview(bytearray(min(_BLOCK, before.size + 1)))
    while count := os.readv(handle, [block]):
        part = block[:count]
        sha256.update(part)
        crc = checksums.crc64nvme(part, crc)
        total += count
        advance(count)
    if not before == Stamp.of(os.fstat(handle)) == entry.stamp or total != entry.stamp.size:
        return Obstacle(Why.BEING_WRITTEN, escaped(entry.path), "it changed while it was read")
    return Digest(sha256.hexdigest(), crc_text(crc))


def batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Entries in the order in which they are best handed out: large ones first and alone, small ones together."""
    batch: list[Entry] = []
    room = _BATCH_BYTES
    for entry in sorted(entries, key=lambda one: (-one.stamp.size, one.path)):
        if batch and (entry.stamp.size > room or len(batch) == _BATCH_FILES):
            yield batch
            batch, room = [], _BATCH_BYTES
        batch.append(entry)
        room -= entry.stamp.size
    if batch:
        yield batch


def cores() -> int:
    """Processors that this process may use: in a Slurm job those of the job."""
    return len(os.sched_getaffinity(0))


class Hashers:
    """A pool of processes, one for each core; none outlives this process.

    `tick(bytes)` is called about once a second with the bytes read so far.
    """

    def __init__(self, root: str, workers: int, tick: Callable[[int], None]) -> None:
        self._root = root
        self._workers = workers
        self._tick = tick
        self._read: Synchronized[int] = multiprocessing.get_context("fork").Value("q", 0)

    def run(self, entries: Iterable[Entry]) -> Iterator[Hashed]:
        """Batches as they are finished."""
        work = list(batches(entries))
        if not work:
            return
        with self._pool(min(self._workers, len(work))) as pool:
            # Only outcomes come back: entries are here already.
            batch_of: dict[Future[list[Outcome]], list[Entry]] = {
                pool.submit(_work, self._root, batch): batch for batch in work
            }
            try:
                while batch_of:
                    done, _ = wait(batch_of, timeout=1.0, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield list(zip(batch_of.pop(future), future.result(), strict=True))
                    self._tick(self._read.value)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _pool(self, size: int) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("fork")
        return ProcessPoolExecutor(size, context, _begin, (os.getpid(), self._read))


_counter: Synchronized[int] | None = None


def _begin(parent: int, counter: Synchronized[int]) -> None:
    """First thing in each process: end with the parent, however that ends, and never answer a Ctrl-C meant for it."""
    global _counter
    _counter = counter
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _advance(count: int) -> None:
    if _counter is not None:
        with _counter.get_lock():
            _counter.value += count


def _work(root: str, batch: Sequence[Entry]) -> list[Outcome]:
    return [of_file(root, entry, _advance) for entry in batch]
