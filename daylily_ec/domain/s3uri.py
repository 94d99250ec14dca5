"""S3 locations: a bucket and a key prefix that always ends in one slash."""

from __future__ import annotations

import re
from dataclasses import dataclass

from daylily_ec.domain.ids import is_text
from daylily_ec.errors import InvalidValue

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True, order=True)
class S3Prefix:
    """`s3://bucket/key/`; `key` is empty for the bucket root and else ends with exactly one slash."""

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, text: str, field: str = "S3 URI") -> S3Prefix:
        """Parse `s3://bucket[/prefix]` or `bucket[/prefix]`; queries, fragments and odd components are refused."""
        rest = text.removeprefix("s3://")
        if "://" in rest or "?" in rest or "#" in rest or ";" in rest:
            raise InvalidValue(field, text, "must be s3://bucket/prefix without query or fragment")
        bucket, _, key = rest.partition("/")
        if not _BUCKET.fullmatch(bucket) or ".." in bucket:
            raise InvalidValue(field, text, "has no valid bucket name", hint="Write it as s3://bucket/prefix/.")
        key = key.strip("/")
        if any(part in (".", "..") for part in key.split("/")) or not is_text(key):
            raise InvalidValue(field, text, "must not contain '.' or '..' components or control characters")
        return cls(bucket, key + "/" if key else "")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def to_json(self) -> str:
        """Documents carry it as text."""
        return str(self)

    @property
    def bare(self) -> str:
        """The URI without its last slash, as ParallelCluster templates want it."""
        return str(self).rstrip("/")

    def child(self, *parts: str) -> S3Prefix:
        """The prefix below this one."""
        return S3Prefix(self.bucket, self.key + "/".join(part.strip("/") for part in parts) + "/")

    def object_key(self, name: str) -> str:
        """Key of the object `name` (relative) below this prefix."""
        return self.key + name.lstrip("/")

    def object_uri(self, name: str) -> str:
        """URI of the object `name` below this prefix."""
        return f"s3://{self.bucket}/{self.object_key(name)}"

    def overlaps(self, other: S3Prefix) -> bool:
        """Whether one contains the other, component-wise."""
        return self.bucket == other.bucket and (self.key.startswith(other.key) or other.key.startswith(self.key))

    def ends_with(self, *components: str) -> bool:
        """Whether the last path components are exactly these."""
        own = [part for part in self.key.split("/") if part]
        return own[-len(components) :] == list(components)
