"""CloudFormation: stacks, their events and resources.

Mutation: `create` carries a client request token made from the stack's name and template, so a repeated call within
CloudFormation's window returns the same stack; afterwards the unique name refuses a second one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext, aws_code
from daylily_ec.errors import AwsError
from daylily_ec.util.clock import timestamp

_USABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack as it is now."""

    name: str
    stack_id: str
    status: str
    reason: str = ""
    created_at: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_usable(self) -> bool:
        """Whether its resources exist as a template describes them."""
        return self.status in _USABLE

    @property
    def is_in_progress(self) -> bool:
        """Whether it is still changing towards being usable."""
        return self.status.endswith("_IN_PROGRESS") and "ROLLBACK" not in self.status and "DELETE" not in self.status


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One line of a stack's history."""

    event_id: str
    at: str
    resource: str
    resource_type: str
    status: str
    reason: str = ""
    physical_id: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether this resource failed by itself, rather than being cancelled because another one did."""
        return self.status.endswith("_FAILED") and "cancelled" not in self.reason.lower()

    def __str__(self) -> str:
        return f"{self.resource} ({self.resource_type}) {self.status}: {self.reason or 'no reason given'}"


@dataclass(frozen=True, slots=True)
class StackRequest:
    """What to create."""

    name: str
    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]


class StacksApi(Protocol):
    """The calls the product makes."""

    def find(self, name: str) -> Stack | None:
        """The stack, None when there is no such stack."""

    def create(self, request: StackRequest) -> str:
        """Start creating a stack; returns its id."""

    def events(self, name: str, after: str = "") -> tuple[StackEvent, ...]:
        """Events newer than the event id `after`, oldest first."""


class Stacks:
    """`StacksApi` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    def find(self, name: str) -> Stack | None:
        try:
            found = self._context.client("cloudformation").call("describe_stacks", StackName=name)["Stacks"]
        except AwsError as error:
            if aws_code(error) == "ValidationError" and "does not exist" in str(error.details.get("aws_message")):
                return None
            raise
        return _stack(found[0]) if found else None

    def create(self, request: StackRequest) -> str:
        answer = self._context.client("cloudformation").call(
            "create_stack", StackName=request.name, TemplateBody=request.template,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in request.parameters.items()],
            Tags=[{"Key": key, "Value": value} for key, value in request.tags.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"], ClientRequestToken=_token(request),
        )  # fmt: skip
        return str(answer["StackId"])

    def events(self, name: str, after: str = "") -> tuple[StackEvent, ...]:
        raw: Iterator[dict[str, Any]] = self._context.client("cloudformation").pages(
            "describe_stack_events", "StackEvents", StackName=name
        )
        new = takewhile(lambda event: event["EventId"] != after, raw)
        return tuple(_event(event) for event in new)[::-1]


def _token(request: StackRequest) -> str:
    text = "\x00".join([request.name, request.template, *(f"{k}={v}" for k, v in sorted(request.parameters.items()))])
    return "dyec-" + hashlib.sha256(text.encode()).hexdigest()[:40]


def _stack(raw: dict[str, Any]) -> Stack:
    created = raw["CreationTime"]
    return Stack(
        name=raw["StackName"],
        stack_id=raw["StackId"],
        status=raw["StackStatus"],
        reason=raw.get("StackStatusReason", ""),
        created_at=timestamp(created) if isinstance(created, datetime) else str(created),
        outputs={item["OutputKey"]: item["OutputValue"] for item in raw.get("Outputs", [])},
        tags={item["Key"]: item["Value"] for item in raw.get("Tags", [])},
    )


def _event(raw: dict[str, Any]) -> StackEvent:
    return StackEvent(
        event_id=raw["EventId"],
        at=timestamp(raw["Timestamp"]),
        resource=raw.get("LogicalResourceId", ""),
        resource_type=raw.get("ResourceType", ""),
        status=raw.get("ResourceStatus", ""),
        reason=raw.get("ResourceStatusReason", ""),
        physical_id=raw.get("PhysicalResourceId", ""),
    )
