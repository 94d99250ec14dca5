"""The way to the head node: here or over Systems Manager."""

from __future__ import annotations

from pathlib import Path

import pytest

from daylily_ec.aws.clusters import ClusterView, HeadNode
from daylily_ec.aws.ssm import Invocation, SsmApi
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import DeadlinePassed, ValidationError
from daylily_ec.headnode.connect import HeadNodes
from daylily_ec.headnode.local import LocalRemote, ThisNode, this_head_node
from daylily_ec.headnode.ssm import SsmRemote
from daylily_ec.util.progress import Silent
from tests.conftest import FakeClock


class Pings:
    """An `SsmApi` that only knows pings."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    def ping(self, instance_id: str) -> str:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def send(self, instance_id: str, command: str, *, comment: str, delivery_s: int, execution_s: int) -> str:
        raise AssertionError("nothing may be sent")

    def invocation(self, command_id: str, instance_id: str) -> Invocation | None:
        raise AssertionError("nothing was sent")

    def cancel(self, command_id: str, instance_id: str) -> None:
        raise AssertionError("nothing was sent")


def cluster(state: str = "running") -> ClusterView:
    return ClusterView("demo-1", "us-west-2", "CREATE_COMPLETE", "arn", "now", head_node=HeadNode("i-1", state, "r7i"))


def nodes(api: SsmApi, clock: FakeClock, here: ThisNode | None = None) -> HeadNodes:
    return HeadNodes(lambda: api, clock, Silent(), lambda: here)


def test_the_agent_is_waited_for(clock: FakeClock) -> None:
    assert isinstance(nodes(Pings("", "ConnectionLost", "Online"), clock).connect(cluster()), SsmRemote)
    assert clock.time > 1


def test_an_agent_that_stays_away_is_named(clock: FakeClock) -> None:
    with pytest.raises(DeadlinePassed, match=r"Systems Manager agent of i-1: .*not registered"):
        nodes(Pings(""), clock).connect(cluster())


def test_a_stopped_head_node_is_refused(clock: FakeClock) -> None:
    with pytest.raises(ValidationError, match="is stopped"):
        nodes(Pings("Online"), clock).connect(cluster("stopped"))


def test_on_the_head_node_itself_nothing_is_asked(clock: FakeClock) -> None:
    found = nodes(Pings(""), clock, ThisNode("demo-1", "us-west-2"))
    assert isinstance(found.connect(cluster()), LocalRemote)
    assert isinstance(found.here(ClusterName("demo-1")), LocalRemote)
    assert found.here(ClusterName("demo-2")) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("cfn_node_type=HeadNode\nstack_name=demo-1\ncfn_region=us-west-2\n", ThisNode("demo-1", "us-west-2")),
     ("cfn_node_type = 'HeadNode'\nstack_name=\"demo-1\"\n", ThisNode("demo-1", "")),
     ("cfn_node_type=ComputeFleet\nstack_name=demo-1\n", None), ("", None)],
)  # fmt: skip
def test_a_head_node_knows_itself(tmp_path: Path, text: str, expected: ThisNode | None) -> None:
    path = tmp_path / "cfnconfig"
    path.write_text(text)
    assert this_head_node(path) == expected


def test_other_machines_are_no_head_node(tmp_path: Path) -> None:
    assert this_head_node(tmp_path / "absent") is None
