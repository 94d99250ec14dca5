"""Which cluster a command means when it names none: no process is started for it, and no script is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from daylily_ec.aws.clusters import ClusterView
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import MissingInput
from daylily_ec.headnode.local import ThisNode
from daylily_ec.workflow.choose_cluster import choose_cluster
from daylily_ec.workflow.services import Services
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import World


@dataclass
class Region:
    """`ClustersApi` with some clusters."""

    views: tuple[ClusterView, ...]
    asked: int = 0

    def find(self, name: ClusterName) -> ClusterView | None:
        raise AssertionError("nobody asks for one")

    def every(self) -> tuple[ClusterView, ...]:
        self.asked += 1
        return self.views


def made(clock: FakeClock, *names: str) -> tuple[Services, Region]:
    world = World(clock)
    assert world.clusters.view is not None
    region = Region(tuple(replace(world.clusters.view, name=name) for name in names))
    services = world.services()
    services.clusters = region
    return services, region


def nowhere() -> ThisNode | None:
    return None


def test_a_name_that_was_given_is_taken_without_a_call(clock: FakeClock) -> None:
    services, region = made(clock, "day-one")
    assert choose_cluster(services, "day-two", None, nowhere) == "day-two"
    assert region.asked == 0


def test_on_a_head_node_its_own_cluster_is_meant(clock: FakeClock) -> None:
    services, region = made(clock, "day-one")
    assert choose_cluster(services, None, None, lambda: ThisNode("day-here", "us-west-2")) == "day-here"
    assert region.asked == 0


@pytest.mark.weakness("H9")
def test_a_person_chooses_among_all(clock: FakeClock) -> None:
    services, _ = made(clock, "day-one", "day-two")
    assert choose_cluster(services, None, lambda found: found[1].name, nowhere) == "day-two"


def test_a_script_gets_the_list_even_of_one(clock: FakeClock) -> None:
    services, _ = made(clock, "day-one")
    with pytest.raises(MissingInput, match="there are in us-west-2: day-one") as info:
        choose_cluster(services, None, None, nowhere)
    assert info.value.details["clusters"] == ["day-one"]
    with pytest.raises(MissingInput, match="there is no cluster"):
        choose_cluster(made(clock)[0], None, None, nowhere)
