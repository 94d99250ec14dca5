"""Digests of files, in one pass and only in the state in which they were seen."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest

from daylily_ec.fsx import hashing
from daylily_ec.fsx.hash_cache import Digest
from daylily_ec.fsx.obstacles import Obstacle, Why
from daylily_ec.fsx.walking import Entry, Stamp, walk

CHECK = Digest(hashlib.sha256(b"123456789").hexdigest(), base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode())
"""The check value of CRC-64/NVME, from the catalogue of parametrised CRC algorithms."""


def entry(root: Path, name: str) -> Entry:
    return walk(str(root)).entries[name]


def crc64nvme(content: bytes) -> str:
    """The definition, bit by bit: reflected, polynomial 0xad93d23594c93659, initial value and final XOR all ones."""
    crc = 2**64 - 1
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x9A6C9329AC4BC9B5 if crc & 1 else 0)
    return base64.b64encode((crc ^ 2**64 - 1).to_bytes(8, "big")).decode()


def test_the_published_check_value(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123456789")
    assert hashing.of_bytes(b"123456789") == CHECK == hashing.of_file(str(tmp_path), entry(tmp_path, "a"))
    assert crc64nvme(b"123456789") == CHECK.crc64nvme


@pytest.mark.parametrize("size", [0, 1, 65_537])
def test_any_size(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    found = hashing.of_file(str(tmp_path), entry(tmp_path, "a"))
    assert found == Digest(hashlib.sha256(content).hexdigest(), crc64nvme(content))


def test_several_blocks_are_read_once(tmp_path: Path) -> None:
    content = os.urandom(3 * 1024 * 1024 + 17)
    (tmp_path / "a").write_bytes(content)
    read: list[int] = []
    found = hashing.of_file(str(tmp_path), entry(tmp_path, "a"), read.append)
    assert found == hashing.of_bytes(content)
    assert sum(read) == len(content)


def changed(root: Path, before: Entry) -> Why:
    found = hashing.of_file(str(root), before)
    assert isinstance(found, Obstacle)
    return found.why


def test_a_file_in_another_state_than_seen(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    before = entry(tmp_path, "a")
    path.write_bytes(b"two")
    os.utime(path, ns=(before.stamp.mtime_ns, before.stamp.mtime_ns))
    assert changed(tmp_path, before) is Why.BEING_WRITTEN


def test_a_file_that_grows_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100)

    def grow(count: int) -> None:
        with path.open("ab") as out:
            out.write(b"y" if count == 100 else b"")

    found = hashing.of_file(str(tmp_path), entry(tmp_path, "a"), grow)
    assert isinstance(found, Obstacle)
    assert found.why is Why.BEING_WRITTEN


@pytest.mark.parametrize("becomes", ["nothing", "link", "socket", "pipe"])
def test_a_file_that_is_something_else_now(tmp_path: Path, becomes: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    before = entry(tmp_path, "a")
    path.unlink()
    if becomes == "link":
        path.symlink_to("/etc/hostname")
    elif becomes == "socket":
        os.mknod(path, 0o140600)
    elif becomes == "pipe":
        os.mkfifo(path)
    assert changed(tmp_path, before) is Why.BEING_WRITTEN


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    found = hashing.of_file(str(tmp_path), entry(tmp_path, "a"))
    assert found == Obstacle(Why.UNREADABLE, "a", "it cannot be read: Is a directory")


def sized(name: str, size: int) -> Entry:
    return Entry(name, "f", "0644", Stamp(size, 0, 0, 0))


def test_large_files_come_first_and_alone_small_ones_together() -> None:
    mib = 1024 * 1024
    entries = [sized("s1", 1), sized("big", 900 * mib), sized("m", 40 * mib), sized("n", 30 * mib), sized("s2", 2)]
    assert [[one.path for one in batch] for batch in hashing.batches(entries)] == [["big"], ["m"], ["n", "s2", "s1"]]


def test_no_batch_has_too_many_files() -> None:
    found = list(hashing.batches(sized(f"{number}", 1) for number in range(450)))
    assert [len(batch) for batch in found] == [200, 200, 50]


def test_a_pool_hashes_everything_once(tmp_path: Path) -> None:
    contents = {f"{number:03}": os.urandom(number) for number in range(450)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    ticks: list[int] = []
    hashers = hashing.Hashers(str(tmp_path), 2, ticks.append)
    found = [one for batch in hashers.run(walk(str(tmp_path)).entries.values()) for one in batch]
    assert {entry.path: outcome for entry, outcome in found} == {
        name: hashing.of_bytes(content) for name, content in contents.items()
    }
    assert ticks[-1] == sum(map(len, contents.values()))
