"""What a file system remembers of a linked bucket: which files are the same on both sides, and what S3 held last."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field

from daylily_ec.localcloud.fsx.objects import Objects, StoredObject
from daylily_ec.localcloud.fsx.tree import Item, Parts, Tree

Stamp = tuple[int, int, int]
"""Mode, size and mtime: equal for a file that nobody touched."""
Stopped = Callable[[], bool]
"""Whether a transfer is to end before its next file."""


def stamp(status: os.stat_result) -> Stamp:
    """The stamp of a file; the size of a directory says nothing."""
    size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
    return status.st_mode, size, status.st_mtime_ns


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be transferred: path from the root of the file system, and the report's error code."""

    path: str
    code: str


@dataclass(slots=True)
class Progress:
    """Counters of one transfer, changed while it runs."""

    total: int = 0
    succeeded: int = 0
    failures: list[Failure] = field(default_factory=list)

    def count(self, failure: Failure | None) -> None:
        """Count one more file."""
        if failure is None:
            self.succeeded += 1
        else:
            self.failures.append(failure)


@dataclass(slots=True)
class Link:
    """One directory of a file system and one prefix of a bucket."""

    tree: Tree
    objects: Objects
    directory: Parts
    bucket: str
    prefix: str
    """Empty, or ends with a slash."""
    known: dict[str, Stamp] = field(default_factory=dict)
    """By name below the directory (`a/b`, directories `a/b/`): what is the same here and in S3."""
    seen: dict[str, str] = field(default_factory=dict)
    """By name: the version of each object at the last look, or as FSx wrote it."""

    def look(self) -> dict[str, StoredObject]:
        """What S3 holds now, by name; the prefix's own object is the directory itself."""
        found = self.objects.list(self.bucket, self.prefix)
        return {key.removeprefix(self.prefix): item for key, item in found.items() if key != self.prefix}

    def place(self, parts: Parts) -> str:
        """A path for reports: from the root of the file system."""
        return "/".join((*self.directory, *parts))

    def name(self, item: Item) -> str:
        """The name of an item below the directory."""
        return "/".join(item.parts[len(self.directory) :]) + ("/" if item.is_directory else "")

    def is_unchanged(self, item: Item) -> bool:
        """Whether S3 has the item as it is."""
        return self.known.get(self.name(item)) == stamp(item.status)
