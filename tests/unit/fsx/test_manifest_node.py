"""The program on the node: right manifests, nothing hashed twice, nothing written to unnoticed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daylily_ec.fsx import hashing, manifest, manifest_node
from daylily_ec.fsx.manifest import Manifest
from daylily_ec.fsx.manifest_node import Blocked, Job
from daylily_ec.fsx.obstacles import Rules, Why
from tests.conftest import FakeClock

LATER = 10.0
"""A clock that is ahead: the files of the test are not young to it."""


class StandingClock(FakeClock):
    """Shows one moment until somebody sleeps; then it also does a deed."""

    def __init__(self, moment: float, deed: Callable[[], object]) -> None:
        super().__init__()
        self.start, self.deed = datetime.fromtimestamp(moment, UTC), deed

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.deed()


@dataclass
class Scene:
    """An analysis directory, a run's place, and what happens while a run waits."""

    root: Path
    slept: float = 0.0
    during_sleep: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True)
        self.place.mkdir()

    @property
    def directory(self) -> Path:
        return self.root / "analysis"

    @property
    def place(self) -> Path:
        return self.root / "run"

    def write(self, name: str, content: bytes) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def run(self, *, young: bool = False, rules: Rules | None = None) -> Manifest:
        newest = max(path.lstat().st_ctime for path in self.directory.rglob("*"))
        clock = StandingClock(newest + (0.5 if young else LATER), self.during_sleep)
        job = Job(str(self.directory), rules or Rules(str(self.directory)), self.place, self.root / "digests.jsonl", 2,
                  clock)  # fmt: skip
        try:
            return job.run()
        finally:
            self.slept = clock.time

    @property
    def progress(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.place / manifest_node.PROGRESS).read_text())
        return found


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene(tmp_path)
    made.write("a/one.txt", b"one")
    made.write("empty", b"")
    (made.directory / "link").symlink_to("a/one.txt")
    return made


def test_the_manifest_says_what_is_there(scene: Scene) -> None:
    made = scene.run()
    assert manifest.parse((scene.place / manifest_node.PACKED).read_bytes(), sha256=made.sha256) == made
    assert [(one.path, one.type, one.size) for one in made.records] == [
        ("a", "d", 0), ("a/one.txt", "f", 3), ("empty", "f", 0), ("link", "l", 9),
    ]  # fmt: skip
    link, one = made.by_key["link"], made.by_key["a/one.txt"]
    assert one.sha256 == hashlib.sha256(b"one").hexdigest()
    assert (link.target, link.sha256) == ("a/one.txt", hashlib.sha256(b"a/one.txt").hexdigest())
    assert (link.crc64nvme, one.crc64nvme) == tuple(
        hashing.of_bytes(content).crc64nvme for content in (b"a/one.txt", b"one")
    )
    assert one.mtime_ns == (scene.directory / "a/one.txt").stat().st_mtime_ns
    assert scene.slept == 0


def test_the_second_run_reads_nothing(scene: Scene) -> None:
    first = scene.run()
    assert scene.progress["known"] == 0
    assert scene.run().header.records_sha256 == first.header.records_sha256
    assert (scene.progress["known"], scene.progress["files_done"]) == (2, 2)


def test_a_change_that_keeps_size_and_time_is_seen(scene: Scene) -> None:
    path = scene.directory / "a/one.txt"
    scene.run()
    before = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert scene.run().by_key["a/one.txt"].sha256 == hashlib.sha256(b"two").hexdigest()
    assert scene.progress["known"] == 1


def test_young_files_are_hashed_when_a_later_change_must_show(scene: Scene) -> None:
    scene.run(young=True)
    assert scene.slept == pytest.approx(manifest_node.SETTLE_S)


@pytest.mark.parametrize("deed", ["change", "appear", "vanish", "mode"])
def test_a_directory_that_is_written_to_has_no_manifest(scene: Scene, deed: str) -> None:
    deeds: dict[str, Callable[[], object]] = {
        "change": lambda: scene.write("a/one.txt", b"1"),
        "appear": lambda: scene.write("new", b"1"),
        "vanish": (scene.directory / "empty").unlink,
        "mode": lambda: (scene.directory / "a").chmod(0o700),
    }
    scene.during_sleep = deeds[deed]
    with pytest.raises(Blocked) as caught:
        scene.run(young=True)
    assert {one.why for one in caught.value.obstacles} == {Why.BEING_WRITTEN}
    named = {"change": "a/one.txt", "appear": "new", "vanish": "empty", "mode": "a"}[deed]
    assert named in [one.path for one in caught.value.obstacles]
    assert not (scene.place / manifest_node.PACKED).exists()
    scene.during_sleep = lambda: None
    assert scene.run().objects > 0


def test_what_cannot_be_exported_is_named_before_anything_is_read(scene: Scene) -> None:
    os.mkfifo(scene.directory / "pipe")
    (scene.directory / "run").symlink_to("/fsx/run_dir_mounts/r1")
    with pytest.raises(Blocked) as caught:
        scene.run()
    assert [(one.why, one.path) for one in caught.value.obstacles] == [(Why.RUN_LINK, "run"), (Why.SPECIAL, "pipe")]
    assert not (scene.root / "digests.jsonl").exists()


def test_links_into_run_mounts_are_exported_when_asked_for(scene: Scene) -> None:
    (scene.directory / "run").symlink_to("/fsx/run_dir_mounts/r1")
    assert scene.run(rules=Rules(str(scene.directory), allow_run_links=True)).by_key["run"].type == "l"


def program(scene: Scene, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daylily_ec.fsx.manifest_node", str(scene.directory), str(scene.place), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def result(scene: Scene) -> dict[str, object]:
    found: dict[str, object] = json.loads((scene.place / manifest_node.RESULT).read_text())
    return found


def test_the_program_leaves_its_result(scene: Scene) -> None:
    assert program(scene).returncode == 0
    made = manifest.parse((scene.place / manifest_node.PACKED).read_bytes())
    assert (result(scene)["state"], result(scene)["sha256"]) == ("done", made.sha256)


def test_the_program_says_what_stands_in_the_way(scene: Scene) -> None:
    assert program(scene, "--prefix-bytes", "1020").returncode == 0
    assert (result(scene)["state"], result(scene)["total"]) == ("blocked", 2)
    assert result(scene)["obstacles"] == [
        {"why": "key_too_long", "path": "a/one.txt", "reason": "its key would have 1,029 bytes, more than 1,024"},
        {"why": "key_too_long", "path": "empty", "reason": "its key would have 1,025 bytes, more than 1,024"},
    ]


def test_a_program_that_fails_says_so(scene: Scene) -> None:
    (scene.root / "digests.jsonl").mkdir()
    done = program(scene)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert result(scene)["state"] == "failed"
    assert "IsADirectoryError" in str(result(scene)["error"])


def test_nothing_heavy_is_loaded_on_the_node() -> None:
    code = "import sys, daylily_ec.fsx.manifest_node; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"boto3", "botocore", "pydantic", "rich", "typer"} & set(found)
