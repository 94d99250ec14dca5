"""Where Spot capacity is likely: zones of the region and their Spot placement scores.  All calls are reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone's name in this account (`us-west-2d`) and the id that is the same in every account (`usw2-az4`)."""

    name: str
    zone_id: str


class PlacementApi(Protocol):
    """The calls the product makes."""

    def zones(self) -> tuple[Zone, ...]:
        """The region's availability zones (no local zones) that can be used, by name."""

    def scores(self, instance_types: Collection[str], instances: int) -> dict[str, int]:
        """Score from 1 to 10 by zone id; AWS leaves out zones that it does not score."""


class Placement:
    """`PlacementApi` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    def zones(self) -> tuple[Zone, ...]:
        found = self._context.client("ec2").call("describe_availability_zones")["AvailabilityZones"]
        usable = [zone for zone in found if zone["State"] == "available"
                  and zone.get("ZoneType", "availability-zone") == "availability-zone"]  # fmt: skip
        return tuple(sorted((Zone(zone["ZoneName"], zone["ZoneId"]) for zone in usable), key=lambda zone: zone.name))

    def scores(self, instance_types: Collection[str], instances: int) -> dict[str, int]:
        if not instance_types or instances < 1:
            return {}
        return {row["AvailabilityZoneId"]: int(row["Score"]) for row in self._rows(instance_types, instances)}

    def _rows(self, instance_types: Collection[str], instances: int) -> Iterator[Any]:
        more: dict[str, str] = {}
        while True:
            answer = self._context.client("ec2").call(
                "get_spot_placement_scores", InstanceTypes=sorted(instance_types), TargetCapacity=instances,
                TargetCapacityUnitType="units", SingleAvailabilityZone=True, RegionNames=[self._context.region], **more,
            )  # fmt: skip
            yield from answer.get("SpotPlacementScores") or []
            if not answer.get("NextToken"):
                return
            more = {"NextToken": answer["NextToken"]}
