"""Objects that exist for one call only: what a head node is to read, or what it hands over.

Mutations: the keys are named by a random token, so repeating a write stores the same content again; `remove` of an
absent object is fine.  ParallelCluster's buckets keep versions; `remove` takes the version itself away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from daylily_ec.aws.context import aws_code, translate
from daylily_ec.aws.s3 import S3
from daylily_ec.errors import AwsError

MAX_PUT_BYTES = 5 * 1024**3
"""What one PutObject takes (https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html)."""


_ABSENT = {"404", "NoSuchKey", "NoSuchBucket"}


class LendingApi(Protocol):
    """The calls the product makes."""

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Store an object."""

    def upload(self, path: Path, bucket: str, key: str) -> None:
        """Store a local file, in parts when it is large."""

    def put_url(self, bucket: str, key: str, seconds: int) -> str:
        """A URL to which this one object, at most `MAX_PUT_BYTES` long, can be put for so many seconds."""

    def fetch(self, bucket: str, key: str, path: Path) -> None:
        """Read an object into a local file; `AwsError` when there is none."""

    def remove(self, bucket: str, key: str) -> None:
        """Remove the object and its version; an absent one is fine."""


class Lending(S3):
    """`LendingApi` through boto3."""

    def put_url(self, bucket: str, key: str, seconds: int) -> str:
        client = self._client
        try:
            return str(client.raw.generate_presigned_url(
                "put_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds))  # fmt: skip
        except Exception as exc:
            raise translate(exc, client.service, "put_object") from exc

    def fetch(self, bucket: str, key: str, path: Path) -> None:
        with self._transfers("get_object") as manager:
            manager.download(bucket, key, str(path)).result()

    def remove(self, bucket: str, key: str) -> None:
        try:
            version = self._client.call("head_object", Bucket=bucket, Key=key).get("VersionId")
        except AwsError as error:
            if aws_code(error) in _ABSENT:
                return
            raise
        given = {"VersionId": version} if version else {}
        self._client.call("delete_object", Bucket=bucket, Key=key, **given)
