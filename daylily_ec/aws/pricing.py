"""Prices.  Spot only for now; all calls are reads."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from daylily_ec.aws.context import AwsContext

_PRODUCT = "Linux/UNIX"


class PricingApi(Protocol):
    """The questions the product asks."""

    def spot_prices(self, zone: str, instance_types: Collection[str], now: datetime) -> dict[str, float]:
        """Current USD per hour by type; a type without history in the zone is absent."""


class Pricing:
    """`PricingApi` through boto3: one paginated DescribeSpotPriceHistory for all types."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    def spot_prices(self, zone: str, instance_types: Collection[str], now: datetime) -> dict[str, float]:
        if not instance_types:
            return {}
        # A history that starts now holds just the price in force; the newest row wins if there are more.
        rows = self._context.client("ec2").pages(
            "describe_spot_price_history", "SpotPriceHistory", AvailabilityZone=zone,
            InstanceTypes=sorted(instance_types), ProductDescriptions=[_PRODUCT], StartTime=now,
        )  # fmt: skip
        latest: dict[str, tuple[datetime, float]] = {}
        for row in rows:
            name, at = row["InstanceType"], row["Timestamp"]
            if row.get("AvailabilityZone", zone) == zone and (name not in latest or at > latest[name][0]):
                latest[name] = (at, float(row["SpotPrice"]))
        return {name: price for name, (_, price) in sorted(latest.items())}
