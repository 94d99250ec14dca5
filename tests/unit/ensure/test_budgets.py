"""Budgets: created whole, reconciled in every part, and safe to interrupt at any call."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import pytest

from daylily_ec.aws.budgets import Budget, BudgetsApi, tag_filter
from daylily_ec.errors import AwsError
from daylily_ec.plan.steps import Action, Bindings
from daylily_ec.util.clock import Clock
from daylily_ec.workflow.create_values import template_values
from daylily_ec.workflow.ensure_budgets import BudgetStep, Wish, cluster_wish, global_wish
from daylily_ec.workflow.ensure_projects import projects_of
from tests.unit.ensure.fakes import FakeBudgets, renamed
from tests.unit.fsx.fakes import Faults, Faulty, Killed
from tests.unit.workflow_create.fakes import ZONE, config

MINE = "da-us-west-2d-majors"
EMAIL = "ops@example.org"


def step(budgets: object, wish: Wish, clock: Clock) -> BudgetStep:
    return BudgetStep("budget", wish, cast("BudgetsApi", budgets), clock)


def run(one: BudgetStep) -> Action:
    observed = one.observe(Bindings())
    if not one.is_done(observed):
        one.apply(Bindings(), observed)
    return observed.action


def test_the_cluster_budget_has_the_contract_s_shape(clock: Clock) -> None:
    budgets = FakeBudgets()
    wish = cluster_wish(config(budget_amount="150"), ZONE)
    assert run(step(budgets, wish, clock)) is Action.CREATE
    tags = ("user:aws-parallelcluster-project$da-us-west-2d-majors", "user:aws-parallelcluster-clustername$majors")
    assert budgets.kept[MINE] == Budget(MINE, Decimal(150), tags)
    assert budgets.alerts(MINE) == {75.0: (EMAIL,)}
    assert run(step(budgets, wish, clock)) is Action.UNCHANGED
    assert budgets.writes == ["create"]


def test_the_global_budget_alerts_at_four_thresholds(clock: Clock) -> None:
    budgets = FakeBudgets()
    run(step(budgets, global_wish(config(), ZONE), clock))
    assert budgets.alerts("daylily-global") == dict.fromkeys((25.0, 50.0, 75.0, 99.0), (EMAIL,))


@pytest.mark.weakness("W-41")
def test_project_tag_filter_and_table_row_carry_the_budget_s_name() -> None:
    from daylily_ec.aws.context import Identity

    identity = Identity("123456789012", "arn:aws:iam::123456789012:user/ann")
    tag = template_values(config(), ZONE, None, identity, Bindings())["REGSUB_PROJECT"]
    wish = cluster_wish(config(), ZONE)
    assert {tag, wish.name, projects_of(config(), ZONE)[1].name} == {MINE}
    assert tag_filter("aws-parallelcluster-project", MINE) in wish.tags


@pytest.mark.weakness("W-40")
def test_the_global_filter_counts_every_cluster_even_one_that_a_lost_update_left_out(clock: Clock) -> None:
    budgets = FakeBudgets()
    for name in ("alpha", "bravo", "majors"):
        settings = config(cluster_name=name)
        run(step(budgets, cluster_wish(settings, ZONE), clock))
        if name != "bravo":
            run(step(budgets, global_wish(settings, ZONE), clock))
    counted = set(budgets.kept["daylily-global"].tags)
    for name in ("alpha", "bravo", "majors"):
        assert set(cluster_wish(config(cluster_name=name), ZONE).tags) <= counted


@pytest.mark.weakness("W-16")
def test_every_part_of_an_existing_budget_is_reconciled(clock: Clock) -> None:
    budgets = FakeBudgets()
    run(step(budgets, cluster_wish(config(budget_amount="10", budget_email="old@example.org"), ZONE), clock))
    budgets.kept[MINE] = renamed(budgets.kept[MINE], tags=("user:other$x",), others={"Service": ["S3"]})
    wish = cluster_wish(config(budget_amount="20"), ZONE)
    observed = step(budgets, wish, clock).observe(Bindings())
    assert observed.action is Action.UPDATE
    for part in ("10 USD becomes 20 USD", "filter", "does not reach ops@example.org", "still reaches old@example.org"):
        assert part in observed.detail
    run(step(budgets, wish, clock))
    assert budgets.kept[MINE] == Budget(MINE, Decimal(20), wish.tags)
    assert budgets.alerts(MINE) == {75.0: (EMAIL,)}


def test_a_missing_alert_is_added_and_others_of_a_shared_budget_stay(clock: Clock) -> None:
    budgets = FakeBudgets()
    run(step(budgets, global_wish(config(budget_email="first@example.org"), ZONE), clock))
    del budgets.subscribers["daylily-global"][50.0]
    run(step(budgets, global_wish(config(), ZONE), clock))
    assert budgets.alerts("daylily-global")[50.0] == (EMAIL,)
    assert budgets.alerts("daylily-global")[99.0] == ("first@example.org", EMAIL)


def test_an_amount_that_nobody_chose_does_not_replace_the_global_one(clock: Clock) -> None:
    budgets = FakeBudgets()
    run(step(budgets, global_wish(config(global_budget_amount="900"), ZONE), clock))
    run(step(budgets, global_wish(config(cluster_name="other-one"), ZONE), clock))
    assert budgets.kept["daylily-global"].amount == 900
    run(step(budgets, global_wish(config(global_budget_amount="700"), ZONE), clock))
    assert budgets.kept["daylily-global"].amount == 700


def test_a_budget_that_somebody_keeps_changing_is_an_error_not_an_endless_loop(clock: Clock) -> None:
    class Stubborn(FakeBudgets):
        def update(self, budget: Budget) -> None:
            self.writes.append("update")

    budgets = Stubborn()
    run(step(budgets, cluster_wish(config(budget_amount="10"), ZONE), clock))
    with pytest.raises(AwsError, match="10 USD becomes 20 USD"):
        run(step(budgets, cluster_wish(config(budget_amount="20"), ZONE), clock))


def before(budgets: FakeBudgets, existing: str, clock: Clock) -> Wish:
    if existing != "none":
        run(step(budgets, cluster_wish(config(budget_amount="10", budget_email="old@example.org"), ZONE), clock))
    if existing == "no alerts":
        budgets.subscribers[MINE] = {}
    return cluster_wish(config(budget_amount="20"), ZONE)


def calls(existing: str, clock: Clock) -> int:
    budgets, faults = FakeBudgets(), Faults()
    wish = before(budgets, existing, clock)
    run(step(Faulty(budgets, faults), wish, clock))
    return len(faults.names)


@pytest.mark.weakness("W-01")
@pytest.mark.parametrize("existing", ["none", "different", "no alerts"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [Killed(), AwsError("500")])
def test_killed_or_failed_at_any_call_a_second_run_converges(
    clock: Clock, existing: str, after: bool, error: BaseException
) -> None:
    total = calls(existing, clock)
    assert total >= 3
    for at in range(1, total + 1):
        budgets = FakeBudgets()
        wish = before(budgets, existing, clock)
        faults: Any = Faults(at, after=after, error=error)
        with pytest.raises(type(error)):
            run(step(Faulty(budgets, faults), wish, clock))
        run(step(budgets, wish, clock))
        assert budgets.kept[MINE] == Budget(MINE, Decimal(20), wish.tags), at
        assert budgets.alerts(MINE) == {75.0: (EMAIL,)}, at
        assert run(step(budgets, wish, clock)) is Action.UNCHANGED
