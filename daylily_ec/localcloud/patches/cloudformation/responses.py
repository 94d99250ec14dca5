"""CloudFormation requests and answers: options that moto drops, statuses and pages that it makes up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from daylily_ec.localcloud.patches.cloudformation.engine import CreationOptions, options
from daylily_ec.localcloud.patches.cloudformation.ledger import ResourceRecord, ledger_of
from daylily_ec.localcloud.patches.patching import add, replace

EVENTS_PER_PAGE = 100


def install() -> None:
    """Extend moto's CloudFormation responses."""
    replace(CloudFormationResponse, "create_stack", _with(_creation_options))
    replace(CloudFormationResponse, "delete_stack", _with(_deletion_options))
    add(CloudFormationResponse, "update_termination_protection", _protect)
    replace(CloudFormationResponse, "describe_stack_events", lambda _original: _describe_stack_events)
    replace(CloudFormationResponse, "describe_stack_resource", lambda _original: _describe_stack_resource)
    replace(CloudFormationResponse, "describe_stack_resources", lambda _original: _describe_stack_resources)
    replace(CloudFormationResponse, "list_stack_resources", lambda _original: _list_stack_resources)


Handler = Callable[[Any], Any]


def _with(read: Callable[[Any], CreationOptions]) -> Callable[[Handler], Handler]:
    def make(original: Handler) -> Handler:
        def handler(self: Any) -> Any:
            with options(read(self)):
                return original(self)

        return handler

    return make


def _creation_options(request: Any) -> CreationOptions:
    on_failure = request._get_param("OnFailure")
    if on_failure and request._get_param("DisableRollback") is not None:
        raise ValidationError(message="Only one of DisableRollback or OnFailure may be specified")
    return CreationOptions(
        disable_rollback=bool(request._get_bool_param("DisableRollback", False)) or on_failure == "DO_NOTHING",
        delete_on_failure=on_failure == "DELETE",
        token=request._get_param("ClientRequestToken"),
    )


def _deletion_options(request: Any) -> CreationOptions:
    return CreationOptions(retain=frozenset(request._get_param("RetainResources", [])))


def _protect(self: Any) -> ActionResult:
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = bool(self._get_bool_param("EnableTerminationProtection", False))
    return ActionResult({"StackId": stack.stack_id})


def _describe_stack_events(self: Any) -> ActionResult:
    events = self.cloudformation_backend.describe_stack_events(self._get_param("StackName"))[::-1]
    start = int(self._get_param("NextToken") or 0)
    following = start + EVENTS_PER_PAGE
    page = {"StackEvents": events[start:following]}
    return ActionResult({**page, "NextToken": str(following)} if following < len(events) else page)


def _records(self: Any) -> tuple[Stack, list[ResourceRecord]]:
    backend: CloudFormationBackend = self.cloudformation_backend
    name = self._get_param("StackName") or self._get_param("PhysicalResourceId")
    stack = backend.get_stack(name)
    return stack, list(ledger_of(stack).records.values())


def _shown(stack: Stack, record: ResourceRecord) -> dict[str, Any]:
    return {
        "StackName": stack.name,
        "StackId": stack.stack_id,
        "LogicalResourceId": record.logical_id,
        "PhysicalResourceId": record.physical_id or None,
        "ResourceType": record.type,
        "Timestamp": record.timestamp,
        "LastUpdatedTimestamp": record.timestamp,
        "ResourceStatus": record.status,
        "ResourceStatusReason": record.reason,
    }


def _describe_stack_resource(self: Any) -> ActionResult:
    wanted = self._get_param("LogicalResourceId")
    stack, records = _records(self)
    for record in records:
        if record.logical_id == wanted:
            return ActionResult({"StackResourceDetail": _shown(stack, record)})
    raise ValidationError(stack.name, f"Resource {wanted} does not exist for stack {stack.name}")


def _describe_stack_resources(self: Any) -> ActionResult:
    wanted = self._get_param("LogicalResourceId")
    stack, records = _records(self)
    return ActionResult(
        {"StackResources": [_shown(stack, record) for record in records if wanted in (None, record.logical_id)]}
    )


def _list_stack_resources(self: Any) -> ActionResult:
    stack, records = _records(self)
    return ActionResult({"StackResourceSummaries": [_shown(stack, record) for record in records]})
