"""The scripts that look at a mount: with a real bash, real files, real processes and real sessions."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from daylily_ec.aws.s3 import ObjectInfo
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.fsx import mount_use, settling
from daylily_ec.fsx.mount_use import MountUse
from daylily_ec.headnode import sessions
from daylily_ec.headnode.launch import InputKind, Inputs, Launch, RunLink
from tests.integration.headnode.node import Node
from tests.integration.headnode.session_tools import ended

PREFIX = S3Prefix("runs", "RUN1/")


@pytest.fixture
def mount(node: Node) -> Path:
    (node.root / "bin" / "find").unlink()
    path = node.fsx / "run_dir_mounts" / "RUN1"
    path.mkdir(parents=True)
    return path


def expected(*names: str) -> settling.Expected:
    return settling.expected(PREFIX, [ObjectInfo(f"RUN1/{name}", 1) for name in names])


def look(node: Node, mount: Path, *read: str, names: bool = False) -> settling.Seen:
    return settling.look(node.remote, PurePosixPath(mount), read, 30, names=names)


ODD = ["RunInfo.xml", "a b/$(touch x)", "new\nline", "'q'\"d\"\\", "ü/é.bcl", "-n", "a/b/c", ".hidden", "a.b", "a-b/c"]


def test_the_digest_of_the_tree_is_that_of_the_keys_whatever_they_are_called(node: Node, mount: Path) -> None:
    for name in ODD:
        (mount / name).parent.mkdir(parents=True, exist_ok=True)
        (mount / name).write_text("x")
    (mount / "empty").mkdir()
    wanted, seen = expected(*ODD, "empty/"), look(node, mount, *ODD)
    assert (seen.files, seen.directories, seen.sha256) == (len(ODD), 6, wanted.sha256)
    assert seen.unreadable == {}
    assert settling.compare(wanted, seen) == settling.Comparison((), 0)
    more = settling.compare(expected(*ODD, "later.bcl"), seen)
    assert more is None
    listed = look(node, mount, names=True)
    assert settling.compare(expected(*ODD, "later.bcl"), listed) == settling.Comparison(("later.bcl",), 0)
    assert settling.compare(expected("RunInfo.xml"), listed) == settling.Comparison((), len(ODD) - 1)


def test_a_file_whose_first_byte_does_not_come_is_named_with_the_reason(node: Node, mount: Path) -> None:
    (mount / "RunInfo.xml").symlink_to("nowhere")
    (mount / "here").write_text("")
    seen = look(node, mount, "RunInfo.xml", "here")
    assert list(seen.unreadable) == ["RunInfo.xml"]
    assert "No such file" in seen.unreadable["RunInfo.xml"]


def test_a_directory_that_is_not_there_is_no_error_yet(node: Node, mount: Path) -> None:
    seen = look(node, mount / "later")
    assert not seen.is_there
    assert "is no directory" in seen.problem


def test_an_answer_without_its_end_is_not_believed() -> None:
    for text in ("", "files 1\n", "files 1\ndirectories 0\nsha256 ab\n", "files x\ndirectories 0\nsha256 ab\ndone\n"):
        with pytest.raises(RemoteCommandFailed):
            settling.parse(text)


def use(node: Node, mount: Path) -> MountUse:
    return mount_use.ask(node.remote, PurePosixPath(mount), PurePosixPath(node.fsx / "analysis_results"))


def start(node: Node, launch: Launch, mount: Path, command: str) -> None:
    link = RunLink("RUN1", str(mount))
    inputs = Inputs(InputKind.RUNS, runs_tsv="RUNID\nRUN1\n", run_links=(link,))
    sessions.start(node.remote, replace(launch, inputs=inputs, command=command))


@pytest.fixture
def quiet(node: Node, launch: Launch) -> Node:
    """A node whose queue can be asked, and is empty."""
    assert launch.session
    return node


def test_nobody_uses_a_mount_that_nothing_refers_to(quiet: Node, mount: Path) -> None:
    assert use(quiet, mount) == MountUse()


@pytest.mark.weakness("M5")
def test_a_session_uses_what_its_analysis_links_to_while_it_lives(quiet: Node, launch: Launch, mount: Path) -> None:
    start(quiet, launch, mount, "until [ -e ~/go ]; do sleep 0.05; done")
    analysis = f"{launch.analysis_root}/alice/a.1"
    found = use(quiet, mount)
    assert f"session s1 ({analysis}) runs and links into it" in found.used_by
    assert any("works in" in one and "which links into it" in one for one in found.used_by)
    assert use(quiet, mount.with_name("RUN")) == use(quiet, mount.with_name("RUN12")) == MountUse()
    (quiet.home / "go").write_text("")
    ended(quiet)
    assert use(quiet, mount) == MountUse((), (), (analysis,))


def test_a_session_that_names_the_mount_uses_it(quiet: Node, launch: Launch, mount: Path) -> None:
    command = f"until [ -e ~/go ]; do sleep 0.05; done; ls {mount}/x"
    sessions.start(quiet.remote, replace(launch, command=command))
    assert any("runs and names it" in one for one in use(quiet, mount).used_by)
    assert use(quiet, mount.with_name("RUN")).used_by == ()
    (quiet.home / "go").write_text("")
    ended(quiet)


@pytest.fixture
def reader(mount: Path) -> Iterator[subprocess.Popen[bytes]]:
    (mount / "big.bcl").write_text("x")
    with (mount / "big.bcl").open("rb") as source:
        process = subprocess.Popen(["sleep", "60"], stdin=source)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("with_sudo", [False, True])
def test_a_process_with_an_open_file_uses_it(
    quiet: Node, mount: Path, reader: subprocess.Popen[bytes], with_sudo: bool
) -> None:
    if with_sudo:
        quiet.program("sudo", '#!/bin/sh\n[ "$1" = -n ] && shift && exec env -i PATH="$PATH" "$@"\n')
    assert use(quiet, mount).used_by == (f"process {reader.pid} (sleep) has {mount}/big.bcl open",)


def test_jobs_use_it_by_directory_by_links_and_by_script(quiet: Node, launch: Launch, mount: Path) -> None:
    start(quiet, launch, mount, "true")
    ended(quiet)
    quiet.program("scontrol", f'#!/bin/sh\n[ "$*" != "write batch_script 4 -" ] || echo "cp {mount}/x /tmp"\n')
    analysis = f"{launch.analysis_root}/alice/a.1"
    (quiet.home / "queue").write_text(
        f"1|RUNNING|{mount}/sub\n2|PENDING|{analysis}/work\n3|RUNNING|/home/ubuntu\n4|PENDING|/tmp\n5|RUNNING|{mount}2\n"
    )
    assert use(quiet, mount).used_by == (
        f"job 1 (RUNNING) works in {mount}/sub", f"job 2 (PENDING) works in {analysis}, which links into it",
        "job 4 (PENDING) names it",
    )  # fmt: skip
    quiet.program("scontrol", "#!/bin/sh\nexit 1\n")
    assert use(quiet, mount).unknown == (
        "job 3 (RUNNING) cannot be looked at", "job 4 (PENDING) cannot be looked at",
        "job 5 (RUNNING) cannot be looked at",
    )  # fmt: skip


def test_a_slurm_that_does_not_answer_is_not_an_empty_queue(quiet: Node, mount: Path) -> None:
    (quiet.home / "queue").unlink()
    assert use(quiet, mount).unknown == ("Slurm does not say which jobs wait or run",)


@pytest.mark.parametrize("text", ["", "use x\n", "done\nuse x\n", "nonsense\ndone\n"])
def test_an_answer_of_another_language_is_not_no_use(text: str) -> None:
    with pytest.raises(RemoteCommandFailed):
        mount_use.parse(text)
