"""Stopping, resuming and attaching: what is asked of the node, and what is refused before it is asked."""

from __future__ import annotations

import json

import pytest

from daylily_ec.cli import workflow_sessions
from daylily_ec.errors import Interrupted, InvalidValue, Refused, RemoteCommandFailed
from daylily_ec.headnode.remote import RemoteResult
from daylily_ec.headnode.status import WorkflowState
from daylily_ec.workflow.attach_workflow import attach_command
from daylily_ec.workflow.control_workflow import ResumeRequest, resume_workflow, stop_workflow
from daylily_ec.workflow.engines import Engine
from daylily_ec.workflow.services import Services
from daylily_ec.workflow.workflow_log import LogFollower, LogRequest
from daylily_ec.workflow.workflow_status import StatusRequest
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, World
from tests.unit.launch.fakes import Node, log, status

WHICH = StatusRequest(CLUSTER, session="s1")
LINE = "bin/day_run all -k"


def services(clock: FakeClock, node: Node) -> Services:
    made = World(clock).services()
    made.headnodes = node
    return made


def answer(markers: str, facts: RemoteResult) -> RemoteResult:
    return RemoteResult(0, f"{markers}__DAYLILY_FACTS__=below\n{facts.stdout}", "")


def failed(**more: object) -> RemoteResult:
    return status("finished", 1, "gone", command=LINE, workflow_exit_code=1, attempt=1, **more)


@pytest.mark.parametrize("cancel", [False, True])
def test_a_stop_hands_over_who_wants_it_and_whether_jobs_go(clock: FakeClock, cancel: bool) -> None:
    markers = "__DAYLILY_OUTCOME__=stopped\n" + ("__DAYLILY_CANCELLED_JOBS__=41,42\n" if cancel else "")
    node = Node(answers=[answer(markers, status("stopped", 143, "gone", stopped_by="ada@desk"))])
    done = stop_workflow(services(clock, node), WHICH, cancel)
    assert (done.outcome, done.status.state, done.status.stopped_by) == ("stopped", WorkflowState.STOPPED, "ada@desk")
    assert done.cancelled_jobs == (("41", "42") if cancel else ())
    ((name, env),) = node.asked
    assert (name, env["DYEC_CANCEL_JOBS"]) == ("workflow_stop", "1" if cancel else "0")
    assert "@" in env["DYEC_WHO"]


@pytest.mark.parametrize("jobs", ["jobs=unknown\n", "jobs=known\njob=41 RUNNING\n"])
def test_jobs_that_could_not_be_cancelled_are_a_failure_that_says_the_session_is_stopped(
    clock: FakeClock, jobs: str
) -> None:
    facts = status("stopped", 143, "gone")
    left = RemoteResult(0, facts.stdout.replace("jobs=known\n", jobs), "")
    node = Node(answers=[answer("__DAYLILY_OUTCOME__=stopped\n", left)] * 2)
    with pytest.raises(RemoteCommandFailed, match="is stopped, but its jobs") as info:
        stop_workflow(services(clock, node), WHICH, True)
    assert info.value.code == "jobs_not_cancelled"
    assert stop_workflow(services(clock, node), WHICH, False).outcome == "stopped"


@pytest.mark.weakness("H10")
def test_a_refusal_of_the_node_carries_its_token_its_reason_and_a_hint(clock: FakeClock) -> None:
    refused = RemoteResult(8, "__DAYLILY_ERROR__=analysis_dir_busy\n", "Session s2 works there.\n")
    with pytest.raises(Refused, match="Session s2 works there") as info:
        resume_workflow(services(clock, Node(answers=[failed(), refused])), ResumeRequest(WHICH))
    assert info.value.code == "analysis_dir_busy"
    assert info.value.hint


def test_a_resume_hands_over_the_engine_s_own_commands(clock: FakeClock) -> None:
    node = Node(answers=[failed(), answer("__DAYLILY_ATTEMPT__=2\n", status("starting"))])
    done = resume_workflow(services(clock, node), ResumeRequest(WHICH, cancel_jobs=True))
    assert (done.attempt, done.engine, done.only_export) == (2, Engine.SNAKEMAKE, False)
    name, env = node.asked[1]
    assert name == "workflow_resume"
    assert env["DYEC_RESUME_COMMAND"] == f"{LINE} --rerun-incomplete"
    assert env["DYEC_UNLOCK_COMMAND"] == f"{LINE} --unlock"
    assert (env["DYEC_CANCEL_JOBS"], env["DYEC_WORKFLOW_CODE"]) == ("1", "")


def test_a_dry_run_of_a_resume_only_asks(clock: FakeClock) -> None:
    node = Node(answers=[failed()])
    done = resume_workflow(services(clock, node), ResumeRequest(WHICH, dry_run=True))
    assert (done.dry_run, done.attempt, done.command) == (True, 2, f"{LINE} --rerun-incomplete")
    assert [name for name, _ in node.asked] == ["workflow_status"]


