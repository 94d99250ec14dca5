"""Recognises where an input lies: S3, a place that the head node sees, a run mount, or this machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from daylily_ec.domain.fsxpath import CONTROL_DATA, REFERENCES, RUN_MOUNT_ROOT, STAGING_ROOT, FsxPath
from daylily_ec.domain.ids import is_text
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import InvalidValue

_RETIRED = (
    "/fsx/staging/staged_sample_data", "/fsx/staging/staged", "/fsx/staged_sample_data", "/fsx/staged", "/data",
    "/fsx/data", "/fsx/runtime_assets",
)  # fmt: skip


class Place(StrEnum):
    """Where a source lies."""

    S3 = "s3"
    VISIBLE = "visible"
    MOUNTED = "mounted"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Roles:
    """The three S3 prefixes that the head node sees below /fsx."""

    reference: S3Prefix
    control_data: S3Prefix
    staging: S3Prefix


@dataclass(frozen=True, slots=True)
class Source:
    """A file or directory: `bucket` and `key` where S3 holds it, `path` as the node or this machine names it."""

    place: Place
    text: str
    bucket: str = ""
    key: str = ""

    @property
    def is_in_s3(self) -> bool:
        """Whether S3 holds it."""
        return bool(self.bucket)

    @property
    def name(self) -> str:
        """File name."""
        return (self.key or self.text).rstrip("/").rpartition("/")[2]

    @property
    def local(self) -> Path:
        """The local file."""
        try:
            return Path(self.text).expanduser()
        except RuntimeError:  # ~somebody whom this machine does not know: a file of that name, which is not there
            return Path(self.text)

    def beside(self, suffix: str) -> Source:
        """The file of the same name with `suffix` appended."""
        return Source(self.place, self.text + suffix, self.bucket, self.key + suffix if self.key else "")

    def __str__(self) -> str:
        return self.text


def recognise(text: str, roles: Roles) -> Source:
    """The source, or `InvalidValue` for retired roots, other URLs and paths with odd components."""
    if not is_text(text):
        raise InvalidValue("path", text, "must not contain control characters")
    for root in _RETIRED:
        if text == root or text.startswith(root + "/"):
            raise InvalidValue("path", text, f"{root} is not used any more")
    if text.startswith("s3://"):
        prefix = S3Prefix.parse(text)
        if not prefix.key:
            raise InvalidValue("path", text, "must name something in the bucket")
        key = prefix.key if text.endswith("/") else prefix.key.rstrip("/")
        return Source(Place.S3, text, prefix.bucket, key)
    if "://" in text:
        raise InvalidValue("path", text, "only s3:// and paths are supported")
    return _path(text, roles)


def _path(text: str, roles: Roles) -> Source:
    if text.startswith(RUN_MOUNT_ROOT) or text.startswith("/fsx" + RUN_MOUNT_ROOT):
        return Source(Place.MOUNTED, f"/fsx{FsxPath.parse(text, 'path').value.rstrip('/')}")
    known = ((REFERENCES, roles.reference), (CONTROL_DATA, roles.control_data), (STAGING_ROOT, roles.staging))
    for root, prefix in known:
        if f"{text}/".startswith("/fsx" + root):
            inner = FsxPath.parse(text, "path").value.removeprefix(root).strip("/")
            return Source(Place.VISIBLE, text, prefix.bucket, prefix.object_key(inner))
    if text.rstrip("/").rpartition("/")[2] in ("", ".", ".."):
        raise InvalidValue("path", text, "must end with a name")
    return Source(Place.LOCAL, text)
