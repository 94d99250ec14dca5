"""The program that makes a manifest, on the node: walk, check, hash what is not known, walk again.

`python -m daylily_ec.fsx.manifest_node DIRECTORY PLACE [--prefix-bytes N] [--allow-run-links]` leaves in
PLACE `progress.json` (replaced every second), and at its end `manifest.jsonl.gz` and `result.json`.  Digests go
into the cache beside PLACE, so a run that was killed is gone on with by the next one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from daylily_ec.fsx import hashing, manifest
from daylily_ec.fsx.hash_cache import HashCache
from daylily_ec.fsx.manifest import DIRECTORY, FILE, LINK, Manifest, Record
from daylily_ec.fsx.obstacles import Obstacle, Rules
from daylily_ec.fsx.walking import Entry, Tree, changes, walk
from daylily_ec.util.clock import Clock, SystemClock, timestamp
from daylily_ec.version import __version__

PROGRESS, RESULT, PACKED = "progress.json", "result.json", "manifest.jsonl.gz"
SETTLE_S = 2.0
"""Lustre keeps times in whole seconds: files are hashed when a later change must show in them."""
_MOST = 1000
"""So many obstacles are named; all are counted."""


class Blocked(Exception):
    """The directory cannot be exported as it is."""

    def __init__(self, obstacles: Iterable[Obstacle]) -> None:
        super().__init__()
        self.obstacles = sorted(obstacles, key=lambda one: (one.why, one.path))


@dataclass
class Progress:
    """How far a run is, in files and bytes; `known` of them came from the cache."""

    path: Path
    phase: str = "walking"
    files: int = 0
    bytes: int = 0
    files_done: int = 0
    bytes_done: int = 0
    known: int = 0

    def write(self) -> None:
        """Replace the file; whoever reads it sees a whole document."""
        values = {name: value for name, value in vars(self).items() if name != "path"}
        _replace(self.path, values)


@dataclass(frozen=True)
class Job:
    """One run: what to look at, where to leave what, and the clock that it goes by."""

    directory: str
    rules: Rules
    place: Path
    cache: Path
    workers: int
    clock: Clock

    def run(self) -> Manifest:
        """The manifest; `Blocked` when something stands in the way."""
        progress = Progress(self.place / PROGRESS)
        progress.write()
        began = self.clock.now()
        tree = walk(self.directory)
        self._require(tree)
        files = [entry for entry in tree.entries.values() if entry.type == FILE]
        progress.files, progress.bytes = len(files), sum(entry.stamp.size for entry in files)
        with HashCache(self.cache) as cache:
            self._hash(files, cache, progress, began)
        progress.phase = "checking"
        progress.write()
        made_at = self.clock.now()
        after = walk(self.directory)
        if found := [*after.obstacles, *changes(tree, after)]:
            raise Blocked(found)
        cache.compact(tree.entries)
        made = _made(self.directory, made_at, tree, cache)
        _write(self.place / PACKED, made.packed)
        return made

    def _require(self, tree: Tree) -> None:
        found = [*tree.obstacles, *self.rules.obstacles(map(_bare, tree.entries.values()))]
        if found:
            raise Blocked(found)

    def _hash(self, files: list[Entry], cache: HashCache, progress: Progress, began: datetime) -> None:
        todo = [entry for entry in files if cache.get(entry) is None]
        progress.phase, progress.known = "hashing", len(files) - len(todo)
        progress.files_done = progress.known
        base = progress.bytes - sum(entry.stamp.size for entry in todo)

        def tick(count: int) -> None:
            progress.bytes_done = base + count
            progress.write()

        tick(0)
        start = began.timestamp()
        if any(_changed(entry) > start - SETTLE_S for entry in todo):
            self.clock.sleep(max(start + SETTLE_S - self.clock.now().timestamp(), 0))
        obstacles: list[Obstacle] = []
        for batch in hashing.Hashers(self.directory, self.workers, tick).run(todo):
            cache.add((entry, outcome) for entry, outcome in batch if not isinstance(outcome, Obstacle))
            obstacles += [outcome for _, outcome in batch if isinstance(outcome, Obstacle)]
            progress.files_done += len(batch)
        if obstacles:
            raise Blocked(obstacles)


def _changed(entry: Entry) -> float:
    return max(entry.stamp.mtime_ns, entry.stamp.ctime_ns) / 1e9


def _bare(entry: Entry) -> Record:
    return Record(entry.path, entry.type, 0, entry.stamp.mtime_ns, entry.mode, target=entry.target)


def _made(directory: str, made_at: datetime, tree: Tree, cache: HashCache) -> Manifest:
    records = (_record(entry, cache) for entry in tree.entries.values())
    return manifest.make(directory, f"dyec {__version__}", timestamp(made_at), records)


def _record(entry: Entry, cache: HashCache) -> Record:
    if entry.type == DIRECTORY:
        return _bare(entry)
    if entry.type == LINK:
        content = os.fsencode(entry.target)
        size, digest = len(content), hashing.of_bytes(content)
    else:
        size, known = entry.stamp.size, cache.get(entry)
        assert known is not None, entry.path
        digest = known
    return Record(entry.path, entry.type, size, entry.stamp.mtime_ns, entry.mode, digest.sha256, digest.crc64nvme,
                  entry.target)  # fmt: skip


def _replace(path: Path, document: dict[str, Any]) -> None:
    _write(path, json.dumps(document).encode() + b"\n")


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)


def main(words: Sequence[str]) -> int:
    """Make one manifest; the result file says how it ended, whatever happened."""
    parser = argparse.ArgumentParser(prog="python -m daylily_ec.fsx.manifest_node", description=__doc__)
    parser.add_argument("directory")
    parser.add_argument("place", type=Path)
    parser.add_argument("--prefix-bytes", type=int, default=0)
    parser.add_argument("--allow-run-links", action="store_true")
    parser.add_argument("--workers", type=int, default=hashing.cores())
    given = parser.parse_args(words)
    rules = Rules(given.directory, given.prefix_bytes, given.allow_run_links)
    clock = SystemClock()
    job = Job(given.directory, rules, given.place, given.place.with_name("digests.jsonl"), given.workers, clock)
    os.umask(0o077)
    started = clock.monotonic()
    result = _outcome(job)
    _replace(given.place / RESULT, {**result, "seconds": round(clock.monotonic() - started, 3)})
    return 1 if result["state"] == "failed" else 0


def _outcome(job: Job) -> dict[str, Any]:
    try:
        return {"state": "done", "sha256": job.run().sha256}
    except Blocked as found:
        named = [asdict(one) for one in found.obstacles[:_MOST]]
        return {"state": "blocked", "total": len(found.obstacles), "obstacles": named}
    except Exception as error:
        # Whoever waits must hear of it; the trace stays in the log.
        traceback.print_exc()
        return {"state": "failed", "error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
