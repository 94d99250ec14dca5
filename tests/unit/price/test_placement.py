"""Zones and scores as EC2 answers them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from daylily_ec.aws.placement import Placement, Zone

ZONES = [
    {"ZoneName": "us-west-2b", "ZoneId": "usw2-az1", "State": "available", "ZoneType": "availability-zone"},
    {"ZoneName": "us-west-2a", "ZoneId": "usw2-az2", "State": "available"},
    {"ZoneName": "us-west-2-lax-1a", "ZoneId": "usw2-lax1-az1", "State": "available", "ZoneType": "local-zone"},
    {"ZoneName": "us-west-2c", "ZoneId": "usw2-az3", "State": "impaired"},
]


@dataclass
class FakeEc2:
    answers: dict[str, list[dict[str, Any]]]
    asked: list[dict[str, Any]] = field(default_factory=list)
    region: str = "us-west-2"

    def client(self, service: str) -> FakeEc2:
        return self

    def call(self, operation: str, /, **params: Any) -> dict[str, Any]:
        self.asked.append(params)
        return self.answers[operation].pop(0)


def placement(**answers: list[dict[str, Any]]) -> tuple[Placement, FakeEc2]:
    fake = FakeEc2(answers)
    return Placement(fake), fake  # type: ignore[arg-type]


def test_only_zones_that_can_hold_a_cluster_are_compared() -> None:
    found, _ = placement(describe_availability_zones=[{"AvailabilityZones": ZONES}])
    assert found.zones() == (Zone("us-west-2a", "usw2-az2"), Zone("us-west-2b", "usw2-az1"))


def test_scores_are_read_over_all_pages() -> None:
    first = {"SpotPlacementScores": [{"AvailabilityZoneId": "usw2-az1", "Score": 9}], "NextToken": "more"}
    second = {"SpotPlacementScores": [{"AvailabilityZoneId": "usw2-az2", "Score": 3}]}
    found, fake = placement(get_spot_placement_scores=[first, second])
    assert found.scores(["c6i.metal", "a1.large"], 12) == {"usw2-az1": 9, "usw2-az2": 3}
    assert [params.get("NextToken") for params in fake.asked] == [None, "more"]
    assert fake.asked[0]["InstanceTypes"] == ["a1.large", "c6i.metal"]
    assert (fake.asked[0]["TargetCapacity"], fake.asked[0]["SingleAvailabilityZone"]) == (12, True)


def test_without_spot_machines_there_is_nothing_to_score() -> None:
    found, fake = placement()
    assert (found.scores([], 5), found.scores(["c6i.metal"], 0), fake.asked) == ({}, {}, [])
