"""The manifest's form: exact, sorted, reversible for any name, and never read when it is damaged."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daylily_ec.errors import CorruptFile
from daylily_ec.fsx import manifest
from daylily_ec.fsx.manifest import Manifest, Record, crc_text, escaped, unescaped

DIRECTORY = PurePosixPath("/fsx/analysis_results/ubuntu/a1")
MOMENT = "2026-01-02T03:04:05Z"
NAMES = st.binary(min_size=1, max_size=40).filter(lambda raw: not set(raw) & {0, 47} and raw not in (b".", b".."))


def a_file(path: str, size: int = 3, crc: int = 1) -> Record:
    sha256 = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()
    return Record(path, "f", size, 1_700_000_000_123_456_789, "0644", sha256, crc_text(crc))


def a_manifest(*extra: Record) -> Manifest:
    link = Record("link", "l", 5, 7, "0777", "b" * 64, crc_text(2**64 - 1), "a.txt")
    folder = Record("a", "d", 0, -5, "2755")
    return manifest.make(DIRECTORY, "dyec 9", MOMENT, [a_file("a.txt"), link, a_file("a/b"), folder, *extra])


def test_it_reads_what_it_wrote() -> None:
    made = a_manifest()
    assert manifest.parse(made.packed, sha256=made.sha256) == made
    assert made.sha256 == hashlib.sha256(gzip.decompress(made.packed)).hexdigest()


def test_the_header_counts() -> None:
    made = a_manifest(Record("pipe", "p", 0, 1, "0600"))
    header = json.loads(gzip.decompress(made.packed).splitlines()[0])
    assert header | {"records_sha256": "x"} == {
        "schema": 1, "directory": str(DIRECTORY), "tool": "dyec 9", "made_at": MOMENT, "files": 2, "directories": 1,
        "links": 1, "others": 1, "bytes": 11, "records_sha256": "x",
    }  # fmt: skip
    assert (made.objects, made.files, made.bytes) == (5, 3, 11)


def test_records_are_sorted_by_the_bytes_of_their_paths() -> None:
    paths = [b"b", b"a/z", b"a", b"a.txt", b"\xff", "é".encode(), "\U0001f600".encode(), "\ufffd".encode()]
    made = manifest.make(DIRECTORY, "t", MOMENT, [a_file(os.fsdecode(path)) for path in paths])
    assert [os.fsencode(one.path) for one in made.records] == sorted(paths)


def test_equal_content_is_told_apart_from_an_equal_manifest() -> None:
    one, other = (manifest.make(DIRECTORY, "t", moment, [a_file("a")]) for moment in (MOMENT, "2027-01-01T00:00:00Z"))
    assert one.header.records_sha256 == other.header.records_sha256
    assert one.sha256 != other.sha256


def test_keys_are_those_that_fsx_writes() -> None:
    assert sorted(a_manifest().by_key) == ["a.txt", "a/", "a/b", "link"]


@given(NAMES)
@settings(max_examples=500)
def test_every_name_is_written_reversibly_and_clean(raw: bytes) -> None:
    text = escaped(os.fsdecode(raw))
    assert os.fsencode(unescaped(text)) == raw
    assert text.encode().decode() == text


@given(st.lists(NAMES, min_size=1, max_size=8, unique=True))
def test_a_manifest_of_any_names(names: list[bytes]) -> None:
    made = manifest.make(DIRECTORY, "t", MOMENT, [a_file(os.fsdecode(name)) for name in names])
    assert gzip.decompress(made.packed).isascii()
    assert manifest.parse(made.packed, sha256=made.sha256) == made


@pytest.mark.parametrize(
    "text", ["\\", "\\x", "\\x4", "\\x41", "a\\q", "\\\\\\", "\\xC3", "\\xc3\\xa9", "\udc80", "\udc80\\\\"]
)
def test_what_no_name_is_written_as(text: str) -> None:
    with pytest.raises(ValueError):
        unescaped(text)


BAD = {
    "leaves the directory": {"path": "../x"},
    "climbs inside": {"path": "a/../../x"},
    "absolute": {"path": "/etc/passwd"},
    "a dot": {"path": "./a"},
    "an empty component": {"path": "a//b"},
    "empty": {"path": ""},
    "a NUL": {"path": "a\0b"},
    "no text": {"path": 5},
    "another type": {"type": "x"},
    "a negative size": {"size": -1},
    "a size in words": {"size": "3"},
    "a truth as a size": {"size": True},
    "a fractional time": {"mtime_ns": 1.5},
    "another mode": {"mode": "rw-r--r--"},
    "a short digest": {"sha256": "ab"},
    "a digest in capitals": {"sha256": "A" * 64},
    "a checksum of another kind": {"crc64nvme": "AAAAAA=="},
    "a directory with bytes": {"type": "d"},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_a_record_that_no_manifest_may_hold(change: dict[str, object]) -> None:
    line = a_file("a").to_json() | change
    with pytest.raises((ValueError, TypeError, AttributeError)):
        Record.parse(json.dumps(line))
    _refused([json.dumps(a_manifest().header.to_json()).encode(), json.dumps(line).encode()])


def test_a_record_without_a_digest() -> None:
    line = a_file("a").to_json()
    del line["crc64nvme"]
    with pytest.raises(KeyError):
        Record.parse(json.dumps(line))


def test_another_schema() -> None:
    head, *rest = gzip.decompress(a_manifest().packed).splitlines()
    _refused([head.replace(b'"schema":1', b'"schema":2'), *rest])


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (0, 0, 1, 2, 3), (0, 1, 2, 3, 3)])
def test_records_out_of_order_or_twice_there(order: tuple[int, ...]) -> None:
    lines = [gzip.decompress(a_manifest().packed).splitlines()[1:][place] for place in order]
    records = [Record.parse(line.decode()) for line in lines]
    counts = {name: sum(one.type == kind for one in records)
              for name, kind in (("files", "f"), ("directories", "d"), ("links", "l"))}  # fmt: skip
    text = b"".join(line + b"\n" for line in lines)
    fitting = a_manifest().header.to_json() | counts | {
        "bytes": sum(one.size for one in records), "records_sha256": hashlib.sha256(text).hexdigest()
    }  # fmt: skip
    _refused([json.dumps(fitting).encode(), *lines])


def _refused(lines: list[bytes]) -> None:
    with pytest.raises(CorruptFile) as caught:
        manifest.parse(gzip.compress(b"".join(line + b"\n" for line in lines)))
    assert caught.value.code == "manifest_damaged"


EMPTY = [gzip.compress(body, mtime=0) for body in (b"", b"\n", b"[]\n")]


@pytest.mark.parametrize(
    "packed", [b"", b"no gzip", *EMPTY], ids=["nothing", "no gzip", "no line", "empty line", "no header"]
)
def test_what_is_no_manifest(packed: bytes) -> None:
    with pytest.raises(CorruptFile):
        manifest.parse(packed)


def _corrupted(whole: bytes, chance: random.Random) -> bytes:
    """The records with one change: a bit turned, an end cut off, a line dropped, two swapped, a path renamed."""
    head, _, rest = whole.partition(b"\n")
    lines = rest.splitlines(keepends=True)
    place = chance.randrange(len(lines))
    kind = chance.choice(["flip", "truncate", "drop", "swap", "rename"])
    if kind == "flip":
        at = chance.randrange(len(rest))
        rest = rest[:at] + bytes([rest[at] ^ 1 << chance.randrange(8)]) + rest[at + 1 :]
    elif kind == "truncate":
        rest = rest[: chance.randrange(len(rest))]
    elif kind == "drop":
        rest = b"".join(lines[:place] + lines[place + 1 :])
    elif kind == "swap":
        other = (place + 1 + chance.randrange(len(lines) - 1)) % len(lines)
        lines[place], lines[other] = lines[other], lines[place]
        rest = b"".join(lines)
    else:
        rest = b"".join([*lines[:place], lines[place].replace(b'"path":"', b'"path":"x'), *lines[place + 1 :]])
    return head + b"\n" + rest


def test_a_thousand_corruptions_are_caught_even_without_the_digest() -> None:
    chance = random.Random(20260612)
    whole = gzip.decompress(a_manifest(*(a_file(f"x/{number:02}") for number in range(20))).packed)
    for number in range(1000):
        with pytest.raises(CorruptFile):
            manifest.parse(gzip.compress(_corrupted(whole, chance), 1), source=f"number {number}")


def test_a_header_that_was_changed_is_caught_by_the_digest() -> None:
    made = a_manifest()
    changed = gzip.compress(gzip.decompress(made.packed).replace(MOMENT.encode(), b"2026-01-02T03:04:06Z"))
    assert manifest.parse(changed).records == made.records
    with pytest.raises(CorruptFile, match="SHA-256"):
        manifest.parse(changed, sha256=made.sha256)
