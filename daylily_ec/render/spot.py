"""Spot bids: per compute resource the median of its own types' current prices plus a bump."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from daylily_ec.errors import ValidationError

DEFAULT_BUMP = 4.14
"""USD per hour added to the median: the specification's figure."""


@dataclass(frozen=True, slots=True)
class Bid:
    """The bid of one compute resource, USD per instance hour; `unpriced` are types without spot price history."""

    queue: str
    compute_resource: str
    instance_types: tuple[str, ...]
    price: float
    unpriced: tuple[str, ...] = ()


def spot_types(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Every instance type of a SPOT queue, sorted."""
    return tuple(sorted({name for _, resource in _spot_resources(document) for name in types_of(resource)}))


def fill_bids(document: Mapping[str, Any], prices: Mapping[str, float], bump: float, zone: str) -> tuple[Bid, ...]:
    """Set `SpotPrice` of every compute resource in a SPOT queue; ONDEMAND queues stay as they are.

    A resource none of whose types has a price raises one `ValidationError` that lists them all: such a type is not
    sold as spot there, and an invented bid would only hide that.
    """
    bids, hopeless = [], []
    for queue, resource in _spot_resources(document):
        types = types_of(resource)
        known = [prices[name] for name in types if name in prices]
        if not known:
            hopeless.append(f"{queue}/{resource.get('Name')} ({', '.join(types) or 'no instance types'})")
            continue
        price = round(median(known) + bump, 4)
        resource["SpotPrice"] = price
        missing = tuple(name for name in types if name not in prices)
        bids.append(Bid(queue, str(resource.get("Name")), types, price, missing))
    if hopeless:
        raise ValidationError(f"No spot price history in {zone} for {'; '.join(hopeless)}.", code="no_spot_price",
                              hint="Choose another --region-az, or other instance types in the cluster template.",
                              details={"zone": zone, "compute_resources": hopeless})  # fmt: skip
    return tuple(bids)


def _spot_resources(document: Mapping[str, Any]) -> list[tuple[str, Any]]:
    queues = (document.get("Scheduling") or {}).get("SlurmQueues") or []
    return [(str(queue.get("Name")), resource) for queue in queues if queue.get("CapacityType") == "SPOT"
            for resource in queue.get("ComputeResources") or []]  # fmt: skip


def types_of(resource: Mapping[str, Any]) -> tuple[str, ...]:
    """The instance types of a compute resource, in its order; both spellings of ParallelCluster are read."""
    instances = resource.get("Instances") or []
    found = [str(item["InstanceType"]) for item in instances if "InstanceType" in item]
    if "InstanceType" in resource:
        found.append(str(resource["InstanceType"]))
    return tuple(dict.fromkeys(found))
