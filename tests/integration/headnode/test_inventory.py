"""Manifests made on a node, over both transports: exact, resumed, adopted, on Slurm, refused."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path, PurePosixPath

import pytest

from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import DyecError, NotFound, RemoteCommandFailed, ValidationError
from daylily_ec.fsx import hashing
from daylily_ec.fsx.inventory import list_directory
from daylily_ec.fsx.manifest import Manifest
from daylily_ec.fsx.manifest_remote import RunReport, listing, make_manifest, parse_report
from daylily_ec.headnode.remote import Remote, RemoteScript
from daylily_ec.headnode.ssm import SsmRemote
from daylily_ec.util.clock import SystemClock
from daylily_ec.util.progress import Silent
from tests.integration.headnode.node import FakeLending, Node
from tests.mutations.mutation import ROOT

PYTHON = """#!/bin/sh
# The environment DAY-EC of this node is the one that runs the tests.
PYTHONPATH={root} exec {python} "$@"
"""
SBATCH = """#!/bin/bash
# Keeps its arguments, and runs the wrapped command as a job whose number is its process's.
[ ! -e "$HOME/refusal" ] || { cat "$HOME/refusal" >&2; exit 1; }
printf '%s\\n' "$*" >> "$HOME/sbatch.log"
while [ "$#" -gt 0 ]; do
    case "$1" in --wrap) wrap="$2" ;; --output) log="$2" ;; esac
    shift
done
setsid bash -c "$wrap" >> "$log" 2>&1 < /dev/null &
echo $! | tee "$HOME/job"
"""
SQUEUE = """#!/bin/sh
[ ! -e "$HOME/no-slurm" ] || exit 1
job=$(cat "$HOME/job" 2> /dev/null) || exit 0
case "$(ps -o stat= -p "$job")" in "" | Z*) ;; *) echo "$job RUNNING" ;; esac
"""
LARGE = 1024**3
"""Bytes of a file without blocks, which takes some seconds to hash and no room on the disk."""


@pytest.fixture
def directory(node: Node) -> Iterator[Path]:
    python = node.home / "DAY-EC/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON.format(root=ROOT, python=sys.executable))
    python.chmod(0o755)
    node.program("sbatch", SBATCH)
    node.program("squeue", SQUEUE)
    made = node.fsx / "analysis_results/ubuntu/a1"
    (made / "repo/results").mkdir(parents=True)
    (made / "repo/results/one.txt").write_bytes(b"one")
    (made / "repo/results/a b'$(x)\n").write_bytes(b"two")
    (made / "repo/link").symlink_to("results/one.txt")
    yield made
    for pid in programs(made):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(params=["ssm", "local"])
def remote(request: pytest.FixtureRequest, node: Node, over_ssm: SsmRemote) -> Remote:
    return over_ssm if request.param == "ssm" else node.remote


def make(remote: Remote, directory: Path, hash_on: str | None = None, destination: S3Prefix | None = None) -> Manifest:
    return make_manifest(remote, PurePosixPath(directory), clock=SystemClock(), reporter=Silent(), hash_on=hash_on,
                         destination=destination)  # fmt: skip


def ask(node: Node, directory: Path, run: str, wait: int = 0, partition: str = "") -> RunReport:
    """One question of a caller that may die after it."""
    env = {"DYEC_DIRECTORY": str(directory), "DYEC_RUN": run, "DYEC_PARTITION": partition, "DYEC_PREFIX_BYTES": "0",
           "DYEC_ALLOW_RUN_LINKS": "0", "DYEC_WAIT": str(wait)}  # fmt: skip
    return parse_report(node.remote.run(RemoteScript.packaged("inventory"), env, 60).require_success("inventory"))


def kept(node: Node) -> Path:
    (place,) = (node.home / ".cache/daylily/inventory").iterdir()
    return place


def runs(node: Node) -> list[str]:
    return [path.name for path in kept(node).iterdir() if path.is_dir()]


def programs(directory: Path) -> list[int]:
    """Processes that hash the directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"daylily_ec.fsx.manifest_node" in words and os.fsencode(directory) in words:
            found.append(int(path.parent.name))
    return found


def until(what: str, seconds: float, check: object) -> None:
    end = time.monotonic() + seconds
    while not check():  # type: ignore[operator]
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def test_a_manifest_is_what_the_node_holds(remote: Remote, directory: Path) -> None:
    made = make(remote, directory)
    assert [one.path for one in made.records] == [
        "repo", "repo/link", "repo/results", "repo/results/a b'$(x)\n", "repo/results/one.txt",
    ]  # fmt: skip
    assert made.by_key["repo/results/one.txt"].sha256 == hashing.of_bytes(b"one").sha256
    assert made.by_key["repo/link"].crc64nvme == hashing.of_bytes(b"results/one.txt").crc64nvme
    assert made.header.directory == str(directory)


def test_a_long_manifest_arrives_whole(remote: Remote, directory: Path, lending: FakeLending) -> None:
    for number in range(2500):
        (directory / f"{number:05}").write_bytes(b"%d" % number)
    made = make(remote, directory)
    assert made.header.files == 2502
    assert made.by_key["02499"].sha256 == hashing.of_bytes(b"2499").sha256
    assert lending.left == []


def test_no_directory(remote: Remote, directory: Path) -> None:
    (directory.parent / "link").symlink_to(directory)
    for name in ("nothing", "link", "a1/repo/results/one.txt"):
        with pytest.raises(NotFound) as caught:
            make(remote, directory.parent / name)
        assert caught.value.code == "analysis_not_found"


