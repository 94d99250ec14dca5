"""Spot bids: per compute resource the median of its own types' current prices plus a bump."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from daylily_ec.config.models import SPOT_BUMP
from daylily_ec.errors import ValidationError

DEFAULT_BUMP = SPOT_BUMP
"""USD per hour added to the median unless the configuration says otherwise."""


@dataclass(frozen=True, slots=True)
class Bid:
    """The bid of one compute resource, USD per instance hour.

    `unpriced` are types without spot price history, `outbid` those that cost more than the (capped) bid right now.
    """

    queue: str
    compute_resource: str
    instance_types: tuple[str, ...]
    price: float
    median: float = 0.0
    unpriced: tuple[str, ...] = ()
    outbid: tuple[str, ...] = ()


def remarks(bid: Bid, zone: str) -> tuple[str, ...]:
    """What an operator should know about a bid: types without history, and types that cost more than it now."""
    where = f"{bid.queue}/{bid.compute_resource}"
    found = []
    if bid.unpriced:
        found.append(
            f"No spot price history in {zone} for {', '.join(bid.unpriced)} ({where}); the bid leaves them out."
        )
    if bid.outbid:
        found.append(f"{where}: the bid of {bid.price:.4f} is below the current price of {', '.join(bid.outbid)}.")
    return tuple(found)


def spot_types(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Every instance type of a SPOT queue, sorted."""
    return tuple(sorted({name for _, resource in _spot_resources(document) for name in types_of(resource)}))


def fill_bids(
    document: Mapping[str, Any],
    prices: Mapping[str, float],
    bump: float,
    zone: str,
    caps: Mapping[str, float] | None = None,
) -> tuple[Bid, ...]:
    """Set `SpotPrice` of every compute resource in a SPOT queue; ONDEMAND queues stay as they are.

    `caps` are on-demand prices by type: with them no bid exceeds the lowest one of its resource.  A resource none of
    whose types has a price raises one `ValidationError` that lists them all: such a type is not sold as spot there, and
    an invented bid would only hide that.  A cap without a price is refused likewise.
    """  # fmt: skip
    resources = _spot_resources(document)
    _require(resources, prices, zone)
    if caps is not None:
        _require_caps(resources, caps)
    bids = []
    for queue, resource in resources:
        bid = _bid(queue, resource, prices, bump, caps)
        resource["SpotPrice"] = bid.price
        bids.append(bid)
    return tuple(bids)


def _bid(
    queue: str, resource: Mapping[str, Any], prices: Mapping[str, float], bump: float, caps: Mapping[str, float] | None
) -> Bid:
    types = types_of(resource)
    middle = median([prices[name] for name in types if name in prices])
    price = round(middle + bump, 4)
    if caps is not None:
        price = min(price, *(round(caps[name], 4) for name in types))
    return Bid(
        queue, str(resource.get("Name")), types, price, round(middle, 4),
        tuple(name for name in types if name not in prices),
        tuple(name for name in types if prices.get(name, 0) > price),
    )  # fmt: skip


def _require(resources: list[tuple[str, Any]], prices: Mapping[str, float], zone: str) -> None:
    hopeless = [f"{queue}/{resource.get('Name')} ({', '.join(types_of(resource)) or 'no instance types'})"
                for queue, resource in resources if not prices.keys() & set(types_of(resource))]  # fmt: skip
    if hopeless:
        raise ValidationError(f"No spot price history in {zone} for {'; '.join(hopeless)}.", code="no_spot_price",
                              hint="Choose another --region-az, or other instance types in the cluster template.",
                              details={"zone": zone, "compute_resources": hopeless})  # fmt: skip


def _require_caps(resources: list[tuple[str, Any]], caps: Mapping[str, float]) -> None:
    missing = sorted({name for _, resource in resources for name in types_of(resource) if name not in caps})
    if missing:
        raise ValidationError(f"The bids cannot be capped: no on-demand price for {', '.join(missing)}.",
                              code="no_on_demand_price", details={"instance_types": missing},
                              hint="Repeat, or set spot_price_cap to none.")  # fmt: skip


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
