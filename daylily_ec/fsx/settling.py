"""Whether the file system shows everything that S3 has below a prefix: names counted and hashed on both sides.

FSx imports metadata after the association is AVAILABLE, and later changes with a delay.  Objects whose keys are no
paths, and objects that lie where others make a directory, are never imported; such keys are told apart.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from daylily_ec.aws.s3 import ObjectInfo
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.headnode.remote import Remote, RemoteScript

_LONGEST_NAME = 255
ABSENT = 66
"""Exit code of the script when the directory is not there (yet)."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The files that S3 has below a prefix, by path, with their bytes; and the keys that cannot be imported."""

    files: dict[str, int]
    not_importable: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Digest over the paths, sorted by their bytes, each ended by a NUL."""
        ordered = sorted(path.encode() for path in self.files)
        return hashlib.sha256(b"".join(path + b"\0" for path in ordered)).hexdigest()


def expected(prefix: S3Prefix, objects: Iterable[ObjectInfo]) -> Expected:
    """What the tree must show once everything is imported; keys ending in a slash are directories."""
    found = {item.key.removeprefix(prefix.key): item.size for item in objects}
    files = {path: size for path, size in found.items() if path and not path.endswith("/")}
    folders = {parent for path in found for parent in _parents(path)}
    odd = [path for path in files if not _is_path(path) or path in folders]
    return Expected({path: size for path, size in files.items() if path not in set(odd)}, tuple(sorted(odd)))


def _parents(path: str) -> Iterable[str]:
    parts = path.split("/")[:-1]
    return ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def _is_path(path: str) -> bool:
    parts = path.split("/")
    return all(part not in ("", ".", "..") and len(part.encode()) <= _LONGEST_NAME for part in parts)


@dataclass(frozen=True, slots=True)
class Seen:
    """The tree as the head node sees it; `names` only when they were asked for, `unreadable` path -> reason."""

    is_there: bool
    files: int = 0
    directories: int = 0
    sha256: str = ""
    unreadable: dict[str, str] = field(default_factory=dict)
    names: frozenset[bytes] | None = None
    problem: str = ""


def look(remote: Remote, directory: PurePosixPath, read: Sequence[str], timeout: float, *, names: bool = False) -> Seen:
    """Ask the node once: count, digest, whether the first byte of each `read` file comes, and on request all names."""
    env = {
        "DYEC_DIRECTORY": str(directory), "DYEC_NAMES": str(int(names)), "DYEC_WAIT": str(max(int(timeout), 1)),
        "DYEC_READ": "".join(base64.b64encode(path.encode()).decode() + "\n" for path in read),
    }  # fmt: skip
    result = remote.run(RemoteScript.packaged("mount_tree"), env, timeout + 30)
    if result.exit_code == ABSENT:
        return Seen(is_there=False, problem=result.stderr.strip())
    return parse(result.require_success(f"Looking at {directory}").stdout)


def parse(text: str) -> Seen:
    """The answer of `mount_tree.sh`; one without its end is an error."""
    head, _, packed = text.partition("--\n")
    rows = [line.split(" ") for line in head.splitlines()]
    try:
        if rows[-1] != ["done"]:
            raise ValueError("it has no end")
        values = {row[0]: row[1] for row in rows if row[0] in ("files", "directories", "sha256")}
        unreadable = {_plain(row[1]).decode(): _plain(row[2]).decode(errors="replace")
                      for row in rows if row[0] == "unreadable"}  # fmt: skip
        names = frozenset(gzip.decompress(_plain(packed)).split(b"\0")[:-1]) if packed else None
        return Seen(True, int(values["files"]), int(values["directories"]), values["sha256"], unreadable, names)
    except (ValueError, KeyError, IndexError, OSError, EOFError, binascii.Error) as error:
        raise RemoteCommandFailed(f"The node's look at the mount is not understood: {error!r}",
                                  details={"stdout": text[:2000]}) from error  # fmt: skip


def _plain(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Files of S3 that the tree does not show, and how many it shows that S3 does not have; None: not known."""

    missing: tuple[str, ...]
    extra: int


def compare(wanted: Expected, seen: Seen) -> Comparison | None:
    """Name by name when the names are there; by digest otherwise, where only equality can be told."""
    if seen.is_there and seen.sha256 == wanted.sha256:
        return Comparison((), 0)
    if seen.names is None:
        return None
    paths = {path.encode(): path for path in wanted.files}
    missing = tuple(sorted(path for raw, path in paths.items() if raw not in seen.names))
    return Comparison(missing, len(seen.names - paths.keys()))
