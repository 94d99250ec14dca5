"""Reading the price list: which product counts, and when there is no price."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from daylily_ec.aws.price_list import NAT_GB, NAT_HOUR, PriceList, PriceQuery, lustre, on_demand
from daylily_ec.errors import AccessDenied, CredentialsExpired


def product(usage: str, *tiers: float, unit: str = "Hrs") -> str:
    dimensions = {
        str(number): {"unit": unit, "pricePerUnit": {"USD": f"{amount:.10f}"}, "description": f"${amount} per thing"}
        for number, amount in enumerate(tiers)
    }
    term = {"effectiveDate": "2026-03-01T00:00:00Z", "priceDimensions": dimensions}
    return json.dumps({"product": {"attributes": {"usagetype": usage}}, "terms": {"OnDemand": {"T": term}}})


@dataclass
class FakeClient:
    products: list[Any]
    asked: list[dict[str, Any]] = field(default_factory=list)

    def pages(self, operation: str, key: str, /, **params: Any) -> Iterator[Any]:
        self.asked.append(params)
        for item in self.products:
            if isinstance(item, Exception):
                raise item
            yield item


@dataclass
class FakeContext:
    one: FakeClient
    region: str = "us-west-2"
    regions: list[str | None] = field(default_factory=list)

    def client(self, service: str, region: str | None = None) -> FakeClient:
        self.regions.append(region)
        return self.one


def price_list(*products: Any) -> tuple[PriceList, FakeContext]:
    context = FakeContext(FakeClient(list(products)))
    return PriceList(context), context  # type: ignore[arg-type]


def test_the_region_s_prefix_of_a_usage_type_is_ignored_and_other_products_are_not_taken() -> None:
    prices, context = price_list(
        product("USW2-RegionalNatGateway-Hours", 0.9), product("USW2-NatGateway-Hours", 0.045),
        product("USW2-NatGateway-Bytes", 0.046, unit="GB"),
    )  # fmt: skip
    found = prices.prices([NAT_HOUR])[NAT_HOUR]
    assert (found.amount, found.effective, found.description) == (0.045, "2026-03-01", "$0.045 per thing")
    assert context.regions == ["us-east-1"], "one endpoint knows every region's prices"
    assert {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-west-2"} in context.one.asked[0]["Filters"]


def test_in_us_east_1_there_is_no_prefix() -> None:
    query = on_demand("c6i.metal")
    prices, _ = price_list(product("BoxUsage:c6i.metal", 5.44), product("UnusedBox:c6i.metal", 5.44))
    assert prices.prices([query])[query].amount == 5.44


def test_free_tiers_are_no_price() -> None:
    prices, _ = price_list(product("USW2-NatGateway-Bytes", 0.0, 0.045, unit="GB"))
    assert prices.prices([NAT_GB])[NAT_GB].amount == 0.045


@pytest.mark.parametrize(
    ("products", "problem"),
    [
        ([], "has no price for AmazonFSx Storage in us-west-2"),
        ([product("USW2-Storage", 0.0, unit="GB-Mo")], "has no price"),
        ([product("Storage", 0.1, unit="GB-Mo"), product("Storage", 0.2, unit="GB-Mo")], "2 different prices"),
        ([AccessDenied("pricing:GetProducts was denied")], "pricing:GetProducts was denied"),
    ],
)  # fmt: skip
def test_a_price_that_is_not_there_is_explained_and_never_0(products: list[Any], problem: str) -> None:
    prices, _ = price_list(*products)
    query = lustre("SCRATCH_2")
    found = prices.prices([query])[query]
    assert found.amount is None
    assert problem in found.problem


def test_expired_credentials_are_no_missing_price() -> None:
    prices, _ = price_list(CredentialsExpired("expired"))
    with pytest.raises(CredentialsExpired):
        prices.prices([NAT_HOUR])


def test_each_price_is_asked_once_per_process() -> None:
    prices, context = price_list(product("NatGateway-Hours", 0.045))
    prices.prices([NAT_HOUR, NAT_HOUR])
    prices.prices([NAT_HOUR])
    assert len(context.one.asked) == 1


def test_persistent_file_systems_are_priced_by_their_throughput() -> None:
    wanted: PriceQuery = lustre("PERSISTENT_2", 250)
    prices, _ = price_list(
        product("USW2-Storage", 0.14, unit="GB-Mo"), product("USW2-Storage.SSD.250", 0.21, unit="GB-Mo")
    )
    assert prices.prices([wanted])[wanted].amount == 0.21
