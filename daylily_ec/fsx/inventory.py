"""What an analysis directory holds right now, as its own node says: names, sizes and times, no content."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from itertools import starmap
from pathlib import PurePosixPath

from daylily_ec.errors import NotFound, RemoteCommandFailed
from daylily_ec.fsx.manifest import Record
from daylily_ec.fsx.obstacles import Rules
from daylily_ec.headnode.remote import Remote, RemoteScript

_NO_DIRECTORY = 66
_LIST_S = 900.0


@dataclass(frozen=True, slots=True, order=True)
class TreeEntry:
    """One thing below the directory: relative path, find's type, size in bytes, mtime in seconds as text, link target.

    The target is no part of what is compared: a link that leads elsewhere is another link, of another time.
    """

    path: bytes
    kind: str
    size: int
    modified: str
    target: bytes = field(default=b"", compare=False)

    @property
    def key(self) -> str:
        """Its key below the destination; undecodable bytes are shown escaped."""
        return self.path.decode(errors="backslashreplace") + ("/" if self.kind == "d" else "")

    @property
    def stored_size(self) -> int:
        """Bytes of its object in S3."""
        return 0 if self.kind == "d" else self.size


@dataclass(frozen=True)
class Inventory:
    """A listing of a directory, by path."""

    entries: tuple[TreeEntry, ...]

    @cached_property
    def files(self) -> int:
        """Files and symbolic links."""
        return sum(entry.kind != "d" for entry in self.entries)

    @cached_property
    def bytes(self) -> int:
        """Bytes S3 will hold."""
        return sum(entry.stored_size for entry in self.entries)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over paths, types, sizes and times: equal for an untouched directory."""
        total = hashlib.sha256()
        for entry in self.entries:
            total.update(f"{entry.kind} {entry.stored_size} {entry.modified} ".encode() + entry.path + b"\0")
        return total.hexdigest()


def list_directory(remote: Remote, directory: PurePosixPath) -> Inventory:
    """The inventory of `directory`, made on the node; `NotFound` when it is no directory."""
    result = remote.run(RemoteScript.packaged("list_tree"), {"DYEC_DIRECTORY": str(directory)}, _LIST_S)
    if result.exit_code == _NO_DIRECTORY:
        raise NotFound(f"There is no analysis directory {directory} on the head node.", code="analysis_not_found")
    result.require_success(f"Listing {directory}")
    return parse_listing(result.stdout)


def parse_listing(text: str) -> Inventory:
    """The inventory in the answer of `list_tree`; anything damaged is an error, never an empty directory."""
    try:
        packed = base64.b64decode(text, validate=True)
        if not packed:  # even an empty directory has a gzip header
            raise ValueError("nothing came back")
        raw = gzip.decompress(packed)
        if raw and not raw.endswith(b"\0"):
            raise ValueError("the last record has no end")
        fields = raw.split(b"\0")[:-1]
        return Inventory(tuple(sorted(starmap(_entry, zip(fields[::2], fields[1::2], strict=True)))))
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise RemoteCommandFailed(f"The listing made on the head node is damaged: {error}.") from error


def _entry(record: bytes, target: bytes) -> TreeEntry:
    kind, size, modified, path = record.split(b" ", 3)
    return TreeEntry(path, kind.decode(), int(size), modified.decode(), target)


def unexportable(inventory: Inventory, rules: Rules) -> tuple[str, ...]:
    """What an export would refuse by names, types and targets alone, each with its reason."""
    return tuple(map(str, rules.obstacles(map(_record, inventory.entries))))


def _record(entry: TreeEntry) -> Record:
    path, target = os.fsdecode(entry.path), os.fsdecode(entry.target)
    return Record(path, entry.kind, entry.stored_size, 0, "", target=target)
