"""Spot price history: SIMULATED prices in AWS's form.

moto answers one row of 0.00001 from the year 2006 per zone and ignores `AvailabilityZone`.  Here each instance type and
zone has a steady price, computed from vCPUs and memory and a hash of both names, that moves by a few percent over the
hours; so cheap and dear zones exist, medians make sense, and two calls agree.  No number comes from AWS.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.responses.spot_instances import SpotInstances

from daylily_ec.localcloud.patches.patching import replace

PAGE = 1000
STEP = timedelta(hours=6)
PRODUCT = "Linux/UNIX"
_VCPU_HOUR, _GIB_HOUR = 0.0133, 0.0018


def install() -> None:
    """Answer with simulated prices."""
    replace(SpotInstances, "describe_spot_price_history", lambda _original: _describe)


def price(instance_type: str, zone: str, hour: int) -> float:
    """Simulated US dollars per hour of one instance type in one zone; `hour` counts from the epoch."""
    digest = hashlib.sha256(f"{instance_type}/{zone}".encode()).digest()
    place = int.from_bytes(digest[:4], "big") / 2**32
    return float(list_price(instance_type) * (0.35 + 0.4 * place + 0.02 * math.sin(hour / 9 + 6 * place)))


def list_price(instance_type: str) -> float:
    """Simulated on-demand US dollars per hour, above every Spot price of the type."""
    known = INSTANCE_TYPES.get(instance_type, {})
    vcpus = known.get("VCpuInfo", {}).get("DefaultVCpus", 2)
    gib = known.get("MemoryInfo", {}).get("SizeInMiB", 4096) / 1024
    return float(_VCPU_HOUR * vcpus + _GIB_HOUR * gib)


def _describe(self: Any) -> ActionResult:
    rows = sorted(_rows(self), key=lambda row: row["Timestamp"], reverse=True)
    start = int(self._get_param("NextToken") or 0)
    following = start + int(self._get_param("MaxResults") or PAGE)
    token = str(following) if following < len(rows) else ""
    return ActionResult({"SpotPriceHistory": rows[start:following], "NextToken": token})


def _rows(self: Any) -> Iterator[dict[str, Any]]:
    filters = self._filters_from_querystring()
    products = self._get_param("ProductDescriptions", []) or filters.pop("product-description", [PRODUCT])
    zone = self._get_param("AvailabilityZone")
    for offer in self.ec2_backend.describe_spot_price_history(self._get_param("InstanceTypes", []), filters):
        if zone not in (None, offer["Location"]):
            continue
        for moment in _moments(self._get_param("StartTime"), self._get_param("EndTime")):
            amount = price(offer["InstanceType"], offer["Location"], int(moment.timestamp() // 3600))
            for product in products:
                yield {
                    "InstanceType": offer["InstanceType"],
                    "AvailabilityZone": offer["Location"],
                    "ProductDescription": product,
                    "SpotPrice": f"{amount:.6f}",
                    "Timestamp": moment,
                }


def _moments(start: Any, end: Any) -> Iterator[datetime]:
    """Price changes between two times, and the one in effect at the start; the last day when no start is given."""
    last = _time(end) or utcnow()
    first = _time(start) or last - timedelta(days=1)
    moment = last.replace(minute=0, second=0, microsecond=0, hour=last.hour - last.hour % 6)
    while moment > first:
        yield moment
        moment -= STEP
    yield moment


def _time(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value.replace(tzinfo=None) if value else None
    return datetime.fromisoformat(str(value).replace("Z", "+00:00")).replace(tzinfo=None)
