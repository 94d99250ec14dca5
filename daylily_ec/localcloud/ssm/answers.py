"""Documents of the answers, in the member names of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from daylily_ec.localcloud.ssm import commands as word
from daylily_ec.localcloud.ssm.commands import Command, Invocation, State, summary
from daylily_ec.localcloud.ssm.inventory import ManagedNode
from daylily_ec.localcloud.ssm.moment import iso, iso_duration
from daylily_ec.localcloud.ssm.output import STDERR_LIMIT, STDOUT_LIMIT, combined, first
from daylily_ec.localcloud.ssm.runcommand import output_directory, output_key

PLUGIN = "aws:runShellScript"
AGENT_VERSION = "3.3.987.0"
PLATFORM = ("Linux", "Ubuntu", "22.04")
_CLOUDWATCH = {"CloudWatchOutputEnabled": False}
_NO_NOTIFICATION: dict[str, Any] = {"NotificationArn": "", "NotificationEvents": [], "NotificationType": ""}
_SHOWN = frozenset({word.SUCCESS, word.FAILED})
"""Statuses with output in GetCommandInvocation (API reference, `StandardOutputContent`)."""


def command_answer(command: Command) -> dict[str, Any]:
    """A `Command`."""
    request, states = command.request, command.states()
    status, details = summary(states)
    errors = sum(state.status == word.FAILED or state.details == word.EXECUTION_TIMED_OUT for state in states)
    undelivered = sum(state.details == word.UNDELIVERABLE for state in states)
    return {
        "CommandId": command.command_id,
        "DocumentName": request.document,
        "DocumentVersion": request.document_version,
        "Comment": request.comment,
        "ExpiresAfter": command.expires.timestamp(),
        "Parameters": request.parameters,
        "InstanceIds": list(request.instance_ids),
        "Targets": list(request.targets),
        "RequestedDateTime": command.requested.timestamp(),
        "Status": status,
        "StatusDetails": details,
        "OutputS3Region": request.scope.region,
        **({"OutputS3BucketName": request.bucket, "OutputS3KeyPrefix": request.prefix} if request.bucket else {}),
        "MaxConcurrency": request.max_concurrency,
        "MaxErrors": request.max_errors,
        "TargetCount": len(states),
        "CompletedCount": sum(state.is_final for state in states),
        "ErrorCount": errors - undelivered,
        "DeliveryTimedOutCount": sum(state.details == word.DELIVERY_TIMED_OUT for state in states),
        "ServiceRole": request.service_role,
        "NotificationConfig": _NO_NOTIFICATION,
        "CloudWatchOutputConfig": _CLOUDWATCH,
        "TimeoutSeconds": request.delivery_timeout,
    }


def invocation_answer(command: Command, invocation: Invocation) -> dict[str, Any]:
    """The answer of `GetCommandInvocation`."""
    state = invocation.state
    shown = state.status in _SHOWN
    return {
        "CommandId": command.command_id,
        "InstanceId": invocation.instance_id,
        "Comment": command.request.comment,
        "DocumentName": command.request.document,
        "DocumentVersion": command.request.document_version,
        "PluginName": PLUGIN,
        "ResponseCode": state.code,
        "ExecutionStartDateTime": iso(state.started) if state.started else "",
        "ExecutionElapsedTime": iso_duration(state.ended - state.started) if state.started and state.ended else "",
        "ExecutionEndDateTime": iso(state.ended) if state.started and state.ended else "",
        "Status": state.status,
        "StatusDetails": state.details,
        "StandardOutputContent": first(state.stdout, STDOUT_LIMIT) if shown else "",
        "StandardOutputUrl": _url(command, invocation, "stdout"),
        "StandardErrorContent": first(state.stderr, STDERR_LIMIT) if shown else "",
        "StandardErrorUrl": _url(command, invocation, "stderr"),
        "CloudWatchOutputConfig": _CLOUDWATCH,
    }


def listed_invocation(
    command: Command, invocation: Invocation, node: ManagedNode | None, details: bool
) -> dict[str, Any]:
    """A `CommandInvocation`, with its plugin when details are wanted."""
    state = invocation.state
    return {
        "CommandId": command.command_id,
        "InstanceId": invocation.instance_id,
        "InstanceName": node.tags.get("Name", "") if node else "",
        "Comment": command.request.comment,
        "DocumentName": command.request.document,
        "DocumentVersion": command.request.document_version,
        "RequestedDateTime": command.requested.timestamp(),
        "Status": state.status,
        "StatusDetails": state.details,
        "StandardOutputUrl": _url(command, invocation, "stdout"),
        "StandardErrorUrl": _url(command, invocation, "stderr"),
        "CommandPlugins": [_plugin(command, invocation, state)] if details else [],
        "ServiceRole": command.request.service_role,
        "NotificationConfig": _NO_NOTIFICATION,
        "CloudWatchOutputConfig": _CLOUDWATCH,
    }


def _plugin(command: Command, invocation: Invocation, state: State) -> dict[str, Any]:
    plugin_status = word.PENDING if state.status == word.DELAYED else state.status
    plugin_status = word.IN_PROGRESS if plugin_status == word.CANCELLING else plugin_status
    bucket = command.request.bucket
    plugin = {
        "Name": PLUGIN,
        "Status": plugin_status,
        "StatusDetails": state.details,
        "ResponseCode": state.code,
        "Output": combined(state.stdout, state.stderr),
        "StandardOutputUrl": _url(command, invocation, "stdout"),
        "StandardErrorUrl": _url(command, invocation, "stderr"),
        "OutputS3Region": command.request.scope.region,
    }
    if bucket:
        plugin |= {"OutputS3BucketName": bucket, "OutputS3KeyPrefix": output_directory(command, invocation)}
    times = {"ResponseStartDateTime": state.started, "ResponseFinishDateTime": state.ended}
    return plugin | {name: moment.timestamp() for name, moment in times.items() if moment is not None}


def _url(command: Command, invocation: Invocation, name: str) -> str:
    bucket, region = command.request.bucket, command.request.scope.region
    return f"https://s3.{region}.amazonaws.com/{bucket}/{output_key(command, invocation, name)}" if bucket else ""


def node_answer(node: ManagedNode) -> dict[str, Any]:
    """An `InstanceInformation`; associations are left out, as for every node without one."""
    kind, name, version = PLATFORM
    return {
        "InstanceId": node.instance_id,
        "PingStatus": ping_status(node),
        "LastPingDateTime": _stamp(node.last_ping),
        "AgentVersion": AGENT_VERSION,
        "IsLatestVersion": True,
        "PlatformType": kind,
        "PlatformName": name,
        "PlatformVersion": version,
        "RegistrationDate": _stamp(node.registered),
        "ResourceType": "EC2Instance",
        "IPAddress": node.private_ip,
        "ComputerName": node.computer_name,
        "SourceId": node.instance_id,
        "SourceType": "AWS::EC2::Instance",
    }


def ping_status(node: ManagedNode) -> str:
    """`Online` or `ConnectionLost`."""
    return "Online" if node.online else "ConnectionLost"


def _stamp(moment: datetime) -> float:
    return round(moment.timestamp(), 3)
