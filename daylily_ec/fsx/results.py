"""What lies in the analysis directories of a cluster right now, all of them in one look."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from daylily_ec.domain.fsxpath import ANALYSIS_ROOT, MOUNT_POINT, AnalysisDirectory
from daylily_ec.errors import InvalidValue, RemoteCommandFailed
from daylily_ec.fsx.inventory import Inventory, TreeEntry
from daylily_ec.headnode.remote import Remote, RemoteScript

_LOOK_S = 900.0
_ROOT = f"{MOUNT_POINT}{ANALYSIS_ROOT}"


@dataclass(frozen=True)
class Results:
    """One directory below the root of analyses: its path on the node, its listing, its latest change (Unix seconds).

    `latest_change` is the latest change time of a file, which no program can set back.  `analysis` is None when no
    export can be made of it: a name that is none of ours, or a file where directories belong.
    """

    path: str
    listing: Inventory
    latest_change: float
    analysis: AnalysisDirectory | None = None

    @property
    def files(self) -> int:
        """Files and symbolic links."""
        return self.listing.files

    @property
    def bytes(self) -> int:
        """Their bytes."""
        return self.listing.bytes

    @cached_property
    def digest(self) -> str:
        """Equal to that of the receipt's listing while nobody changes the directory."""
        return self.listing.digest


def look(remote: Remote, *, mounted: bool) -> tuple[Results, ...]:
    """Every analysis directory that holds a file, by path; `RemoteCommandFailed` when the node cannot say for sure.

    `mounted`: /fsx must be a mounted file system.
    """
    env = {"DYEC_MOUNTED": str(int(mounted))}
    answer = remote.run(RemoteScript.packaged("analysis_states"), env, _LOOK_S)
    return parse_look(answer.require_success(f"Looking into {_ROOT}").stdout)


def parse_look(text: str) -> tuple[Results, ...]:
    """The answer of `analysis_states`; anything damaged is an error, never an empty root."""
    try:
        packed = base64.b64decode(text, validate=True)
        if not packed:  # even an empty root has a gzip header
            raise ValueError("nothing came back")
        raw = gzip.decompress(packed)
        if raw and not raw.endswith(b"\0"):
            raise ValueError("the last record has no end")
        return _by_directory(raw.split(b"\0")[:-1])
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise RemoteCommandFailed(f"The head node's look into {_ROOT} is damaged: {error}.") from error


def _by_directory(records: list[bytes]) -> tuple[Results, ...]:
    below: dict[bytes, list[TreeEntry]] = defaultdict(list)
    changed: dict[bytes, float] = defaultdict(float)
    stray: set[bytes] = set()
    for record in records:
        kind, size, modified, ctime, path = record.split(b" ", 4)
        parts = path.split(b"/", 2)
        if len(parts) < 3 and kind == b"d":
            continue
        top, rest = (path, b"") if len(parts) < 3 else (b"/".join(parts[:2]), parts[2])
        if not rest:
            stray.add(top)
        below[top].append(TreeEntry(rest, kind.decode(), int(size), modified.decode()))
        if kind != b"d":
            changed[top] = max(changed[top], float(ctime))
    found = (_results(top, entries, changed, stray) for top, entries in below.items())
    return tuple(sorted((one for one in found if one.files), key=lambda one: one.path))


def _results(top: bytes, entries: list[TreeEntry], changed: Mapping[bytes, float], stray: set[bytes]) -> Results:
    path = _ROOT + top.decode(errors="backslashreplace")
    return Results(path, Inventory(tuple(sorted(entries))), changed[top], None if top in stray else _analysis(path))


def _analysis(path: str) -> AnalysisDirectory | None:
    try:
        found = AnalysisDirectory.parse(path)
    except InvalidValue:
        return None
    return found if str(found.path.on_node) == path else None
