"""POSIX attributes as metadata of S3 objects.

https://docs.aws.amazon.com/fsx/latest/LustreGuide/posix-metadata-support.html
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass

OWNER = 1000
"""User and group id of `ubuntu` on a node, to whom everything belongs here."""
DEFAULT_MODE = 0o755
"""Permissions of objects without metadata."""
_NANOSECONDS = re.compile(r"(\d+)ns")


@dataclass(frozen=True, slots=True)
class Attributes:
    """`st_mode` and times in nanoseconds."""

    mode: int
    atime: int
    mtime: int

    @property
    def times(self) -> tuple[int, int]:
        """As `os.utime` wants them."""
        return self.atime, self.mtime

    @property
    def is_link(self) -> bool:
        """Whether the object is a symbolic link."""
        return stat.S_ISLNK(self.mode)


def to_metadata(status: os.stat_result) -> dict[str, str]:
    """What FSx writes beside the bytes of a file; setuid is not kept."""
    return {
        "user-agent": "aws-fsx-lustre",
        "file-permissions": f"{status.st_mode & ~stat.S_ISUID:07o}",
        "file-owner": str(OWNER),
        "file-group": str(OWNER),
        "file-atime": f"{status.st_atime_ns}ns",
        "file-mtime": f"{status.st_mtime_ns}ns",
    }


def from_metadata(metadata: Mapping[str, str], modified: float, *, directory: bool) -> Attributes:
    """The attributes of an imported object; `modified` (seconds) stands in for times that it does not carry."""
    kind = stat.S_IFDIR if directory else stat.S_IFREG
    try:
        mode = int(metadata.get("file-permissions", ""), 8) & ~stat.S_ISUID
    except ValueError:
        mode = kind | DEFAULT_MODE
    if directory or not stat.S_ISLNK(mode):
        mode = kind | stat.S_IMODE(mode)
    mtime = _time(metadata.get("file-mtime"), int(modified * 1e9))
    return Attributes(mode, _time(metadata.get("file-atime"), mtime), mtime)


def _time(text: str | None, default: int) -> int:
    found = _NANOSECONDS.fullmatch(text or "")
    return int(found[1]) if found else default
