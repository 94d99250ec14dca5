"""One object against its record."""

from __future__ import annotations

import base64
import hashlib

import pytest
from awscrt import checksums

from daylily_ec.aws.s3 import ObjectDigest, ObjectFacts, ObjectInfo
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import ExportFailed, InvalidValue
from daylily_ec.fsx.manifest import Record, crc_text, make
from daylily_ec.fsx.verification import Mode, compare, judge, judge_digest, needs_content, reading_note

BODY = b"123456789"
SHA = hashlib.sha256(BODY).hexdigest()
CRC = crc_text(checksums.crc64nvme(BODY))
SHA64 = base64.b64encode(bytes.fromhex(SHA)).decode()
RECORD = Record("a/f", "f", 9, 1, "0644", SHA, CRC)
OTHER = crc_text(checksums.crc64nvme(b"987654321"))


@pytest.mark.parametrize(("facts", "kind"), [
    (ObjectFacts(9, "e", CRC), ""), (ObjectFacts(9, "e", "", SHA64), ""), (ObjectFacts(9, "e", CRC, SHA64), ""),
    (ObjectFacts(9, "e", OTHER), "content"), (ObjectFacts(9, "e", CRC, "x"), "content"),
    (ObjectFacts(9, "e", "", "x"), "content"), (ObjectFacts(8, "e", CRC), "size"), (None, "missing"),
])  # fmt: skip
def test_every_checksum_that_s3_has_must_agree(facts: ObjectFacts | None, kind: str) -> None:
    found = judge(RECORD, facts)
    assert (found.kind if found else "") == kind


def test_an_object_without_a_checksum_is_never_judged_equal() -> None:
    with pytest.raises(ExportFailed, match="no checksum over the whole"):
        judge(RECORD, ObjectFacts(9, "25f9e794323b453885f5181f1b624d0b"))


@pytest.mark.parametrize(("digest", "kind"), [
    (ObjectDigest(9, SHA), ""), (ObjectDigest(9, "0" * 64), "content"), (ObjectDigest(8, SHA), "size"),
    (None, "missing"),
])  # fmt: skip
def test_what_was_read_must_have_the_digest(digest: ObjectDigest | None, kind: str) -> None:
    found = judge_digest(RECORD, digest)
    assert (found.kind if found else "") == kind


def test_directories_and_empty_files_have_no_content_to_compare() -> None:
    empty = Record("e", "f", 0, 1, "0644", hashlib.sha256(b"").hexdigest(), crc_text(0))
    assert [needs_content(one) for one in (RECORD, empty, Record("d", "d", 0, 1, "0755"))] == [True, False, False]


def test_a_listing_is_compared_by_key_and_size_without_what_is_not_data() -> None:
    made = make("/fsx/x", "t", "2026-01-01T00:00:00Z", [RECORD, Record("a", "d", 0, 1, "0755")])
    destination = S3Prefix("b", "p/")
    monitor = ObjectInfo("p/_daylily_monitor/fsx_export.yaml", 5)
    good = [ObjectInfo("p/", 0), monitor, ObjectInfo("p/a/", 0), ObjectInfo("p/a/f", 9)]
    found = compare(made, good, destination)
    assert (found.objects, found.bytes, found.mismatches, len(found.alike)) == (2, 9, (), 2)
    bad = [ObjectInfo("p/a/f", 8), ObjectInfo("p/a/g", 1)]
    assert sorted((one.kind, one.key) for one in compare(made, bad, destination).mismatches) == [
        ("extra", "a/g"), ("missing", "a/"), ("size", "a/f")]  # fmt: skip


def test_modes_are_three_words() -> None:
    assert [Mode.parse(word) for word in ("checksum", "FULL", " sizes ")] == list(Mode)
    with pytest.raises(InvalidValue, match="checksum, full, sizes"):
        Mode.parse("etag")


def test_reading_everything_here_names_bytes_and_price() -> None:
    big = make("/fsx/x", "t", "2026-01-01T00:00:00Z", [Record("f", "f", 10**12, 1, "0644", SHA, CRC)])
    assert "1,000,000,000,000 bytes" in reading_note(big)
    assert "$90.00" in reading_note(big)
