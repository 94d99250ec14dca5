"""The operations: request document in, answer document out.  `list_command_invocations`, `cancel_command` and
`describe_instance_information` are missing in moto, the others are replaced."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from moto.ssm.responses import SimpleSystemManagerResponse

from daylily_ec.localcloud.patches.patching import add, json_action, replace
from daylily_ec.localcloud.ssm import commands as word
from daylily_ec.localcloud.ssm.answers import (
    AGENT_VERSION,
    PLATFORM,
    PLUGIN,
    command_answer,
    invocation_answer,
    listed_invocation,
    node_answer,
    ping_status,
)
from daylily_ec.localcloud.ssm.commands import Command, summary
from daylily_ec.localcloud.ssm.errors import constraint, error
from daylily_ec.localcloud.ssm.inventory import Inventory, ManagedNode, Scope
from daylily_ec.localcloud.ssm.objects import bucket_exists
from daylily_ec.localcloud.ssm.request import read_send
from daylily_ec.localcloud.ssm.runcommand import RunCommand

Query = dict[str, Any]
Item = TypeVar("Item")
MAX_PAGE = 50
_COMMAND_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def install(service: RunCommand, inventory: Inventory) -> None:
    """Answer the Run Command operations."""
    operations = Operations(service, inventory)
    response = SimpleSystemManagerResponse
    replace(response, "send_command", lambda _original: _action(operations.send))
    replace(response, "get_command_invocation", lambda _original: _action(operations.invocation))
    replace(response, "list_commands", lambda _original: _action(operations.commands))
    add(response, "list_command_invocations", _action(operations.invocations))
    add(response, "cancel_command", _action(operations.cancel))
    add(response, "describe_instance_information", _action(operations.nodes))


def _action(handler: Callable[[Scope, Query], dict[str, Any]]) -> Callable[[Any], str]:
    def scoped(request: Any, query: Query) -> dict[str, Any]:
        return handler(Scope(request.current_account, request.region), query)

    return json_action(scoped)


class Operations:
    """Run Command as its API; every method takes the account and the request document."""

    def __init__(self, service: RunCommand, inventory: Inventory) -> None:
        self._service = service
        self._inventory = inventory

    def send(self, scope: Scope, query: Query) -> dict[str, Any]:
        """SendCommand."""
        command = self._service.send(read_send(query, scope, self._inventory, bucket_exists))
        started = {"Status": word.PENDING, "StatusDetails": word.PENDING, "CompletedCount": 0, "ErrorCount": 0}
        return {"Command": command_answer(command) | started | {"DeliveryTimedOutCount": 0}}

    def invocation(self, scope: Scope, query: Query) -> dict[str, Any]:
        """GetCommandInvocation."""
        command = self._service.get(scope, _command_id(query) or "")
        found = command.invocation(str(query.get("InstanceId"))) if command else None
        if command is None or found is None or not self._service.is_visible(command):
            raise error("InvocationDoesNotExist")
        if query.get("PluginName", PLUGIN) != PLUGIN:
            raise error("InvalidPluginName")
        return invocation_answer(command, found)

    def commands(self, scope: Scope, query: Query) -> dict[str, Any]:
        """ListCommands."""
        rows = [command_answer(command) for command in self._chosen(scope, query) if self._fits(command, query)]
        return _page(query, "Commands", rows)

    def invocations(self, scope: Scope, query: Query) -> dict[str, Any]:
        """ListCommandInvocations."""
        wanted, details = query.get("InstanceId"), bool(query.get("Details"))
        rows = [
            listed_invocation(command, item, self._inventory.find(scope, item.instance_id), details)
            for command in self._chosen(scope, query)
            for item in command.invocations
            if wanted in (None, item.instance_id) and _passes(query, command, item.state.status)
        ]
        return _page(query, "CommandInvocations", rows)

    def _chosen(self, scope: Scope, query: Query) -> list[Command]:
        command_id, instance_id = _command_id(query), query.get("InstanceId")
        return [
            command
            for command in self._service.visible(scope)
            if command_id in (None, command.command_id)
            and (instance_id is None or command.invocation(instance_id) is not None)
        ]

    def _fits(self, command: Command, query: Query) -> bool:
        return _passes(query, command, summary(command.states())[0])

    def cancel(self, scope: Scope, query: Query) -> dict[str, Any]:
        """CancelCommand."""
        command = self._service.get(scope, _command_id(query) or "")
        if command is None:
            raise error("InvalidCommandId")
        wanted = tuple(str(item) for item in query.get("InstanceIds", []))
        if any(command.invocation(item) is None for item in wanted):
            raise error("InvalidInstanceId", "The command was not sent to this instance.")
        self._service.cancel(command, wanted)
        return {}

    def nodes(self, scope: Scope, query: Query) -> dict[str, Any]:
        """DescribeInstanceInformation."""
        rules = [(item["Key"], item["Values"]) for item in query.get("Filters", [])]
        rules += [(item["key"], item["valueSet"]) for item in query.get("InstanceInformationFilterList", [])]
        rows = [node_answer(node) for node in self._inventory.nodes(scope) if _node_fits(node, rules)]
        return _page(query, "InstanceInformationList", rows)


def _command_id(query: Query) -> str | None:
    given = query.get("CommandId")
    if given is not None and not _COMMAND_ID.fullmatch(str(given)):
        raise error("InvalidCommandId")
    return given


def _page(query: Query, key: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    size = int(query.get("MaxResults") or MAX_PAGE)
    if not 1 <= size <= MAX_PAGE:
        raise constraint("maxResults", size, f"have value less than or equal to {MAX_PAGE}")
    try:
        start = int(query.get("NextToken") or 0)
    except ValueError:
        raise error("InvalidNextToken", "The specified token isn't valid.") from None
    following = {"NextToken": str(start + size)} if start + size < len(rows) else {}
    return {key: rows[start : start + size], **following}


def _passes(query: Query, command: Command, status: str) -> bool:
    return all(_passes_filter(item["key"], str(item["value"]), command, status) for item in query.get("Filters", []))


def _passes_filter(key: str, value: str, command: Command, status: str) -> bool:
    tests: Mapping[str, Callable[[], bool]] = {
        "InvokedAfter": lambda: command.requested >= _moment(value),
        "InvokedBefore": lambda: command.requested < _moment(value),
        "Status": lambda: status == value,
        "ExecutionStage": lambda: (status in word.FINAL) == (value == "Complete"),
        "DocumentName": lambda: command.request.document == value,
    }
    if key not in tests:
        raise error("InvalidFilterKey", f"The filter key {key} isn't valid.")
    return tests[key]()


def _moment(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        raise error("ValidationException", f"{value} is no date and time in ISO 8601.") from None


def _node_fits(node: ManagedNode, rules: list[tuple[str, list[str]]]) -> bool:
    return all(_node_passes(node, key, values) for key, values in rules)


def _node_passes(node: ManagedNode, key: str, values: list[str]) -> bool:
    if key.startswith("tag:"):
        return node.tags.get(key.removeprefix("tag:")) in values
    if key == "tag-key":
        return not node.tags.keys().isdisjoint(values)
    known = {
        "InstanceIds": node.instance_id,
        "PingStatus": ping_status(node),
        "AgentVersion": AGENT_VERSION,
        "PlatformTypes": PLATFORM[0],
        "ResourceType": "EC2Instance",
        "IamRole": None,
        "ActivationIds": None,
        "AssociationStatus": None,
    }
    if key not in known:
        raise error("InvalidFilterKey", f"The filter key {key} isn't valid.")
    return known[key] in values
