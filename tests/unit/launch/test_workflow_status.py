"""Asking, waiting and reading the log."""

from __future__ import annotations

import pytest

from daylily_ec.errors import DeadlinePassed, InvalidValue, Refused, RemoteCommandFailed, Throttled
from daylily_ec.headnode.remote import RemoteResult
from daylily_ec.headnode.status import WorkflowState
from daylily_ec.util.jsonio import plain
from daylily_ec.workflow.services import Services
from daylily_ec.workflow.workflow_status import (
    StatusRequest,
    follow_log,
    require_success,
    wait_for_workflow,
    workflow_log,
    workflow_status,
)
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, World
from tests.unit.launch.fakes import Node, status

REQUEST = StatusRequest(CLUSTER, session="s1")


def services(clock: FakeClock, node: Node) -> Services:
    made = World(clock).services()
    made.headnodes = node
    return made


def test_a_status_carries_the_record(clock: FakeClock) -> None:
    seen = workflow_status(services(clock, Node(answers=[status(analysis_id="a1")])), REQUEST)
    assert (seen.state, seen.session_name, seen.command, seen.analysis_id) == (
        WorkflowState.RUNNING,
        "s1",
        "run it",
        "a1",
    )
    assert plain(seen)["state"] == "RUNNING"


def test_waiting_ends_with_the_workflow(clock: FakeClock) -> None:
    node = Node(answers=[status("activating"), status(), Throttled("slow down"), status("finished", 0, "gone")])
    seen = wait_for_workflow(services(clock, node), REQUEST, 3600)
    assert seen.state is WorkflowState.SUCCEEDED
    require_success(seen)
    assert clock.time > 0


@pytest.mark.parametrize(
    ("answer", "state"),
    [(status("finished", 3, "gone"), "FAILED"), (status(controller="gone"), "STOPPED"),
     (RemoteResult(0, status().stdout[:-5], ""), "UNKNOWN")],
)  # fmt: skip
def test_any_other_end_is_a_failure_with_the_status_as_evidence(
    clock: FakeClock, answer: RemoteResult, state: str
) -> None:
    seen = wait_for_workflow(services(clock, Node(answers=[answer])), REQUEST, 3600)
    with pytest.raises(RemoteCommandFailed, match=f"Workflow s1 is {state}") as info:
        require_success(seen)
    assert (info.value.code, info.value.exit_code, info.value.details["state"]) == ("workflow_failed", 2, state)
    assert info.value.evidence is seen


def test_waiting_has_a_deadline(clock: FakeClock) -> None:
    node = Node(answers=[status() for _ in range(100)])
    with pytest.raises(DeadlinePassed, match=r"workflow s1: .*RUNNING, running, 0 jobs"):
        wait_for_workflow(services(clock, node), REQUEST, 60)


def test_a_missing_session_is_no_state(clock: FakeClock) -> None:
    node = Node(
        answers=[RemoteResult(2, "", "There is no run directory /home/ubuntu/daylily-runs/s1 on ip-10-0-0-10.\n")]
    )
    with pytest.raises(Refused, match="no run directory"):
        workflow_status(services(clock, node), REQUEST)


def test_the_log_has_its_counts(clock: FakeClock) -> None:
    tail = workflow_log(services(clock, Node(answers=[RemoteResult(0, "120 -\na\nb\n", "")])), REQUEST, 2)
    assert (tail.total_lines, tail.exit_code, tail.text) == (120, None, "a\nb\n")


@pytest.mark.parametrize("head", ["", "x -", "1", "1 x"])
def test_a_log_without_counts_is_refused(clock: FakeClock, head: str) -> None:
    with pytest.raises(RemoteCommandFailed):
        workflow_log(services(clock, Node(answers=[RemoteResult(0, f"{head}\na\n", "")])), REQUEST, 2)


def test_following_repeats_and_loses_no_line(clock: FakeClock) -> None:
    node = Node(answers=[
        RemoteResult(0, "2 -\n1\n2\n", ""), status(), RemoteResult(0, "4 -\n3\n4\n", ""), status("finished", 0, "gone"),
        RemoteResult(0, "5 0\n5\n", ""),
    ])  # fmt: skip
    assert "".join(follow_log(services(clock, node), REQUEST, 10)) == "1\n2\n3\n4\n5\n"
    assert [env["DYEC_AFTER"] for name, env in node.asked if name == "workflow_logs"] == ["", "2", "4"]


def test_following_ends_when_the_controller_is_gone(clock: FakeClock) -> None:
    node = Node(answers=[RemoteResult(0, "1 -\n1\n", ""), status(controller="gone"), RemoteResult(0, "1 -\n", "")])
    assert "".join(follow_log(services(clock, node), REQUEST, 10)) == "1\n"


def test_a_bad_session_name_asks_nobody(clock: FakeClock) -> None:
    node = Node()
    with pytest.raises(InvalidValue):
        workflow_status(services(clock, node), StatusRequest(CLUSTER, session="../x"))
    assert node.asked == []
