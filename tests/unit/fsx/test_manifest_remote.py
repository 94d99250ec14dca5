"""The operator's side: one run asked about until it is over, every answer judged, the manifest kept beside the data."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import pytest

from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import CorruptFile, DeadlinePassed, NotFound, RemoteCommandFailed, ValidationError
from daylily_ec.fsx import manifest, manifest_remote
from daylily_ec.fsx.inventory import parse_listing
from daylily_ec.fsx.manifest import Manifest, Record, crc_text
from daylily_ec.fsx.manifest_remote import load_manifest, make_manifest, store_manifest
from daylily_ec.headnode.remote import RemoteResult, RemoteScript
from daylily_ec.util.progress import Silent
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import FakeS3

DIRECTORY = PurePosixPath("/fsx/analysis_results/ubuntu/a1")
DESTINATION = S3Prefix.parse("s3://results/run/ubuntu/a1/")
FILE = Record("a", "f", 3, 1_700_000_000_000_000_001, "0644", "ab" * 32, crc_text(1))
MADE = manifest.make(DIRECTORY, "t", "2026-01-02T03:04:05Z", [FILE])


def report(state: str, run: str = "r1", made: Manifest | None = None, job: str = "", **documents: Any) -> RemoteResult:
    lines = [f"run={run}", f"state={state}", f"job={job}"]
    if made is not None:
        documents["result"] = {"state": "done", "sha256": made.sha256}
    lines += [f"{name}={json.dumps(value)}" for name, value in documents.items()]
    body = "" if made is None else "--\n" + base64.b64encode(made.packed).decode()
    return RemoteResult(0, "\n".join(lines) + "\n" + body, "last words")


@dataclass
class FakeRemote:
    """Answers in turn, the last one for ever; keeps what it was asked with."""

    answers: list[RemoteResult]
    asked: list[Mapping[str, str]] = field(default_factory=list)

    def run(self, script: RemoteScript, env: Mapping[str, str], timeout: float) -> RemoteResult:
        assert script.name == "inventory"
        self.asked.append(env)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Told(Silent):
    """Keeps what is said while waiting."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def waiting(self, what: str, state: str, elapsed: float, expected: float | None = None) -> None:
        self.said.append(state)


Make = Callable[..., Manifest]


@pytest.fixture
def make(clock: FakeClock) -> Make:
    def made(*answers: RemoteResult, remote: FakeRemote | None = None, **wanted: Any) -> Manifest:
        return make_manifest(remote or FakeRemote(list(answers)), DIRECTORY,
                             **{"clock": clock, "reporter": Silent(), **wanted})  # fmt: skip

    return made


def test_a_manifest_made_at_once(make: Make) -> None:
    assert make(report("done", made=MADE)) == MADE


def test_what_the_export_asks_of_names_travels_along(make: Make) -> None:
    remote = FakeRemote([report("done", made=MADE)])
    make(remote=remote, destination=DESTINATION, hash_on="i8", allow_run_links=True)
    env = dict(remote.asked[0])
    assert len(env.pop("DYEC_RUN")) == 16
    assert {name: env[name] for name in env if name != "DYEC_WAIT"} == {
        "DYEC_DIRECTORY": str(DIRECTORY), "DYEC_PARTITION": "i8", "DYEC_PREFIX_BYTES": str(len("run/ubuntu/a1/")),
        "DYEC_ALLOW_RUN_LINKS": "1",
    }  # fmt: skip


def test_one_run_is_asked_about_until_it_is_over(make: Make) -> None:
    hashing = {"phase": "hashing", "files": 4, "bytes": 4096, "files_done": 1, "bytes_done": 1024, "known": 0}
    remote = FakeRemote([
        report("running", "other", job="7 PENDING"),
        report("running", "other", job="7 RUNNING", progress={**hashing, "phase": "walking"}),
        report("running", "other", progress=hashing),
        report("running", "other", progress={**hashing, "phase": "checking"}),
        report("done", "other", MADE),
    ])  # fmt: skip
    told = Told()
    assert make(remote=remote, reporter=told) == MADE
    assert [env["DYEC_RUN"] for env in remote.asked[1:]] == ["other"] * 4
    assert told.said == ["job 7 PENDING", "job 7 RUNNING", "1 of 4 files, 1,024 of 4,096 bytes", "looking once more"]


def test_the_deadline_leaves_the_run_alone(make: Make) -> None:
    with pytest.raises(DeadlinePassed, match="reading the directory"):
        make(report("running"), timeout=60.0)


def obstacle(why: str, path: str) -> dict[str, str]:
    return {"why": why, "path": path, "reason": "because"}


def test_files_being_written_close_the_way(make: Make) -> None:
    found = {"state": "blocked", "total": 7, "obstacles": [obstacle("being_written", f"f{one}") for one in range(7)]}
    with pytest.raises(ValidationError, match=r"is being written: f0: because; .*f4: because and 2 more") as caught:
        make(report("blocked", result=found))
    assert caught.value.code == "being_written"
    assert caught.value.details["total"] == 7


