"""Where the agent puts complete outputs: objects of the account's buckets."""

from __future__ import annotations

from collections.abc import Callable

from moto.core.exceptions import ServiceException
from moto.s3.models import s3_backends
from werkzeug.exceptions import HTTPException

PutObject = Callable[[str, str, str, bytes], bool]
"""Account id, bucket, key, content -> whether it was stored."""


def put_object(account: str, bucket: str, key: str, content: bytes) -> bool:
    """Store one object; False when the bucket is gone."""
    try:
        s3_backends[account]["aws"].put_object(bucket, key, content)
    except (ServiceException, HTTPException):
        return False
    return True


def bucket_exists(account: str, bucket: str) -> bool:
    """Whether the account has this bucket."""
    return bucket in s3_backends[account]["aws"].buckets
