"""Updating stacks and executing change sets, in the background and with rollback.

moto updates inside the call, removes before it adds, and turns a resource whose type cannot change into nothing.
"""

from __future__ import annotations

from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.core.utils import utcnow

from daylily_ec.localcloud.patches.cloudformation import engine
from daylily_ec.localcloud.patches.cloudformation.graph import creation_order
from daylily_ec.localcloud.patches.cloudformation.ledger import ledger_of, set_status
from daylily_ec.localcloud.patches.cloudformation.resources import (
    ResourceFailed,
    create_resource,
    is_wanted,
    update_resource,
)
from daylily_ec.localcloud.patches.cloudformation.stacks import live_stack
from daylily_ec.localcloud.patches.patching import replace

UPDATABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})


def install() -> None:
    """Take updates over from moto."""
    replace(CloudFormationBackend, "update_stack", lambda _original: _update_stack)
    replace(CloudFormationBackend, "execute_change_set", lambda _original: _execute_change_set)


def _update_stack(
    self: CloudFormationBackend,
    name: str,
    template: str,
    role_arn: str | None,
    parameters: list[dict[str, Any]],
    tags: dict[str, str] | None,
) -> Stack:
    stack = live_stack(self, name)
    if stack is None:
        raise ValidationError(name)
    if stack.status not in UPDATABLE:
        raise ValidationError(message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")
    resolved = self._resolve_update_parameters(instance=stack, incoming_params=parameters) or dict(stack.parameters)
    if stack.has_template(template) and resolved == stack.parameters and tags in (None, stack.tags):
        raise ValidationError(message="No updates are to be performed.")
    engine.check_template(stack.parse_template(template))
    set_status(stack, "UPDATE_IN_PROGRESS", "User Initiated")
    engine.start_worker(ledger_of(stack), lambda: apply(stack, template, resolved, tags), f"update {stack.name}")
    return stack


def _execute_change_set(self: CloudFormationBackend, change_set_name: str, stack_name: str | None = None) -> None:
    change_set = self.describe_change_set(change_set_name)
    if change_set is None:
        raise ValidationError(change_set_name)
    stack = self.stacks[change_set.stack_id]
    if change_set.execution_status != "AVAILABLE":
        raise ValidationError(
            message=f"ChangeSet [{change_set.change_set_id}] cannot be executed "
            f"in its current status of [{change_set.status}]"
        )
    change_set.execution_status = "EXECUTE_COMPLETE"
    if change_set.change_set_type == "CREATE":
        stack.template, stack.parameters = change_set.template, change_set.parameters
        _read_template(stack)
        engine.start_creation(stack)
        return
    set_status(stack, "UPDATE_IN_PROGRESS", "User Initiated")
    engine.start_worker(
        ledger_of(stack),
        lambda: apply(stack, change_set.template, change_set.parameters, change_set.tags),
        f"update {stack.name}",
    )


def _read_template(stack: Stack) -> None:
    known = stack.resource_map._parsed_resources
    stack._parse_template()
    stack.description = stack.template_dict.get("Description")
    stack.resource_map = stack._create_resource_map()
    stack.resource_map._parsed_resources.update(
        {name: known[name] for name in ledger_of(stack).created if name in known}
    )
    stack.output_map = stack._create_output_map()


def apply(stack: Stack, template: str, parameters: dict[str, Any], tags: dict[str, str] | None) -> None:
    """Bring a stack to a template, in this thread; on failure bring it back."""
    before = (str(stack.template), dict(stack.parameters), dict(stack.tags))
    existing = list(ledger_of(stack).created)
    try:
        _move(stack, template, parameters, tags)
    except ResourceFailed as failure:
        set_status(stack, "UPDATE_ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to update: [{failure}]. ")
        _return(stack, before, existing)
        return
    vars(stack)["last_updated_time"] = utcnow()
    set_status(stack, "UPDATE_COMPLETE")


def _move(stack: Stack, template: str, parameters: dict[str, Any], tags: dict[str, str] | None) -> None:
    old = stack.resource_map._resource_json_map
    changes = stack.resource_map.build_resource_diff(stack.parse_template(template), parameters)
    stack.template, stack.parameters = template, parameters
    stack.tags = stack.tags if tags is None else tags
    _read_template(stack)
    for logical_id in creation_order(stack.template_dict["Resources"]):
        exists = logical_id in ledger_of(stack).created
        if not exists and is_wanted(stack, logical_id):
            create_resource(stack, logical_id)
        elif exists and logical_id in changes["Modify"]:
            update_resource(stack, logical_id)
    gone = [name for name in ledger_of(stack).created if name not in stack.template_dict["Resources"]]
    if gone:
        set_status(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        engine.delete_resources(stack, gone, old)


def _return(stack: Stack, before: tuple[str, dict[str, Any], dict[str, str]], existing: list[str]) -> None:
    ledger, definitions = ledger_of(stack), stack.resource_map._resource_json_map
    added = [name for name in ledger.created if name not in existing]
    touched = [name for name, record in ledger.records.items() if record.status in ("UPDATE_COMPLETE", "UPDATE_FAILED")]
    failed = engine.delete_resources(stack, added, definitions)
    stack.template, stack.parameters, stack.tags = before
    _read_template(stack)
    for logical_id in [name for name in existing if name in touched]:
        try:
            update_resource(stack, logical_id)
        except ResourceFailed:
            failed.append(logical_id)
    set_status(stack, "UPDATE_ROLLBACK_FAILED" if failed else "UPDATE_ROLLBACK_COMPLETE")