def test_a_failed_export_is_resumed_alone(clock: FakeClock) -> None:
    facts = status("finished", 2, "gone", command="anything", workflow_exit_code=0, export={"status": "error"})
    node = Node(answers=[facts, answer("__DAYLILY_ATTEMPT__=2\n", status("starting"))])
    done = resume_workflow(services(clock, node), ResumeRequest(WHICH))
    assert (done.only_export, done.command) == (True, None)
    assert node.asked[1][1]["DYEC_WORKFLOW_CODE"] == "0"


@pytest.mark.parametrize(
    ("facts", "code"),
    [(status("running"), "session_runs"), (status("exporting"), "session_runs"), (status("waiting"), "session_runs"),
     (status("finished", 0, "gone"), "session_succeeded"), (status("finished", 1, "gone"), "engine_unknown"),
     (RemoteResult(0, failed().stdout.replace("analysis=present", "analysis=gone"), ""), "analysis_dir_gone"),
     (RemoteResult(0, failed().stdout.replace("=present", "=replaced"), ""), "analysis_dir_replaced"),
     (RemoteResult(0, status(controller="gone").stdout[:-9], ""), "engine_unknown"),
     (RemoteResult(0, status().stdout[:-9], ""), "session_runs")],
)  # fmt: skip
def test_what_cannot_be_resumed_is_refused_before_anything_is_started(
    clock: FakeClock, facts: RemoteResult, code: str
) -> None:
    node = Node(answers=[facts])
    with pytest.raises(Refused) as info:
        resume_workflow(services(clock, node), ResumeRequest(WHICH))
    assert info.value.code == code
    assert "workflow list" not in info.value.hint or "--cluster" in info.value.hint
    assert len(node.asked) == 1


def test_a_command_can_be_given_for_an_engine_that_is_not_known(clock: FakeClock) -> None:
    facts = status("finished", 1, "gone", command="make")
    node = Node(answers=[facts, answer("__DAYLILY_ATTEMPT__=2\n", status("starting"))])
    done = resume_workflow(services(clock, node), ResumeRequest(WHICH, command="make -k"))
    assert (done.engine, done.command, done.unlock_command) == (Engine.GIVEN, "make -k", None)


@pytest.mark.weakness("M10")
@pytest.mark.parametrize("name", ["..", "a/b", "$(x)", "a b", "-t"])
def test_a_hostile_session_name_reaches_no_script(clock: FakeClock, name: str) -> None:
    node = Node()
    which = StatusRequest(CLUSTER, session=name)
    for use in (
        lambda: stop_workflow(services(clock, node), which, True),
        lambda: attach_command(services(clock, node), which),
        lambda: resume_workflow(services(clock, node), ResumeRequest(which)),
    ):
        with pytest.raises(InvalidValue):
            use()
    assert node.asked == []


def test_attaching_is_one_session_manager_command(clock: FakeClock) -> None:
    command = attach_command(services(clock, Node(answers=[status()])), WHICH)
    assert command.argv[:3] == ("aws", "ssm", "start-session")
    at = command.argv.index("--parameters")
    assert json.loads(command.argv[at + 1]) == {"command": ["sudo -iu ubuntu tmux attach-session -t =s1"]}
    assert command.argv[command.argv.index("--document-name") + 1] == "AWS-StartInteractiveCommand"
    assert not command.local


def test_on_the_head_node_attaching_is_tmux_itself(clock: FakeClock) -> None:
    class Here(Node):
        def here(self, name: object) -> Node:
            return self

    command = attach_command(services(clock, Here(answers=[status()])), WHICH)
    assert (command.argv, command.local) == (("tmux", "attach-session", "-t", "=s1"), True)


def test_a_session_that_has_ended_has_no_screen(clock: FakeClock) -> None:
    with pytest.raises(Refused) as info:
        attach_command(services(clock, Node(answers=[status("finished", 0, "gone")])), WHICH)
    assert info.value.code == "session_ended"


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (3, 3), (130, 130)])
def test_following_ends_with_the_exit_code_of_the_session(
    clock: FakeClock, capsys: pytest.CaptureFixture[str], code: int, expected: int
) -> None:
    node = Node(answers=[log(0, b"x\n", ended=str(code)), status("finished", code, "gone"), log(2, b"")])
    follower = LogFollower(services(clock, node), LogRequest(WHICH))
    with pytest.raises(SystemExit) as info:
        workflow_sessions._follow(follower, "s1")
    assert info.value.code == expected
    assert capsys.readouterr().out == "x\n"


def test_following_a_session_whose_controller_was_killed_is_a_failure(clock: FakeClock) -> None:
    node = Node(answers=[log(0, b""), status(controller="gone"), log(0, b"")])
    with pytest.raises(RemoteCommandFailed):
        workflow_sessions._follow(LogFollower(services(clock, node), LogRequest(WHICH)), "s1")


def test_ctrl_c_detaches(clock: FakeClock) -> None:
    class Pressed(Node):
        def run(self, *words: object) -> RemoteResult:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="session s1 goes on"):
        workflow_sessions._follow(LogFollower(services(clock, Pressed()), LogRequest(WHICH)), "s1")
