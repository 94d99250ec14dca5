"""List and wait: one bad region does not hide the others, and only not-found proves a deletion."""

from __future__ import annotations

import pytest

from daylily_ec.aws.clusters import ClusterView, HeadNode
from daylily_ec.aws.context import AwsContext
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import AccessDenied, ClusterFailed, DeadlinePassed, NotFound, Throttled
from daylily_ec.util.clock import Clock
from daylily_ec.workflow.clusters import ClusterRow, WaitRequest, WaitTarget, list_clusters, wait_for_cluster
from daylily_ec.workflow.services import Services
from tests.unit.workflow_create.fakes import FakeClusters, view

NAME = ClusterName("majors")


def services(clock: Clock, *answers: ClusterView | Exception | None, region: str = "us-west-2") -> Services:
    made = Services(AwsContext(None, region), clock=clock)
    made.clusters = FakeClusters(list(answers))
    return made


class Denied(FakeClusters):
    def every(self) -> tuple[ClusterView, ...]:
        raise AccessDenied("cloudformation:DescribeStacks was denied")


def request(target: WaitTarget, timeout: float = 3600) -> WaitRequest:
    return WaitRequest(NAME, target, timeout, 15)


@pytest.mark.weakness("W-19")
def test_rows_of_every_region_and_the_regions_that_could_not_be_asked(clock: Clock) -> None:
    node = HeadNode("i-1", "running", "r7i.2xlarge", "10.0.0.9", "44.0.0.1")
    shown = ClusterView("majors", "us-west-2", "CREATE_COMPLETE", "arn", "t", head_node=node,
                        tags={"dyec:owner": "arn:ann"})  # fmt: skip
    denied = services(clock, region="eu-west-1")
    denied.clusters = Denied([])
    found = list_clusters([denied, services(clock, shown)])
    assert found.clusters == (ClusterRow("majors", "us-west-2", "CREATE_COMPLETE", "44.0.0.1", "arn:ann", "t"),)
    assert [(item.region, "denied" in item.problem) for item in found.problems] == [("eu-west-1", True)]


def test_no_region_that_answers_is_an_error_not_an_empty_list(clock: Clock) -> None:
    denied = services(clock)
    denied.clusters = Denied([])
    with pytest.raises(AccessDenied):
        list_clusters([denied])


def test_it_waits_for_completion_through_single_failures(clock: Clock) -> None:
    waited = wait_for_cluster(
        services(clock, view("CREATE_IN_PROGRESS"), Throttled("slow"), Throttled("slow"), view()),
        request(WaitTarget.CREATE_COMPLETE),
    )
    assert (waited.status, waited.cluster_name) == ("CREATE_COMPLETE", "majors")
    assert waited.elapsed_s > 0


@pytest.mark.parametrize("status", ["CREATE_FAILED", "ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS"])
def test_another_end_is_a_failure_that_names_it(clock: Clock, status: str) -> None:
    with pytest.raises(ClusterFailed, match=status):
        wait_for_cluster(services(clock, view("CREATE_IN_PROGRESS"), view(status)), request(WaitTarget.CREATE_COMPLETE))


@pytest.mark.weakness("W-21", "W-52")
def test_a_deletion_is_proved_by_not_found_alone(clock: Clock) -> None:
    gone = services(clock, view("DELETE_IN_PROGRESS"), *[Throttled("slow")] * 4, view("DELETE_IN_PROGRESS"), None)
    assert wait_for_cluster(gone, request(WaitTarget.DELETE_COMPLETE)).status == "DELETE_COMPLETE"
    lost = services(clock, view("DELETE_IN_PROGRESS"), *[Throttled("slow")] * 5, None)
    with pytest.raises(Throttled):
        wait_for_cluster(lost, request(WaitTarget.DELETE_COMPLETE))
    failed = services(clock, view("DELETE_FAILED"))
    with pytest.raises(ClusterFailed):
        wait_for_cluster(failed, request(WaitTarget.DELETE_COMPLETE))


def test_waiting_for_a_cluster_that_is_not_there_fails_at_once(clock: Clock) -> None:
    with pytest.raises(NotFound):
        wait_for_cluster(services(clock, None), request(WaitTarget.CREATE_COMPLETE))
    assert clock.monotonic() == 0


def test_the_wait_ends(clock: Clock) -> None:
    with pytest.raises(DeadlinePassed, match="CREATE_IN_PROGRESS"):
        wait_for_cluster(services(clock, view("CREATE_IN_PROGRESS")), request(WaitTarget.CREATE_COMPLETE, 60))
