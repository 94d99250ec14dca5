"""Creating and deleting stacks, each in a thread of its own.

Statuses, their order and their reasons follow
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudformation.utils import generate_stack_id
from moto.core.utils import utcnow

from daylily_ec.localcloud.patches.cloudformation.graph import CircularDependency, creation_order, unresolved
from daylily_ec.localcloud.patches.cloudformation.ledger import (
    CreationCancelled,
    Ledger,
    forget_all,
    ledger_of,
    set_status,
)
from daylily_ec.localcloud.patches.cloudformation.resources import ResourceFailed, create_resource, delete_resource
from daylily_ec.localcloud.patches.cloudformation.stacks import backend_of, live_stack
from daylily_ec.localcloud.patches.patching import replace
from daylily_ec.localcloud.runtime import current

_log = logging.getLogger(__name__)
DELETION_SECONDS = 0.5
"""Least time that a deletion takes: pcluster asks for the stack again after it has asked for its deletion."""
READABLE_OUTPUTS = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"})


@dataclass(frozen=True, slots=True)
class CreationOptions:
    """Parameters of CreateStack and DeleteStack that moto does not read."""

    disable_rollback: bool = False
    delete_on_failure: bool = False
    token: str | None = None
    retain: frozenset[str] = frozenset()


_naming = threading.RLock()
"""A stack's name is unique from the look for it to its registration; the template is read in between."""
_options: ContextVar[CreationOptions] = ContextVar("options")


@contextmanager
def options(chosen: CreationOptions) -> Iterator[None]:
    """Options of the request that is being answered."""
    token = _options.set(chosen)
    try:
        yield
    finally:
        _options.reset(token)


def install() -> None:
    """Take creation and deletion of stacks over from moto."""
    replace(CloudFormationBackend, "create_stack", lambda _original: _create_stack)
    replace(CloudFormationBackend, "delete_stack", lambda _original: _delete_stack)
    replace(Stack, "outputs", _outputs_when_complete)
    current().resets.append(forget_all)


def _outputs_when_complete(original: Any) -> Any:
    return property(lambda stack: original.fget(stack) if stack.status in READABLE_OUTPUTS else None)


def _create_stack(
    self: CloudFormationBackend, name: str, template: str, parameters: dict[str, Any], **details: Any
) -> Stack:
    with _naming:
        return _create_if_absent(self, name, template, parameters, **details)


def _create_if_absent(
    backend: CloudFormationBackend, name: str, template: str, parameters: dict[str, Any], **details: Any
) -> Stack:
    chosen = _options.get(CreationOptions())
    existing = live_stack(backend, name)
    if existing is not None:
        if chosen.token and ledger_of(existing).token == chosen.token:
            return existing
        raise AlreadyExistsException(f"Stack [{name}] already exists")
    stack = register(backend, name, template, parameters, **details)
    ledger = ledger_of(stack)
    ledger.disable_rollback, ledger.delete_on_failure, ledger.token = (
        chosen.disable_rollback,
        chosen.delete_on_failure,
        chosen.token,
    )
    start_creation(stack)
    return stack


def register(
    backend: CloudFormationBackend, name: str, template: str, parameters: dict[str, Any], **details: Any
) -> Stack:
    """A new stack whose template is sound and whose resources do not exist yet.

    Raises ValidationError.
    """
    # The two methods that make it abstract are never called on stacks.
    make: Any = Stack
    stack: Stack = make(
        stack_id=generate_stack_id(name, backend.region_name, backend.account_id),
        name=name,
        template=template,
        parameters=parameters,
        account_id=backend.account_id,
        region_name=backend.region_name,
        cross_stack_resources=backend.exports,
        **details,
    )
    check_template(stack.template_dict)
    stack.status = "CREATE_IN_PROGRESS"  # nobody may see moto's CREATE_PENDING
    backend.stacks[stack.stack_id] = stack
    return stack


def check_template(template: Mapping[str, Any]) -> None:
    """Refuse references to nothing and circles, with CloudFormation's words.

    Raises ValidationError.
    """
    resources = template["Resources"]
    names = unresolved(resources, [*resources, *template.get("Parameters", {})])
    if names:
        raise ValidationError(
            message=f"Template format error: Unresolved resource dependencies [{', '.join(names)}] "
            "in the Resources block of the template"
        )
    try:
        creation_order(resources)
    except CircularDependency as error:
        raise ValidationError(message=f"Circular dependency between resources: [{error}]") from error


