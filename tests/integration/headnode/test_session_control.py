"""Stopping, resuming, listing and following sessions, and their exports, on a node with real tmux."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.ids import AnalysisId, ExecutingEntity, WorkflowSession
from daylily_ec.errors import Refused
from daylily_ec.headnode import runs, sessions
from daylily_ec.headnode.launch import ExportSettings, ExportTrigger, Launch
from daylily_ec.headnode.logs import LogPiece, read_log
from daylily_ec.headnode.status import WorkflowState, derive
from daylily_ec.workflow.workflow_status import status_of
from tests.integration.headnode.node import Node
from tests.integration.headnode.session_tools import (
    SCANCEL,
    SLEEP,
    alive,
    controller,
    ended,
    eventually,
    facts,
    log,
    named,
    record,
    repository,
    resume,
    running,
    state,
    stop,
)

ROOT = Path(__file__).resolve().parents[3]
DYEC = """#!/bin/bash
# dyec export: notes its words and writes the receipt that the test prepared.
printf '%s\\n' "$@" > "$HOME/export.words"
env | grep ^AWS_ > "$HOME/export.aws"
mkdir -p "${@: -1}" && "$HOME/prove" "${@: -1}"
while [ -e "$HOME/hold" ]; do sleep 0.05; done
exit "$(cat "$HOME/export.code" 2> /dev/null || echo 0)"
"""


PROVE = f"""#!{sys.executable}
# The prepared receipt with a real manifest of the analysis directory, then what the test wants to happen.
import json, os, pathlib, sys
sys.path.insert(0, {str(ROOT)!r})
from daylily_ec.fsx import hashing, manifest, walking
home, folder = pathlib.Path(os.environ["HOME"]), pathlib.Path(sys.argv[1])
document = json.loads((home / "receipt").read_text())
receipt = document["fsx_export"]
root = json.loads((home / "root").read_text())
def record(entry):
    size = entry.stamp.size if entry.type == "f" else len(os.fsencode(entry.target))
    digest = hashing.of_file(root, entry) if entry.type == "f" else hashing.of_bytes(os.fsencode(entry.target))
    sums = (digest.sha256, digest.crc64nvme) if entry.type != "d" else ("", "")
    return manifest.Record(entry.path, entry.type, size, entry.stamp.mtime_ns, entry.mode, *sums, entry.target)
