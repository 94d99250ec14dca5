"""The AWS Price List: what AWS asks per unit.  All calls are reads.

A product is picked by filters of the service and then by its usage type, the name under which AWS bills it.  Outside
us-east-1 that name carries a prefix of the region (`USW2-NatGateway-Hours`), which is not part of a `PriceQuery`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext
from daylily_ec.errors import AwsError, CredentialsExpired, NoCredentials
from daylily_ec.util.pool import gather

_ENDPOINT = "us-east-1"
"""The region whose endpoint knows the prices of every region."""
_SOURCE = "AWS Price List"


@dataclass(frozen=True, slots=True)
class PriceQuery:
    """One product: service code, filters as (field, value), usage type without the region's prefix, billing unit."""

    service: str
    filters: tuple[tuple[str, str], ...]
    usage: str
    unit: str


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """USD per `unit`; `amount` is None when there is no price, and `problem` says why.

    `effective` is the day (YYYY-MM-DD) since which AWS asks this price, `description` AWS's own words.
    """

    usage: str
    unit: str
    amount: float | None
    source: str = _SOURCE
    effective: str = ""
    description: str = ""
    problem: str = ""


def on_demand(instance_type: str) -> PriceQuery:
    """One hour of a Linux instance on shared hardware."""
    filters = (
        ("instanceType", instance_type), ("operatingSystem", "Linux"), ("tenancy", "Shared"),
        ("preInstalledSw", "NA"), ("capacitystatus", "Used"),
    )  # fmt: skip
    return PriceQuery("AmazonEC2", filters, f"BoxUsage:{instance_type}", "Hrs")


def volume(kind: str) -> PriceQuery:
    """One GB-month of an EBS volume such as `gp3`."""
    filters = (("productFamily", "Storage"), ("volumeApiName", kind))
    return PriceQuery("AmazonEC2", filters, f"EBS:VolumeUsage.{kind}", "GB-Mo")


NAT_HOUR = PriceQuery("AmazonEC2", (("productFamily", "NAT Gateway"),), "NatGateway-Hours", "Hrs")
NAT_GB = PriceQuery("AmazonEC2", (("productFamily", "NAT Gateway"),), "NatGateway-Bytes", "GB")
IPV4_HOUR = PriceQuery("AmazonVPC", (("group", "VPCPublicIPv4Address"),), "PublicIPv4:InUseAddress", "Hrs")


def lustre(deployment: str, throughput: int | None = None) -> PriceQuery:
    """One GB-month of FSx for Lustre on SSD: `SCRATCH_2`, or a persistent type with its MB/s per TiB."""
    usage = "Storage" if deployment.startswith("SCRATCH") else f"Storage.SSD.{throughput}"
    return PriceQuery("AmazonFSx", (("fileSystemType", "Lustre"), ("productFamily", "Storage")), usage, "GB-Mo")


class PriceListApi(Protocol):
    """The one question the product asks."""

    def prices(self, queries: Collection[PriceQuery]) -> dict[PriceQuery, UnitPrice]:
        """The price of each, asked side by side and once per process; a missing one says why."""


class PriceList:
    """`PriceListApi` through boto3, for the context's region."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context
        self._known: dict[PriceQuery, UnitPrice] = {}
        self._lock = Lock()

    def prices(self, queries: Collection[PriceQuery]) -> dict[PriceQuery, UnitPrice]:
        wanted = list(dict.fromkeys(queries))
        with self._lock:
            unknown = [query for query in wanted if query not in self._known]
            self._known.update(zip(unknown, gather(self._ask, unknown), strict=True))
            return {query: self._known[query] for query in wanted}

    def _ask(self, query: PriceQuery) -> UnitPrice:
        fields = [*query.filters, ("regionCode", self._context.region)]
        filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields]
        try:
            pages = self._context.client("pricing", _ENDPOINT).pages(
                "get_products", "PriceList", ServiceCode=query.service, Filters=filters, FormatVersion="aws_v1"
            )
            found = [price for product in pages for price in _prices(_document(product), query)]
        except (CredentialsExpired, NoCredentials):
            raise
        except AwsError as error:
            return UnitPrice(query.usage, query.unit, None, problem=error.message)
        return _choose(found, query, self._context.region)


def _choose(found: list[UnitPrice], query: PriceQuery, region: str) -> UnitPrice:
    amounts = {price.amount for price in found}
    if len(amounts) == 1:
        return found[0]
    what = f"{len(amounts)} different prices" if amounts else "no price"
    problem = f"the price list has {what} for {query.service} {query.usage} in {region}"
    return UnitPrice(query.usage, query.unit, None, problem=problem)


def _document(product: Any) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(product) if isinstance(product, str) else product
    return document


def _prices(product: Mapping[str, Any], query: PriceQuery) -> Iterator[UnitPrice]:
    """The product's on-demand prices; free tiers (amount 0) are no price of a cluster that runs for hours."""
    usage = str(product["product"]["attributes"].get("usagetype", ""))
    if not re.fullmatch(r"(?:[A-Z0-9]+-)?" + re.escape(query.usage), usage):
        return
    for term in (product.get("terms") or {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            amount = float(dimension["pricePerUnit"].get("USD", 0))
            if dimension["unit"] == query.unit and amount > 0:
                yield UnitPrice(query.usage, query.unit, amount, effective=str(term.get("effectiveDate", ""))[:10],
                                description=str(dimension.get("description", "")))  # fmt: skip
