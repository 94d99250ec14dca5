"""EventBridge Scheduler: schedules that publish a text to a topic.

Mutations: `create` carries a client token made from the schedule's content and the run that wants it, and the name is
unique in its group; `update` replaces the whole schedule; `delete` of an absent schedule succeeds.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext, Client, aws_code
from daylily_ec.errors import AwsError

GROUP = "default"
_ABSENT = "ResourceNotFoundException"
_CONFLICT = "ConflictException"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When (`rate(...)`, `cron(...)` or `at(...)`, UTC) which text goes to which topic with which role.

    `once`: AWS removes the schedule after it has fired.
    """

    name: str
    expression: str
    topic_arn: str
    role_arn: str
    message: str
    once: bool = False


class SchedulesApi(Protocol):
    """The calls the product makes."""

    def find(self, name: str) -> Schedule | None:
        """The enabled schedule; None when there is none, with an empty expression when it is disabled."""

    def create(self, schedule: Schedule, run_id: str) -> bool:
        """Create it; False when the name is taken."""

    def update(self, schedule: Schedule) -> None:
        """Replace the schedule of that name."""

    def delete(self, name: str) -> None:
        """Remove it; an absent one is fine."""


class Schedules:
    """`SchedulesApi` through boto3, in the default group."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    @property
    def _client(self) -> Client:
        return self._context.client("scheduler")

    def find(self, name: str) -> Schedule | None:
        try:
            raw = self._client.call("get_schedule", Name=name, GroupName=GROUP)
        except AwsError as error:
            if aws_code(error) == _ABSENT:
                return None
            raise
        return _schedule(raw)

    def create(self, schedule: Schedule, run_id: str) -> bool:
        try:
            self._client.call("create_schedule", **_body(schedule), ClientToken=token(schedule, run_id))
        except AwsError as error:
            if aws_code(error) == _CONFLICT:
                return False
            raise
        return True

    def update(self, schedule: Schedule) -> None:
        self._client.call("update_schedule", **_body(schedule))

    def delete(self, name: str) -> None:
        try:
            self._client.call("delete_schedule", Name=name, GroupName=GROUP)
        except AwsError as error:
            if aws_code(error) != _ABSENT:
                raise


def token(schedule: Schedule, run_id: str) -> str:
    """The client token: the same for the same schedule of the same run, another for a later cluster of the name."""
    text = "\x00".join([run_id, *map(str, astuple(schedule))])
    return "dyec-" + hashlib.sha256(text.encode()).hexdigest()[:40]


def _body(schedule: Schedule) -> dict[str, Any]:
    return {
        "Name": schedule.name,
        "GroupName": GROUP,
        "ScheduleExpression": schedule.expression,
        "State": "ENABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE" if schedule.once else "NONE",
        "Target": {"Arn": schedule.topic_arn, "RoleArn": schedule.role_arn, "Input": schedule.message},
    }


def _schedule(raw: dict[str, Any]) -> Schedule:
    target = raw["Target"]
    enabled = raw.get("State", "ENABLED") == "ENABLED"
    return Schedule(
        raw["Name"], raw["ScheduleExpression"] if enabled else "", target["Arn"], target["RoleArn"],
        target.get("Input", ""), raw.get("ActionAfterCompletion") == "DELETE",
    )  # fmt: skip
