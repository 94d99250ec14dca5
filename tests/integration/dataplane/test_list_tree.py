"""The listing script with a real bash and find on real files."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path, PurePosixPath

import pytest

from daylily_ec.errors import NotFound
from daylily_ec.fsx.inventory import Inventory, list_directory, unexportable
from daylily_ec.fsx.obstacles import Rules
from daylily_ec.headnode.local import LocalRemote

RULES = Rules("/fsx/analysis_results/ubuntu/a1", len("ubuntu/a1/"))


def listing(folder: Path) -> Inventory:
    return list_directory(LocalRemote(user=getpass.getuser()), PurePosixPath(folder))


def test_files_directories_and_links_come_back_byte_for_byte(tmp_path: Path) -> None:
    root = tmp_path.resolve() / "a b"
    root.mkdir()
    (root / "sub").mkdir()
    (root / "sub" / "new\nline $(touch x) 'q' \"d\" \\").write_bytes(b"12345")
    (root / "empty").write_bytes(b"")
    (root / "link").symlink_to("sub/target-that-does-not-exist")
    Path(os.fsdecode(os.fsencode(root) + b"/bad\xff")).write_bytes(b"1")
    found = listing(root)
    assert [(entry.path, entry.kind, entry.stored_size) for entry in found.entries] == [
        (b"bad\xff", "f", 1),
        (b"empty", "f", 0),
        (b"link", "l", 30),
        (b"sub", "d", 0),
        (b"sub/new\nline $(touch x) 'q' \"d\" \\", "f", 5),
    ]
    assert (found.files, found.bytes) == (4, 36)
    assert [entry.target for entry in found.entries if entry.target] == [b"sub/target-that-does-not-exist"]
    assert [text.rpartition(": ")[2] for text in unexportable(found, RULES)] == ["its name is not UTF-8"]
    assert not list(tmp_path.glob("**/x"))


def test_an_untouched_directory_has_the_same_digest_and_a_touched_one_another(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "f").write_bytes(b"1")
    first = listing(root).digest
    assert listing(root).digest == first
    os.utime(root / "f", ns=(1, 1))
    assert listing(root).digest != first


def test_an_empty_directory_is_empty(tmp_path: Path) -> None:
    assert listing(tmp_path.resolve()).entries == ()


def test_ten_thousand_entries_come_back_complete(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    for folder in range(10):
        (root / f"d{folder}").mkdir()
        for number in range(1000):
            (root / f"d{folder}" / f"file-{number:06d}.txt").touch()
    assert listing(root).files == 10_000


def test_sockets_are_named_as_not_exportable(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    with socket.socket(socket.AF_UNIX) as plug:
        here = Path.cwd()
        os.chdir(root)
        try:
            plug.bind("plug")
        finally:
            os.chdir(here)
        assert "it is a socket, which S3 cannot hold" in unexportable(listing(root), RULES)[0]


def test_links_into_run_mounts_are_named_with_their_target(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "raw").symlink_to("/fsx/run_dir_mounts/R1/x\ny")
    (root / "near").symlink_to("raw")
    (root / "a" / "config" / "run_dir_links").mkdir(parents=True)
    (root / "a" / "config" / "run_dir_links" / "R1").symlink_to("/fsx/run_dir_mounts/R1")
    found = unexportable(listing(root), RULES)
    assert len(found) == 1
    assert found[0].startswith("raw: it is a link into a run mount, /fsx/run_dir_mounts/R1/x")


@pytest.mark.parametrize("kind", ["absent", "file", "link"])
def test_only_a_real_directory_is_listed(tmp_path: Path, kind: str) -> None:
    path = tmp_path.resolve() / "x"
    if kind == "file":
        path.touch()
    elif kind == "link":
        (tmp_path / "real").mkdir()
        path.symlink_to(tmp_path / "real")
    with pytest.raises(NotFound):
        listing(path)
