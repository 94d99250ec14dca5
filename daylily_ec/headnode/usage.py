"""How full the shared file system is, as the node sees it."""

from __future__ import annotations

from dataclasses import dataclass

from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.headnode.remote import Remote, RemoteScript

FSX = "/fsx"
NEARLY_FULL = 0.9
"""A Lustre target beyond this share makes writes fail although the file system has room elsewhere."""


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of the file system, or of one of its targets."""

    name: str
    size: int
    used: int
    free: int

    @property
    def share(self) -> float:
        """Share that is used, 0 to 1."""
        return self.used / self.size if self.size else 0.0

    def to_json(self) -> dict[str, object]:
        """Its fields, and the share in percent."""
        return {"name": self.name, "size": self.size, "used": self.used, "free": self.free,
                "percent": round(100 * self.share, 1)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Usage:
    """The file system, its kind, its files, and for Lustre its targets (MDT and OST), by name."""

    kind: str
    total: Space
    files: int
    files_used: int
    targets: tuple[Space, ...]

    @property
    def nearly_full(self) -> tuple[Space, ...]:
        """The file system or targets beyond `NEARLY_FULL`."""
        return tuple(space for space in (self.total, *self.targets) if space.share >= NEARLY_FULL)


def read_usage(remote: Remote) -> Usage:
    """Ask the node; `RemoteCommandFailed` when the file system is not mounted or does not answer."""
    result = remote.run(RemoteScript.packaged("fsx_usage"), {"DYEC_FSX": FSX}, 120)
    return parse_usage(result.require_success("Reading the usage of the file system").stdout)


def parse_usage(text: str) -> Usage:
    """The usage in the output of `fsx_usage.sh`; an answer without its end is an error."""
    lines = [line.split() for line in text.splitlines()]
    try:
        if lines[-1] != ["done"]:
            raise ValueError("it has no end")
        ((kind,),) = [rest for word, *rest in lines if word == "type"]
        (total,) = [[int(value) for value in rest] for word, *rest in lines if word == "total"]
        size, used, free, files, files_used = total
        targets = [Space(rest[0], *map(int, rest[1:4])) for word, *rest in lines if word == "target"]
    except (ValueError, IndexError, TypeError) as error:
        raise RemoteCommandFailed(f"The node gave an answer that is not understood: {error}",
                                  details={"stdout": text[:2000]}) from error  # fmt: skip
    return Usage(
        kind, Space(FSX, size, used, free), files, files_used, tuple(sorted(targets, key=lambda one: one.name))
    )
