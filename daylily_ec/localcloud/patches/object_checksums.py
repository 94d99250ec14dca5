"""Checksums of objects as HeadObject shows them with ChecksumMode: whole-object values by default, as S3 has them.

moto shows only what the client sent, without its type, and a composite value without the number of its parts.  S3
computes CRC64NVME itself for an object that was written without a checksum; here that is done when it is asked for,
from the bytes that are stored.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.s3.models import FakeKey
from moto.s3.responses import S3Response
from moto.s3.utils import compute_checksum

from daylily_ec.localcloud.patches.patching import replace

_HEADER = "x-amz-checksum-"


def install() -> None:
    """Teach moto's HeadObject."""
    replace(S3Response, "head_object", _heading)


def _heading(original: Any) -> Any:
    def head(
        self: Any, bucket_name: str, query: dict[str, Any], key_name: str, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any], Any]:
        status, answer, body = original(self, bucket_name, query, key_name, headers)
        if status != 200 or headers.get("x-amz-checksum-mode") != "ENABLED":
            return status, answer, body
        key = self.backend.head_object(bucket_name, key_name, query.get("versionId", [None])[0])
        kept = {name: value for name, value in answer.items() if not name.lower().startswith(_HEADER)}
        return status, {**kept, **_checksum(key)}, body

    return head


def _checksum(key: FakeKey) -> dict[str, str]:
    """The headers of an object's checksum."""
    algorithm, value, kind = key.checksum_algorithm, key.checksum_value, "FULL_OBJECT"
    if algorithm and value and key.checksum_type == "COMPOSITE":
        value, kind = f"{value}-{key.checksum_parts}", "COMPOSITE"
    if not algorithm or not value:
        algorithm, value = "CRC64NVME", compute_checksum(key.value, "CRC64NVME").decode()
    return {f"{_HEADER}{algorithm.lower()}": value, f"{_HEADER}type": kind}
