"""Digests that are known already: one append-only file for each directory, beside none of its data.  Runs on the node.

A run that was killed has lost at most the batches it was working on.  A line that was cut off is no digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from daylily_ec.fsx.manifest import escaped, is_crc, is_sha256, unescaped
from daylily_ec.fsx.walking import Entry, Stamp

_SCHEMA = 1
_SPARE = 3
"""The file is written anew when it has this many times the lines that are needed."""


@dataclass(frozen=True, slots=True)
class Digest:
    """SHA-256 in hexadecimal and CRC-64/NVME as S3 writes it."""

    sha256: str
    crc64nvme: str


class HashCache:
    """Digests by path and stamp in the file `path`; use it as a context manager to append."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = 0
        self._known = dict(self._read())
        self._out: IO[str] | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._out = self._path.open("a", encoding="ascii")
        # What a killed run left behind must not swallow the next line.
        self._out.write("\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._out is not None:
            self._out.close()

    def get(self, entry: Entry) -> Digest | None:
        """The digest of exactly this state of the file."""
        stamp, digest = self._known.get(entry.path, (None, None))
        return digest if stamp == entry.stamp else None

    def add(self, found: Iterable[tuple[Entry, Digest]]) -> None:
        """Keep digests; they have left this process when this returns."""
        assert self._out is not None
        for entry, digest in found:
            self._known[entry.path] = (entry.stamp, digest)
            self._out.write(_line(entry.path, entry.stamp, digest))
            self._lines += 1
        self._out.flush()

    def compact(self, entries: Mapping[str, Entry]) -> None:
        """Leave out what no entry needs, once that is most of the file."""
        kept = {path: self._known[path] for path, entry in entries.items() if self.get(entry)}
        if self._lines <= _SPARE * max(len(kept), 1000):
            return
        fresh = self._path.with_name(f"{self._path.name}.new")
        with fresh.open("w", encoding="ascii") as out:
            out.writelines(_line(path, *known) for path, known in kept.items())
        fresh.replace(self._path)

    def _read(self) -> Iterable[tuple[str, tuple[Stamp, Digest]]]:
        if not self._path.exists():
            return
        with self._path.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                self._lines += 1
                try:
                    yield _parse(line)
                except (ValueError, TypeError):
                    continue


def _line(path: str, stamp: Stamp, digest: Digest) -> str:
    values = [_SCHEMA, escaped(path), stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.inode, digest.sha256,
              digest.crc64nvme]  # fmt: skip
    return json.dumps(values, separators=(",", ":")) + "\n"


def _parse(line: str) -> tuple[str, tuple[Stamp, Digest]]:
    schema, path, size, mtime_ns, ctime_ns, inode, sha256, crc64nvme = json.loads(line)
    if schema != _SCHEMA or not is_sha256(sha256) or not is_crc(crc64nvme):
        raise ValueError(line)
    return unescaped(path), (Stamp(size, mtime_ns, ctime_ns, inode), Digest(sha256, crc64nvme))
