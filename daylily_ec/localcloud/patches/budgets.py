"""Budgets: changing budgets, alerts and subscribers, and pages, all of which moto lacks.

Rules: at most ten alerts per budget, at most ten e-mail addresses and one topic per alert and at least one of them, no
duplicates, not-found for whatever is absent:
https://docs.aws.amazon.com/cost-management/latest/userguide/management-limits.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.budgets.exceptions import DuplicateRecordException, NotFoundException
from moto.budgets.models import Budget, BudgetsBackend, Notification
from moto.budgets.responses import BudgetsResponse
from moto.core.exceptions import JsonRESTError
from moto.core.utils import unix_time

from daylily_ec.localcloud.patches.patching import add, json_action, replace

PAGE = 100
MAX_ALERTS = 10
MAX_SUBSCRIBERS = 11
_KEY = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")


class _Refused(JsonRESTError):
    code = 400


def install() -> None:
    """Complete moto's Budgets."""
    add(BudgetsResponse, "update_budget", json_action(_update_budget))
    add(BudgetsResponse, "describe_subscribers_for_notification", json_action(_describe_subscribers))
    add(BudgetsResponse, "create_subscriber", json_action(_create_subscriber))
    add(BudgetsResponse, "update_subscriber", json_action(_update_subscriber))
    add(BudgetsResponse, "delete_subscriber", json_action(_delete_subscriber))
    add(BudgetsResponse, "update_notification", json_action(_update_notification))
    _instead("describe_budgets", _describe_budgets)
    _instead("describe_notifications_for_budget", _describe_notifications)
    _instead("create_notification", _create_notification)
    _instead("delete_notification", _delete_notification)
    replace(BudgetsBackend, "create_budget", _checked_create)


def _instead(name: str, handler: Callable[[Any, dict[str, Any]], dict[str, Any]]) -> None:
    replace(BudgetsResponse, name, lambda _original: json_action(handler))


def _checked_create(original: Callable[..., None]) -> Callable[..., None]:
    def create(self: Any, account_id: str, budget: dict[str, Any], notifications: list[dict[str, Any]]) -> None:
        for item in notifications:
            _check_subscribers(item.get("Subscribers", []))
        if len(notifications) > MAX_ALERTS:
            raise _Refused("CreationLimitExceededException", f"a budget has at most {MAX_ALERTS} notifications")
        original(self, account_id, budget, notifications)

    return create


def _budget(request: Any, query: dict[str, Any], name: str | None = None) -> Budget:
    wanted = name or query["BudgetName"]
    found: Budget | None = request.backend.budgets[query["AccountId"]].get(wanted)
    if found is None:
        raise NotFoundException(f"Unable to get budget: {wanted} - the budget doesn't exist.")
    return found


def _key(notification: dict[str, Any]) -> tuple[Any, ...]:
    whole = {"ThresholdType": "PERCENTAGE", **notification}
    return tuple(float(whole[name]) if name == "Threshold" else whole[name] for name in _KEY)


def _alert(budget: Budget, wanted: dict[str, Any]) -> Notification:
    found = next((item for item in budget.notifications if _key(item.details) == _key(wanted)), None)
    if found is None:
        raise NotFoundException("Unable to get the notification - the notification doesn't exist.")
    return found


def _check_subscribers(subscribers: list[dict[str, Any]]) -> None:
    if not 1 <= len(subscribers) <= MAX_SUBSCRIBERS:
        raise _Refused("InvalidParameterException", f"a notification has 1 to {MAX_SUBSCRIBERS} subscribers")
    for one in subscribers:
        if one["SubscriptionType"] == "EMAIL" and "@" not in one["Address"]:
            raise _Refused("InvalidParameterException", f"{one['Address']} is no e-mail address")


def _page(query: dict[str, Any], key: str, rows: list[Any]) -> dict[str, Any]:
    start, size = int(query.get("NextToken") or 0), int(query.get("MaxResults") or PAGE)
    page: dict[str, Any] = {key: rows[start : start + size]}
    return {**page, "NextToken": str(start + size)} if start + size < len(rows) else page


def _describe_budgets(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    return _page(query, "Budgets", [one.to_dict() for one in request.backend.budgets[query["AccountId"]].values()])


def _describe_notifications(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    rows = [{"NotificationState": "OK", **item.details} for item in _budget(request, query).notifications]
    return _page(query, "Notifications", rows)


def _describe_subscribers(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    return _page(query, "Subscribers", list(_alert(_budget(request, query), query["Notification"]).subscribers))


def _update_budget(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    new = query["NewBudget"]
    kept = _budget(request, query, new["BudgetName"])
    if "BudgetLimit" not in new and "PlannedBudgetLimits" not in new:
        raise _Refused("InvalidParameterException", "Unable to update budget - please provide a budget limit")
    kept.budget = {"TimePeriod": kept.budget["TimePeriod"], **new, "LastUpdatedTime": unix_time()}
    return {}


def _create_notification(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    budget, wanted = _budget(request, query), query["Notification"]
    _check_subscribers(query["Subscribers"])
    if any(_key(item.details) == _key(wanted) for item in budget.notifications):
        raise DuplicateRecordException("notification", str(wanted["Threshold"]))
    if len(budget.notifications) >= MAX_ALERTS:
        raise _Refused("CreationLimitExceededException", f"a budget has at most {MAX_ALERTS} notifications")
    budget.add_notification(wanted, query["Subscribers"])
    return {}


def _update_notification(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    _alert(_budget(request, query), query["OldNotification"]).details = query["NewNotification"]
    return {}


def _delete_notification(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    budget = _budget(request, query)
    budget.notifications.remove(_alert(budget, query["Notification"]))
    return {}


def _subscribers(request: Any, query: dict[str, Any]) -> list[Any]:
    # moto calls it a mapping; it is the list of the request.
    known: Any = _alert(_budget(request, query), query["Notification"]).subscribers
    found: list[Any] = known
    return found


def _create_subscriber(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    known, wanted = _subscribers(request, query), query["Subscriber"]
    if wanted in known:
        raise DuplicateRecordException("subscriber", wanted["Address"])
    _check_subscribers([*known, wanted])
    known.append(wanted)
    return {}


def _update_subscriber(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    known, old, new = _subscribers(request, query), query["OldSubscriber"], query["NewSubscriber"]
    if new in known:
        raise DuplicateRecordException("subscriber", new["Address"])
    known[_position(known, old)] = new
    return {}


def _delete_subscriber(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    known = _subscribers(request, query)
    position = _position(known, query["Subscriber"])
    if len(known) == 1:
        raise _Refused("InvalidParameterException", "a notification needs at least one subscriber")
    del known[position]
    return {}


def _position(known: list[Any], wanted: dict[str, Any]) -> int:
    if wanted not in known:
        raise NotFoundException(f"Unable to get the subscriber {wanted['Address']} - it doesn't exist.")
    return known.index(wanted)
