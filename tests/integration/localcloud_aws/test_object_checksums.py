"""What S3 says of an object's content: by default a checksum over the whole of it, of multipart copies too."""

from __future__ import annotations

import base64
import hashlib
import socket
from typing import Any

import pytest

from daylily_ec.aws.context import AwsContext
from daylily_ec.aws.heads import HeadObjects
from daylily_ec.aws.s3 import S3
from daylily_ec.errors import AwsError
from tests.integration.localcloud_aws.conftest import Cloud

CHECK = b"123456789"
CRC = base64.b64encode((0xAE8B14860A799888).to_bytes(8, "big")).decode()
"""The published check value of CRC-64/NVME."""
PART = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def raw(cloud: Cloud) -> Any:
    client = cloud.client("s3")
    client.create_bucket(Bucket="sums", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return client


@pytest.fixture
def s3(cloud: Cloud, raw: Any, monkeypatch: pytest.MonkeyPatch) -> S3:
    for name, value in cloud.variables.items():
        monkeypatch.setenv(name, value)
    return S3(AwsContext(None, "us-west-2"))


def put_in_parts(raw: Any, key: str, **algorithm: str) -> None:
    upload = raw.create_multipart_upload(Bucket="sums", Key=key, **algorithm)["UploadId"]
    parts = []
    for number, body in enumerate([b"a" * PART, CHECK], 1):
        done = raw.upload_part(Bucket="sums", Key=key, UploadId=upload, PartNumber=number, Body=body, **algorithm)
        parts.append({"PartNumber": number, "ETag": done["ETag"]})
    raw.complete_multipart_upload(Bucket="sums", Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def test_an_object_written_without_a_checksum_has_one_over_its_whole_content(raw: Any, s3: S3) -> None:
    s3.put("sums", "plain", CHECK)
    raw.copy_object(Bucket="sums", Key="copied", CopySource="sums/plain", ChecksumAlgorithm="CRC64NVME")
    found = s3.facts("sums", "copied")
    assert found is not None
    assert (found.size, found.crc64nvme, found.sha256) == (9, CRC, "")


def test_a_sha256_of_the_whole_is_shown_and_one_of_the_parts_is_not(raw: Any, s3: S3) -> None:
    raw.put_object(Bucket="sums", Key="sha", Body=CHECK, ChecksumAlgorithm="SHA256")
    whole = s3.facts("sums", "sha")
    assert whole is not None
    assert whole.sha256 == base64.b64encode(hashlib.sha256(CHECK).digest()).decode()
    put_in_parts(raw, "parts", ChecksumAlgorithm="SHA256")
    shown = raw.head_object(Bucket="sums", Key="parts", ChecksumMode="ENABLED")
    assert (shown["ChecksumType"], shown["ChecksumSHA256"][-2:]) == ("COMPOSITE", "-2")
    composite = s3.facts("sums", "parts")
    assert composite is not None
    assert (composite.sha256, composite.crc64nvme) == ("", "")


def test_a_copy_on_the_server_side_gets_a_checksum_over_the_whole(raw: Any, s3: S3) -> None:
    put_in_parts(raw, "parts2", ChecksumAlgorithm="SHA256")
    source = s3.facts("sums", "parts2")
    assert source is not None
    s3.copy_with_checksum(("sums", "parts2"), source.etag, "sums", "whole")
    put_in_parts(raw, "direct")
    whole, direct = s3.facts("sums", "whole"), s3.facts("sums", "direct")
    assert whole is not None
    assert direct is not None
    assert len(base64.b64decode(whole.crc64nvme)) == 8
    assert (whole.size, whole.crc64nvme) == (PART + 9, direct.crc64nvme)


def test_a_copy_of_an_object_that_was_replaced_is_refused(raw: Any, s3: S3) -> None:
    raw.put_object(Bucket="sums", Key="old", Body=b"1")
    with pytest.raises(AwsError):
        s3.copy_with_checksum(("sums", "old"), "0" * 32, "sums", "never")
    assert s3.facts("sums", "never") is None


def test_what_is_read_is_hashed_and_what_is_absent_is_none(s3: S3) -> None:
    s3.put("sums", "read", b"x" * 3_000_000)
    digest = s3.digest("sums", "read")
    assert digest is not None
    assert (digest.size, digest.sha256) == (3_000_000, hashlib.sha256(b"x" * 3_000_000).hexdigest())
    assert (s3.digest("sums", "no"), s3.facts("sums", "no"), s3.read("sums", "no")) == (None, None, None)


KEYS = ("plain", "a b/c+d&e=f?g#h%20", "ü/日本", "tilde~*'()!$,;:@", "x//y")


def test_the_short_way_tells_the_same_as_botocore_for_every_kind_of_name(s3: S3) -> None:
    ask = s3.many_facts("sums")
    for number, key in enumerate(KEYS):
        s3.put("sums", key, CHECK[: number + 1])
        assert ask(key) == s3.facts("sums", key) is not None, key
    assert ask("no such key") is None


def test_the_short_way_is_really_taken_and_left_when_the_connection_breaks(
    cloud: Cloud, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = HeadObjects(s3._context, "sums")
    s3.put("sums", "here", CHECK)
    told = heads.headers("here")
    assert told is not None
    assert (told["x-amz-checksum-type"], told["content-length"]) == ("FULL_OBJECT", "9")
    assert heads.headers("gone") is None
    dead = socket.socket()
    dead.close()
    heads._mine.connection.sock = dead
    assert heads.headers("here") is None
    assert heads.headers("here") is not None, "the next request gets a new connection"
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "elsewhere")
    assert HeadObjects(s3._context, "sums").headers("here") is None, "behind a proxy botocore asks"
