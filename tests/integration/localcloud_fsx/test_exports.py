"""From the file system to S3: bytes, attributes, failures and their report, order and cancellation of tasks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.localcloud.fsx import errors
from daylily_ec.localcloud.fsx.exports import report_of
from daylily_ec.localcloud.fsx.links import Failure
from daylily_ec.localcloud.fsx.tree import Item, Parts, Tree
from tests.integration.localcloud_fsx.world import EVERYTHING, World

REPORT = {"Enabled": True, "Path": "s3://data/p/rep/", "Format": "REPORT_CSV_20191124", "Scope": "FAILED_FILES_ONLY"}


@pytest.fixture
def fs(world: World) -> str:
    return world.file_system()


@pytest.fixture
def linked(world: World, fs: str) -> Path:
    """The directory `/d/`, linked with `s3://data/p/`."""
    world.link(fs)
    return world.root(fs) / "d"


def counts(task: dict[str, Any]) -> tuple[int, int, int]:
    status = task["Status"]
    return status["TotalCount"], status["SucceededCount"], status["FailedCount"]


def test_everything_below_the_path_is_written_with_its_attributes(world: World, fs: str, linked: Path) -> None:
    (linked / "run").mkdir(mode=0o750)
    (linked / "run" / "out.txt").write_text("result")
    (linked / "run" / "out.txt").chmod(0o640)
    os.utime(linked / "run" / "out.txt", ns=(5, 1_600_000_000_123_456_789))
    (linked / "run" / "latest").symlink_to("out.txt")
    (linked / "run" / "empty").mkdir()
    os.mkfifo(linked / "run" / "pipe")
    (linked / "beside").write_text("not asked for")
    task = world.export(fs, "/d/run/")
    assert (task["Lifecycle"], counts(task)) == ("SUCCEEDED", (4, 4, 0))
    assert world.buckets.content["data"] == {
        "p/run/": b"",
        "p/run/out.txt": b"result",
        "p/run/latest": b"out.txt",
        "p/run/empty/": b"",
    }
    assert world.buckets.metadata("p/run/out.txt") == {
        "user-agent": "aws-fsx-lustre",
        "file-permissions": "0100640",
        "file-owner": "1000",
        "file-group": "1000",
        "file-atime": "5ns",
        "file-mtime": "1600000000123456789ns",
    }
    assert world.buckets.metadata("p/run/")["file-permissions"] == "0040750"
    assert world.buckets.metadata("p/run/latest")["file-permissions"] == "0120777"


def test_the_linked_directory_itself_is_no_object(world: World, fs: str, linked: Path) -> None:
    (linked / "file").write_text("1")
    world.export(fs, "/d/")
    assert list(world.buckets.content["data"]) == ["p/file"]


@pytest.mark.parametrize("path", ["d/run/file", "/d/run/file", "/d/run", "/d", "/"])
def test_paths_may_be_files_and_parents_of_links(world: World, fs: str, linked: Path, path: str) -> None:
    (linked / "run").mkdir()
    (linked / "run" / "file").write_text("1")
    world.export(fs, path)
    assert "p/run/file" in world.buckets.content["data"]


def test_only_changes_are_written_again(world: World, fs: str, linked: Path) -> None:
    for name in ("same", "content", "mode"):
        (linked / name).write_text(name)
    world.export(fs, "/d/")
    world.buckets.written.clear()
    (linked / "content").write_text("changed")
    (linked / "mode").chmod(0o600)
    task = world.export(fs, "/d/")
    assert sorted(world.buckets.written) == ["p/content", "p/mode"]
    assert counts(task) == (2, 2, 0)


def test_imported_files_are_not_written_back(world: World, fs: str) -> None:
    world.buckets.put("data", "p/a/", b"")
    world.buckets.put("data", "p/a/file", b"1")
    world.link(fs, BatchImportMetaDataOnCreate=True)
    assert counts(world.export(fs, "/d/")) == (0, 0, 0)


def test_exported_files_do_not_come_back(world: World, fs: str) -> None:
    world.link(fs, S3={"AutoImportPolicy": {"Events": EVERYTHING}})
    file = world.root(fs) / "d" / "file"
    file.write_text("1")
    before = file.stat().st_ino
    world.export(fs, "/d/")
    assert "p/file" in world.buckets.content["data"]
    assert file.stat().st_ino == before


def test_another_file_system_imports_the_same_tree(world: World, fs: str, linked: Path) -> None:
    (linked / "bin").mkdir(mode=0o711)
    (linked / "bin" / "tool").write_bytes(bytes(range(256)) * 1000)
    (linked / "bin" / "tool").chmod(0o710)
    (linked / "link").symlink_to("bin/tool")
    world.export(fs, "/d/")
    other = world.file_system()
    world.link(other, "/deep/er/", BatchImportMetaDataOnCreate=True)
    copy = world.root(other) / "deep" / "er"
    for name in ("bin", "bin/tool", "link"):
        ours, theirs = (linked / name).lstat(), (copy / name).lstat()
        assert (theirs.st_mode, theirs.st_mtime_ns) == (ours.st_mode, ours.st_mtime_ns), name
    assert (copy / "bin/tool").read_bytes() == (linked / "bin/tool").read_bytes()
    assert (copy / "link").readlink() == Path("bin/tool")


def test_what_cannot_be_written_is_counted_and_reported(world: World, fs: str, linked: Path) -> None:
    deep = linked.joinpath(*["n" * 250] * 4)
    deep.mkdir(parents=True)
    (deep / ("x" * 20)).write_text("too long")
    (linked / os.fsdecode(b"caf\xe9")).write_text("latin-1")
    (linked / "@odd,name").write_text("1")
    (linked / "good").write_text("1")
    world.buckets.refuse.add("p/@odd,name")
    task = world.export(fs, "/d/", Report=REPORT)
    assert task["Lifecycle"] == "FAILED"
    assert counts(task) == (8, 5, 3)
    assert "3 of 8" in task["FailureDetails"]["Message"]
    key = f"p/rep/{task['TaskId']}/failures.csv"
    long_name = "/".join(["d", *["n" * 250] * 4, "x" * 20])
    assert world.buckets.content["data"][key].decode().splitlines() == [
        '"d/@odd,name",failed,S3AccessDenied',
        "d/caf\\udce9,failed,S3Error",
        f"{long_name},failed,PathSizeTooLong",
    ]
    assert "p/good" in world.buckets.content["data"]


def test_reports_quote_as_documented() -> None:
    failures = [Failure(path, "S3Error") for path in ("@name", "+name", "-name", "=name", "a,b", 'a"b', "plain")]
    assert report_of(failures).decode().splitlines() == [
        '"""@name""",failed,S3Error',
        '"""+name""",failed,S3Error',
        '"""-name""",failed,S3Error',
        '"""=name""",failed,S3Error',
        '"a,b",failed,S3Error',
        '"a""b",failed,S3Error',
        "plain,failed,S3Error",
    ]


def test_keys_of_exactly_1024_bytes_are_written(world: World, fs: str, linked: Path) -> None:
    parent = linked.joinpath(*["n" * 250] * 4)
    parent.mkdir(parents=True)
    room = 1024 - len("p/") - 4 * 251
    (parent / ("x" * room)).write_text("fits")
    (parent / ("x" * (room + 1))).write_text("does not")
    task = world.export(fs, "/d/")
    assert counts(task) == (6, 5, 1)


def test_success_writes_no_report(world: World, fs: str, linked: Path) -> None:
    (linked / "good").write_text("1")
    assert world.export(fs, "/d/", Report=REPORT)["Lifecycle"] == "SUCCEEDED"
    assert list(world.buckets.content["data"]) == ["p/good"]


def test_a_file_that_changes_meanwhile_is_busy(world: World, fs: str, linked: Path) -> None:
    (linked / "log").write_text("1")
    (linked / "gone").write_text("1")

    def write_on(key: str) -> None:
        if key == "p/log":
            (linked / "log").write_text("more than before")
        if key == "p/gone":
            (linked / "gone").unlink()

    world.buckets.on_write = write_on
    task = world.export(fs, "/d/", Report=REPORT)
    assert counts(task) == (2, 0, 2)
    report = world.buckets.content["data"][f"p/rep/{task['TaskId']}/failures.csv"]
    assert report == b"d/gone,failed,ResourceBusy\nd/log,failed,ResourceBusy\n"
    world.buckets.on_write = lambda key: None
    assert world.export(fs, "/d/log")["Lifecycle"] == "SUCCEEDED"
    assert world.buckets.content["data"]["p/log"] == b"more than before"


def test_a_tree_that_cannot_be_read_fails_the_task(world: World, fs: str, linked: Path) -> None:
    class Unreadable(Tree):
        def walk(self, parts: Parts) -> Iterator[Item]:
            raise PermissionError(13, "Permission denied", "/d/secret")

    for found in world.fsx.context.file_system(fs).associations.values():
        found.link.tree = Unreadable(world.root(fs))
    task = world.export(fs, "/d/")
    assert task["Lifecycle"] == "FAILED"
    assert "Permission denied" in task["FailureDetails"]["Message"]


def test_links_are_not_followed(world: World, fs: str, linked: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("of the machine")
    (linked / "way").symlink_to(tmp_path / "secret")
    world.export(fs, "/d/")
    assert world.buckets.content["data"] == {"p/way": str(tmp_path / "secret").encode()}
    task = world.export(fs, "/d/way/key")
    assert task["Lifecycle"] == "FAILED"


@pytest.mark.parametrize("path", ["/elsewhere/", "/d/missing", "/d/../d/"])
def test_a_path_that_is_not_linked_or_missing_fails_the_task(world: World, fs: str, linked: Path, path: str) -> None:
    (world.root(fs) / "elsewhere").mkdir()
    task = world.export(fs, path)
    assert (task["Lifecycle"], counts(task)) == ("FAILED", (0, 0, 0))
    assert path in task["FailureDetails"]["Message"]


def test_without_any_link_there_are_no_tasks(world: World, fs: str) -> None:
    with pytest.raises(errors.BadRequest, match="linked"):
        world.start_export(fs, "/d/")


@pytest.mark.parametrize(
    "change", [{"Path": "s3://data/q/"}, {"Path": "s3://other/p/"}, {"Format": ""}, {"Scope": ""}, {"Path": ""}]
)
def test_a_report_has_a_place_below_the_link(world: World, fs: str, linked: Path, change: dict[str, str]) -> None:
    with pytest.raises(errors.BadRequest):
        world.start_export(fs, "/d/", Report={**REPORT, **change})


def test_tasks_run_one_after_the_other(world: World, fs: str, linked: Path) -> None:
    (linked / "file").write_text("1")
    ids = [world.start_export(fs, "/d/") for _ in range(2)]
    seen: list[tuple[str, ...]] = []
    for _ in range(30):
        states = tuple(world.task(one)["Lifecycle"] for one in ids)
        if not seen or seen[-1] != states:
            seen.append(states)
        world.step()
    assert seen == [
        ("PENDING", "PENDING"),
        ("EXECUTING", "PENDING"),
        ("SUCCEEDED", "PENDING"),
        ("SUCCEEDED", "EXECUTING"),
        ("SUCCEEDED", "SUCCEEDED"),
    ]
    first = world.task(ids[0])
    assert first["CreationTime"] < first["StartTime"] < first["EndTime"]


def test_counters_can_be_watched(world: World, fs: str, linked: Path) -> None:
    for name in "abc":
        (linked / name).write_text(name)
    task = world.start_export(fs, "/d/")
    seen: list[tuple[str, tuple[int, int, int]]] = []
    world.buckets.on_write = lambda key: seen.append((world.task(task)["Lifecycle"], counts(world.task(task))))
    world.settle()
    assert seen == [("EXECUTING", (3, 0, 0)), ("EXECUTING", (3, 1, 0)), ("EXECUTING", (3, 2, 0))]


def test_a_task_is_cancelled_before_it_starts(world: World, fs: str, linked: Path) -> None:
    (linked / "file").write_text("1")
    task = world.start_export(fs, "/d/")
    assert world.fsx.cancel_task(task) == {"TaskId": task, "Lifecycle": "CANCELING"}
    world.settle()
    assert world.task(task)["Lifecycle"] == "CANCELED"
    assert world.buckets.written == []
    with pytest.raises(errors.DataRepositoryTaskEnded):
        world.fsx.cancel_task(task)
    with pytest.raises(errors.DataRepositoryTaskNotFound):
        world.fsx.cancel_task("task-0123456789abcdef0")


def test_a_cancelled_task_stops_between_files(world: World, fs: str, linked: Path) -> None:
    for name in "abc":
        (linked / name).write_text(name)
    task = world.start_export(fs, "/d/")

    def cancel(_key: str) -> None:
        world.fsx.cancel_task(task)

    world.buckets.on_write = cancel
    world.settle()
    shown = world.task(task)
    assert (shown["Lifecycle"], counts(shown)) == ("CANCELED", (3, 1, 0))
    assert world.buckets.written == ["p/a"]


def test_a_token_stands_for_one_task(world: World, fs: str, linked: Path) -> None:
    first = world.start_export(fs, "/d/", ClientRequestToken="t")
    world.settle()
    assert world.start_export(fs, "/d/", ClientRequestToken="t") == first
    with pytest.raises(errors.IncompatibleParameterError):
        world.start_export(fs, "/", ClientRequestToken="t")


def test_tasks_are_filtered_and_paged(world: World, fs: str, linked: Path) -> None:
    done = [world.export(fs, "/d/")["TaskId"] for _ in range(3)]
    pending = world.start_export(fs, "/d/")
    query = {"Filters": [{"Name": "file-system-id", "Values": [fs]}], "MaxResults": 2}
    first = world.fsx.describe_tasks(**query)
    second = world.fsx.describe_tasks(**query, NextToken=first["NextToken"])
    shown = [*first["DataRepositoryTasks"], *second["DataRepositoryTasks"]]
    assert [task["TaskId"] for task in shown] == [*done, pending]
    waiting = world.fsx.describe_tasks(Filters=[{"Name": "task-lifecycle", "Values": ["PENDING"]}])
    assert [task["TaskId"] for task in waiting["DataRepositoryTasks"]] == [pending]
    none = world.fsx.describe_tasks(Filters=[{"Name": "file-system-id", "Values": ["fs-0"]}])
    assert none == {"DataRepositoryTasks": []}


def test_release_keeps_the_bytes(world: World, fs: str, linked: Path) -> None:
    (linked / "exported").write_text("1")
    world.export(fs, "/d/")
    (linked / "new").write_text("2")
    task = world.export(fs, "/d/", Type="RELEASE_DATA_FROM_FILESYSTEM")
    assert counts(task) == (1, 1, 0)
    assert task["Status"]["ReleasedCapacity"] == 0
    assert (linked / "exported").read_text() == "1"


@pytest.mark.parametrize("events", [["NEW"], ["CHANGED"], ["DELETED"], EVERYTHING])
def test_automatic_export_follows_the_policy(world: World, fs: str, events: list[str]) -> None:
    for name in ("changed", "deleted"):
        world.buckets.put("data", f"p/{name}", b"first")
    both = {"AutoExportPolicy": {"Events": events}, "AutoImportPolicy": {"Events": EVERYTHING}}
    world.link(fs, BatchImportMetaDataOnCreate=True, S3=both)
    directory = world.root(fs) / "d"
    (directory / "new").write_text("new")
    (directory / "changed").write_text("second")
    (directory / "deleted").unlink()
    world.settle()
    content = world.buckets.content["data"]
    assert ("p/new" in content) is ("NEW" in events)
    assert content["p/changed"] == (b"second" if "CHANGED" in events else b"first")
    assert ("p/deleted" in content) is ("DELETED" not in events)
    assert (directory / "changed").read_text() == "second"
