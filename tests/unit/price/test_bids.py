"""Bids: the bump, the cap, and everything that must not get one."""

from __future__ import annotations

from typing import Any

import pytest

from daylily_ec.errors import ValidationError
from daylily_ec.render.spot import fill_bids, remarks

PRICES = {"r7i.2xlarge": 0.2, "r6i.2xlarge": 0.4, "c7i.48xlarge": 3.0, "m7i.48xlarge": 5.0}
ON_DEMAND = {"r7i.2xlarge": 0.53, "r6i.2xlarge": 0.5, "c7i.48xlarge": 8.57, "m7i.48xlarge": 9.68}


def document() -> dict[str, Any]:
    def resource(name: str, *types: str) -> dict[str, Any]:
        return {"Name": name, "Instances": [{"InstanceType": item} for item in types]}

    return {"Scheduling": {"SlurmQueues": [
        {"Name": "i8", "CapacityType": "SPOT", "ComputeResources": [resource("a", "r7i.2xlarge", "r6i.2xlarge")]},
        {"Name": "i192", "CapacityType": "SPOT", "ComputeResources": [resource("all", "c7i.48xlarge", "m7i.48xlarge")]},
        {"Name": "dragen", "CapacityType": "ONDEMAND", "ComputeResources": [resource("f2", "f2.6xlarge")]},
    ]}}  # fmt: skip


def test_a_bid_is_the_median_of_the_resource_s_own_types_plus_the_bump() -> None:
    small, big = fill_bids(document(), PRICES, 4.14, "us-west-2d")
    assert (small.median, small.price) == (0.3, 4.44)
    assert (big.median, big.price) == (4.0, 8.14)
    small, _ = fill_bids(document(), PRICES, 0.05, "us-west-2d")
    assert small.price == 0.35


@pytest.mark.weakness("W-59")
def test_with_the_cap_no_bid_exceeds_any_of_its_types_on_demand() -> None:
    small, big = fill_bids(document(), PRICES, 4.14, "us-west-2d", ON_DEMAND)
    assert small.price == 0.5
    assert big.price == 8.14, "a bid below the cap stays"


@pytest.mark.weakness("W-59")
def test_an_on_demand_queue_gets_no_bid() -> None:
    cluster = document()
    fill_bids(cluster, PRICES, 4.14, "us-west-2d", ON_DEMAND)
    (resource,) = cluster["Scheduling"]["SlurmQueues"][2]["ComputeResources"]
    assert "SpotPrice" not in resource


@pytest.mark.weakness("W-59")
def test_a_type_that_is_not_sold_here_is_never_given_an_invented_price() -> None:
    with pytest.raises(ValidationError) as caught:
        fill_bids(document(), {"r7i.2xlarge": 0.2}, 4.14, "us-west-2b")
    assert caught.value.code == "no_spot_price"
    assert "i192/all (c7i.48xlarge, m7i.48xlarge)" in caught.value.message
    assert "i8/a" not in caught.value.message, "one priced type is enough"


def test_types_that_a_bid_leaves_out_or_cannot_reach_are_remarked() -> None:
    partly = {name: amount for name, amount in PRICES.items() if name != "r6i.2xlarge"}
    small, big = fill_bids(document(), partly, 0.5, "us-west-2d")
    assert remarks(small, "us-west-2d") == (
        "No spot price history in us-west-2d for r6i.2xlarge (i8/a); the bid leaves them out.",
    )
    assert remarks(big, "us-west-2d") == ("i192/all: the bid of 4.5000 is below the current price of m7i.48xlarge.",)


def test_a_cap_without_a_price_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"no on-demand price for m7i\.48xlarge, r6i\.2xlarge") as caught:
        fill_bids(document(), PRICES, 4.14, "us-west-2d", {"r7i.2xlarge": 0.5, "c7i.48xlarge": 8.0})
    assert caught.value.code == "no_on_demand_price"
