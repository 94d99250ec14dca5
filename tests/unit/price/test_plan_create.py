"""The plan's reads: all of them advice, except the prices of the cluster's own zone."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from daylily_ec.aws.budgets import Budget
from daylily_ec.aws.context import AwsContext
from daylily_ec.aws.placement import Zone
from daylily_ec.aws.price_list import NAT_HOUR, PriceQuery, UnitPrice
from daylily_ec.cli import plan_view as plan_view
from daylily_ec.cli.render import text
from daylily_ec.config.resources import resource
from daylily_ec.errors import AccessDenied, AwsError, CredentialsExpired, Throttled, ValidationError
from daylily_ec.render.renderer import InitTemplate, render_init
from daylily_ec.util.jsonio import dumps
from daylily_ec.workflow.plan_create import Offers, Target, final_configuration, price_plan
from daylily_ec.workflow.services import Services
from tests.conftest import FakeClock
from tests.unit.render.test_renderer import VALUES
from tests.unit.workflow_create.fakes import ZONE, config

ZONES = tuple(Zone(f"us-west-2{letter}", f"usw2-az{letter}") for letter in "abcd")


@dataclass
class FakePricing:
    failing: dict[str, Exception] = field(default_factory=dict)
    lacking: dict[str, set[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def spot_prices(self, zone: str, instance_types: Collection[str], now: datetime) -> dict[str, float]:
        self.asked.append(str(zone))
        if zone in self.failing:
            raise self.failing[zone]
        return {name: 1.0 for name in instance_types if name not in self.lacking.get(zone, ())}


@dataclass
class FakePriceList:
    missing: tuple[PriceQuery, ...] = ()

    def prices(self, queries: Collection[PriceQuery]) -> dict[PriceQuery, UnitPrice]:
        return {query: UnitPrice(query.usage, query.unit, None if query in self.missing else 2.0, problem="gone")
                for query in queries}  # fmt: skip


@dataclass
class FakePlacement:
    failure: AwsError | None = None

    def zones(self) -> tuple[Zone, ...]:
        if self.failure:
            raise self.failure
        return ZONES

    def scores(self, instance_types: Collection[str], instances: int) -> dict[str, int]:
        if self.failure:
            raise self.failure
        return {"usw2-azd": instances % 10}


@dataclass
class FakeBudgets:
    found: dict[str, Budget] = field(default_factory=dict)
    failure: AwsError | None = None

    def find(self, name: str) -> Budget | None:
        if self.failure:
            raise self.failure
        return self.found.get(name)


def services(clock: FakeClock, **fakes: Any) -> Services:
    made = Services(cast("AwsContext", None), clock=clock)
    chosen = {"pricing": FakePricing(), "price_list": FakePriceList(), "placement": FakePlacement(),
              "budgets": FakeBudgets(), **fakes}  # fmt: skip
    for name, fake in chosen.items():
        setattr(made, name, fake)
    return made


def init() -> InitTemplate:
    name = "config/day_cluster/prod_cluster_dragen.yaml"
    return render_init(resource(name).read_text(encoding="utf-8"), name, VALUES, {})


TARGET = Target(config(), ZONE)


def test_every_zone_is_asked_once_and_compared(clock: FakeClock) -> None:
    pricing = FakePricing()
    rendered, price = price_plan(services(clock, pricing=pricing), TARGET, init())
    assert sorted(pricing.asked) == [zone.name for zone in ZONES]
    assert [zone.zone for zone in price.zones] == [zone.name for zone in ZONES]
    assert [zone.placement_score for zone in price.zones] == [None, None, None, 7], "17 Spot nodes at full scale"
    assert {bid.price for bid in rendered.bids} == {5.14}
    assert price.full_scale_at_bid.usd_per_hour is not None
    assert price.problems == ()


def test_a_zone_that_does_not_sell_a_resource_fails_with_what_the_others_offer(clock: FakeClock) -> None:
    pricing = FakePricing(lacking={"us-west-2d": {"r7i.2xlarge"}})
    with pytest.raises(ValidationError, match="No spot price history in us-west-2d for i8/r7gb64") as caught:
        price_plan(services(clock, pricing=pricing), TARGET, init())
    offers = caught.value.evidence
    assert isinstance(offers, Offers)
    by_zone = {zone.zone: zone.medians["i8/r7gb64"] for zone in offers.zones}
    assert (by_zone["us-west-2d"], by_zone["us-west-2a"]) == (None, 1.0)
    assert "! us-west-2d: no Spot price history for i8/r7gb64" in text(offers)
    (first, *_) = json.loads(dumps(caught.value.details))["zones"]
    assert (first["zone"], first["medians"]["i8/r7gb64"]) == ("us-west-2a", 1.0)


def test_what_cannot_be_read_is_named_and_the_plan_goes_on(clock: FakeClock) -> None:
    denied = AccessDenied("ec2:GetSpotPlacementScores was denied")
    given = services(
        clock, placement=FakePlacement(denied), budgets=FakeBudgets(failure=Throttled("slow down")),
        price_list=FakePriceList((NAT_HOUR,)),
    )  # fmt: skip
    _, price = price_plan(given, TARGET, init())
    assert [zone.zone for zone in price.zones] == ["us-west-2d"]
    assert price.problems == (
        "budget da-us-west-2d-majors: slow down",
        "budget daylily-global: slow down",
        "other zones: ec2:GetSpotPlacementScores was denied",
        "placement scores: ec2:GetSpotPlacementScores was denied",
    )
    assert price.idle.missing == ("NAT gateway",)
    shown = text(price)
    assert "at least " in shown
    assert "without a price: NAT gateway" in shown
    assert "NAT gateway                  price unknown" in shown
    assert "! budget daylily-global: slow down" in shown


def test_another_zone_that_fails_is_named_but_the_cluster_s_own_must_answer(clock: FakeClock) -> None:
    denied = AccessDenied("ec2:DescribeSpotPriceHistory was denied")
    _, price = price_plan(services(clock, pricing=FakePricing({"us-west-2a": denied})), TARGET, init())
    assert price.zones[0].problem == "its Spot prices could not be read"
    with pytest.raises(AccessDenied):
        price_plan(services(clock, pricing=FakePricing({"us-west-2d": denied})), TARGET, init())


def test_expired_credentials_end_the_plan(clock: FakeClock) -> None:
    with pytest.raises(CredentialsExpired):
        price_plan(services(clock, budgets=FakeBudgets(failure=CredentialsExpired("expired"))), TARGET, init())


def test_a_budget_that_exists_is_shown_with_what_is_left(clock: FakeClock) -> None:
    name = "da-us-west-2d-majors"
    budgets = FakeBudgets({name: Budget(name, Decimal(200), (), spent=Decimal("61.5"))})
    _, price = price_plan(services(clock, budgets=budgets), TARGET, init())
    (left,) = price.budgets
    assert (left.name, left.left) == (name, 138.5)
    assert "budget da-us-west-2d-majors" in text(price)
    assert "138.50 of 200.00 left this month" in text(price)


@pytest.mark.weakness("W-59")
def test_bump_and_cap_come_from_the_configuration(clock: FakeClock) -> None:
    tuned = Target(config(spot_price_bump="0.25"), ZONE)
    assert {bid.price for bid in final_configuration(services(clock), tuned, init()).bids} == {1.25}
    capped = Target(config(spot_price_cap="on-demand"), ZONE)
    assert {bid.price for bid in final_configuration(services(clock), capped, init()).bids} == {2.0}


@pytest.mark.weakness("W-17")
def test_a_create_asks_one_batched_price_question_for_its_zone(clock: FakeClock) -> None:
    pricing = FakePricing()
    final_configuration(services(clock, pricing=pricing), TARGET, init())
    assert pricing.asked == ["us-west-2d"]
