"""What keeps an entry from being exported and proved, found before anything starts.

FSx leaves behind names that are not UTF-8 and keys over 1,024 bytes; S3 has no sockets, pipes and devices.
https://docs.aws.amazon.com/fsx/latest/LustreGuide/export-changed-data-meta-dra.html

Head nodes run this, so it needs nothing but the standard library.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from daylily_ec.domain.fsxpath import MOUNT_POINT, RUN_MOUNT_ROOT
from daylily_ec.fsx.manifest import LINK, SPECIAL, Record, escaped

MAX_KEY_BYTES = 1024
"""Longest S3 key."""
MONITOR = "_daylily_monitor"
"""Prefix below a destination for receipts and reports; never part of the data."""
_RUN_MOUNTS = f"{MOUNT_POINT}{RUN_MOUNT_ROOT}"
_OF_LAUNCH = ("config", "run_dir_links")
"""Where a launch itself links to the run it works on, below its clone."""


class Why(StrEnum):
    """The kind of an obstacle; scripts may rely on it."""

    KEY_TOO_LONG = "key_too_long"
    NOT_UTF8 = "not_utf8"
    SPECIAL = "special_file"
    RESERVED = "reserved_name"
    RUN_LINK = "link_into_run_mount"
    BEING_WRITTEN = "being_written"
    UNREADABLE = "unreadable"
    OTHER_FILE_SYSTEM = "other_file_system"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One entry that stands in the way; `path` below the directory as the manifest writes names."""

    why: Why
    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"

    @classmethod
    def from_json(cls, item: dict[str, Any]) -> Obstacle:
        """From the form that documents carry."""
        return cls(Why(item["why"]), str(item["path"]), str(item["reason"]))


@dataclass(frozen=True, slots=True)
class Rules:
    """What an export asks of names: `prefix_bytes` is the length of the destination's own key."""

    directory: str
    prefix_bytes: int = 0
    allow_run_links: bool = False

    def obstacles(self, records: Iterable[Record]) -> Iterator[Obstacle]:
        """Everything about names, types and targets; content is not looked at."""
        for record in records:
            for why, reason in self._of(record):
                yield Obstacle(why, escaped(record.path), reason)

    def _of(self, record: Record) -> Iterator[tuple[Why, str]]:
        if record.type in SPECIAL:
            yield Why.SPECIAL, f"it is {SPECIAL[record.type]}, which S3 cannot hold"
        if not record.is_utf8:
            yield Why.NOT_UTF8, "its name is not UTF-8"
        if self.prefix_bytes + record.key_bytes > MAX_KEY_BYTES:
            length = self.prefix_bytes + record.key_bytes
            yield Why.KEY_TOO_LONG, f"its key would have {length:,} bytes, more than {MAX_KEY_BYTES:,}"
        if record.path.partition("/")[0] == MONITOR:
            yield Why.RESERVED, "this name is kept for receipts"
        if leads_to_run(record, self.directory) and not (self.allow_run_links or _is_of_launch(record)):
            yield Why.RUN_LINK, f"it is a link into a run mount, {escaped(record.target)}"


def leads_to_run(record: Record, directory: str) -> bool:
    """Whether it is a link into a run mount; S3 keeps where such a link leads, not what lies there."""
    if record.type != LINK:
        return False
    start = posixpath.join(directory, posixpath.dirname(record.path))
    place = posixpath.normpath(posixpath.join(start, record.target))
    return f"{place}/".startswith(_RUN_MOUNTS)


def _is_of_launch(record: Record) -> bool:
    parts = record.path.split("/")
    return len(parts) == 4 and (parts[1], parts[2]) == _OF_LAUNCH
