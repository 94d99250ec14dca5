"""EventBridge Scheduler: what AWS refuses, and calls that are repeated with the same client token.

moto takes any expression and any role, forgets ActionAfterCompletion in an update and does not know client tokens:
https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend, Schedule
from moto.scheduler.responses import EventBridgeSchedulerResponse

from daylily_ec.localcloud.patches.patching import replace

_NAME = re.compile(r"[0-9A-Za-z_.-]{1,64}")
_RATE = re.compile(r"rate\((\d+) (minutes?|hours?|days?)\)")
_CRON = re.compile(r"cron\(\S+( \S+){5}\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_SERVICE = "scheduler.amazonaws.com"


def install() -> None:
    """Make moto's Scheduler refuse what AWS refuses."""
    replace(EventBridgeSchedulerResponse, "create_schedule", _create)
    replace(EventBridgeSchedulerResponse, "update_schedule", _update)
    replace(EventBridgeSchedulerResponse, "get_schedule", _get)


def _create(original: Callable[[Any], str]) -> Callable[[Any], str]:
    def create(self: Any) -> str:
        name = self.uri.split("?")[0].split("/")[-1]
        repeated = _repeated(self, name)
        if repeated is not None:
            return json.dumps({"ScheduleArn": repeated.arn})
        _check(self, name)
        answer = original(self)
        _schedule(self, name).client_token = self._get_param("ClientToken")
        return answer

    return create


def _repeated(self: Any, name: str) -> Any:
    token = self._get_param("ClientToken")
    group = self.scheduler_backend.get_schedule_group(self._get_param("GroupName"))
    known = group.schedules.get(name)
    return known if token and known is not None and getattr(known, "client_token", None) == token else None


def _update(original: Callable[[Any], str]) -> Callable[[Any], str]:
    def update(self: Any) -> str:
        name = self.uri.split("?")[0].split("/")[-1]
        known = _schedule(self, name)
        _check(self, name)
        answer = original(self)
        known.state = known.state or "ENABLED"
        known.action_after_completion = self._get_param("ActionAfterCompletion")
        return answer

    return update


def _get(original: Callable[[Any], str]) -> Callable[[Any], str]:
    def get(self: Any) -> str:
        found = {key: value for key, value in json.loads(original(self)).items() if value is not None}
        return json.dumps({"ActionAfterCompletion": "NONE", **found})

    return get


def _schedule(self: Any, name: str) -> Any:
    backend: EventBridgeSchedulerBackend = self.scheduler_backend
    found: Schedule = backend.get_schedule(self._get_param("GroupName"), name)
    return found


def _check(self: Any, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValidationException(f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint")
    expression = self._get_param("ScheduleExpression") or ""
    if not _is_expression(expression):
        raise ValidationException(f"Invalid Schedule Expression {expression}.")
    if not _may_assume(self.current_account, self.partition, self._get_param("Target")["RoleArn"]):
        raise ValidationException(
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
        )


def _is_expression(text: str) -> bool:
    rate, at = _RATE.fullmatch(text), _AT.fullmatch(text)
    if rate:
        return int(rate[1]) > 0
    if at:
        try:
            datetime.fromisoformat(at[1])
        except ValueError:
            return False
        return True
    return _CRON.fullmatch(text) is not None


def _may_assume(account: str, partition: str, role_arn: str) -> bool:
    try:
        role = iam_backends[account][partition].get_role_by_arn(role_arn)
    except NotFoundException:
        return False
    document = json.loads(role.assume_role_policy_document)
    statements = document.get("Statement", [])
    rows = statements if isinstance(statements, list) else [statements]
    return any(_SERVICE in json.dumps(row.get("Principal", {})) for row in rows if row.get("Effect") == "Allow")