def start_creation(stack: Stack) -> None:
    """Begin to create the resources of a registered stack."""
    set_status(stack, "CREATE_IN_PROGRESS", "User Initiated")
    start_worker(ledger_of(stack), lambda: create(stack), f"create {stack.name}")


def start_worker(ledger: Ledger, work: Callable[[], None], name: str) -> None:
    """Run the stack's next operation in the background."""

    def guarded() -> None:
        try:
            work()
        except Exception:
            _log.exception("%s", name)

    ledger.worker = threading.Thread(target=guarded, name=name, daemon=True)
    ledger.worker.start()


def create(stack: Stack) -> None:
    """Create all resources; on failure do what the stack's failure option says."""
    ledger = ledger_of(stack)
    try:
        for logical_id in creation_order(stack.template_dict["Resources"]):
            ledger.check()
            create_resource(stack, logical_id)
    except CreationCancelled:
        return
    except ResourceFailed as failure:
        _after_failure(stack, f"The following resource(s) failed to create: [{failure}]. ")
        return
    _publish_exports(stack)
    set_status(stack, "CREATE_COMPLETE")


def _publish_exports(stack: Stack) -> None:
    exports = backend_of(stack.account_id, stack.region_name).exports
    exports.update({export.name: export for export in stack.exports})


def _after_failure(stack: Stack, reason: str) -> None:
    ledger = ledger_of(stack)
    if ledger.disable_rollback:
        set_status(stack, "CREATE_FAILED", reason)
    elif ledger.delete_on_failure:
        set_status(stack, "DELETE_IN_PROGRESS", f"{reason}Delete requested by user.")
        delete(stack, frozenset())
    else:
        set_status(stack, "ROLLBACK_IN_PROGRESS", f"{reason}Rollback requested by user.")
        failed = delete_resources(stack, list(ledger.created), stack.template_dict["Resources"])
        set_status(stack, "ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE", _deletion_reason(failed))


def delete_resources(stack: Stack, created: Iterable[str], definitions: Mapping[str, Any]) -> list[str]:
    """Remove resources in reverse order of creation; returns those that could not be removed."""
    failed = []
    for logical_id in reversed(list(created)):
        try:
            delete_resource(stack, logical_id, definitions[logical_id])
        except ResourceFailed:
            failed.append(logical_id)
    return failed


def _deletion_reason(failed: list[str]) -> str | None:
    return f"The following resource(s) failed to delete: [{', '.join(failed)}]. " if failed else None


def _delete_stack(self: CloudFormationBackend, name_or_stack_id: str) -> None:
    stack = live_stack(self, name_or_stack_id)
    if stack is None or stack.status == "DELETE_IN_PROGRESS":
        return
    if stack.enable_termination_protection:
        raise ValidationError(message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
    retain = _options.get(CreationOptions()).retain
    ledger = ledger_of(stack)
    before = ledger.worker
    ledger.cancelled.set()
    set_status(stack, "DELETE_IN_PROGRESS", "User Initiated")

    def work() -> None:
        if before is not None:
            before.join()
        time.sleep(DELETION_SECONDS)
        delete(stack, retain)

    start_worker(ledger, work, f"delete {stack.name}")


def delete(stack: Stack, retain: frozenset[str]) -> None:
    """Remove the resources of a stack and then the stack, in this thread.

    A stack that keeps a resource ends as DELETE_FAILED and can be deleted again.
    """
    backend = backend_of(stack.account_id, stack.region_name)
    definitions = stack.resource_map._resource_json_map
    kept = {name: {**definitions[name], "DeletionPolicy": "Retain"} for name in retain if name in definitions}
    failed = delete_resources(stack, list(ledger_of(stack).created), {**definitions, **kept})
    if failed:
        set_status(stack, "DELETE_FAILED", _deletion_reason(failed))
        return
    for name in [name for name, export in backend.exports.items() if export.exporting_stack_id == stack.stack_id]:
        del backend.exports[name]
    vars(stack)["deletion_time"] = utcnow()
    set_status(stack, "DELETE_COMPLETE")
    if stack.stack_id in backend.stacks:
        backend.deleted_stacks[stack.stack_id] = stack
        del backend.stacks[stack.stack_id]
