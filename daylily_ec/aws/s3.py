"""S3: buckets, listings, objects.

Mutations: `put` and `upload` replace an object by its key (repeating them gives the same object); `put_if_absent` and
`put_if_match` are conditional writes; `delete` of an absent key succeeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext, Client, aws_code, translate
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError, Unreachable

_ABSENT = {"404", "NoSuchKey", "NotFound", "NoSuchBucket"}
_MULTIPART_THRESHOLD = 64 * 1024 * 1024
_READS = 3


class _BodyCut(Unreachable):
    """The answer began, and its content ended too early."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectInfo:
    """One listed object; `size` in bytes."""

    key: str
    size: int
    etag: str = ""


@dataclass(frozen=True, slots=True)
class ObjectText:
    """Content of a small object and the ETag for a conditional replacement."""

    text: str
    etag: str


class S3Api(Protocol):
    """The calls the product makes."""

    def bucket_region(self, bucket: str) -> str | None:
        """Region of the bucket, None when there is no such bucket; other failures raise."""

    def objects(self, prefix: S3Prefix, *, limit: int | None = None) -> Iterator[ObjectInfo]:
        """Objects below a prefix in key order, all pages, at most `limit`."""

    def head(self, bucket: str, key: str) -> ObjectInfo | None:
        """The object, None when it does not exist."""

    def read_text(self, bucket: str, key: str) -> ObjectText | None:
        """A small UTF-8 object, None when it does not exist."""

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Store or replace an object."""

    def put_if_absent(self, bucket: str, key: str, body: bytes) -> bool:
        """Store unless the key exists (If-None-Match); whether it was stored."""

    def put_if_match(self, bucket: str, key: str, body: bytes, etag: str) -> bool:
        """Replace the object if it still has the ETag (If-Match); False when it changed or is gone."""

    def upload(self, path: Path, bucket: str, key: str) -> None:
        """Store a local file, in parts when it is large."""

    def copy(self, source: tuple[str, str], bucket: str, key: str) -> None:
        """Copy on the server side, in parts when it is large."""

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object; an absent one is fine."""


class S3:
    """`S3Api` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    @property
    def _client(self) -> Client:
        return self._context.client("s3")

    def bucket_region(self, bucket: str) -> str | None:
        try:
            answer = self._client.call("head_bucket", Bucket=bucket)
        except AwsError as error:
            if aws_code(error) in _ABSENT:
                return None
            raise
        region = answer.get("BucketRegion") or answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        if not region:
            raise AwsError(f"s3:HeadBucket: the answer does not say in which region {bucket} lies.")
        return str(region)

    def objects(self, prefix: S3Prefix, *, limit: int | None = None) -> Iterator[ObjectInfo]:
        size = {"PageSize": limit} if limit is not None and limit < 1000 else {}
        items = self._client.pages(
            "list_objects_v2", "Contents", Bucket=prefix.bucket, Prefix=prefix.key, PaginationConfig=size
        )
        for number, item in enumerate(items):
            if limit is not None and number >= limit:
                return
            yield ObjectInfo(item["Key"], item["Size"], item.get("ETag", "").strip('"'))

    def head(self, bucket: str, key: str) -> ObjectInfo | None:
        try:
            answer = self._client.call("head_object", Bucket=bucket, Key=key)
        except AwsError as error:
            if aws_code(error) in _ABSENT:
                return None
            raise
        return ObjectInfo(key, answer["ContentLength"], answer.get("ETag", "").strip('"'))

    def read_text(self, bucket: str, key: str) -> ObjectText | None:
        # boto3 retries requests, but not a body that ends too early.
        for _ in range(_READS - 1):
            try:
                return self._read_text(bucket, key)
            except _BodyCut:
                continue
        return self._read_text(bucket, key)

    def _read_text(self, bucket: str, key: str) -> ObjectText | None:
        try:
            answer = self._client.call("get_object", Bucket=bucket, Key=key)
        except AwsError as error:
            if aws_code(error) in _ABSENT:
                return None
            raise
        try:
            body: bytes = answer["Body"].read()
        except Exception as error:
            raise _BodyCut(f"s3:GetObject: the content of s3://{bucket}/{key} did not arrive: {error}",
                           hint="Check the network, then repeat.") from error  # fmt: skip
        return ObjectText(body.decode(), answer["ETag"].strip('"'))

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self._client.call("put_object", Bucket=bucket, Key=key, Body=body)

    def put_if_absent(self, bucket: str, key: str, body: bytes) -> bool:
        try:
            self._client.call("put_object", Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
        except AwsError as error:
            if aws_code(error) in {"PreconditionFailed", "412", "ConditionalRequestConflict"}:
                return False
            raise
        return True

    def put_if_match(self, bucket: str, key: str, body: bytes, etag: str) -> bool:
        try:
            self._client.call("put_object", Bucket=bucket, Key=key, Body=body, IfMatch=f'"{etag}"')
        except AwsError as error:
            if aws_code(error) in {"PreconditionFailed", "412", "ConditionalRequestConflict", "NoSuchKey", "404"}:
                return False
            raise
        return True

    def upload(self, path: Path, bucket: str, key: str) -> None:
        with self._transfers("upload_file", multipart_threshold=_MULTIPART_THRESHOLD) as manager:
            manager.upload(str(path), bucket, key).result()

    def copy(self, source: tuple[str, str], bucket: str, key: str) -> None:
        with self._transfers("copy") as manager:
            manager.copy({"Bucket": source[0], "Key": source[1]}, bucket, key).result()

    @contextmanager
    def _transfers(self, operation: str, **settings: int) -> Iterator[Any]:
        # Only transfers load this: importing it takes as long as S3 takes to answer.
        from s3transfer.manager import TransferConfig, TransferManager

        client = self._client
        try:
            with TransferManager(client.raw, TransferConfig(**settings)) as manager:
                yield manager
        except Exception as exc:
            raise translate(exc, client.service, operation) from exc

    def delete(self, bucket: str, key: str) -> None:
        self._client.call("delete_object", Bucket=bucket, Key=key)
