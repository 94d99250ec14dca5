"""AWS Budgets: monthly cost budgets, their alerts and the people who get them.

Mutations: a budget is created with its alerts and subscribers in one call and has a unique name in the account, so a
second `create` is refused by AWS and read as "exists"; `update` replaces the whole budget; alerts and subscribers are
unique by their content, so adding one that exists or removing one that is gone changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext, Client, aws_code
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import AwsError

GLOBAL_BUDGET = "daylily-global"
PROJECT_TAG = "aws-parallelcluster-project"
CLUSTER_TAG = "aws-parallelcluster-clustername"

_ABSENT = "NotFoundException"
_DUPLICATE = "DuplicateRecordException"
_TAGS = "TagKeyValue"
_COST_TYPES = {
    "IncludeTax": True,
    "IncludeSubscription": True,
    "UseBlended": False,
    "IncludeRefund": True,
    "IncludeCredit": True,
    "IncludeUpfront": True,
    "IncludeRecurring": True,
    "IncludeOtherSubscription": True,
    "IncludeSupport": True,
    "IncludeDiscount": True,
}


def cluster_budget_name(zone: AvailabilityZone, cluster: str) -> str:
    """`da-<zone>-<cluster>`: name of the cluster's budget, value of its project tag, first column of its TSV row."""
    return f"da-{zone}-{cluster}"


def tag_filter(tag: str, value: str) -> str:
    """One value of a budget's tag filter, as AWS writes it: `user:<tag>$<value>`."""
    return f"user:{tag}${value}"


@dataclass(frozen=True, slots=True)
class Budget:
    """A monthly cost budget in USD; `tags` are the values of its tag filter, `others` its further filters."""

    name: str
    amount: Decimal
    tags: tuple[str, ...]
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)
    spent: Decimal = Decimal(0)


class BudgetsApi(Protocol):
    """The calls the product makes."""

    def find(self, name: str) -> Budget | None:
        """The budget, None when AWS says that there is none of that name."""

    def every(self) -> tuple[Budget, ...]:
        """Every budget of the account, all pages."""

    def create(self, budget: Budget, thresholds: Sequence[int], email: str) -> bool:
        """Create it with an alert at each threshold (percent of actual cost); False when the name is taken."""

    def update(self, budget: Budget) -> None:
        """Set amount and filters; the budget's period stays."""

    def alerts(self, name: str) -> dict[float, tuple[str, ...]]:
        """Addresses by threshold of the alerts on actual cost, all pages."""

    def add_alert(self, name: str, threshold: float, email: str) -> None:
        """Add an alert with its first subscriber."""

    def add_subscriber(self, name: str, threshold: float, email: str) -> None:
        """Add an address to an alert."""

    def remove_subscriber(self, name: str, threshold: float, email: str) -> None:
        """Take an address from an alert."""


class Budgets:
    """`BudgetsApi` through boto3, in the caller's account."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    @property
    def _client(self) -> Client:
        return self._context.client("budgets")

    def _of(self, name: str) -> dict[str, str]:
        return {"AccountId": self._context.identity().account_id, "BudgetName": name}

    def _raw(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._client.call("describe_budget", **self._of(name))["Budget"]
        except AwsError as error:
            if aws_code(error) == _ABSENT:
                return None
            raise
        return found

    def find(self, name: str) -> Budget | None:
        raw = self._raw(name)
        return None if raw is None else _budget(raw)

    def every(self) -> tuple[Budget, ...]:
        account = self._context.identity().account_id
        return tuple(map(_budget, self._client.pages("describe_budgets", "Budgets", AccountId=account)))

    def create(self, budget: Budget, thresholds: Sequence[int], email: str) -> bool:
        alerts = [
            {"Notification": _notification(threshold), "Subscribers": [_subscriber(email)]} for threshold in thresholds
        ]
        return self._unless(
            _DUPLICATE, "create_budget", AccountId=self._context.identity().account_id, Budget=_body(budget),
            NotificationsWithSubscribers=alerts,
        )  # fmt: skip

    def update(self, budget: Budget) -> None:
        period = (self._raw(budget.name) or {}).get("TimePeriod")
        body = {**_body(budget), **({"TimePeriod": period} if period else {})}
        self._client.call("update_budget", AccountId=self._context.identity().account_id, NewBudget=body)

    def alerts(self, name: str) -> dict[float, tuple[str, ...]]:
        found = self._client.pages("describe_notifications_for_budget", "Notifications", **self._of(name))
        return {item["Threshold"]: self._addresses(name, item["Threshold"]) for item in found if _is_ours(item)}

    def _addresses(self, name: str, threshold: float) -> tuple[str, ...]:
        found = self._client.pages(
            "describe_subscribers_for_notification", "Subscribers", **self._of(name),
            Notification=_notification(threshold),
        )  # fmt: skip
        return tuple(item["Address"] for item in found if item["SubscriptionType"] == "EMAIL")

    def add_alert(self, name: str, threshold: float, email: str) -> None:
        self._unless(
            _DUPLICATE, "create_notification", **self._of(name), Notification=_notification(threshold),
            Subscribers=[_subscriber(email)],
        )  # fmt: skip

    def add_subscriber(self, name: str, threshold: float, email: str) -> None:
        self._unless(
            _DUPLICATE, "create_subscriber", **self._of(name), Notification=_notification(threshold),
            Subscriber=_subscriber(email),
        )  # fmt: skip

    def remove_subscriber(self, name: str, threshold: float, email: str) -> None:
        self._unless(
            _ABSENT, "delete_subscriber", **self._of(name), Notification=_notification(threshold),
            Subscriber=_subscriber(email),
        )  # fmt: skip

    def _unless(self, code: str, operation: str, **params: Any) -> bool:
        """Whether the call changed something; False when AWS answers with `code`."""
        try:
            self._client.call(operation, **params)
        except AwsError as error:
            if aws_code(error) == code:
                return False
            raise
        return True


def _notification(threshold: float) -> dict[str, Any]:
    return {
        "NotificationType": "ACTUAL",
        "ComparisonOperator": "GREATER_THAN",
        "Threshold": float(threshold),
        "ThresholdType": "PERCENTAGE",
    }


def _is_ours(raw: Mapping[str, Any]) -> bool:
    # AWS leaves ThresholdType out when it is a percentage, the default.
    wanted = {**_notification(raw["Threshold"]), "ThresholdType": raw.get("ThresholdType", "PERCENTAGE")}
    return wanted["ThresholdType"] == "PERCENTAGE" and all(
        raw.get(key) == value for key, value in wanted.items() if key != "ThresholdType"
    )


def _subscriber(email: str) -> dict[str, str]:
    return {"SubscriptionType": "EMAIL", "Address": email}


def _body(budget: Budget) -> dict[str, Any]:
    return {
        "BudgetName": budget.name,
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": str(budget.amount), "Unit": "USD"},
        "CostFilters": {**{key: list(values) for key, values in budget.others.items()}, _TAGS: list(budget.tags)},
        "CostTypes": _COST_TYPES,
    }


def _budget(raw: dict[str, Any]) -> Budget:
    filters = dict(raw.get("CostFilters") or {})
    tags = tuple(filters.pop(_TAGS, ()))
    # A planned or self-adjusting budget has no fixed limit: it differs from every amount.
    limit = raw.get("BudgetLimit", {}).get("Amount", "-1")
    spent = raw.get("CalculatedSpend", {}).get("ActualSpend", {}).get("Amount", "0")
    return Budget(raw["BudgetName"], Decimal(limit), tags, filters, Decimal(spent))
