"""Which of S3's checksums say something about a whole file."""

from __future__ import annotations

from typing import Any

import pytest

from daylily_ec.aws.s3 import ObjectFacts, _facts, _facts_in

CRC, SHA = "rosUhgp5mIg=", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="


@pytest.mark.weakness("H7")
@pytest.mark.parametrize(("kind", "values", "expected"), [
    ("FULL_OBJECT", {"ChecksumCRC64NVME": CRC}, (CRC, "")), ("FULL_OBJECT", {"ChecksumSHA256": SHA}, ("", SHA)),
    ("COMPOSITE", {"ChecksumSHA256": f"{SHA}-3"}, ("", "")), (None, {"ChecksumSHA256": SHA}, ("", "")),
    ("FULL_OBJECT", {"ChecksumCRC32": "y/Q5Jg=="}, ("", "")), (None, {}, ("", "")),
])  # fmt: skip
def test_only_a_checksum_over_the_whole_object_counts_and_never_an_etag(
    kind: str | None, values: dict[str, str], expected: tuple[str, str]
) -> None:
    answer: dict[str, Any] = {"ContentLength": 9, "ETag": '"25f9e794323b453885f5181f1b624d0b"', **values}
    answer |= {"ChecksumType": kind} if kind else {}
    found = _facts(answer)
    assert found == ObjectFacts(9, "25f9e794323b453885f5181f1b624d0b", *expected)
    headers = {"content-length": "9", "etag": answer["ETag"]}
    headers |= {f"x-amz-checksum-{name.removeprefix('Checksum').lower()}": value for name, value in values.items()}
    headers |= {"x-amz-checksum-type": kind} if kind else {}
    assert _facts_in(headers) == found
