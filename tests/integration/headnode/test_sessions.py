"""Workflow sessions, on a node with real git and tmux: launch, quick ends, stale status, killed controllers."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.ids import AnalysisId, ExecutingEntity, GitRef, WorkflowSession
from daylily_ec.errors import DyecError, InvalidValue, Refused
from daylily_ec.headnode import runs, sessions
from daylily_ec.headnode.launch import InputKind, Inputs, Launch
from daylily_ec.headnode.logs import read_log
from daylily_ec.headnode.runs import RunDirectory
from daylily_ec.headnode.status import WorkflowState, derive
from tests.integration.headnode.node import Node
from tests.integration.headnode.session_tools import controller, ended, eventually, facts, git, log, record, state


def test_a_launch_clones_the_pin_activates_runs_and_ends_its_session(node: Node, origin: Path, launch: Launch) -> None:
    launched = sessions.start(node.remote, launch)
    final = ended(node)
    assert derive(final) == (WorkflowState.SUCCEEDED, "The command ended with exit code 0.")
    repo = node.fsx / "analysis_results/alice/a.1/work"
    assert launched.repo_path == str(repo)
    assert launched.commit == git(origin, "rev-parse", "2.0.26^{commit}") == git(repo, "rev-parse", "HEAD")
    assert (repo / "config/units.tsv").read_text() == "RUNID\nR1\n"
    for line in ("init --skip-project-check", "activate slurm hg38 remote", "hello", "function of dyoainit", "S1"):
        assert line in log(node).splitlines()
    eventually(lambda: not facts(node).tmux_alive, "tmux to end")
    assert sorted(path.name for path in repo.parent.parent.iterdir()) == ["a.1"]


def test_the_markers_and_the_status_keep_their_names(node: Node, launch: Launch) -> None:
    markers = sessions.start(node.remote, launch).markers
    ended(node)
    assert {"SESSION", "TMUX_SESSION", "RUN_DIR", "REPO_PATH"} <= {
        name.strip("_").removeprefix("DAYLILY_") for name in markers
    }
    assert markers["__DAYLILY_RUN_DIR__"] == str(node.home / "daylily-runs/s1")
    seen = record(node)
    assert list(seen) == sorted(seen)
    assert {"command", "completed_at", "exit_code", "repo_path", "session_name", "started_at"} <= seen.keys()
    assert (seen["phase"], seen["exit_code"], seen["analysis_id"], seen["executing_entity"]) == (
        "finished", 0, "a.1", "alice",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "code", "phase"),
    [("exit 3", 3, "finished"), ("false", 1, "finished"), ("set -e; false; echo no", 1, "finished"),
     ("trap - EXIT; exit 9", 9, "finished")],
)  # fmt: skip
def test_a_failing_command_is_failed_with_its_code(
    node: Node, launch: Launch, command: str, code: int, phase: str
) -> None:
    sessions.start(node.remote, replace(launch, command=command))
    assert derive(ended(node)) == (WorkflowState.FAILED, f"The command ended with exit code {code}.")
    assert record(node)["phase"] == phase


@pytest.mark.parametrize("text", ["return 4", "exit 4"])
def test_a_failing_activation_is_failed_in_that_phase(node: Node, origin: Path, launch: Launch, text: str) -> None:
    (origin / "dyoainit").write_text(f"{text}\n")
    git(origin, "commit", "-q", "-a", "-m", "broken")
    sessions.start(node.remote, replace(launch, git_ref=GitRef("main")))
    assert derive(ended(node)) == (WorkflowState.FAILED, "The session ended while activating, with exit code 4.")
    assert "hello" not in log(node)


def test_hostile_commands_projects_and_tables_stay_values(node: Node, launch: Launch) -> None:
    hostile = "x'\"`$(touch PWNED)`\\ \n$(touch PWNED) é"
    wanted = replace(
        launch, command=f"cat <<'EOF'\n{hostile}\nEOF\n", project="p$(touch,PWNED)'\"",
        inputs=Inputs(InputKind.TABLES, samples_tsv=hostile, units_tsv=hostile),
    )  # fmt: skip
    sessions.start(node.remote, wanted)
    assert state(node) in (WorkflowState.SUCCEEDED, WorkflowState.RUNNING, WorkflowState.STARTING)
    ended(node)
    assert record(node)["command"] == wanted.command
    assert (node.fsx / "analysis_results/alice/a.1/work/config/samples.tsv").read_text() == hostile
    assert list(node.root.rglob("PWNED")) == []


@pytest.mark.weakness("H3")
def test_a_stale_status_is_never_taken_for_the_new_run(node: Node, launch: Launch) -> None:
    old = node.home / "daylily-runs/s1"
    old.mkdir(parents=True)
    (old / "status.json").write_text('{\n  "exit_code": 0,\n  "phase": "finished"\n}\n')
    (old / "controller").write_text("boot 1 1\n")
    launched = sessions.start(node.remote, replace(launch, command="sleep 30"))
    assert launched.exit_code is None
    assert not state(node).is_final
    assert (node.home / "daylily-runs/s1.1/status.json").exists()


@pytest.mark.weakness("H3")
def test_a_busy_session_is_refused_with_what_it_does_and_keeps_its_log(node: Node, launch: Launch) -> None:
    sessions.start(node.remote, replace(launch, command="echo precious; sleep 60"))
    eventually(lambda: "precious" in log(node).splitlines(), "output")
    other = replace(launch, analysis=AnalysisDirectory(ExecutingEntity("bob"), AnalysisId("b")), launch_id="ff")
    for attempt in (sessions.start, sessions.check_launch):
        with pytest.raises(Refused, match=r"Session s1 is busy.*alice/a\.1.*running") as info:
            attempt(node.remote, other)
        assert info.value.code == "session_exists"
    assert "precious" in log(node).splitlines()
    assert not (node.fsx / "analysis_results/bob/b").exists()


@pytest.mark.weakness("H10")
def test_an_existing_analysis_directory_is_refused_by_name(node: Node, launch: Launch) -> None:
    (node.fsx / "analysis_results/alice/a.1").mkdir(parents=True)
    with pytest.raises(Refused, match=r"alice/a\.1 already exists") as info:
        sessions.start(node.remote, launch)
    assert info.value.code == "analysis_dir_exists"
    assert "--replace-existing-analysis-dir" in info.value.hint


@pytest.mark.weakness("H1")
def test_replacing_an_analysis_directory_works(node: Node, launch: Launch) -> None:
    old = node.fsx / "analysis_results/alice/a.1"
    old.mkdir(parents=True)
    (old / "old").write_text("x")
    launched = sessions.start(node.remote, replace(launch, replace=True))
    ended(node)
    assert launched.markers["__DAYLILY_REPLACED_ANALYSIS_DIR__"] == str(old)
    assert sorted(path.name for path in old.iterdir()) == [".launch_id", "work"]
    eventually(lambda: [path.name for path in old.parent.iterdir()] == ["a.1"], "the removal")


@pytest.mark.weakness("H1")
@pytest.mark.parametrize("link", ["alice", "alice/a.1"])
def test_replacing_never_leaves_the_analysis_root(node: Node, launch: Launch, link: str) -> None:
    outside = node.root / "outside"
    (outside / "a.1").mkdir(parents=True)
    (outside / "a.1" / "precious").write_text("x")
    path = node.fsx / "analysis_results" / link
    path.parent.mkdir(parents=True)
    path.symlink_to(outside if link == "alice" else outside / "a.1")
    with pytest.raises(Refused) as info:
        sessions.start(node.remote, replace(launch, replace=True))
    assert info.value.code.startswith("unsafe")
    assert (outside / "a.1/precious").read_text() == "x"


def test_a_directory_in_which_a_session_works_is_not_replaced(node: Node, launch: Launch) -> None:
    sessions.start(node.remote, replace(launch, command="sleep 60"))
    with pytest.raises(Refused) as info:
        sessions.start(node.remote, replace(launch, session=WorkflowSession("s2"), replace=True, launch_id="f"))
    assert info.value.code == "analysis_dir_busy"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"git_ref": GitRef("9.9.9")}, "unknown_git_ref"),
        ({"repository_url": "file:///nowhere/at/all"}, "clone_failed"),
    ],
)
def test_a_failed_clone_leaves_nothing(node: Node, launch: Launch, change: dict[str, str], code: str) -> None:
    with pytest.raises(Refused) as info:
        sessions.start(node.remote, replace(launch, **change))  # type: ignore[arg-type]
    assert info.value.code == code
    assert list((node.fsx / "analysis_results/alice").iterdir()) == []
    assert not (node.home / "daylily-runs/s1").exists()
    assert node.shell("tmux ls") == ""


def test_a_clone_that_fails_once_is_tried_again(node: Node, launch: Launch) -> None:
    real = node.shell("command -v git").strip()
    fail_once = 'if [ "$1" = clone ] && [ ! -e "$HOME/tried" ]; then : > "$HOME/tried"; exit 128; fi'
    node.program("git", f'#!/bin/sh\n{fail_once}\nexec {real} "$@"\n')
    sessions.start(node.remote, launch)
    assert (node.home / "tried").exists()


@pytest.mark.parametrize("ref", ["main", "commit"])
def test_a_branch_or_a_commit_can_be_launched(node: Node, origin: Path, launch: Launch, ref: str) -> None:
    head = git(origin, "rev-parse", "HEAD")
    launched = sessions.start(node.remote, replace(launch, git_ref=GitRef(head if ref == "commit" else ref)))
    assert launched.commit == head


def test_a_tmux_that_does_not_start_leaves_nothing_and_restores_what_was_replaced(node: Node, launch: Launch) -> None:
    real = node.shell("command -v tmux").strip()
    node.program("tmux", f'#!/bin/sh\n[ "$1" != new-session ] || {{ echo no pty >&2; exit 1; }}\nexec {real} "$@"\n')
    old = node.fsx / "analysis_results/alice/a.1"
    old.mkdir(parents=True)
    (old / "precious").write_text("x")
    with pytest.raises(Refused, match="could not start") as info:
        sessions.start(node.remote, replace(launch, replace=True))
    assert info.value.code == "session_start_failed"
    assert [path.name for path in old.iterdir()] == ["precious"]
    eventually(lambda: [path.name for path in old.parent.iterdir()] == ["a.1"], "the removal")


def stage(node: Node, *names: str) -> Inputs:
    folder = node.fsx / "stage"
    folder.mkdir()
    for name in names:
        (folder / name).write_text(f"{name}\n")
    return Inputs(InputKind.STAGE, stage_dir=str(folder))


def test_the_tables_of_a_stage_are_used(node: Node, launch: Launch) -> None:
    inputs = stage(node, "20260211T143722Z_0a1b_samples.tsv", "20260211T143722Z_0a1b_units.tsv", "reads.fastq.gz")
    launched = sessions.start(node.remote, replace(launch, inputs=inputs))
    assert Path(launched.repo_path, "config/samples.tsv").read_text() == "20260211T143722Z_0a1b_samples.tsv\n"
    assert Path(launched.repo_path, "config/units.tsv").read_text() == "20260211T143722Z_0a1b_units.tsv\n"


@pytest.mark.parametrize(
    ("names", "code"),
    [((), "missing_config"), (("a_samples.tsv",), "missing_config"),
     (("a_samples.tsv", "b_samples.tsv", "a_units.tsv"), "ambiguous_stage")],
)  # fmt: skip
def test_an_incomplete_or_ambiguous_stage_is_refused(
    node: Node, launch: Launch, names: tuple[str, ...], code: str
) -> None:
    with pytest.raises(Refused) as info:
        sessions.start(node.remote, replace(launch, inputs=stage(node, *names)))
    assert info.value.code == code
    assert not (node.fsx / "analysis_results/alice/a.1").exists()


def test_checking_changes_nothing(node: Node, launch: Launch) -> None:
    before = sorted(node.fsx.rglob("*")) + sorted(node.home.rglob("*"))
    markers = sessions.check_launch(node.remote, launch)
    assert markers["__DAYLILY_REPO_PATH__"].endswith("analysis_results/alice/a.1/work")
    assert sorted(node.fsx.rglob("*")) + sorted(node.home.rglob("*")) == before
    assert node.shell("tmux ls") == ""


@pytest.mark.weakness("M12")
def test_a_killed_controller_is_not_running_for_ever(node: Node, launch: Launch) -> None:
    repo = node.fsx / "analysis_results/alice/a.1/work"
    (node.home / "queue").write_text(f"41|RUNNING|{repo}\n42|PENDING|/elsewhere\n43|RUNNING|{repo.parent}-other\n")
    sessions.start(node.remote, replace(launch, command='echo $BASHPID > "$HOME/pid"; sleep 60'))
    eventually((node.home / "pid").exists, "the command")
    seen = facts(node)
    assert seen.jobs is not None
    assert [job.job_id for job in seen.jobs] == ["41"]
    os.kill(controller(node), signal.SIGKILL)
    eventually(lambda: state(node) is WorkflowState.STOPPED, "stopped")
    assert derive(facts(node))[1] == (
        "The controller was killed: it is gone without an exit record. "
        "Its command still runs; a stop or a resume ends it. 1 of its jobs are still in the queue."
    )
    os.killpg(int((node.home / "pid").read_text()), signal.SIGKILL)


def test_an_unreachable_slurm_is_not_an_empty_queue(node: Node, launch: Launch) -> None:
    (node.home / "queue").unlink()
    sessions.start(node.remote, replace(launch, command="sleep 60"))
    eventually(lambda: state(node) is WorkflowState.RUNNING, "running")
    assert facts(node).jobs is None
    assert derive(facts(node))[1] == "The controller lives; Slurm could not be asked."


@pytest.mark.parametrize("how", ["tmux kill-session -t =s1", "TERM"])
def test_a_stopped_session_ends_its_command_and_is_stopped(node: Node, launch: Launch, how: str) -> None:
    sessions.start(node.remote, replace(launch, command='echo $BASHPID > "$HOME/pid"; sleep 60'))
    eventually(lambda: (node.home / "pid").exists(), "the command")
    pid = (node.home / "pid").read_text().strip()
    if how == "TERM":
        os.kill(controller(node), signal.SIGTERM)
    else:
        node.shell(how)
    assert derive(ended(node))[0] is WorkflowState.STOPPED
    assert not Path("/proc", pid).exists()


def test_another_boot_is_told_apart(node: Node, launch: Launch) -> None:
    sessions.start(node.remote, replace(launch, command="sleep 60"))
    _, pid, started = (node.home / "daylily-runs/s1/controller").read_text().split()
    (node.home / "daylily-runs/s1/controller").write_text(f"earlier-boot {pid} {started}\n")
    eventually(lambda: state(node) is WorkflowState.STOPPED, "stopped")
    assert "restarted" in derive(facts(node))[1]


def test_a_damaged_status_is_unknown(node: Node, launch: Launch) -> None:
    sessions.start(node.remote, launch)
    ended(node)
    (node.home / "daylily-runs/s1/status.json").write_text('{"exit_code": 0, "pha')
    assert derive(facts(node))[0] is WorkflowState.UNKNOWN


def test_an_unknown_session_is_named(node: Node) -> None:
    with pytest.raises(Refused, match="no run directory") as info:
        runs.ask(node.remote, RunDirectory(session=WorkflowSession("ghost")))
    assert info.value.code == "no_such_session"
    with pytest.raises(DyecError, match="no run directory"):
        read_log(node.remote, RunDirectory(session=WorkflowSession("ghost")))


@pytest.mark.weakness("M10")
@pytest.mark.parametrize("text", ["", "..", "a/b", "a b", "$(x)", "-x", "a'b", "a.b", "x" * 101, "é"])
def test_hostile_session_names_are_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        RunDirectory.parse(text, None)


@pytest.mark.parametrize("path", ["/home/ubuntu/daylily-runs/", "/home/ubuntu/daylily-runs/a/../..", "/etc", "s1",
                                  "/home/ubuntu/daylily-runs/.s1.lock"])  # fmt: skip
def test_run_directories_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(InvalidValue):
        RunDirectory.parse(None, path)
