"""A place in S3 for what is too large for a command: the cluster's own artifact directory.

ParallelCluster makes that directory with the cluster, lets its head node (and nobody else's) read it, and removes it
with the cluster; the stack's parameters name it.  It is not imported into the file system, as the reference bucket is.
The node never needs leave to write: for what it hands over it gets a signed URL of one object, valid for the call.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from daylily_ec.aws.lending import MAX_PUT_BYTES as MAX_PUT_BYTES
from daylily_ec.aws.lending import LendingApi
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError

FOLDER = "dyec"


@dataclass(frozen=True, slots=True)
class LentObject:
    """What the node needs to read an object, and to know that it is the one."""

    uri: str
    sha256: str
    region: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What the node needs to hand an object over, and how it is read afterwards."""

    url: str
    fetch: Callable[[Path], None]


class NodeStore:
    """Objects that a head node may read or hand over; each is removed when its call has ended, in whatever way.

    `warn` is told when an object could not be removed: the cluster's deletion takes it along.
    """

    def __init__(
        self, api: Callable[[], LendingApi], place: S3Prefix, region: str, warn: Callable[[str], None]
    ) -> None:
        self._make = api
        self._place = place.child(FOLDER)
        self._region = region
        self._warn = warn

    @cached_property
    def _api(self) -> LendingApi:
        return self._make()

    @contextmanager
    def lent(self, body: bytes) -> Iterator[LentObject]:
        """Store bytes for the length of the block."""
        with self._key() as key:
            self._api.put(self._place.bucket, key, body)
            yield self._object(key, hashlib.sha256(body).hexdigest())

    @contextmanager
    def lent_file(self, path: Path) -> Iterator[LentObject]:
        """Store a local file for the length of the block."""
        with self._key() as key:
            with path.open("rb") as content:
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            self._api.upload(path, self._place.bucket, key)
            yield self._object(key, sha256)

    @contextmanager
    def handed_over(self, seconds: int) -> Iterator[HandedOver]:
        """Let the node put one object within so many seconds; it is there until the block ends."""
        with self._key() as key:
            bucket = self._place.bucket
            url = self._api.put_url(bucket, key, seconds)
            yield HandedOver(url, lambda path: self._api.fetch(bucket, key, path))

    def _object(self, key: str, sha256: str) -> LentObject:
        return LentObject(f"s3://{self._place.bucket}/{key}", sha256, self._region)

    @contextmanager
    def _key(self) -> Iterator[str]:
        key = f"{self._place.key}{secrets.token_hex(16)}"
        try:
            yield key
        finally:
            self._remove(key)

    def _remove(self, key: str) -> None:
        try:
            self._api.remove(self._place.bucket, key)
        except AwsError as error:
            uri = f"s3://{self._place.bucket}/{key}"
            self._warn(f"{uri} could not be removed ({error}); it goes with the cluster, or: aws s3 rm {uri}")
