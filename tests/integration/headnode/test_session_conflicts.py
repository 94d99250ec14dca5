"""Two that want one analysis directory: launches, resumes, jobs, and a session whose directory was replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.ids import AnalysisId, ExecutingEntity, WorkflowSession
from daylily_ec.errors import DyecError, Refused
from daylily_ec.headnode import runs, sessions
from daylily_ec.headnode.launch import Launch
from daylily_ec.headnode.runs import RunDirectory
from daylily_ec.headnode.status import Analysis, WorkflowState
from tests.integration.headnode.node import Node
from tests.integration.headnode.session_tools import (
    SCANCEL,
    controller,
    ended,
    eventually,
    facts,
    log,
    repository,
    resume,
    running,
    state,
    stop,
)

SLOW = """#!/bin/sh
# git, whose clones take until they are let go.
case " $* " in *" clone "*) touch "$HOME/cloning"; while [ ! -e "$HOME/go" ]; do sleep 0.05; done ;; esac
exec {real} "$@"
"""


def called(name: str, launch: Launch, command: str = "sleep 60") -> Launch:
    """The same analysis, launched under another session name and launch id."""
    return replace(launch, session=WorkflowSession(name), launch_id=f"launch-{name}", command=command, replace=True)


def results(node: Node) -> Path:
    """An analysis directory that somebody has filled before."""
    path = node.fsx / "analysis_results/alice/a.1"
    path.mkdir(parents=True)
    (path / "precious").write_text("x")
    return path


def slow_clones(node: Node) -> None:
    node.program("git", SLOW.format(real=node.shell("command -v git").strip()))


def together(
    call: Callable[[str], object], names: Sequence[str] = ("one", "two"), meanwhile: Callable[[], object] | None = None
) -> dict[str, str]:
    """What became of the calls for each name, made all at once: `done`, or the code of the refusal."""
    seen: dict[str, str] = {}

    def note(name: str) -> None:
        try:
            call(name)
            seen[name] = "done"
        except DyecError as error:
            seen[name] = error.code

    threads = [threading.Thread(target=note, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    if meanwhile is not None:
        meanwhile()
    for thread in threads:
        thread.join()
    return seen


@pytest.mark.weakness("H1")
def test_of_two_launches_into_one_directory_only_one_runs(node: Node, launch: Launch) -> None:
    results(node)
    slow_clones(node)

    def let_go() -> None:
        eventually((node.home / "cloning").exists, "a clone")
        (node.home / "go").touch()

    seen = together(lambda name: sessions.start(node.remote, called(name, launch)), meanwhile=let_go)
    assert sorted(seen.values()) == ["analysis_dir_busy", "done"]
    (name,) = (name for name, end in seen.items() if end == "done")
    assert Path(f"/proc/{controller(node, name)}/cwd").readlink() == repository(node)
    eventually(lambda: state(node, name) is WorkflowState.RUNNING, "the session")


def test_of_two_sessions_of_one_directory_only_one_is_resumed(node: Node, launch: Launch) -> None:
    for name in ("one", "two"):
        sessions.start(node.remote, called(name, launch, "exit 3"))
        ended(node, name)
    # As if an earlier release had launched both.
    (repository(node).parent / ".launch_id").unlink()
    seen = together(lambda name: resume(node, "sleep 60", name))
    assert sorted(seen.values()) == ["analysis_dir_busy", "done"]


@pytest.mark.weakness("H1")
def test_a_job_that_appears_while_the_clone_is_made_keeps_its_directory(node: Node, launch: Launch) -> None:
    old = results(node)
    slow_clones(node)

    def submit() -> None:
        eventually((node.home / "cloning").exists, "the clone")
        (node.home / "queue").write_text(f"41|PENDING|{old}\n")
        (node.home / "go").touch()

    seen = together(lambda name: sessions.start(node.remote, called(name, launch)), ["one"], submit)
    assert seen == {"one": "analysis_dir_busy"}
    assert [path.name for path in old.iterdir()] == ["precious"]
    assert [path.name for path in old.parent.iterdir()] == ["a.1"]


@pytest.mark.weakness("H1")
@pytest.mark.parametrize("queue", ["gone", "missing"])
def test_nothing_is_replaced_while_slurm_does_not_say_who_works_in_it(node: Node, launch: Launch, queue: str) -> None:
    old = results(node)
    (node.home / "queue").unlink()
    if queue == "missing":
        (node.root / "bin/squeue").unlink()
        node.env["PATH"] = f"{node.root}/bin:/bin"
        node.program("timeout", "#!/bin/sh\nexit 127\n")
    for attempt in (sessions.check_launch, sessions.start):
        with pytest.raises(Refused, match="Slurm does not say") as info:
            attempt(node.remote, called("one", launch))
        assert info.value.code == "slurm_unknown"
        assert info.value.hint
    assert (old / "precious").exists()
    other = AnalysisDirectory(ExecutingEntity("alice"), AnalysisId("b"))
    sessions.check_launch(node.remote, replace(called("one", launch), analysis=other))


@pytest.mark.weakness("H3")
@pytest.mark.parametrize("kept", [False, True])
def test_a_replaced_session_has_neither_jobs_nor_a_next_attempt(node: Node, launch: Launch, kept: bool) -> None:
    node.program("scancel", SCANCEL)
    old, new = ("s1.1", "s1") if kept else ("old", "new")
    sessions.start(node.remote, called(old.partition(".")[0], launch, "exit 3"))
    ended(node, old.partition(".")[0])
    sessions.start(node.remote, replace(called(new, launch), launch_id="another"))
    (node.home / "queue").write_text(f"42|RUNNING|{repository(node)}\n")
    directory = RunDirectory(path=str(node.home / "daylily-runs" / old))
    seen = runs.ask(node.remote, directory)
    assert (seen.jobs, seen.analysis) == ((), Analysis.REPLACED)
    done = runs.stop(node.remote, directory, cancel_jobs=True, who="ada@desk", grace_s=3)
    assert (done.outcome, done.cancelled) == ("already-ended", ())
    assert not (node.home / "cancelled").exists()
    mine = facts(node, new)
    assert mine.jobs is not None
    assert [job.job_id for job in mine.jobs] == ["42"]
    stop(node, cancel=True, name=new)
    assert (node.home / "cancelled").read_text() == "42\n"
    if not kept:
        with pytest.raises(Refused, match="Another launch has replaced") as info:
            resume(node, name=old)
        assert info.value.code == "analysis_dir_replaced"
        assert "resumed" not in log(node, old).splitlines()


def test_a_run_of_a_release_that_recorded_no_launch_is_its_directory_s_own(node: Node, launch: Launch) -> None:
    node.program("scancel", SCANCEL)
    sessions.start(node.remote, replace(launch, command="exit 3"))
    ended(node)
    (node.home / "daylily-runs/s1/launch_id").unlink()
    (repository(node).parent / ".launch_id").unlink()
    (node.home / "queue").write_text(f"42|RUNNING|{repository(node)}\n")
    assert stop(node, cancel=True).cancelled == ("42",)
    assert resume(node).attempt == 2
    ended(node)
    sessions.start(node.remote, called("new", launch, "true"))
    ended(node, "new")
    assert facts(node).analysis is Analysis.REPLACED


@pytest.mark.weakness("M12")
def test_jobs_below_a_linked_analysis_root_are_seen(node: Node, launch: Launch) -> None:
    node.program("scancel", SCANCEL)
    (node.fsx / "real").mkdir()
    (node.fsx / "analysis_results").symlink_to(node.fsx / "real")
    running(node, launch)
    work = Path(f"/proc/{controller(node)}/cwd").readlink()
    assert work == node.fsx / "real/alice/a.1/work"
    (node.home / "queue").write_text(f"44|RUNNING|{work}\n45|RUNNING|{repository(node)}\n46|RUNNING|{node.fsx}\n")
    elsewhere = replace(called("two", launch), analysis_root=str(node.fsx / "real"))
    with pytest.raises(Refused, match="Session s1 works in") as info:
        sessions.start(node.remote, elsewhere)
    assert info.value.code == "analysis_dir_busy"
    stop(node)
    with pytest.raises(Refused, match=r"44 RUNNING\."):
        sessions.start(node.remote, elsewhere)
    assert stop(node, cancel=True).cancelled == ("44", "45")


def test_a_launch_does_not_wait_until_a_large_tree_is_removed(node: Node, launch: Launch) -> None:
    old = results(node)
    wait = 'for i in $(seq 400); do [ ! -e "$HOME/go" ] || break; sleep 0.05; done'
    real = node.shell("command -v rm").strip()
    node.program("rm", f'#!/bin/sh\ncase "$*" in *.re*ed*) {wait} ;; esac\nexec {real} "$@"\n')
    sessions.start(node.remote, called("one", launch, "true"))
    ended(node, "one")
    left = [path for path in old.parent.iterdir() if path.name != "a.1"]
    assert [(path / "precious").exists() for path in left] == [True]
    sessions.check_launch(node.remote, called("one", launch))
    (node.home / "go").touch()
    eventually(lambda: [path.name for path in old.parent.iterdir()] == ["a.1"], "the removal")


MV = """#!/bin/sh
# mv, of which the second for an analysis directory never happens: the launch is killed there.
case "$*" in *.partial.*) kill -9 "$PPID"; exit 1 ;; esac
exec {real} "$@"
"""


@pytest.mark.weakness("H1")
@pytest.mark.parametrize("again", [False, True])
def test_results_that_a_killed_launch_has_hidden_come_back(node: Node, launch: Launch, again: bool) -> None:
    old = results(node)
    node.program("mv", MV.format(real=node.shell("command -v mv").strip()))
    with pytest.raises(DyecError):
        sessions.start(node.remote, called("one", launch))
    assert not old.exists()
    (node.root / "bin/mv").unlink()
    for attempt in (sessions.check_launch, sessions.start):
        with pytest.raises(Refused) as info:
            attempt(node.remote, replace(called("two", launch), replace=False))
        assert info.value.code == "analysis_dir_exists"
    assert [path.name for path in old.iterdir()] == ["precious"]
    assert [path.name for path in old.parent.iterdir()] == ["a.1"]
    if again:
        sessions.start(node.remote, called("two", launch, "true"))
        assert not (old / "precious").exists()
        eventually(lambda: [path.name for path in old.parent.iterdir()] == ["a.1"], "the removal")


DIES = """#!/bin/sh
# A program at which the launch is killed, after the command {first}.
case "$*" in {words}) {first}; kill -9 "$PPID"; exit 1 ;; esac
exec {real} "$@"
"""
NO_TMUX = """#!/bin/sh
[ "$1" = new-session ] || exec {real} "$@"
exit 1
"""


def deadly(node: Node, name: str, words: str, first: str = ":") -> None:
    real = node.shell(f"command -v {name}").strip()
    node.program(name, DIES.format(words=words, first=first.format(real=real), real=real))


def killed(node: Node, launch: Launch) -> None:
    """A replacing launch that does not come to its end; from then on every program works."""
    with pytest.raises(DyecError):
        sessions.start(node.remote, called("one", launch))
    for name in ("chmod", "tmux", "rm", "mktemp"):
        (node.root / "bin" / name).unlink(missing_ok=True)


@pytest.mark.weakness("H1")
@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize(
    ("name", "words"), [("chmod", "*"), ("tmux", "new-session*"), ("rm", "*/a.1 | */a.1/")], ids=["chmod", "tmux", "rm"]
)
def test_results_come_back_when_the_new_session_never_began(
    node: Node, launch: Launch, name: str, words: str, stopped: bool
) -> None:
    old = results(node)
    if name == "rm":  # of the launch's own undoing
        deadly(node, name, words, 'rm "$3/.launch_id"')
        node.program("tmux", NO_TMUX.format(real=node.shell("command -v tmux").strip()))
    else:
        deadly(node, name, words)
    killed(node, launch)
    if stopped:
        stop(node, name="one")
    with pytest.raises(Refused) as info:
        sessions.start(node.remote, replace(called("two", launch), replace=False))
    assert info.value.code == "analysis_dir_exists"
    assert [path.name for path in old.iterdir()] == ["precious"]
    eventually(lambda: [path.name for path in old.parent.iterdir()] == ["a.1"], "the removal")


@pytest.mark.weakness("H1")
@pytest.mark.parametrize("again", ["one", "two"])
def test_what_a_session_has_made_stays_when_its_launch_was_killed(node: Node, launch: Launch, again: str) -> None:
    new = results(node)
    deadly(node, "mktemp", "*.removed.*")
    killed(node, launch)
    eventually(lambda: state(node, "one") is WorkflowState.RUNNING, "the session")
    stop(node, name="one")
    (repository(node) / "made").touch()
    # A resume that was interrupted has taken the controller's name away.
    (node.home / "daylily-runs/one/controller").unlink()
    (node.home / "daylily-runs/one").rename(node.home / "daylily-runs/one.1")
    with pytest.raises(Refused) as info:
        sessions.start(node.remote, replace(called(again, launch), replace=False, launch_id="third"))
    assert info.value.code == "analysis_dir_exists"
    assert (repository(node) / "made").exists()
    assert not (new / "precious").exists()


@pytest.mark.weakness("H1")
def test_a_directory_is_left_alone_while_a_session_begins_in_it(node: Node, launch: Launch) -> None:
    new = results(node)
    (node.home / ".bash_profile").open("a").write(
        '[ -z "$DYEC_RUN" ] || until [ -e "$HOME/go" ]; do sleep 0.05; done\n'
    )
    deadly(node, "tmux", "new-session*", '{real} "$@"')
    killed(node, launch)
    with pytest.raises(Refused) as info:
        sessions.start(node.remote, called("two", launch))
    assert info.value.code == "analysis_dir_busy"
    (node.home / "go").touch()
    eventually(lambda: state(node, "one") is WorkflowState.RUNNING, "the session")
    assert Path(f"/proc/{controller(node, 'one')}/cwd").readlink() == repository(node)
    assert (new / ".launch_id").exists()


def test_a_directory_of_somebody_else_in_the_place_of_hidden_results_is_kept(node: Node, launch: Launch) -> None:
    other = results(node)
    (other.parent / ".replaced.a.1/older").mkdir(parents=True)
    with pytest.raises(Refused, match="both") as info:
        sessions.start(node.remote, called("one", launch))
    assert info.value.code == "replace_failed"
    assert [path.name for path in other.iterdir()] == ["precious"]
    assert (other.parent / ".replaced.a.1/older").exists()


def test_what_a_launch_left_after_its_session_began_is_swept_by_the_next(node: Node, launch: Launch) -> None:
    sessions.start(node.remote, called("one", launch, "true"))
    ended(node, "one")
    entity = node.fsx / "analysis_results/alice"
    for name in (".replaced.a.1", ".partial.a.1", ".removed.x"):
        (entity / name / "part").mkdir(parents=True)
    (entity / ".replaced.a.11").mkdir()
    sessions.start(node.remote, called("one", launch, "true"))
    eventually(lambda: sorted(path.name for path in entity.iterdir()) == [".replaced.a.11", "a.1"], "the removal")


@pytest.mark.parametrize("call", [lambda node, launch: sessions.start(node.remote, launch),
                                  lambda node, launch: stop(node), lambda node, launch: resume(node)])  # fmt: skip
def test_a_lock_that_cannot_be_made_is_a_refusal_with_its_reason(
    node: Node, launch: Launch, call: Callable[[Node, Launch], object]
) -> None:
    for name in ("s1", ".s1.lock"):
        (node.home / "daylily-runs" / name).mkdir(parents=True)
    with pytest.raises(Refused, match=r"s1\.lock cannot be written") as info:
        call(node, launch)
    assert info.value.code == "lock_failed"
    assert "df -h" in info.value.hint
    assert "unbound" not in str(info.value)


def test_no_lock_outlives_a_launch(node: Node, launch: Launch) -> None:
    running(node, launch)
    for lock in (node.home / "daylily-runs").glob(".*.lock"):
        subprocess.run(["flock", "--nonblock", str(lock), "true"], check=True)
    os.kill(controller(node), signal.SIGTERM)
    ended(node)
