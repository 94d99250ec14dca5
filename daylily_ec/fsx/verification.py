"""Whether S3 holds exactly what a manifest says: key set, sizes, content.  Nothing here asks AWS anything.

FSx writes a directory as a key ending in a slash and a symbolic link as an object whose data is the target.
https://docs.aws.amazon.com/fsx/latest/LustreGuide/posix-metadata-support.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from daylily_ec.aws.s3 import ObjectDigest, ObjectFacts, ObjectInfo
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import ExportFailed, InvalidValue
from daylily_ec.fsx.manifest import Manifest, Record
from daylily_ec.fsx.obstacles import MONITOR

EGRESS_USD_PER_GB = 0.09
"""What AWS asks for the first 10 TB a month from a US region to the internet.
https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer"""


class Mode(StrEnum):
    """How content is compared: by S3's own checksums, by reading every object here, or not at all."""

    CHECKSUM = "checksum"
    FULL = "full"
    SIZES = "sizes"

    @classmethod
    def parse(cls, text: str) -> Mode:
        """One of the three names."""
        try:
            return cls(text.strip().lower())
        except ValueError:
            raise InvalidValue("verification", text, f"must be one of {', '.join(cls)}") from None

    @property
    def strength(self) -> int:
        """The more it compares, the higher; never 0."""
        return 1 + (Mode.SIZES, Mode.CHECKSUM, Mode.FULL).index(self)

    def at_least(self, other: Mode) -> Mode:
        """The one of both that compares more."""
        return max(self, other, key=lambda mode: mode.strength)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One difference: `missing` or `extra` in S3, another `size` (bytes), other `content` (checksums)."""

    kind: str
    key: str
    expected: int | str | None = None
    found: int | str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """S3 beside a manifest: objects and bytes counted in S3; for `computed` of them S3 had to make a checksum."""

    mode: Mode
    objects: int
    bytes: int
    mismatches: tuple[Mismatch, ...]
    computed: int = 0

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not self.mismatches


@dataclass(frozen=True, slots=True)
class Listing:
    """The key set and the sizes of S3 beside a manifest; `alike` agree in both and may still differ in content."""

    objects: int
    bytes: int
    mismatches: tuple[Mismatch, ...]
    alike: tuple[Record, ...]


def data_objects(objects: Iterable[ObjectInfo], destination: S3Prefix) -> Iterator[ObjectInfo]:
    """Objects that are data: not the prefix itself, not receipts and reports."""
    monitor = destination.object_key(f"{MONITOR}/")
    for item in objects:
        if item.key != destination.key and not item.key.startswith(monitor):
            yield item


def compare(manifest: Manifest, objects: Iterable[ObjectInfo], destination: S3Prefix) -> Listing:
    """Key set and sizes of S3 against the manifest."""
    expected = dict(manifest.by_key)
    mismatches: list[Mismatch] = []
    alike: list[Record] = []
    count = total = 0
    for item in data_objects(objects, destination):
        count, total = count + 1, total + item.size
        key = item.key.removeprefix(destination.key)
        record = expected.pop(key, None)
        if record is None:
            mismatches.append(Mismatch("extra", key, found=item.size))
        elif record.size != item.size:
            mismatches.append(Mismatch("size", key, record.size, item.size))
        else:
            alike.append(record)
    mismatches += [Mismatch("missing", key, record.size) for key, record in expected.items()]
    return Listing(count, total, tuple(mismatches), tuple(alike))


def needs_content(record: Record) -> bool:
    """Whether equal sizes leave anything open: nothing has no content."""
    return record.has_content and record.size > 0


def is_told(facts: ObjectFacts) -> bool:
    """Whether S3 has a checksum over the whole object that a manifest has too."""
    return bool(facts.crc64nvme or facts.sha256)


def judge(record: Record, facts: ObjectFacts | None) -> Mismatch | None:
    """What S3 says of an object against its record; `ExportFailed` (code `no_checksum`) when S3 says nothing of it."""
    if facts is None:
        return Mismatch("missing", record.key, record.size)
    if facts.size != record.size:
        return Mismatch("size", record.key, record.size, facts.size)
    sha256 = base64.b64encode(bytes.fromhex(record.sha256)).decode()
    for found, expected in ((facts.crc64nvme, record.crc64nvme), (facts.sha256, sha256)):
        if found and found != expected:
            return Mismatch("content", record.key, expected, found)
    if not is_told(facts):
        raise ExportFailed(f"S3 tells no checksum over the whole of {record.key}, nor of a copy.", code="no_checksum",
                           hint="Compare by reading every object: --verify full")  # fmt: skip
    return None


def judge_digest(record: Record, digest: ObjectDigest | None) -> Mismatch | None:
    """What was read of an object against its record."""
    if digest is None:
        return Mismatch("missing", record.key, record.size)
    if digest.size != record.size:
        return Mismatch("size", record.key, record.size, digest.size)
    if digest.sha256 != record.sha256:
        return Mismatch("content", record.key, record.sha256, digest.sha256)
    return None


def ordered(mismatches: Iterable[Mismatch]) -> tuple[Mismatch, ...]:
    """Differences by key."""
    return tuple(sorted(mismatches, key=lambda one: (one.key, one.kind)))


def reading_note(manifest: Manifest) -> str:
    """What reading everything here costs, for people."""
    gigabytes = manifest.bytes / 1e9
    return (f"Reading {manifest.bytes:,} bytes of {manifest.files:,} files through this machine; outside of AWS its "
            f"transfer costs about ${gigabytes * EGRESS_USD_PER_GB:,.2f}.")  # fmt: skip
