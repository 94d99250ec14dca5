"""Around a session: a tmux server of somebody else, an activation with habits of its own, processes that are left."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from daylily_ec.domain.ids import GitRef, WorkflowSession
from daylily_ec.errors import Refused
from daylily_ec.headnode import sessions
from daylily_ec.headnode.launch import Launch
from daylily_ec.headnode.status import WorkflowState, derive
from tests.integration.headnode.node import Node
from tests.integration.headnode.session_tools import (
    alive,
    ended,
    eventually,
    facts,
    git,
    log,
    record,
    resume,
    running,
    stop,
)

FOREIGN = {
    "PROJECT": "other",
    "SNAKEMAKE_PROFILE": "/x",
    "AWS_PROFILE": "lab",
    "PYTHONPATH": "/x",
    "DYEC_COMMAND": "no",
}
SHOWN = f"env | grep -E '^({'|'.join(FOREIGN)})=' ; echo \"path $PATH\"; echo own $OWN"
STRAY = """setsid bash -c 'echo $$ > "$HOME/stray"; exec sleep 60' & """


def activation(origin: Path, **texts: str) -> GitRef:
    """The same repository with another `dyoainit` or `day_activate`."""
    for name, text in texts.items():
        (origin / {"dyoainit": "dyoainit", "day_activate": "bin/day_activate"}[name]).write_text(text)
    git(origin, "commit", "-q", "-a", "-m", "another activation")
    return GitRef("main")


def stray(node: Node) -> int:
    path = node.home / "stray"
    eventually(lambda: path.exists() and bool(path.read_text()), "the stray process")
    return int(path.read_text())


def test_a_session_begins_with_nothing_of_the_shells_around_it(node: Node, launch: Launch) -> None:
    (node.home / ".bash_profile").open("a").write("export OWN=setting\n")
    begin = ["tmux", "new-session", "-d", "-s", "user", "sleep 60"]
    subprocess.run(begin, env=node.env | FOREIGN | {"PATH": "/usr/bin:/bin:/theirs"}, check=True)
    node.env |= FOREIGN
    sessions.start(node.remote, replace(launch, command=SHOWN, activate=False))
    ended(node)
    lines = log(node).splitlines()
    assert not [line for line in lines if line.partition("=")[0] in FOREIGN]
    assert "own setting" in lines
    (path,) = (line for line in lines if line.startswith("path "))
    assert "/theirs" not in path
    resume_of = replace(launch, session=WorkflowSession("s2"), launch_id="f", replace=True, command="exit 1")
    sessions.start(node.remote, resume_of)
    ended(node, "s2")
    resume(node, SHOWN, "s2")
    ended(node, "s2")
    assert not [line for line in log(node, "s2").splitlines() if line.partition("=")[0] in FOREIGN]


@pytest.mark.parametrize("name", ["dyoainit", "day_activate"])
def test_an_activation_that_exits_with_0_is_a_failure_with_1(
    node: Node, origin: Path, launch: Launch, name: str
) -> None:
    ref = activation(origin, **{name: "exit 0\n"})
    sessions.start(node.remote, replace(launch, git_ref=ref))
    seen = ended(node)
    assert seen.exit_code == record(node)["exit_code"] == 1
    assert derive(seen) == (
        WorkflowState.FAILED,
        "The session ended while activating, with exit code 1: "
        "dyoainit or day_activate ended the shell, with exit code 0.",
    )
    assert "hello" not in log(node)


def test_whatever_ends_the_shell_later_is_not_laid_on_the_activation(node: Node, origin: Path, launch: Launch) -> None:
    ref = activation(origin, day_activate="wait() { exit 0; }\n")
    sessions.start(node.remote, replace(launch, git_ref=ref))
    assert derive(ended(node)) == (
        WorkflowState.FAILED,
        "The session ended while running, with exit code 1: The shell was ended while running, with exit code 0.",
    )


HABITS = "set -euf -o pipefail -o noclobber\ntrap 'echo bye' EXIT\ntrap 'exit 9' ERR\ntrap '' TERM\n"


@pytest.mark.parametrize("name", ["dyoainit", "day_activate"])
@pytest.mark.parametrize(("command", "code"), [("false; echo ${unset_one}still", 0), ("exit 3", 3)])
def test_shell_options_and_traps_of_an_activation_are_not_the_controller_s(
    node: Node, origin: Path, launch: Launch, name: str, command: str, code: int
) -> None:
    ref = activation(origin, **{name: HABITS})
    sessions.start(node.remote, replace(launch, git_ref=ref, command=command))
    seen = ended(node)
    assert derive(seen)[0] is (WorkflowState.FAILED if code else WorkflowState.SUCCEEDED)
    assert seen.exit_code == code
    assert code or "still" in log(node).splitlines()


@pytest.mark.weakness("M12")
def test_a_stop_ends_processes_that_left_their_group(node: Node, launch: Launch) -> None:
    running(node, launch, f'{STRAY} echo $BASHPID > "$HOME/pid"; sleep 60')
    pid = stray(node)
    assert os.getpgid(pid) == pid
    stop(node)
    assert not alive(pid)


@pytest.mark.weakness("M12")
def test_what_a_finished_command_left_running_is_told_guarded_and_can_be_stopped(node: Node, launch: Launch) -> None:
    sessions.start(node.remote, replace(launch, command=f"{STRAY} echo started"))
    pid = stray(node)
    seen = ended(node)
    assert derive(seen) == (
        WorkflowState.SUCCEEDED, "The command ended with exit code 0. What it started still runs; a stop ends it.",
    )  # fmt: skip
    eventually(lambda: not facts(node).tmux_alive, "tmux to end")
    again = replace(launch, session=WorkflowSession("s2"), launch_id="f", replace=True)
    with pytest.raises(Refused, match="Session s1 works in"):
        sessions.start(node.remote, again)
    done = stop(node)
    assert (done.outcome, derive(done.facts)) == (
        "stopped", (WorkflowState.SUCCEEDED, "The command ended with exit code 0."),
    )  # fmt: skip
    assert not alive(pid)
    sessions.start(node.remote, again)


def test_a_process_of_a_slurm_job_on_this_node_is_a_job_and_not_the_command(node: Node, launch: Launch) -> None:
    running(node, launch, f'export SLURM_JOB_ID=7; {STRAY} echo $BASHPID > "$HOME/pid"; sleep 60')
    pid = stray(node)
    stop(node)
    assert alive(pid)
    assert not facts(node).command_alive
    os.kill(pid, signal.SIGKILL)
