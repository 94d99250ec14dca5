"""What an analysis directory holds right now, as its own node says: names, sizes and times, no content."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import NotFound, RemoteCommandFailed
from daylily_ec.fsx.obstacles import MAX_KEY_BYTES, MONITOR
from daylily_ec.headnode.remote import Remote, RemoteScript

_NO_DIRECTORY = 66
_LIST_S = 900.0
_KINDS = {"f", "d", "l"}


@dataclass(frozen=True, slots=True, order=True)
class TreeEntry:
    """One thing below the directory: relative path, find's type, size in bytes, mtime in seconds as text."""

    path: bytes
    kind: str
    size: int
    modified: str

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

    @property
    def top_directories(self) -> tuple[str, ...]:
        """Names of the directories directly below."""
        return tuple(entry.key.rstrip("/") for entry in self.entries if entry.kind == "d" and b"/" not in entry.path)


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
        return Inventory(tuple(sorted(_entry(record) for record in raw.split(b"\0")[:-1])))
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise RemoteCommandFailed(f"The listing made on the head node is damaged: {error}.") from error


def _entry(record: bytes) -> TreeEntry:
    kind, size, modified, path = record.split(b" ", 3)
    return TreeEntry(path, kind.decode(), int(size), modified.decode())


def unexportable(inventory: Inventory, destination: S3Prefix) -> tuple[str, ...]:
    """What FSx would leave behind, each with its reason."""
    return tuple(_unexportable(inventory, destination))


def _unexportable(inventory: Inventory, destination: S3Prefix) -> Iterator[str]:
    room = MAX_KEY_BYTES - len(destination.key.encode())
    for entry in inventory.entries:
        if entry.kind not in _KINDS:
            yield f"{entry.key}: neither file, directory nor symbolic link"
        elif len(entry.path) + (entry.kind == "d") > room:
            yield f"{entry.key}: its key would be longer than {MAX_KEY_BYTES} bytes"
        elif not _is_utf8(entry.path):
            yield f"{entry.key}: its name is not UTF-8"
        elif entry.path == MONITOR.encode() or entry.path.startswith(MONITOR.encode() + b"/"):
            yield f"{entry.key}: this name is kept for receipts"


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