made = manifest.make(root, "test", "2026-01-01T00:00:00Z", map(record, walking.walk(root).entries.values()))
(folder / "manifest.jsonl.gz").write_bytes(made.packed)
receipt["inventory"] = {{"manifest_sha256": made.sha256, **receipt.get("inventory", {{}})}}
(folder / "fsx_export.yaml").write_text(json.dumps(document))
os.system(str(home / "meanwhile"))
"""


@pytest.mark.weakness("M12")
def test_a_stop_ends_command_and_controller_says_who_and_lists_the_jobs_it_left(node: Node, launch: Launch) -> None:
    node.program("scancel", SCANCEL)
    pid = running(node, launch)
    (node.home / "queue").write_text(f"41|RUNNING|{repository(node)}\n42|RUNNING|/elsewhere\n")
    done = stop(node)
    assert (done.outcome, done.cancelled) == ("stopped", ())
    assert done.facts.jobs is not None
    assert [job.job_id for job in done.facts.jobs] == ["41"]
    seen = status_of(done.facts)
    assert (seen.state, seen.stopped_by, seen.exit_code) == (WorkflowState.STOPPED, "ada@desk", 143)
    assert seen.stopped_at is not None
    assert not alive(pid)
    assert not done.facts.tmux_alive
    before = record(node)
    again = stop(node, cancel=True)
    assert (again.outcome, again.cancelled) == ("already-ended", ("41",))
    assert again.facts.jobs == ()
    assert record(node) == before
    assert (node.home / "cancelled").read_text() == "41\n"


def test_a_stop_of_a_finished_session_changes_nothing(node: Node, launch: Launch) -> None:
    sessions.start(node.remote, launch)
    ended(node)
    before = record(node)
    done = stop(node)
    assert (done.outcome, status_of(done.facts).state) == ("already-ended", WorkflowState.SUCCEEDED)
    assert record(node) == before


def test_a_command_that_ignores_the_signal_is_killed(node: Node, launch: Launch) -> None:
    text = """trap '' TERM; echo $BASHPID > "$HOME/pid"; for i in $(seq 600); do sleep 0.1; done"""
    pid = running(node, launch, text)
    done = stop(node)
    assert status_of(done.facts).state is WorkflowState.STOPPED
    assert not alive(pid)


def test_a_stop_after_the_controller_was_killed_ends_the_command_and_records_who(node: Node, launch: Launch) -> None:
    pid = running(node, launch)
    os.kill(controller(node), signal.SIGKILL)
    eventually(lambda: facts(node).controller.value == "gone", "the death")
    assert alive(pid)
    assert facts(node).command_alive
    seen = status_of(stop(node).facts)
    assert (seen.state, seen.stopped_by, seen.exit_code) == (WorkflowState.STOPPED, "ada@desk", 137)
    assert not alive(pid)


def test_a_session_that_never_started_can_be_stopped(node: Node, launch: Launch) -> None:
    sessions.start(node.remote, launch)
    ended(node)
    run_dir = node.home / "daylily-runs/s1"
    (run_dir / "controller").unlink()
    node.shell(f"{run_dir}/launch.sh prepare")
    assert state(node) is WorkflowState.STOPPED
    assert status_of(stop(node).facts).stopped_by == "ada@desk"


def test_a_finished_session_closes_frees_its_name_and_keeps_its_log(node: Node, launch: Launch) -> None:
    sessions.start(node.remote, launch)
    ended(node)
    eventually(lambda: node.shell("tmux ls") == "", "tmux to end")
    again = replace(launch, analysis=AnalysisDirectory(ExecutingEntity("alice"), AnalysisId("a.2")), launch_id="1")
    sessions.start(node.remote, again)
    ended(node)
    assert "hello" in (node.home / "daylily-runs/s1.1/tmux.log").read_text()
    names = sorted((one.session_name, derive(one)[0]) for one in runs.every(node.remote))
    assert names == [("s1", WorkflowState.SUCCEEDED), ("s1.1", WorkflowState.SUCCEEDED)]


def test_the_list_shows_every_session_with_its_own_jobs(node: Node, launch: Launch) -> None:
    running(node, launch)
    other = AnalysisDirectory(ExecutingEntity("bob"), AnalysisId("b"))
    sessions.start(node.remote, replace(launch, session=WorkflowSession("s2"), analysis=other, command="exit 4"))
    ended(node, "s2")
    (node.home / "queue").write_text(f"41|RUNNING|{repository(node)}\n42|PENDING|{node.fsx}/analysis_results/bob/b\n")
    first, second = sorted(map(status_of, runs.every(node.remote)), key=lambda one: one.run_dir)
    assert (first.session_name, first.state, first.analysis_id) == ("s1", WorkflowState.RUNNING, "a.1")
    assert (second.state, second.exit_code, second.executing_entity) == (WorkflowState.FAILED, 4, "bob")
    assert first.jobs is not None
    assert second.jobs is not None
    assert [job.job_id for job in (*first.jobs, *second.jobs)] == ["41", "42"]
    assert first.started_by == runs.operator()


@pytest.mark.weakness("H3")
def test_a_resume_is_the_next_attempt_and_the_old_record_counts_no_more(node: Node, launch: Launch) -> None:
    sessions.start(node.remote, replace(launch, command="echo first; exit 3"))
    ended(node)
    started = record(node)["started_at"]
    done = resume(node, 'echo second; while [ ! -e "$HOME/go" ]; do sleep 0.05; done', unlock_command="echo unlocked")
    assert done.attempt == 2
    assert not derive(done.facts)[0].is_final
    (node.home / "go").touch()
    assert derive(ended(node)) == (WorkflowState.SUCCEEDED, "The command ended with exit code 0.")
    seen = record(node)
    assert (seen["attempt"], seen["resumed_by"], seen["started_at"]) == (2, "ada@desk", started)
    assert seen["command"] == "echo first; exit 3"
    lines = log(node).splitlines()
    assert lines.index("first") < lines.index("unlocked") < lines.index("second")
    kept = json.loads((node.home / "daylily-runs/s1/attempts/1.json").read_text())
    assert (kept["exit_code"], kept["attempt"]) == (3, 1)
    assert lines.count("activate slurm hg38 remote") == 2


def test_an_exit_record_of_an_earlier_attempt_is_never_success(node: Node, launch: Launch) -> None:
    running(node, launch)
    path = node.home / "daylily-runs/s1/status.json"
    old = json.loads(path.read_text()) | {"exit_code": 0, "phase": "finished", "controller_pid": 1}
    path.write_text(json.dumps(old))
    assert state(node) is WorkflowState.STARTING
    os.kill(controller(node), signal.SIGKILL)
    eventually(lambda: state(node) is WorkflowState.UNKNOWN, "unknown")


def test_a_resume_waits_for_the_jobs_that_are_left_and_ends_the_orphaned_command(node: Node, launch: Launch) -> None:
    pid = running(node, launch)
    (node.home / "queue").write_text(f"41|RUNNING|{repository(node)}\n")
    os.kill(controller(node), signal.SIGKILL)
    eventually(lambda: state(node) is WorkflowState.STOPPED, "the death")
    resume(node)
    assert not alive(pid)
    eventually(lambda: "Waiting for jobs of the earlier attempt: 41 RUNNING" in log(node), "the wait")
    assert derive(facts(node)) == (
        WorkflowState.STARTING, "The session waits for jobs that an earlier attempt left in the queue.",
    )  # fmt: skip
    (node.home / "queue").unlink()
    eventually(lambda: "unknown: Slurm does not answer" in log(node), "a Slurm that does not answer")
    assert "resumed" not in log(node).splitlines()
    (node.home / "queue").write_text("")
    ended(node)
    assert "resumed" in log(node).splitlines()


def test_a_resume_can_cancel_the_jobs_that_are_left(node: Node, launch: Launch) -> None:
    node.program("scancel", SCANCEL)
    sessions.start(node.remote, replace(launch, command="exit 1"))
    ended(node)
    (node.home / "queue").write_text(f"41|RUNNING|{repository(node)}\n42|RUNNING|/elsewhere\n")
    resume(node, cancel_jobs=True)
    assert derive(ended(node))[0] is WorkflowState.SUCCEEDED
    assert (node.home / "cancelled").read_text() == "41\n"


@pytest.mark.parametrize("what", ["running", "succeeded", "gone", "busy", "ghost"])
def test_a_resume_is_refused_by_name(node: Node, launch: Launch, what: str) -> None:
    codes = {"running": "session_runs", "succeeded": "session_succeeded", "gone": "analysis_dir_gone",
             "busy": "analysis_dir_busy", "ghost": "no_such_session"}  # fmt: skip
    if what == "running":
        running(node, launch)
    elif what != "ghost":
        sessions.start(node.remote, launch if what == "succeeded" else replace(launch, command="exit 1"))
        ended(node)
    if what == "gone":
        node.shell(f"rm -rf {node.fsx}/analysis_results/alice/a.1")
    if what == "busy":
        sessions.start(node.remote, replace(launch, session=WorkflowSession("s2"), command=SLEEP, replace=True))
    before = log(node) if what != "ghost" else ""
    with pytest.raises(Refused) as info:
        resume(node)
    assert info.value.code == codes[what]
    if what != "ghost":
        assert log(node) == before
        assert record(node)["attempt"] == 1


def piece(node: Node, after: LogPiece | None = None, lines: int = 5) -> LogPiece:
    return read_log(node.remote, named(), lines=lines, after=after.place if after else None)


def test_the_log_comes_in_pieces_that_join_exactly(node: Node, launch: Launch) -> None:
    sessions.start(node.remote, replace(launch, command="seq 400000; printf 'ü\\377end'"))
    got, seen = b"", piece(node, lines=1_000_000)
    assert seen.start == 0
    while True:
        got += seen.data
        if seen.exit_code is not None and not seen.more:
            break
        seen = piece(node, seen)
    assert got == (node.home / "daylily-runs/s1/tmux.log").read_bytes()
    assert len(got) > 2_000_000
    assert piece(node, seen).data == b""
    assert piece(node, lines=2).data.splitlines() == got.splitlines()[-2:]


@pytest.mark.parametrize("how", ["moved", "truncated", "rewritten", "gone"])
def test_a_log_that_is_rotated_loses_nothing_that_can_be_had(node: Node, launch: Launch, how: str) -> None:
    sessions.start(node.remote, launch)
    ended(node)
    path = node.home / "daylily-runs/s1/tmux.log"
    seen = piece(node)
    if how == "moved":
        with path.open("a") as file:
            file.write("last of the old\n")
        path.rename(path.with_name("tmux.log.1"))
        path.write_text("first of the new\n")
    elif how == "gone":
        path.rename(node.home / "elsewhere")
        path.write_text("first of the new\n")
    else:
        path.write_text("first of the new\n" * (1 if how == "truncated" else 1000))
    texts, flags = [], []
    for _ in range(3):
        seen = piece(node, seen)
        texts.append(seen.data.decode())
        flags.append(seen.rotated)
    expected = "last of the old\nfirst of the new\n" if how == "moved" else path.read_text()
    assert "".join(texts) == expected
    assert any(flags) is (how != "moved")


def test_the_screen_of_a_session_shows_its_log(node: Node, launch: Launch) -> None:
    running(node, launch, f"echo on the screen; {SLEEP}")
    eventually(lambda: "on the screen" in node.shell("tmux capture-pane -p -t =s1:"), "the screen")


def exporting(node: Node, launch: Launch, trigger: str, *, command: str = "echo work", delete: bool = False) -> Launch:
    """A launch with an export, on a node whose `dyec` writes a good receipt."""
    node.program("dyec", DYEC)
    directory = str(node.fsx / "analysis_results/alice/a.1")
    (node.home / "receipt").write_text(json.dumps({"fsx_export": {
        "status": "success", "task_lifecycle": "SUCCEEDED", "detached": True, "headnode_path": f"{directory}/",
        "verification": {"mismatches": 0, "mode": "checksum"}, "phase": "complete",
    }}))  # fmt: skip
    (node.home / "root").write_text(json.dumps(directory))
    for name, text in (("prove", PROVE), ("meanwhile", "#!/bin/sh\n")):
        (node.home / name).write_text(text)
        (node.home / name).chmod(0o755)
    export = ExportSettings(ExportTrigger(trigger), "s3://bucket/x/alice/a.1/", delete)
    return replace(launch, export=export, command=command, cluster="c1", region="us-west-2")


@pytest.mark.parametrize(
    ("trigger", "command", "exported"),
    [("none", "true", False), ("on-success", "true", True), ("on-success", "exit 5", False), ("on-fail", "true", False),
     ("on-fail", "exit 5", True), ("all", "true", True), ("all", "exit 5", True)],
)  # fmt: skip
def test_a_trigger_exports_when_it_says(node: Node, launch: Launch, trigger: str, command: str, exported: bool) -> None:
    sessions.start(node.remote, exporting(node, launch, trigger, command=command))
    seen = status_of(ended(node))
    code = 0 if command == "true" else 5
    assert seen.state is (WorkflowState.FAILED if code else WorkflowState.SUCCEEDED)
    assert (seen.exit_code, seen.workflow_exit_code) == (code, code)
    assert (node.home / "export.words").exists() is exported
    if trigger == "none":
        assert seen.export is None
    else:
        assert seen.export is not None
        assert seen.export.status == ("success" if exported else "not-due")


def test_an_export_runs_with_the_node_s_own_credentials_and_is_seen(node: Node, launch: Launch) -> None:
    (node.home / ".bash_profile").open("a").write("export AWS_PROFILE=mine AWS_DEFAULT_PROFILE=mine AWS_REGION=x\n")
    (node.home / "hold").touch()
    wanted = exporting(
        node, launch, "on-success", command="mkdir -p config/run_dir_links; ln -s / config/run_dir_links/r"
    )
    sessions.start(node.remote, wanted)
    eventually(lambda: state(node) is WorkflowState.EXPORTING, "exporting")
    assert record(node)["exit_code"] is None
    (node.home / "hold").unlink()
    seen = status_of(ended(node))
    assert seen.export is not None
    assert (seen.export.status, seen.export.receipt_status, seen.export.task_lifecycle) == (
        "success", "success", "SUCCEEDED",
    )  # fmt: skip
    words = (node.home / "export.words").read_text().split()
    assert words == [
        "export", "--cluster", "c1", "--region", "us-west-2",
        "--source-path", str(node.fsx / "analysis_results/alice/a.1"),
        "--destination-s3-uri", "s3://bucket/x/alice/a.1/",
        "--output-dir", str(node.home / "daylily-runs/s1/export"),
    ]  # fmt: skip
    assert (node.home / "export.aws").read_text() == "AWS_REGION=x\n"
    assert list((repository(node) / "config/run_dir_links").iterdir()) == []


def test_a_failed_export_fails_the_session_and_a_resume_repeats_it_alone(node: Node, launch: Launch) -> None:
    (node.home / "export.code").write_text("2")
    sessions.start(node.remote, exporting(node, launch, "on-success", command="echo work"))
    seen = status_of(ended(node))
    assert (seen.state, seen.exit_code, seen.workflow_exit_code) == (WorkflowState.FAILED, 2, 0)
    assert "its export failed: dyec export ended with exit code 2" in seen.reason
    (node.home / "export.code").write_text("0")
    resume(node, "echo must not run", only_export=True)
    again = status_of(ended(node))
    assert (again.state, again.exit_code, again.workflow_exit_code) == (WorkflowState.SUCCEEDED, 0, 0)
    assert log(node).splitlines().count("work") == 1
    assert "must not run" not in log(node)


def test_a_node_without_dyec_says_so_in_the_status(node: Node, launch: Launch) -> None:
    wanted = exporting(node, launch, "all")
    (node.root / "bin/dyec").unlink()
    node.env["PATH"] = f"{node.root}/bin:/usr/local/bin:/usr/bin:/bin"
    sessions.start(node.remote, wanted)
    seen = status_of(ended(node))
    assert (seen.state, seen.exit_code, seen.workflow_exit_code) == (WorkflowState.FAILED, 127, 0)
    assert "There is no dyec on PATH" in seen.reason
    assert "dyec headnode configure" in seen.reason


@pytest.mark.parametrize("name", ["config/run_dir_links/real", "config/run_dir_links/.hidden"])
def test_what_is_no_link_among_the_run_links_stops_the_export(node: Node, launch: Launch, name: str) -> None:
    command = f"mkdir -p config/run_dir_links; echo x > {name}"
    sessions.start(node.remote, exporting(node, launch, "all", command=command))
    seen = status_of(ended(node))
    assert (seen.exit_code, seen.workflow_exit_code) == (22, 0)
    assert "is not a symbolic link" in seen.reason


@pytest.mark.weakness("H5")
@pytest.mark.parametrize(
    ("change", "deleted"),
    [({}, True), ({"status": "error"}, False), ({"detached": False}, False), ({"task_lifecycle": "FAILED"}, False),
     ({"verification": {"mismatches": 1}}, False), ({"verification": {}}, False), ({"headnode_path": "/other"}, False),
     ({"verification": {"mismatches": 0, "mode": "sizes"}}, False),
     ({"inventory": {"manifest_sha256": "0" * 64}}, False)],
)  # fmt: skip
def test_a_directory_is_deleted_only_with_a_proof(
    node: Node, launch: Launch, change: dict[str, object], deleted: bool
) -> None:
    wanted = exporting(node, launch, "on-success", delete=True)
    receipt = json.loads((node.home / "receipt").read_text())
    receipt["fsx_export"] |= change
    (node.home / "receipt").write_text(json.dumps(receipt))
    sessions.start(node.remote, wanted)
    seen = status_of(ended(node))
    assert repository(node).exists() is not deleted
    assert seen.export is not None
    assert (seen.export.deleted, seen.export.status) == (deleted, "success" if deleted else "error")
    assert seen.state is (WorkflowState.SUCCEEDED if deleted else WorkflowState.FAILED)


@pytest.mark.weakness("H5")
@pytest.mark.parametrize("change", ["echo new > {}/later", "echo other > {}/result", "ln -sfn /etc {}/sub/link",
                                    "mv {}/sub {}/moved && ln -s moved {}/sub"])  # fmt: skip
def test_only_what_was_exported_and_is_still_that_is_deleted(node: Node, launch: Launch, change: str) -> None:
    work = repository(node)
    command = r"mkdir -p sub 'a b\c'; echo 1 > result; echo 2 > 'a b\c/x y'; ln -s ../result sub/link; echo 3 > sub/f"
    wanted = exporting(node, launch, "on-success", command=command, delete=True)
    (node.home / "meanwhile").write_text(f"#!/bin/sh\n{change.format(work, work, work)}\n")
    sessions.start(node.remote, wanted)
    seen = status_of(ended(node))
    assert seen.export is not None
    assert (seen.export.deleted, seen.export.status) == (False, "error")
    assert "are not those that were exported; they were kept" in seen.reason
    assert not (work / "a b\\c").exists()
    if "later" in change:
        assert sorted(path.name for path in work.iterdir()) == ["later"]
    if "other" in change:
        assert (work / "result").read_text() == "other\n"
    if "moved" in change:
        assert (work / "moved" / "f").read_text() == "3\n"
    assert Path("/etc/passwd").exists()


def test_a_failed_export_deletes_nothing_whatever_its_receipt_says(node: Node, launch: Launch) -> None:
    (node.home / "export.code").write_text("1")
    sessions.start(node.remote, exporting(node, launch, "on-success", delete=True))
    ended(node)
    assert repository(node).exists()


def test_a_launch_does_not_replace_what_an_orphaned_command_or_a_job_works_in(node: Node, launch: Launch) -> None:
    pid = running(node, launch)
    os.kill(controller(node), signal.SIGKILL)
    eventually(lambda: not facts(node).tmux_alive, "the death")
    again = replace(launch, session=WorkflowSession("s2"), replace=True, launch_id="f")
    with pytest.raises(Refused, match="Session s1 works in") as info:
        sessions.start(node.remote, again)
    assert info.value.code == "analysis_dir_busy"
    with pytest.raises(Refused, match="Session s1 is busy"):
        sessions.start(node.remote, replace(again, session=WorkflowSession("s1")))
    os.killpg(pid, signal.SIGKILL)
    eventually(lambda: not alive(pid), "the end of the command")
    (node.home / "queue").write_text(f"41|RUNNING|{repository(node)}\n")
    with pytest.raises(Refused, match=r"Jobs in the queue work in .*41 RUNNING"):
        sessions.start(node.remote, again)
    (node.home / "queue").write_text("")
    sessions.start(node.remote, replace(again, command="echo replaced"))
    assert status_of(ended(node, "s2")).state is WorkflowState.SUCCEEDED
