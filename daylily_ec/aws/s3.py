"""S3: buckets, listings, objects.

Mutations: `put` and `upload` replace an object by its key (repeating them gives the same object); `put_if_absent` and
`put_if_match` are conditional writes; `delete` of an absent key succeeds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from daylily_ec.aws.context import AwsContext, Client, aws_code, translate
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError, Unreachable

_ABSENT = {"404", "NoSuchKey", "NotFound", "NoSuchBucket"}
_MULTIPART_THRESHOLD = 64 * 1024 * 1024
_COPIED_AT_ONCE = 5 * 1024**3
"""Bytes that one CopyObject takes (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html)."""
_COPIED_PART = 512 * 1024**2
_READS = 3
_PIECE = 1024 * 1024
T = TypeVar("T")


class _BodyCut(Unreachable):
    """The answer began, and its content ended too early."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectInfo:
    """One listed object; `size` in bytes."""

    key: str
    size: int
    etag: str = ""


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What S3 itself says of one object: bytes, ETag, and checksums over its whole content as far as S3 has them.

    `crc64nvme` and `sha256` are base64 as S3 writes them, and empty when S3 has none over the whole content: a
    composite checksum (`...-N`) covers its parts and is no digest of the file, nor is an ETag.
    """

    size: int
    etag: str = ""
    crc64nvme: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class ObjectDigest:
    """What was read of an object: bytes and their SHA-256 in hexadecimal."""

    size: int
    sha256: str


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


class ContentApi(S3Api, Protocol):
    """Calls about the content of objects, with which an export is proved."""

    def facts(self, bucket: str, key: str) -> ObjectFacts | None:
        """Size and whole-object checksums without reading the object, None when it does not exist."""

    def many_facts(self, bucket: str) -> Callable[[str], ObjectFacts | None]:
        """`facts` of one bucket for thousands of keys, from any thread."""

    def digest(self, bucket: str, key: str) -> ObjectDigest | None:
        """Read the object and hash it, None when it does not exist."""

    def read(self, bucket: str, key: str) -> bytes | None:
        """A small object, None when it does not exist."""

    def copy_with_checksum(self, source: tuple[str, str], etag: str, bucket: str, key: str) -> None:
        """Copy on the server side while the source has the ETag; S3 computes CRC64NVME over the whole copy."""


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

    def facts(self, bucket: str, key: str) -> ObjectFacts | None:
        try:
            answer = self._client.call("head_object", Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        except AwsError as error:
            if aws_code(error) in _ABSENT:
                return None
            raise
        return _facts(answer)

    def many_facts(self, bucket: str) -> Callable[[str], ObjectFacts | None]:
        from daylily_ec.aws.heads import HeadObjects

        heads = HeadObjects(self._context, bucket)

        def facts(key: str) -> ObjectFacts | None:
            headers = heads.headers(key)
            return self.facts(bucket, key) if headers is None else _facts_in(headers)

        return facts

    def digest(self, bucket: str, key: str) -> ObjectDigest | None:
        return self._got(bucket, key, lambda answer: _hashed(answer["Body"]))

    def read(self, bucket: str, key: str) -> bytes | None:
        return self._got(bucket, key, lambda answer: bytes(answer["Body"].read()))

    def read_text(self, bucket: str, key: str) -> ObjectText | None:
        found = self._got(bucket, key, lambda answer: (bytes(answer["Body"].read()), answer["ETag"].strip('"')))
        return None if found is None else ObjectText(found[0].decode(), found[1])

    def _got(self, bucket: str, key: str, take: Callable[[dict[str, Any]], T]) -> T | None:
        # boto3 retries requests, but not a body that ends too early.
        for _ in range(_READS - 1):
            try:
                return self._get(bucket, key, take)
            except _BodyCut:
                continue
        return self._get(bucket, key, take)

    def _get(self, bucket: str, key: str, take: Callable[[dict[str, Any]], T]) -> T | None:
        try:
            answer = self._client.call("get_object", Bucket=bucket, Key=key)
        except AwsError as error:
            if aws_code(error) in _ABSENT:
                return None
            raise
        try:
            return take(answer)
        except Exception as error:
            raise _BodyCut(f"s3:GetObject: the content of s3://{bucket}/{key} did not arrive: {error}",
                           hint="Check the network, then repeat.") from error  # fmt: skip

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

    def copy_with_checksum(self, source: tuple[str, str], etag: str, bucket: str, key: str) -> None:
        wanted = {"ChecksumAlgorithm": "CRC64NVME", "CopySourceIfMatch": f'"{etag}"'}
        parts = {"multipart_threshold": _COPIED_AT_ONCE + 1, "multipart_chunksize": _COPIED_PART}
        with self._transfers("copy", **parts) as manager:
            manager.copy({"Bucket": source[0], "Key": source[1]}, bucket, key, wanted).result()

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


def _facts(answer: Mapping[str, Any]) -> ObjectFacts:
    # A checksum of another type, or of a type that S3 does not name, is none over the whole content.
    whole = answer.get("ChecksumType") == "FULL_OBJECT"
    crc, sha = (answer.get(name, "") if whole else "" for name in ("ChecksumCRC64NVME", "ChecksumSHA256"))
    return ObjectFacts(answer["ContentLength"], answer.get("ETag", "").strip('"'), crc, sha)


def _facts_in(headers: Mapping[str, str]) -> ObjectFacts:
    return _facts({
        "ContentLength": int(headers["content-length"]), "ETag": headers.get("etag", ""),
        "ChecksumType": headers.get("x-amz-checksum-type"),
        "ChecksumCRC64NVME": headers.get("x-amz-checksum-crc64nvme", ""),
        "ChecksumSHA256": headers.get("x-amz-checksum-sha256", ""),
    })  # fmt: skip


def _hashed(body: Any) -> ObjectDigest:
    total, size = hashlib.sha256(), 0
    while piece := body.read(_PIECE):
        total.update(piece)
        size += len(piece)
    return ObjectDigest(size, total.hexdigest())
