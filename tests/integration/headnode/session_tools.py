"""What tests of sessions look at: a repository to launch, and what a node's run directories say."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.ids import AnalysisId, ExecutingEntity, GitRef, RepositoryKey, WorkflowSession
from daylily_ec.headnode import runs, sessions
from daylily_ec.headnode.launch import InputKind, Inputs, Launch
from daylily_ec.headnode.runs import Attempt, Resumed, RunDirectory, Stopped
from daylily_ec.headnode.status import SessionFacts, WorkflowState, derive
from tests.integration.headnode.node import Node

SQUEUE = """#!/bin/sh
# squeue --format '%i|%T|%Z'
cat "$HOME/queue" 2> /dev/null || exit 1
"""


SLEEP = 'echo $BASHPID > "$HOME/pid"; sleep 60'
SCANCEL = """#!/bin/sh
for job; do sed -i "/^$job|/d" "$HOME/queue"; echo "$job" >> "$HOME/cancelled"; done
"""


def git(path: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *identity, "-C", str(path), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def make_origin(path: Path) -> Path:
    """A repository with tag 2.0.26, a later branch `main`, and the two files of the launch contract."""
    (path / "bin").mkdir(parents=True)
    (path / "dyoainit").write_text('echo "init $*"; dy_function() { echo "function of dyoainit"; }\n')
    (path / "bin" / "day_activate").write_text('echo "activate $*"; export ACTIVATED="$2"\n')
    git(path, "init", "-q", "-b", "main")
    git(path, "add", "-A")
    git(path, "commit", "-q", "-m", "first")
    git(path, "tag", "2.0.26")
    (path / "later").write_text("later\n")
    git(path, "add", "-A")
    git(path, "commit", "-q", "-m", "second")
    return path


def make_launch(node: Node, origin: Path) -> Launch:
    """A launch of that repository on a node whose queue is the file `queue` of its home."""
    node.program("squeue", SQUEUE)
    (node.home / "queue").write_text("")
    return Launch(
        session=WorkflowSession("s1"),
        analysis=AnalysisDirectory(ExecutingEntity("alice"), AnalysisId("a.1")),
        analysis_root=str(node.fsx / "analysis_results"),
        repository=RepositoryKey("demo"),
        repository_url=f"file://{origin}",
        folder="work",
        git_ref=GitRef("2.0.26"),
        inputs=Inputs(InputKind.TABLES, samples_tsv="SAMPLEID\nS1\n", units_tsv="RUNID\nR1\n"),
        command="echo hello; dy_function; cat config/samples.tsv",
        genome="hg38",
        launch_id="0123abcd",
        stage_wait_s=1,
        retry_s=0,
    )


def named(name: str = "s1") -> RunDirectory:
    return RunDirectory(session=WorkflowSession(name))


def facts(node: Node, name: str = "s1") -> SessionFacts:
    return runs.ask(node.remote, named(name))


def state(node: Node, name: str = "s1") -> WorkflowState:
    return derive(facts(node, name))[0]


def eventually(check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def ended(node: Node, name: str = "s1") -> SessionFacts:
    eventually(lambda: state(node, name).is_final, "the session to end")
    return facts(node, name)


def controller(node: Node, name: str = "s1") -> int:
    return int((node.home / "daylily-runs" / name / "controller").read_text().split()[1])


def log(node: Node, name: str = "s1") -> str:
    return (node.home / "daylily-runs" / name / "tmux.log").read_text()


def record(node: Node, name: str = "s1") -> dict[str, object]:
    found: dict[str, object] = json.loads((node.home / "daylily-runs" / name / "status.json").read_text())
    return found


def stop(node: Node, cancel: bool = False, name: str = "s1") -> Stopped:
    return runs.stop(node.remote, named(name), cancel_jobs=cancel, who="ada@desk", grace_s=3)


def resume(node: Node, command: str = "echo resumed", name: str = "s1", **more: object) -> Resumed:
    given = Attempt(command=command, who="ada@desk", grace_s=2, **more)  # type: ignore[arg-type]
    return runs.resume(node.remote, named(name), given)


def running(node: Node, launch: Launch, command: str = SLEEP) -> int:
    """Start it and wait for its command; the number of the command's process."""
    sessions.start(node.remote, replace(launch, command=command))
    eventually(lambda: (node.home / "pid").exists() and bool((node.home / "pid").read_text()), "the command")
    return int((node.home / "pid").read_text())


def alive(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def repository(node: Node) -> Path:
    return node.fsx / "analysis_results/alice/a.1/work"
