"""Creating, changing and removing one resource of a stack, with its events."""

from __future__ import annotations

import copy
import inspect
import logging
import uuid
from collections.abc import Mapping
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import Stack
from moto.core.exceptions import ServiceException
from moto.ec2.models import ec2_backends
from moto.ec2.models.core import TaggedEC2Resource

from daylily_ec.localcloud.patches.cloudformation.ledger import CreationCancelled, ledger_of, note
from daylily_ec.localcloud.patches.cloudformation.waiting import WaitFailed

_log = logging.getLogger(__name__)


class ResourceFailed(Exception):
    """One resource could not be created, changed or removed; `args[0]` is its logical id."""


class EmbeddedStackFailed(Exception):
    """A nested stack did not come up; it exists and has to be removed like any resource."""

    def __init__(self, stack: Stack, reason: str) -> None:
        super().__init__(f"Embedded stack {stack.stack_id} was not successfully created: {reason}")
        self.stack = stack


def is_wanted(stack: Stack, logical_id: str) -> bool:
    """Whether the resource's condition, if any, holds."""
    condition = stack.resource_map._resource_json_map[logical_id].get("Condition")
    return condition is None or bool(stack.resource_map.lazy_condition_map[condition])


def create_resource(stack: Stack, logical_id: str) -> None:
    """Create one resource of the stack.

    Raises ResourceFailed, CreationCancelled.
    """
    if not is_wanted(stack, logical_id):
        return
    ledger, definition = ledger_of(stack), copy.deepcopy(stack.resource_map._resource_json_map[logical_id])
    kind, properties = definition["Type"], parsing.clean_json(definition.get("Properties", {}), stack.resource_map)
    note(stack, logical_id, kind, "CREATE_IN_PROGRESS", properties=properties)
    try:
        resource: Any = parsing.parse_and_create_resource(
            logical_id, definition, stack.resource_map, account_id=stack.account_id, region_name=stack.region_name
        )
        _tag(stack, logical_id, resource, properties)
    except CreationCancelled as error:
        note(stack, logical_id, kind, "CREATE_FAILED", reason=str(error), properties=properties)
        raise
    except Exception as error:
        if isinstance(error, EmbeddedStackFailed):
            _keep(stack, logical_id, kind, error.stack)
        note(stack, logical_id, kind, "CREATE_FAILED", reason=_reason(error), properties=properties)
        raise ResourceFailed(logical_id) from error
    _keep(stack, logical_id, kind, resource)
    ledger.check()
    note(stack, logical_id, kind, "CREATE_COMPLETE", physical_id=physical_id(resource), properties=properties)


def update_resource(stack: Stack, logical_id: str) -> None:
    """Bring one existing resource to the stack's new template; a type that cannot change keeps what it is.

    Raises ResourceFailed.
    """
    definition = copy.deepcopy(stack.resource_map._resource_json_map[logical_id])
    kind, old = definition["Type"], stack.resource_map._parsed_resources[logical_id]
    note(stack, logical_id, kind, "UPDATE_IN_PROGRESS")
    try:
        changed = parsing.parse_and_update_resource(
            logical_id, definition, stack.resource_map, account_id=stack.account_id, region_name=stack.region_name
        )
    except Exception as error:
        note(stack, logical_id, kind, "UPDATE_FAILED", reason=_reason(error))
        raise ResourceFailed(logical_id) from error
    resource = old if changed is None else changed
    stack.resource_map._parsed_resources[logical_id] = resource
    note(stack, logical_id, kind, "UPDATE_COMPLETE", physical_id=physical_id(resource))


def delete_resource(stack: Stack, logical_id: str, definition: Mapping[str, Any]) -> None:
    """Remove one resource, or leave it when its deletion policy says so.

    Raises ResourceFailed.
    """
    kind, parsed = definition["Type"], stack.resource_map._parsed_resources
    resource = parsed.get(logical_id)
    if definition.get("DeletionPolicy") == "Retain":
        note(stack, logical_id, kind, "DELETE_SKIPPED")
    elif resource is not None:
        note(stack, logical_id, kind, "DELETE_IN_PROGRESS")
        try:
            _remove(resource, parsing.clean_json(dict(definition), stack.resource_map), stack)
        except Exception as error:
            note(stack, logical_id, kind, "DELETE_FAILED", reason=_reason(error))
            raise ResourceFailed(logical_id) from error
        note(stack, logical_id, kind, "DELETE_COMPLETE")
    parsed.pop(logical_id, None)
    ledger_of(stack).created.remove(logical_id)


def physical_id(resource: Any) -> str:
    """The physical id that CloudFormation shows for a resource of moto."""
    return str(getattr(resource, "physical_resource_id", "") or "")


def _keep(stack: Stack, logical_id: str, kind: str, resource: Any) -> None:
    resource.cf_resource_type, resource.logical_resource_id = kind, logical_id
    stack.resource_map._parsed_resources[logical_id] = resource
    ledger_of(stack).created.append(logical_id)


def _tag(stack: Stack, logical_id: str, resource: Any, properties: dict[str, Any]) -> None:
    if not isinstance(resource, TaggedEC2Resource):
        return
    own = properties.get("Tags", [])
    tags = {
        **stack.tags,
        **{tag["Key"]: tag["Value"] for tag in own if "Key" in tag},
        "aws:cloudformation:stack-name": stack.name,
        "aws:cloudformation:stack-id": stack.stack_id,
        "aws:cloudformation:logical-id": logical_id,
    }
    ec2_backends[stack.account_id][stack.region_name].create_tags([physical_id(resource)], tags)


def _remove(resource: Any, definition: dict[str, Any], stack: Stack) -> None:
    where = (stack.account_id, stack.region_name)
    delete = getattr(resource, "delete", None)
    by_class = type(resource).delete_from_cloudformation_json
    if delete is not None and _accepts(delete, *where):
        delete(*where)
    elif not hasattr(by_class, "__isabstractmethod__"):
        by_class(physical_id(resource), definition, *where)
    elif delete is not None and _accepts(delete):
        delete()
    else:
        _log.warning("no way to remove a %s", definition["Type"])


def _accepts(function: Any, *arguments: object) -> bool:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    return True


def _reason(error: Exception) -> str:
    if isinstance(error, WaitFailed | EmbeddedStackFailed | CreationCancelled):
        return str(error)
    if not isinstance(error, ServiceException):
        _log.error("resource failed", exc_info=error)
    message = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
    return (
        f'Resource handler returned message: "{message}" '
        f"(RequestToken: {uuid.uuid4()}, HandlerErrorCode: GeneralServiceException)"
    )
