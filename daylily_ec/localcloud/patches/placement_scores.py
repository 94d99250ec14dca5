"""`ec2:GetSpotPlacementScores`, which moto lacks: SIMULATED scores in AWS's form.

A steady score per zone and set of types, lower for more instances; one or two types always score low, as the API
reference warns.  No number comes from AWS.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetSpotPlacementScores.html
"""

from __future__ import annotations

import hashlib
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ec2.responses.spot_instances import SpotInstances

from daylily_ec.localcloud.patches.patching import add

LIMIT = 10
"""The service answers the ten best places."""
_FEW_TYPES, _LOW = 3, 3


def install() -> None:
    """Add the action."""
    add(SpotInstances, "get_spot_placement_scores", _answer)


def score(place: str, instance_types: list[str], capacity: int) -> int:
    """Simulated score from 1 to 10."""
    digest = hashlib.sha256("/".join([place, *sorted(instance_types)]).encode()).digest()
    best = 10 - digest[0] % 5 - min(4, capacity // 50)
    return max(1, min(best, _LOW if len(instance_types) < _FEW_TYPES else best))


def _answer(self: Any) -> ActionResult:
    types = list(self._get_param("InstanceTypes", []) or [])
    capacity = int(self._get_param("TargetCapacity"))
    regions = list(self._get_param("RegionNames", []) or []) or [self.region]
    by_zone = str(self._get_param("SingleAvailabilityZone", "")).lower() == "true"
    rows = []
    for region in regions:
        zones = ec2_backends[self.current_account][region].describe_availability_zones()
        ids: list[str] = [zone.zone_id for zone in zones] if by_zone else [""]
        for zone in ids:
            row = {"Region": region, "Score": score(zone or region, types, capacity)}
            rows.append({**row, "AvailabilityZoneId": zone} if zone else row)
    rows.sort(key=lambda row: (-int(str(row["Score"])), str(row.get("AvailabilityZoneId", ""))))
    return ActionResult({"SpotPlacementScores": rows[:LIMIT]})
