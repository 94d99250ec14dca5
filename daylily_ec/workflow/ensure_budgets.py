"""The two budgets: one of the cluster, one over all clusters.

The cluster's budget comes first, because the global one counts every cluster that has a budget.  Budgets have unique
names; amounts, filters, alerts and subscribers are set to what is wanted however often that is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from daylily_ec.aws.budgets import (
    CLUSTER_TAG,
    GLOBAL_BUDGET,
    PROJECT_TAG,
    Budget,
    BudgetsApi,
    cluster_budget_name,
    tag_filter,
)
from daylily_ec.config.models import ClusterConfig, Origin
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import AwsError
from daylily_ec.plan.steps import Action, Bindings, Observed, Output
from daylily_ec.util.clock import Clock

CLUSTER_THRESHOLDS = (75,)
GLOBAL_THRESHOLDS = (25, 50, 75, 99)

_ROUNDS = 6
_SETTLE_S = 2.0
_COUNTED = tuple(tag_filter(tag, "") for tag in (PROJECT_TAG, CLUSTER_TAG))


@dataclass(frozen=True, slots=True)
class Wish:
    """How a budget shall be.

    `shared`: it serves many clusters, so filters and addresses are added and none is taken away, and an amount that
    nobody chose (`amount_chosen` False) does not replace the one it has.
    """

    name: str
    amount: Decimal
    thresholds: tuple[int, ...]
    email: str
    tags: tuple[str, ...]
    shared: bool = False
    amount_chosen: bool = True


def cluster_wish(config: ClusterConfig, zone: AvailabilityZone) -> Wish:
    """The cluster's budget: its project tag carries the budget's own name."""
    name = cluster_budget_name(zone, config.cluster_name)
    tags = (tag_filter(PROJECT_TAG, name), tag_filter(CLUSTER_TAG, config.cluster_name))
    return Wish(name, config.budget_amount, CLUSTER_THRESHOLDS, config.budget_email, tags)


def global_wish(config: ClusterConfig, zone: AvailabilityZone) -> Wish:
    """The budget over all clusters.

    It holds every cluster's project and every cluster's name: whether AWS joins filters of different tags by "and" or
    by "or", each cluster counts.
    """
    chosen = config.origins.get("global_budget_amount") is not Origin.DEFAULT
    tags = (tag_filter(PROJECT_TAG, GLOBAL_BUDGET), *cluster_wish(config, zone).tags)
    return Wish(GLOBAL_BUDGET, config.global_budget_amount, GLOBAL_THRESHOLDS, config.budget_email, tags, True, chosen)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between a budget and the wish, in words, and the call that removes it."""

    text: str
    do: Callable[[], None]


@dataclass(frozen=True, slots=True)
class BudgetStep:
    """One budget with its alerts; safe to repeat by its unique name."""

    name: str
    wish: Wish
    budgets: BudgetsApi
    clock: Clock
    needs: tuple[Output, ...] = ()

    def describe(self, bindings: Bindings) -> str:
        """Name, amount and alerts."""
        wish = self.wish
        alerts = ", ".join(f"{threshold} %" for threshold in wish.thresholds)
        return f"Budget {wish.name}: {wish.amount} USD per month, alerts at {alerts} to {wish.email}"

    def observe(self, bindings: Bindings) -> Observed:
        """Whether it exists and every difference to what is wanted."""
        outputs = {"budget_name": self.wish.name}
        found = self.budgets.find(self.wish.name)
        if found is None:
            return Observed(Action.CREATE, "there is none", outputs)
        changes = self._changes(found)
        if changes:
            return Observed(Action.UPDATE, "; ".join(change.text for change in changes), outputs)
        return Observed(Action.UNCHANGED, "as wanted", outputs)

    def is_done(self, observed: Observed) -> bool:
        """Whether nothing differs."""
        return observed.action is Action.UNCHANGED

    def apply(self, bindings: Bindings, observed: Observed) -> Mapping[str, str]:
        """Create or change it, and look again until nothing differs: others may change a shared budget meanwhile."""
        for number in range(_ROUNDS):
            changes = self._round()
            if not changes:
                return observed.outputs
            self.clock.sleep(_SETTLE_S * number)
        raise AwsError(
            f"Budget {self.wish.name} is still not as wanted after {_ROUNDS} attempts: {'; '.join(changes)}",
            code="budget", hint="Repeat; if it stays, somebody or something else keeps changing the budget.",
        )  # fmt: skip

    def _round(self) -> list[str]:
        found = self.budgets.find(self.wish.name)
        if found is None:
            self.budgets.create(self._wanted(None), self.wish.thresholds, self.wish.email)
            return ["there is none"]
        changes = self._changes(found)
        for change in changes:
            change.do()
        return [change.text for change in changes]

    def _wanted(self, found: Budget | None) -> Budget:
        wish = self.wish
        wanted = Budget(wish.name, wish.amount, wish.tags)
        if not wish.shared:
            return wanted
        kept = found.tags if found else ()
        tags = tuple(dict.fromkeys((*kept, *wish.tags, *self._other_clusters())))
        keep_amount = found is not None and not wish.amount_chosen and found.amount > 0
        amount = found.amount if found is not None and keep_amount else wish.amount
        return replace(wanted, tags=tags, amount=amount, others=found.others if found else {})

    def _other_clusters(self) -> list[str]:
        clusters = (budget for budget in self.budgets.every() if budget.name.startswith("da-"))
        return sorted(tag for budget in clusters for tag in budget.tags if tag.startswith(_COUNTED))

    def _changes(self, found: Budget) -> list[Change]:
        wanted = self._wanted(found)
        texts = []
        if found.amount != wanted.amount:
            texts.append(f"amount {found.amount} USD becomes {wanted.amount} USD")
        if set(found.tags) != set(wanted.tags) or dict(found.others) != dict(wanted.others):
            texts.append(f"filter: {len(wanted.tags)} tag values instead of {len(found.tags)}")
        changes = [Change(", ".join(texts), lambda: self.budgets.update(wanted))] if texts else []
        return changes + self._alert_changes(self.budgets.alerts(found.name))

    def _alert_changes(self, alerts: Mapping[float, tuple[str, ...]]) -> list[Change]:
        name, email, found = self.wish.name, self.wish.email, []
        for threshold in self.wish.thresholds:
            known = alerts.get(threshold)
            if known is None:
                found.append(Change(f"alert at {threshold} % is missing", self._call("add_alert", threshold, email)))
                continue
            if email not in known:
                text = f"alert at {threshold} % does not reach {email}"
                found.append(Change(text, self._call("add_subscriber", threshold, email)))
            for other in known if not self.wish.shared else ():
                if other != email:
                    text = f"alert at {threshold} % of {name} still reaches {other}"
                    found.append(Change(text, self._call("remove_subscriber", threshold, other)))
        return found

    def _call(self, verb: str, threshold: int, email: str) -> Callable[[], None]:
        verbs: dict[str, Callable[[str, float, str], None]] = {
            "add_alert": self.budgets.add_alert,
            "add_subscriber": self.budgets.add_subscriber,
            "remove_subscriber": self.budgets.remove_subscriber,
        }
        return lambda: verbs[verb](self.wish.name, threshold, email)
