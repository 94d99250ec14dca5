"""`dyec plan` and `create --dry-run` against the local cloud: read only, priced, the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.integration.create.account import ZONE
from tests.integration.create.desk import Operator

READS = ("Get", "List", "Describe", "Head", "Simulate")


def calls(operator: Operator) -> list[tuple[str, str]]:
    lines = map(json.loads, operator.control("GET", "requests").splitlines())
    return [(line["service"], line["action"]) for line in lines]


def plan(operator: Operator, cluster: str, *flags: str, **values: str) -> Any:
    ended = operator.dyec("plan", "--region-az", ZONE, "--config", operator.config(cluster, **values),
                          "--non-interactive", "--pass-on-warn", "--json", *flags)  # fmt: skip
    assert ended.code == 0, ended.err
    return ended.document


def test_a_plan_makes_read_calls_only_and_keeps_no_record(operator: Operator) -> None:
    operator.control("DELETE", "requests")
    found = plan(operator, "reads-only")
    made = calls(operator)
    assert [action for _, action in made if not action.startswith(READS)] == []
    assert not list(operator.directory.glob("state_*"))
    assert {step["action"] for step in found["steps"]} <= {"CREATE", "ADOPT", "UPDATE", "UNCHANGED"}
    assert made.count(("ec2", "DescribeSpotPriceHistory")) == 4, "one per zone"
    assert made.count(("ec2", "GetSpotPlacementScores")) == 1


@pytest.mark.weakness("W-30")
def test_create_dry_run_shows_the_same_plan(operator: Operator) -> None:
    planned = plan(operator, "same-plan")
    dry = operator.create("same-plan", "--dry-run").document
    for one in (planned, dry):
        one.pop("preflight_report_path")
        one["price"].pop("as_of")
        one["cluster_yaml"] = [line for line in one["cluster_yaml"].splitlines() if "Value" not in line]
    assert planned == dry


def test_the_price_is_complete_dated_and_says_that_it_is_simulated(operator: Operator) -> None:
    found = plan(operator, "priced", max_count_8I="10")
    price = found["price"]
    for total in ("idle", "full_scale_now", "full_scale_at_bid", "fsx_per_day"):
        assert price[total]["missing"] == []
        assert price[total]["usd_per_hour"] > 0
    assert price["idle"]["usd_per_hour"] < price["full_scale_now"]["usd_per_hour"]
    assert price["full_scale_now"]["usd_per_hour"] < price["full_scale_at_bid"]["usd_per_hour"]
    for unit in price["unit_prices"]:
        assert unit["description"].startswith("SIMULATED")
        assert (unit["effective"], unit["source"]) == ("2026-01-01", "AWS Price List")
    assert price["fsx_per_day"]["usd_per_hour"] == pytest.approx(4800 * 0.14 / 730 * 24, abs=0.01)
    assert [zone["zone"] for zone in price["zones"]] == [f"us-west-2{letter}" for letter in "abcd"]
    assert all(1 <= zone["placement_score"] <= 10 for zone in price["zones"])
    bids = {f"{bid['queue']}/{bid['compute_resource']}": bid["price"] for bid in found["bids"]}
    document = yaml.safe_load(found["cluster_yaml"])
    written = {f"{queue['Name']}/{item['Name']}": item["SpotPrice"]
               for queue in document["Scheduling"]["SlurmQueues"] for item in queue["ComputeResources"]}  # fmt: skip
    assert bids == written


def test_the_bump_and_the_cap_are_flags_too(operator: Operator) -> None:
    low = {bid["compute_resource"]: bid for bid in plan(operator, "tuned", "--spot-bump", "0.01")["bids"]}
    assert all(bid["price"] == round(bid["median"] + 0.01, 4) for bid in low.values())
    capped = {bid["compute_resource"]: bid for bid in plan(operator, "tuned", "--spot-cap", "on-demand")["bids"]}
    assert capped["r7gb64"]["price"] == pytest.approx(0.2216), "the simulated on-demand price"
    assert low["r7gb64"]["median"] < capped["r7gb64"]["price"] < low["r7gb64"]["median"] + 4.14
    wrong = operator.create("tuned", "--dry-run", "--spot-cap", "sometimes")
    assert (wrong.code, wrong.document["error"]["code"]) == (1, "invalid_config")


def test_a_budget_that_exists_is_read(operator: Operator) -> None:
    name = f"da-{ZONE}-budgeted"
    limit = {"Amount": "300", "Unit": "USD"}
    operator.client("budgets").create_budget(AccountId="123456789012", Budget={
        "BudgetName": name, "BudgetLimit": limit, "TimeUnit": "MONTHLY", "BudgetType": "COST"})  # fmt: skip
    (left,) = plan(operator, "budgeted")["price"]["budgets"]
    assert (left["name"], left["amount"], left["left"]) == (name, 300.0, 300.0)
    assert left["idle_hours"] > 0


def test_for_people_the_plan_is_a_few_tables(operator: Operator) -> None:
    ended = operator.dyec("plan", "--region-az", ZONE, "--config", operator.config("people"), "--non-interactive",
                          "--pass-on-warn")  # fmt: skip
    assert ended.code == 0, ended.err
    for words in ("nothing was changed", "PRICE in us-west-2d", "full scale, at the bids", "us-west-2d *",
                  "placement score (of 10)", "SIMULATED", "<from network>"):  # fmt: skip
        assert words in ended.out