@pytest.mark.parametrize(("why", "hint"), [
    ("link_into_run_mount", "--allow-run-links"), ("unreadable", "chown"), ("special_file", "Remove or rename"),
])  # fmt: skip
def test_what_cannot_be_exported_closes_the_way(make: Make, why: str, hint: str) -> None:
    with pytest.raises(ValidationError, match="cannot be exported as it is: x: because") as caught:
        make(report("blocked", result={"state": "blocked", "total": 1, "obstacles": [obstacle(why, "x")]}))
    assert caught.value.code == "unexportable"
    assert hint in caught.value.hint


def test_an_adopted_run_with_weaker_rules_is_judged_again(make: Make) -> None:
    link = Record("run", "l", 20, 1, "0777", "ab" * 32, crc_text(1), "/fsx/run_dir_mounts/x")
    weaker = report("done", "other", manifest.make(DIRECTORY, "t", "m", [link]))
    with pytest.raises(ValidationError, match="link into a run mount"):
        make(weaker)
    assert make(weaker, allow_run_links=True).objects == 1


@pytest.mark.parametrize(("answer", "words"), [
    (report("died"), "it was killed\nlast words"),
    (report("failed", result={"state": "failed", "error": "OSError: disk"}), "OSError: disk"),
])  # fmt: skip
def test_a_run_that_came_to_nothing(make: Make, answer: RemoteResult, words: str) -> None:
    with pytest.raises(RemoteCommandFailed) as caught:
        make(answer)
    assert words in caught.value.message
    assert "what was hashed is kept" in caught.value.hint


@pytest.mark.parametrize(("exit_code", "error", "code"), [
    (66, NotFound, "analysis_not_found"), (67, RemoteCommandFailed, "head_node_not_configured"),
    (68, RemoteCommandFailed, "remote_command_failed"), (1, RemoteCommandFailed, "remote_command_failed"),
])  # fmt: skip
def test_what_the_node_refuses(make: Make, exit_code: int, error: type[Exception], code: str) -> None:
    with pytest.raises(error) as caught:
        make(RemoteResult(exit_code, "", "invalid partition"))
    assert getattr(caught.value, "code") == code  # noqa: B009  (one of two classes)


@pytest.mark.parametrize(
    "text", ["", "run=1\n", "run=1\nstate=done\njob=\nresult={\n", "run=1\nstate=done\njob=\n--\n!!"]
)
def test_an_answer_that_is_not_understood(make: Make, text: str) -> None:
    with pytest.raises(RemoteCommandFailed, match="not understood"):
        make(RemoteResult(0, text, ""))


def test_a_manifest_that_is_not_the_one_made(make: Make) -> None:
    other = manifest.make(DIRECTORY, "t", "m", [FILE])
    answer = report("done", made=MADE)
    swapped = answer.stdout.replace(base64.b64encode(MADE.packed).decode(), base64.b64encode(other.packed).decode())
    with pytest.raises(CorruptFile, match="SHA-256"):
        make(RemoteResult(0, swapped, ""))


def test_the_manifest_of_another_directory(make: Make) -> None:
    with pytest.raises(CorruptFile, match="/fsx/other"):
        make(report("done", made=manifest.make("/fsx/other", "t", "m", [FILE])))


def test_the_listing_of_a_manifest_is_that_of_find() -> None:
    folder, link = Record("d", "d", 0, 5, "0755"), Record("l", "l", 1, 10**9, "0777", "ab" * 32, crc_text(1), "a")
    made = manifest.make(DIRECTORY, "t", "m", [FILE, folder, link])
    found = "f 3 1700000000.0000000010 a\0\0d 0 0.0000000050 d\0\0l 1 1.0000000000 l\0a\0"
    seen = parse_listing(base64.b64encode(gzip.compress(found.encode())).decode())
    assert manifest_remote.listing(made).digest == seen.digest


OTHER = manifest.make(DIRECTORY, "t", "m", [])


def key(made: Manifest) -> str:
    return f"run/ubuntu/a1/_daylily_monitor/manifest-{made.sha256}.jsonl.gz"


def test_the_manifests_are_kept_beside_the_data_and_each_other() -> None:
    bucket = FakeS3()
    for made in (OTHER, MADE, MADE):
        assert store_manifest(bucket, DESTINATION, made) == f"s3://results/{key(made)}"
    assert list(bucket.data) == [("results", key(OTHER)), ("results", key(MADE))]
    assert load_manifest(bucket, DESTINATION, OTHER.sha256) == OTHER


def test_a_manifest_is_read_back_only_when_it_is_the_one() -> None:
    bucket = FakeS3()
    with pytest.raises(NotFound) as caught:
        load_manifest(bucket, DESTINATION, MADE.sha256)
    assert caught.value.code == "manifest_not_found"
    bucket.put("results", key(MADE), OTHER.packed)
    with pytest.raises(CorruptFile, match="SHA-256"):
        load_manifest(bucket, DESTINATION, MADE.sha256)
