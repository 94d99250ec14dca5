"""The account's S3 as FSx uses it: reads straight from moto's store, writes through the API like any client."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from http import HTTPStatus
from typing import Any, BinaryIO, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.s3.exceptions import MissingBucket
from moto.s3.models import FakeKey, s3_backends

from daylily_ec.localcloud.linked_roles import refuses_fsx
from daylily_ec.localcloud.requestlog import INTERNAL_KEY

_META = "x-amz-meta-"
_COLD = frozenset({"GLACIER", "DEEP_ARCHIVE"})


class StoreError(Exception):
    """S3 did not carry out a change."""


class AccessDenied(StoreError):
    """S3 refused a change: HTTP 403, whatever the code."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object; `version` changes with every write, `modified` is in seconds since the epoch."""

    version: str
    modified: float
    metadata: Mapping[str, str]
    is_cold: bool = False
    """Whether its storage class has to be restored before reading."""


class Objects(Protocol):
    """The calls made on buckets."""

    def has_bucket(self, bucket: str) -> bool:
        """Whether the bucket exists and its policy does not deny Amazon FSx's service-linked role."""

    def list(self, bucket: str, prefix: str) -> dict[str, StoredObject]:
        """Objects below a prefix by key; none when the bucket is missing."""

    def read(self, bucket: str, key: str) -> BinaryIO | None:
        """The bytes, None when there is no such object."""

    def write(self, bucket: str, key: str, body: BinaryIO | bytes, metadata: Mapping[str, str]) -> str:
        """Store an object; its version.

        Raises StoreError.
        """

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object.

        Raises StoreError.
        """


class MotoObjects:
    """`Objects` on moto; such calls are the cloud's own and do not appear in the request log."""

    def __init__(self, account_id: str, region: str, endpoint: str) -> None:
        self._account, self._region, self._endpoint = account_id, region, endpoint

    def has_bucket(self, bucket: str) -> bool:
        found = self._bucket(bucket)
        return found is not None and not refuses_fsx(found.policy)

    def list(self, bucket: str, prefix: str) -> dict[str, StoredObject]:
        found = self._bucket(bucket)
        items = list(found.keys.items()) if found is not None else []
        return {key: _stored(item) for key, item in items if key.startswith(prefix) and isinstance(item, FakeKey)}

    def read(self, bucket: str, key: str) -> BinaryIO | None:
        item = self._key(bucket, key)
        return io.BytesIO(item.value) if item is not None else None

    def write(self, bucket: str, key: str, body: BinaryIO | bytes, metadata: Mapping[str, str]) -> str:
        try:
            self._client.put_object(Bucket=bucket, Key=key, Body=body, Metadata=dict(metadata))
        except ClientError as error:
            raise _store_error(error) from error
        item = self._key(bucket, key)
        return _stored(item).version if item is not None else ""

    def delete(self, bucket: str, key: str) -> None:
        try:
            self._client.delete_object(Bucket=bucket, Key=key)
        except ClientError as error:
            raise _store_error(error) from error

    @cached_property
    def _client(self) -> Any:
        return boto3.client(
            "s3",
            region_name=self._region,
            endpoint_url=self._endpoint,
            aws_access_key_id=INTERNAL_KEY,
            aws_secret_access_key="unchecked",
            # Without a checksum of the writer's, S3 computes CRC64NVME over the whole object.
            config=Config(request_checksum_calculation="when_required"),
        )

    def _bucket(self, name: str) -> Any:
        try:
            return s3_backends[self._account]["aws"].get_bucket(name)
        except MissingBucket:
            return None

    def _key(self, bucket: str, key: str) -> Any:
        found = self._bucket(bucket)
        item = found.keys.get(key) if found is not None else None
        return item if isinstance(item, FakeKey) else None


def _store_error(error: ClientError) -> StoreError:
    refused = error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.FORBIDDEN
    return AccessDenied(str(error)) if refused else StoreError(str(error))


def _stored(item: Any) -> StoredObject:
    # Not the ETag: moto computes it on demand from a buffer that a concurrent answer may be reading.
    metadata = {str(key).lower().removeprefix(_META): str(value) for key, value in dict(item.metadata).items()}
    modified = item.last_modified.replace(tzinfo=UTC).timestamp()
    cold = item.storage_class in _COLD and item.status != "RESTORED"
    return StoredObject(f"{item.version_id}@{modified}@{item.contentsize}", modified, metadata, cold)
