"""Digests are used again for exactly the same state of a file, and survive any end of the run that made them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from daylily_ec.fsx.hash_cache import Digest, HashCache
from daylily_ec.fsx.walking import Entry, Stamp

DIGEST = Digest("ab" * 32, "AAAAAAAAAAE=")
ENTRY = Entry(os.fsdecode(b"a/caf\xe9\\"), "f", "0644", Stamp(3, 4, 5, 6))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with HashCache(tmp_path / "cache" / "digests.jsonl") as cache:
        cache.add([(ENTRY, DIGEST)])
    return tmp_path / "cache" / "digests.jsonl"


def test_a_digest_is_known_to_the_next_run(path: Path) -> None:
    assert HashCache(path).get(ENTRY) == DIGEST


@pytest.mark.parametrize("part", ["size", "mtime_ns", "ctime_ns", "inode"])
def test_any_other_state_is_not(path: Path, part: str) -> None:
    other = replace(ENTRY, stamp=replace(ENTRY.stamp, **{part: 99}))
    assert HashCache(path).get(other) is None
    assert HashCache(path).get(replace(ENTRY, path="b")) is None


def test_the_last_digest_of_a_path_counts(path: Path) -> None:
    newer, digest = replace(ENTRY, stamp=Stamp(7, 7, 7, 7)), Digest("cd" * 32, "AAAAAAAAAAI=")
    with HashCache(path) as cache:
        cache.add([(newer, digest)])
    assert HashCache(path).get(newer) == digest
    assert HashCache(path).get(ENTRY) is None


def test_a_line_cut_off_anywhere_is_no_digest_and_harms_no_other(path: Path) -> None:
    whole = path.read_bytes()
    other = replace(ENTRY, path="b")
    for cut in range(len(whole) - 1):
        path.write_bytes(whole[:cut])
        with HashCache(path) as cache:
            assert cache.get(ENTRY) is None
            cache.add([(other, DIGEST)])
        assert HashCache(path).get(other) == DIGEST


@pytest.mark.parametrize("line", ["[]", "7", "{}", '[2,"a",3,4,5,6,"x","y"]', '[1,"a",3,4,5,6,"short","AAAAAAAAAAE="]',
                                  '[1,"a",3,4,5,6,null,null]', "\x00\xff"])  # fmt: skip
def test_other_lines_are_passed_over(path: Path, line: str) -> None:
    path.write_bytes(line.encode("latin-1") + b"\n" + path.read_bytes())
    assert HashCache(path).get(ENTRY) == DIGEST


def test_what_nobody_needs_goes_once_it_is_most_of_the_file(path: Path) -> None:
    with HashCache(path) as cache:
        cache.add((replace(ENTRY, path=f"{number}"), DIGEST) for number in range(2000))
    cache.compact({ENTRY.path: ENTRY})
    assert len(path.read_bytes().splitlines()) > 2000
    with HashCache(path) as cache:
        cache.add((replace(ENTRY, path=f"{number}"), DIGEST) for number in range(2000))
    cache.compact({ENTRY.path: ENTRY})
    assert len(path.read_bytes().splitlines()) == 1
    assert HashCache(path).get(ENTRY) == DIGEST
