"""The arithmetic of a plan: what is summed, and what happens to a sum that lacks a price."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daylily_ec.aws.price_list import NAT_HOUR, lustre, on_demand
from daylily_ec.domain.fleet import Fleet, Purchase
from daylily_ec.plan.price import Market, price, queries, spot_instances, spot_types
from tests.unit.price.clusters import FPGA, HEAD, IDLE, SHAPE, SMALL, UNIT, ZONE, lacking

NOW = "2026-11-20T00:00:00Z"


def test_idle_is_head_node_volume_addresses_nat_and_file_system() -> None:
    found = price(SHAPE, UNIT, [ZONE], "us-west-2d", NOW)
    assert found.idle.usd_per_hour == pytest.approx(IDLE)
    assert [line.what for line in found.idle_lines] == [
        "head node", "root volume of the head node", "public IPv4 addresses", "NAT gateway", "file system fsx-majors",
    ]  # fmt: skip
    assert found.fsx_per_day.usd_per_hour == pytest.approx(24 * 7300 * 0.14 / 730)
    assert (found.nat_per_hour, found.nat_per_gb) == (0.045, 0.046)


def test_full_scale_counts_every_node_at_the_median_and_at_the_bid() -> None:
    found = price(SHAPE, UNIT, [ZONE], "us-west-2d", NOW)
    assert found.full_scale_now.usd_per_hour == pytest.approx(IDLE + 10 * 0.3 + 3 * 3.0 + 2 * 2.0)
    assert found.full_scale_at_bid.usd_per_hour == pytest.approx(IDLE + 10 * 4.5 + 3 * 9.0 + 2 * 2.0)


def test_a_missing_price_is_named_and_makes_the_total_a_lower_bound() -> None:
    unit = {**UNIT, **dict([lacking(lustre("SCRATCH_2"), "denied"), lacking(NAT_HOUR)])}
    found = price(SHAPE, unit, [ZONE], "us-west-2d", NOW)
    assert found.idle.usd_per_hour is None
    assert found.idle.at_least == pytest.approx(0.5 + 0.08 + 0.01)
    assert found.idle.missing == ("NAT gateway", "file system fsx-majors")
    assert (found.fsx_per_day.usd_per_hour, found.fsx_per_day.at_least) == (None, None), "unknown is not 0"
    assert found.nat_per_hour is None
    assert {line.what: line.problem for line in found.idle_lines}["file system fsx-majors"] == "denied"


def test_without_any_price_there_is_no_lower_bound() -> None:
    found = price(SHAPE, dict(map(lacking, queries(SHAPE))), [Market("z", "", {})], "z", NOW)
    assert (found.idle.usd_per_hour, found.idle.at_least) == (None, None)
    assert all(line.usd_per_hour is None for line in found.idle_lines)


def test_one_unpriced_type_of_an_on_demand_resource_leaves_its_bound_open() -> None:
    both = replace(FPGA, instance_types=("f2.6xlarge", "f2.12xlarge"))
    shape = replace(SHAPE, fleets=(HEAD, both))
    found = price(shape, {**UNIT, **dict([lacking(on_demand("f2.12xlarge"))])}, [ZONE], "us-west-2d", NOW)
    assert found.full_scale_now.missing == ("dragen/f2",)


def test_zones_are_compared_by_median_score_and_full_scale() -> None:
    other = Market("us-west-2a", "usw2-az2", {"r6i.2xlarge": 0.1}, None)
    found = price(SHAPE, UNIT, [other, ZONE], "us-west-2d", NOW)
    first, mine = found.zones
    assert (mine.placement_score, mine.medians) == (7, {"i8/a": 0.3, "i192/all": 3.0})
    assert mine.full_scale == found.full_scale_now
    assert first.placement_score is None
    assert first.medians == {"i8/a": 0.1, "i192/all": None}
    assert first.full_scale.missing == ("i192/all",)


def test_nodes_that_always_run_are_idle_cost_once() -> None:
    shape = replace(SHAPE, fleets=(HEAD, replace(SMALL, minimum=2)))
    found = price(shape, UNIT, [ZONE], "us-west-2d", NOW)
    assert found.idle.usd_per_hour == pytest.approx(IDLE + 2 * 0.3)
    assert found.full_scale_now.usd_per_hour == pytest.approx(IDLE + 10 * 0.3)


def test_a_resource_that_may_start_no_node_needs_no_price() -> None:
    shape = replace(SHAPE, fleets=(HEAD, Fleet("q", "none", Purchase.SPOT, ("x1.32xlarge",), 0, 1.0)))
    assert price(shape, UNIT, [ZONE], "us-west-2d", NOW).full_scale_now.usd_per_hour == pytest.approx(IDLE)


def test_what_is_left_of_a_budget_in_idle_hours() -> None:
    found = price(SHAPE, UNIT, [ZONE], "us-west-2d", NOW, [("da", 200.0, 50.0), ("over", 10.0, 12.5)])
    first, over = found.budgets
    assert first.left == 150.0
    assert first.idle_hours == pytest.approx(150 / IDLE, abs=0.1)
    assert (over.left, over.idle_hours) == (-2.5, 0.0)


def test_spot_types_are_priced_by_the_market_and_the_rest_by_the_list() -> None:
    assert spot_types(SHAPE) == ("c7i.48xlarge", "r6i.2xlarge", "r7i.2xlarge")
    assert spot_instances(SHAPE) == 13
    assert on_demand("f2.6xlarge") in queries(SHAPE)
    assert on_demand("c7i.48xlarge") not in queries(SHAPE)
