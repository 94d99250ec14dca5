"""Systems Manager Run Command.

Mutations: `send` has no idempotency token at AWS; the caller puts a token into the command itself, so that a command
delivered twice runs once (see `headnode.ssm`).  `cancel` of a command that has ended changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from daylily_ec.aws.context import AwsContext, aws_code
from daylily_ec.errors import AwsError

DOCUMENT = "AWS-RunShellScript"
MAX_COMMENT = 100
"""Longest comment SendCommand accepts (characters)."""
MIN_EXECUTION_S = 5
"""The agent takes a smaller execution timeout for its default of an hour."""
STDOUT_LIMIT = 24_000
STDERR_LIMIT = 8_000
"""GetCommandInvocation returns only the first characters of either output."""


class CommandStatus(StrEnum):
    """Status of an invocation."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    DELAYED = "Delayed"
    CANCELLING = "Cancelling"
    SUCCESS = "Success"
    CANCELLED = "Cancelled"
    TIMED_OUT = "TimedOut"
    FAILED = "Failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self in (self.SUCCESS, self.CANCELLED, self.TIMED_OUT, self.FAILED)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One command on one instance; `status_details` is AWS's finer word, such as `DeliveryTimedOut`."""

    command_id: str
    status: CommandStatus
    status_details: str
    exit_code: int
    stdout: str
    stderr: str


class SsmApi(Protocol):
    """The calls the product makes."""

    def ping(self, instance_id: str) -> str:
        """`Online`, `ConnectionLost`, `Inactive`, or an empty text when the instance is not registered."""

    def send(self, instance_id: str, command: str, *, comment: str, delivery_s: int, execution_s: int) -> str:
        """Send one shell command; its id.  `delivery_s` bounds the delivery, `execution_s` the execution."""

    def invocation(self, command_id: str, instance_id: str) -> Invocation | None:
        """The invocation, None while it does not exist yet."""

    def cancel(self, command_id: str, instance_id: str) -> None:
        """Ask to stop the command."""


class Ssm:
    """`SsmApi` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._client = context.client("ssm")

    def ping(self, instance_id: str) -> str:
        filters = [{"Key": "InstanceIds", "Values": [instance_id]}]
        listed = self._client.call("describe_instance_information", Filters=filters)["InstanceInformationList"]
        return str(listed[0]["PingStatus"]) if listed else ""

    def send(self, instance_id: str, command: str, *, comment: str, delivery_s: int, execution_s: int) -> str:
        answer = self._client.call(
            "send_command",
            InstanceIds=[instance_id],
            DocumentName=DOCUMENT,
            Comment=comment[:MAX_COMMENT],
            TimeoutSeconds=max(delivery_s, 30),
            Parameters={"commands": [command], "executionTimeout": [str(max(execution_s, MIN_EXECUTION_S))]},
        )
        return str(answer["Command"]["CommandId"])

    def invocation(self, command_id: str, instance_id: str) -> Invocation | None:
        try:
            seen = self._client.call("get_command_invocation", CommandId=command_id, InstanceId=instance_id)
        except AwsError as error:
            if aws_code(error) == "InvocationDoesNotExist":
                return None
            raise
        return Invocation(
            command_id=command_id,
            status=CommandStatus(seen["Status"]),
            status_details=seen.get("StatusDetails", seen["Status"]),
            exit_code=int(seen.get("ResponseCode", -1)),
            stdout=seen.get("StandardOutputContent", ""),
            stderr=seen.get("StandardErrorContent", ""),
        )

    def cancel(self, command_id: str, instance_id: str) -> None:
        self._client.call("cancel_command", CommandId=command_id, InstanceIds=[instance_id])
