"""From S3 to the file system: bytes, attributes, hostile keys, events."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from daylily_ec.localcloud.fsx.imports import follow
from tests.integration.localcloud_fsx.world import EVERYTHING, START, Document, World


@pytest.fixture
def fs(world: World) -> str:
    return world.file_system()


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_objects_become_files(world: World, fs: str) -> None:
    world.buckets.put("data", "p/a/b/file", b"bytes")
    world.buckets.put("data", "p/empty/", b"")
    world.buckets.put("data", "p/", b"")
    world.buckets.put("data", "pp/elsewhere", b"")
    world.link(fs, BatchImportMetaDataOnCreate=True)
    root = world.root(fs) / "d"
    assert tree(root) == ["a", "a/b", "a/b/file", "empty"]
    assert (root / "a/b/file").read_bytes() == b"bytes"
    status = (root / "a/b/file").stat()
    assert stat.S_IMODE(status.st_mode) == 0o755
    assert START <= status.st_mtime < START + 100


def test_without_batch_import_nothing_appears(world: World, fs: str) -> None:
    world.buckets.put("data", "p/file", b"1")
    world.link(fs, S3={"AutoImportPolicy": {"Events": EVERYTHING}})
    assert tree(world.root(fs)) == ["d"]


def test_posix_metadata_is_kept(world: World, fs: str) -> None:
    mtime = 1_600_000_000_123_456_789
    facts = {"file-mtime": f"{mtime}ns", "file-atime": f"{mtime}ns"}
    world.buckets.put("data", "p/run", b"#!", metadata={"file-permissions": "0104750", **facts})
    world.buckets.put("data", "p/dir/", b"", metadata={"file-permissions": "0040500", **facts})
    world.buckets.put("data", "p/dir/inner", b"1", metadata={"file-permissions": "rubbish", "file-mtime": "soon"})
    world.buckets.put("data", "p/link", b"dir/inner", metadata={"file-permissions": "0120777", **facts})
    world.link(fs, BatchImportMetaDataOnCreate=True)
    root = world.root(fs) / "d"
    assert stat.S_IMODE((root / "run").stat().st_mode) == 0o750, "setuid is not imported"
    assert (root / "run").stat().st_mtime_ns == mtime
    assert stat.S_IMODE((root / "dir").stat().st_mode) == 0o500
    assert (root / "dir").stat().st_mtime_ns == mtime
    assert stat.S_IMODE((root / "dir/inner").stat().st_mode) == 0o755
    assert (root / "link").readlink() == Path("dir/inner")
    assert (root / "link").lstat().st_mtime_ns == mtime


@pytest.mark.parametrize(
    "key", ["../../evil", "a/../../../evil", "/evil", "./evil", "a//evil", "..", "a\0b", "n" * 256, "x/" + "n" * 256]
)
def test_keys_that_are_no_paths_are_left_out(world: World, fs: str, tmp_path: Path, key: str) -> None:
    world.buckets.put("data", f"p/{key}", b"evil")
    world.buckets.put("data", "p/good", b"good")
    made = world.link(fs, BatchImportMetaDataOnCreate=True)
    assert world.association(made)["Lifecycle"] == "AVAILABLE"
    assert tree(world.root(fs) / "d") == ["good"]
    assert not list(tmp_path.rglob("*evil*"))


def test_links_lead_nowhere(world: World, fs: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = {"file-permissions": "0120777"}
    world.buckets.put("data", "p/a", str(outside).encode(), metadata=link)
    world.buckets.put("data", "p/a/evil", b"through a link of the bucket")
    (world.root(fs) / "d").mkdir()
    (world.root(fs) / "d" / "b").symlink_to(outside)
    world.buckets.put("data", "p/b/evil", b"through a link of the node")
    world.link(fs, BatchImportMetaDataOnCreate=True)
    assert list(outside.iterdir()) == []
    assert tree(world.root(fs) / "d") == ["a", "b"]


def test_a_linked_directory_is_not_reached_through_a_link(world: World, fs: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (world.root(fs) / "d").symlink_to(outside)
    world.buckets.put("data", "p/evil", b"1")
    made = world.link(fs, BatchImportMetaDataOnCreate=True)
    assert world.association(made)["Lifecycle"] == "FAILED"
    assert list(outside.iterdir()) == []


def test_frozen_objects_stay_in_s3(world: World, fs: str) -> None:
    world.buckets.put("data", "p/frozen", b"1", is_cold=True)
    world.link(fs, BatchImportMetaDataOnCreate=True)
    assert tree(world.root(fs)) == ["d"]


def test_a_younger_file_of_the_node_is_not_overwritten(world: World, fs: str) -> None:
    (world.root(fs) / "d").mkdir()
    (world.root(fs) / "d" / "old").write_text("node")
    (world.root(fs) / "d" / "young").write_text("node")
    os.utime(world.root(fs) / "d" / "old", (START - 10, START - 10))
    world.buckets.put("data", "p/old", b"bucket")
    world.buckets.put("data", "p/young", b"bucket")
    world.link(fs, BatchImportMetaDataOnCreate=True)
    assert (world.root(fs) / "d" / "old").read_text() == "bucket"
    assert (world.root(fs) / "d" / "young").read_text() == "node"


@pytest.mark.parametrize("events", [[], ["NEW"], ["CHANGED"], ["DELETED"], EVERYTHING])
def test_later_changes_follow_the_policy(world: World, fs: str, events: list[str]) -> None:
    for name in ("changed", "deleted", "kept"):
        world.buckets.put("data", f"p/{name}", b"first")
    more: Document = {"S3": {"AutoImportPolicy": {"Events": events}}} if events else {}
    world.link(fs, BatchImportMetaDataOnCreate=True, **more)
    world.buckets.put("data", "p/changed", b"second")
    world.buckets.put("data", "p/sub/new", b"new")
    world.buckets.delete("data", "p/deleted")
    world.settle()
    root = world.root(fs) / "d"
    assert (root / "sub/new").exists() is ("NEW" in events)
    assert (root / "changed").read_bytes() == (b"second" if "CHANGED" in events else b"first")
    assert (root / "deleted").exists() is ("DELETED" not in events)
    assert (root / "kept").read_bytes() == b"first"


def test_changes_follow_within_a_second(world: World, fs: str) -> None:
    world.link(fs, S3={"AutoImportPolicy": {"Events": ["NEW"]}})
    world.buckets.put("data", "p/new", b"1")
    for _ in range(5):
        world.step(0.2)
    assert (world.root(fs) / "d" / "new").exists()


@pytest.mark.parametrize(("event", "appears"), [("NEW", True), ("CHANGED", False)])
def test_an_object_that_was_never_imported_is_new(world: World, fs: str, event: str, appears: bool) -> None:
    world.buckets.put("data", "p/file", b"first")
    world.link(fs, S3={"AutoImportPolicy": {"Events": [event]}})
    world.buckets.put("data", "p/file", b"second")
    world.settle()
    assert (world.root(fs) / "d" / "file").exists() is appears


def test_a_fresh_object_is_left_to_its_uploader_for_a_moment(world: World, fs: str) -> None:
    made = world.link(fs, S3={"AutoImportPolicy": {"Events": ["NEW"]}})
    link = world.fsx.context.file_system(fs).associations[made].link
    world.buckets.put("data", "p/file", b"1")
    for age, there in ((0.2, False), (0.4, True)):
        follow(link, ["NEW"], world.clock.now() + age)
        assert (world.root(fs) / "d" / "file").exists() is there


def test_a_deletion_during_the_import_is_not_lost(world: World, fs: str) -> None:
    world.buckets.put("data", "p/a", b"1")
    world.buckets.put("data", "p/b", b"1")

    def delete(_key: str) -> None:
        world.buckets.on_read = lambda key: None
        world.fsx.delete_association(world.fsx.describe_associations()["Associations"][0]["AssociationId"])

    world.buckets.on_read = delete
    world.link(fs, BatchImportMetaDataOnCreate=True)
    assert world.fsx.describe_associations() == {"Associations": []}
    assert tree(world.root(fs)) == ["d", "d/a"]


def test_an_object_is_imported_into_a_directory_that_nobody_may_write(world: World, fs: str) -> None:
    world.buckets.put("data", "p/locked/", b"", metadata={"file-permissions": "0040555"})
    world.link(fs, BatchImportMetaDataOnCreate=True, S3={"AutoImportPolicy": {"Events": EVERYTHING}})
    world.buckets.put("data", "p/locked/new", b"1")
    world.settle()
    locked = world.root(fs) / "d" / "locked"
    assert (locked / "new").read_bytes() == b"1"
    assert stat.S_IMODE(locked.stat().st_mode) == 0o555


def test_an_import_task_brings_what_is_new_below_a_prefix(world: World, fs: str) -> None:
    world.link(fs)
    world.buckets.put("data", "p/in/file", b"1")
    world.buckets.put("data", "p/in/../evil", b"1")
    world.buckets.put("data", "p/out/file", b"1")
    report = {"Enabled": True, "Path": "s3://data/p/r", "Format": "REPORT_CSV_20191124", "Scope": "FAILED_FILES_ONLY"}
    task = world.export(fs, "s3://data/p/in/", Type="IMPORT_METADATA_FROM_REPOSITORY", Report=report)
    assert tree(world.root(fs) / "d") == ["in", "in/file"]
    assert task["Lifecycle"] == "FAILED"
    assert task["Status"]["TotalCount"] == 2
    written = world.buckets.content["data"][f"p/r/{task['TaskId']}/report.csv"]
    assert written == b"in/../evil,failed,S3ObjectPathNotPosixCompliant\n"


def test_an_import_task_needs_a_linked_prefix(world: World, fs: str) -> None:
    world.link(fs)
    task = world.export(fs, "s3://data/q/", Type="IMPORT_METADATA_FROM_REPOSITORY")
    assert (task["Lifecycle"], task["Status"]["TotalCount"]) == ("FAILED", 0)
    assert "s3://data/q/" in task["FailureDetails"]["Message"]
