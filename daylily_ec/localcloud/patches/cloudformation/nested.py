"""`AWS::CloudFormation::Stack` inside a stack.

moto has no outputs of nested stacks, names them instead of giving their ARN, and replaces them on every update.
"""

from __future__ import annotations

from typing import Any

from moto.cloudformation.exceptions import UnsupportedAttribute
from moto.cloudformation.models import Stack
from moto.cloudformation.utils import get_stack_from_s3_url

from daylily_ec.localcloud.patches.cloudformation import engine, update
from daylily_ec.localcloud.patches.cloudformation.ledger import CreationCancelled, ledger_of, set_status
from daylily_ec.localcloud.patches.cloudformation.resources import EmbeddedStackFailed
from daylily_ec.localcloud.patches.cloudformation.stacks import backend_of, stack_by_id
from daylily_ec.localcloud.patches.patching import add, replace


def install() -> None:
    """Teach moto's stack to be a resource."""
    replace(Stack, "create_from_cloudformation_json", lambda _original: classmethod(_create))
    replace(Stack, "update_from_cloudformation_json", lambda _original: classmethod(_update))
    replace(Stack, "physical_resource_id", lambda _original: property(lambda stack: stack.stack_id))
    replace(Stack, "delete", lambda _original: _delete)
    add(Stack, "get_cfn_attribute", _attribute)


def _template(properties: dict[str, Any], account_id: str) -> str:
    return get_stack_from_s3_url(properties["TemplateURL"], account_id=account_id, partition="aws")


def _create(
    cls: type[Stack],
    /,
    resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
    **kwargs: Any,
) -> Stack:
    parent, properties = stack_by_id(kwargs["StackId"], account_id, region_name), cloudformation_json["Properties"]
    stack = engine.register(
        backend_of(account_id, region_name),
        resource_name,
        _template(properties, account_id),
        properties.get("Parameters", {}),
        tags=dict(parent.tags),
    )
    vars(stack).update(parent_id=parent.stack_id, root_id=vars(parent).get("root_id", parent.stack_id))
    own, above = ledger_of(stack), ledger_of(parent)
    own.cancelled, own.disable_rollback = above.cancelled, above.disable_rollback
    set_status(stack, "CREATE_IN_PROGRESS", "User Initiated")
    engine.create(stack)
    if above.cancelled.is_set():
        raise CreationCancelled
    if stack.status != "CREATE_COMPLETE":
        raise EmbeddedStackFailed(stack, _first_reason(stack))
    return stack


def _first_reason(stack: Stack) -> str:
    return next(
        (
            event.resource_status_reason or ""
            for event in stack.events
            if event.resource_type == Stack.cloudformation_type()
            and event.resource_status_reason not in (None, "User Initiated")
        ),
        "",
    )


def _update(
    cls: type[Stack],
    /,
    original_resource: Stack,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Stack:
    properties = cloudformation_json["Properties"]
    set_status(original_resource, "UPDATE_IN_PROGRESS", "User Initiated")
    update.apply(original_resource, _template(properties, account_id), properties.get("Parameters", {}), None)
    if original_resource.status != "UPDATE_COMPLETE":
        raise EmbeddedStackFailed(original_resource, _first_reason(original_resource))
    return original_resource


def _delete(self: Stack, account_id: str = "", region_name: str = "") -> None:
    if self.status != "DELETE_COMPLETE":
        set_status(self, "DELETE_IN_PROGRESS", "User Initiated")
        engine.delete(self, frozenset())
    if self.status == "DELETE_FAILED":
        raise EmbeddedStackFailed(self, "it could not be deleted")


def _attribute(self: Stack, attribute_name: str) -> Any:
    scope, _, key = attribute_name.partition(".")
    output = self.output_map[key] if scope == "Outputs" and key in self.output_map.outputs else None
    if output is None:
        raise UnsupportedAttribute(resource="Stack", attr=attribute_name)
    return output.value
