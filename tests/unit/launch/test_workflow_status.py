"""Asking, waiting and listing."""

from __future__ import annotations

import base64
import json

import pytest

from daylily_ec.errors import DeadlinePassed, InvalidValue, Refused, RemoteCommandFailed, Throttled
from daylily_ec.headnode.remote import RemoteResult
from daylily_ec.headnode.status import WorkflowState
from daylily_ec.util.jsonio import plain
from daylily_ec.workflow.services import Services
from daylily_ec.workflow.workflow_status import (
    StatusRequest,
    list_workflows,
    require_success,
    wait_for_workflow,
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


def test_a_bad_session_name_asks_nobody(clock: FakeClock) -> None:
    node = Node()
    with pytest.raises(InvalidValue):
        workflow_status(services(clock, node), StatusRequest(CLUSTER, session="../x"))
    assert node.asked == []


def test_the_list_is_sorted_by_start_and_keeps_what_it_cannot_read(clock: FakeClock) -> None:
    texts = [status(started_at="2026-01-02T00:00:00Z").stdout, status(started_at="2026-01-01T00:00:00Z").stdout,
             status().stdout[:-5]]  # fmt: skip
    lines = "".join(base64.b64encode(text.encode()).decode() + "\n" for text in texts)
    seen = list_workflows(services(clock, Node(answers=[RemoteResult(0, lines, "")])), CLUSTER).sessions
    assert [(one.state, one.started_at) for one in seen] == [
        (WorkflowState.UNKNOWN, None), (WorkflowState.RUNNING, "2026-01-01T00:00:00Z"),
        (WorkflowState.RUNNING, "2026-01-02T00:00:00Z"),
    ]  # fmt: skip


def test_a_damaged_list_is_an_error(clock: FakeClock) -> None:
    with pytest.raises(RemoteCommandFailed):
        list_workflows(services(clock, Node(answers=[RemoteResult(0, "not base64!\n", "")])), CLUSTER)


def test_export_and_registration_are_reported_with_the_receipt(clock: FakeClock) -> None:
    export = {"trigger": "all", "destination_s3_uri": "s3://b/k/", "status": "success", "exit_code": 0,
              "message": None, "deleted": True, "receipt": "/r"}  # fmt: skip
    answer = status("finished", 0, "gone", export=export, workflow_exit_code=0).stdout
    receipt = {"status": "success", "phase": "complete", "task_lifecycle": "SUCCEEDED", "detached": True,
               "dewey_registration_status": "success", "dewey_registration_receipt": "/d"}  # fmt: skip
    node = Node(answers=[RemoteResult(0, f"{answer}\n--\n{json.dumps({'fsx_export': receipt})}", "")])
    seen = plain(workflow_status(services(clock, node), REQUEST))
    assert seen["export"] == {
        **export, "receipt_status": "success", "receipt_phase": "complete", "task_lifecycle": "SUCCEEDED",
        "detached": True,
    }  # fmt: skip
    assert seen["registration"] == {"status": "success", "receipt": "/d"}
    assert (seen["exit_code"], seen["workflow_exit_code"]) == (0, 0)