def test_a_node_that_was_never_configured(remote: Remote, directory: Path, node: Node) -> None:
    (node.home / "DAY-EC/bin/python").unlink()
    with pytest.raises(RemoteCommandFailed) as caught:
        make(remote, directory)
    assert caught.value.code == "head_node_not_configured"
    assert "dyec headnode configure" in caught.value.hint


def test_what_cannot_be_exported_is_refused(remote: Remote, directory: Path) -> None:
    os.mkfifo(directory / "pipe")
    (directory / os.fsdecode(b"caf\xe9")).touch()
    with pytest.raises(ValidationError) as caught:
        make(remote, directory, destination=S3Prefix.parse(f"s3://results/{'x' * 1010}/"))
    assert caught.value.code == "unexportable"
    assert {one["why"] for one in _obstacles(caught.value)} == {"special_file", "not_utf8", "key_too_long"}


def _obstacles(error: DyecError) -> list[dict[str, str]]:
    from daylily_ec.util.jsonio import plain

    found: list[dict[str, str]] = plain(error.details["obstacles"])
    return found


def test_a_run_whose_caller_died_is_adopted(directory: Path, node: Node) -> None:
    (directory / "large").touch()
    os.truncate(directory / "large", LARGE)
    first = ask(node, directory, "aa")
    assert (first.run, first.state) == ("aa", "running")
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: make(node.remote, directory), range(2)))
    assert made[0] == made[1]
    assert runs(node) == ["aa"]
    assert ask(node, directory, "aa").state == "done"
    assert ask(node, directory, "bb", 60).state == "done"
    assert sorted(runs(node)) == ["aa", "bb"]


def test_two_callers_at_once_start_one_run(directory: Path, node: Node) -> None:
    (directory / "large").touch()
    os.truncate(directory / "large", LARGE)
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda name: ask(node, directory, name), ["aa", "bb", "cc", "dd"]))
    assert len(runs(node)) == 1
    assert {report.run for report in reports} == set(runs(node))
    (directory / "large").unlink()
    until("its end", 120, lambda: ask(node, directory, runs(node)[0]).is_over)


def test_a_killed_run_leaves_nobody_behind_and_is_gone_on_with(directory: Path, node: Node) -> None:
    large = directory / "large"
    large.touch()
    os.truncate(large, LARGE * 64)
    for number in range(400):
        (directory / f"{number}").write_bytes(b"%d" % number)
    ask(node, directory, "aa")
    until("small files in the cache", 60, lambda: len(_digests(node)) >= 400)
    (leader,) = [pid for pid in programs(directory) if os.getpgid(pid) == pid]
    os.kill(leader, signal.SIGKILL)
    until("the end of every process", 10, lambda: not programs(directory))
    killed = ask(node, directory, "aa")
    assert killed.state == "died"
    large.unlink()
    made = make(node.remote, directory)
    assert made.header.files == 402
    (again,) = set(runs(node)) - {"aa"}
    assert ask(node, directory, again).progress["known"] >= 400


def _digests(node: Node) -> list[str]:
    path = kept(node) / "digests.jsonl"
    return path.read_text().split() if path.exists() else []


def test_a_listing_tells_whether_anything_changed_since(directory: Path, node: Node) -> None:
    (node.root / "bin/find").unlink()
    seen = listing(make(node.remote, directory))
    plain_listing = list_directory(node.remote, PurePosixPath(directory))
    assert [(one.path, one.kind, one.modified) for one in seen.entries] == [
        (one.path, one.kind, one.modified) for one in plain_listing.entries
    ]


def test_a_slurm_job_makes_it(remote: Remote, directory: Path, node: Node) -> None:
    assert make(remote, directory, hash_on="i8").header.files == 2
    (line,) = (node.home / "sbatch.log").read_text().splitlines()
    assert f"--job-name dyec-inventory-{kept(node).name} --partition i8 --nodes 1 --exclusive --requeue" in line


def test_a_slurm_job_whose_caller_died_is_adopted(directory: Path, node: Node) -> None:
    (directory / "large").touch()
    os.truncate(directory / "large", LARGE)
    first = ask(node, directory, "aa", partition="i8")
    assert (first.state, first.job.split()[1]) == ("running", "RUNNING")
    assert make(node.remote, directory, hash_on="i8").header.files == 3
    assert make(node.remote, directory).header.files == 3
    assert len((node.home / "sbatch.log").read_text().splitlines()) == 1


def test_a_slurm_job_that_was_lost(directory: Path, node: Node) -> None:
    (directory / "large").touch()
    os.truncate(directory / "large", LARGE * 64)
    assert ask(node, directory, "aa", partition="i8").state == "running"
    os.killpg(int((node.home / "job").read_text()), signal.SIGKILL)
    until("its end", 10, lambda: not programs(directory))
    assert ask(node, directory, "aa").state == "died"


def test_a_slurm_that_takes_no_job_or_gives_no_answer(directory: Path, node: Node) -> None:
    (node.home / "refusal").write_text("sbatch: error: invalid partition specified: i9\n")
    with pytest.raises(RemoteCommandFailed, match="invalid partition specified: i9"):
        make(node.remote, directory, hash_on="i9")
    (node.home / "refusal").unlink()
    (directory / "large").touch()
    os.truncate(directory / "large", LARGE * 64)
    assert ask(node, directory, "aa", partition="i8").state == "running"
    (node.home / "no-slurm").touch()
    with pytest.raises(RemoteCommandFailed, match="Slurm does not say"):
        ask(node, directory, "aa")
    with pytest.raises(RemoteCommandFailed, match="Slurm does not say"):
        ask(node, directory, "bb")
    assert runs(node).count("bb") == 0
    os.killpg(int((node.home / "job").read_text()), signal.SIGKILL)
