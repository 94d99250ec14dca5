"""What the file system says, without following anything."""

from __future__ import annotations

import os
from pathlib import Path

from daylily_ec.fsx.obstacles import Obstacle, Why
from daylily_ec.fsx.walking import changes, walk


def test_every_type_is_seen_and_no_link_followed(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "f").write_bytes(b"abc")
    (tmp_path / "up").symlink_to("..//")
    (tmp_path / "gone").symlink_to(os.fsdecode(b"no\xffwhere"))
    os.mkfifo(tmp_path / "pipe")
    os.mknod(tmp_path / "sock", 0o140600)
    tree = walk(str(tmp_path))
    assert {path: entry.type for path, entry in tree.entries.items()} == {
        "d": "d", "d/e": "d", "d/e/f": "f", "up": "l", "gone": "l", "pipe": "p", "sock": "s",
    }  # fmt: skip
    assert tree.obstacles == ()
    assert tree.entries["up"].target == "..//"
    assert os.fsencode(tree.entries["gone"].target) == b"no\xffwhere"


def test_modes_and_times_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    path.chmod(0o4751)
    os.utime(path, ns=(1, -1_500_000_000))
    entry = walk(str(tmp_path)).entries["a"]
    assert (entry.mode, entry.stamp.size, entry.stamp.mtime_ns) == ("4751", 3, -1_500_000_000)


def test_names_of_any_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n\\ ")
    (tmp_path / name).mkdir()
    (tmp_path / name / "x").touch()
    assert set(walk(str(tmp_path)).entries) == {name, f"{name}/x"}


def test_a_path_that_is_too_long_to_look_at_is_named(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("x" * 250, dir_fd=handle)
        handle, above = os.open("x" * 250, os.O_RDONLY, dir_fd=handle), handle
        os.close(above)
    os.close(handle)
    (found,) = walk(str(tmp_path)).obstacles
    assert (found.why, found.reason) == (Why.UNREADABLE, "it cannot be looked at: File name too long")


def test_changes_between_two_walks(tmp_path: Path) -> None:
    for name in ("same", "goes", "written", "mode"):
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "link").symlink_to("a")
    before = walk(str(tmp_path))
    assert list(changes(before, walk(str(tmp_path)))) == []
    (tmp_path / "goes").unlink()
    (tmp_path / "new").touch()
    (tmp_path / "written").write_bytes(b"2")
    (tmp_path / "mode").chmod(0o600)
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("b")
    found = {one.path: one for one in changes(before, walk(str(tmp_path)))}
    assert set(found) == {"goes", "new", "written", "mode", "link"}
    assert found["goes"] == Obstacle(Why.BEING_WRITTEN, "goes", "it went away while the directory was read")
    assert found["new"].reason == "it appeared while the directory was read"
    assert {one.why for one in found.values()} == {Why.BEING_WRITTEN}
