"""Copies for a checksum: one request up to what S3 takes at once, few parts beyond."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from daylily_ec.aws.context import AwsContext
from daylily_ec.aws.s3 import S3

GIB = 1024**3
ANSWERS: dict[str, dict[str, Any]] = {
    "CreateMultipartUpload": {"UploadId": "u"}, "UploadPartCopy": {"CopyPartResult": {"ETag": "e"}},
}  # fmt: skip


def copied(size: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The requests that a copy of so many bytes takes; nothing is sent."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    asked: Counter[str] = Counter()
    context = AwsContext(None, "us-west-2")

    def answer(model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        asked[model.name] += 1
        return SimpleNamespace(status_code=200), {"ContentLength": size, "ETag": "e", **ANSWERS.get(model.name, {})}

    context.client("s3").raw.meta.events.register("before-call.s3", answer)
    S3(context).copy_with_checksum(("results", "a"), "e", "results", "b")
    return asked


@pytest.mark.parametrize("size", [1, 2 * GIB, 5 * GIB])
def test_up_to_five_gib_are_one_request(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    assert copied(size, monkeypatch) == {"HeadObject": 1, "CopyObject": 1}


@pytest.mark.parametrize(("size", "parts"), [(5 * GIB + 1, 11), (10 * GIB, 20), (5000 * GIB, 10_000)])
def test_beyond_that_parts_are_of_half_a_gib(monkeypatch: pytest.MonkeyPatch, size: int, parts: int) -> None:
    assert copied(size, monkeypatch) == {
        "HeadObject": 1, "CreateMultipartUpload": 1, "UploadPartCopy": parts, "CompleteMultipartUpload": 1,
    }  # fmt: skip
