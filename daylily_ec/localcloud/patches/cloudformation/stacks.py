"""Finding stacks."""

from __future__ import annotations

from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend, Stack, cloudformation_backends

from daylily_ec.localcloud.patches.patching import replace


def install() -> None:
    """Let stacks be described while others come and go in their own threads."""

    def with_copies(_: Any) -> Any:
        def describe_stacks(self: CloudFormationBackend, name_or_stack_id: str) -> list[Stack]:
            # In this order: a stack that is being deleted is in both for a moment.
            live, gone = self.stacks.copy(), self.deleted_stacks.copy()
            if not name_or_stack_id:
                return list(live.values())
            for stack in live.values():
                if name_or_stack_id in (stack.name, stack.stack_id):
                    return [stack]
            if name_or_stack_id in gone:
                return [gone[name_or_stack_id]]
            raise ValidationError(name_or_stack_id)

        return describe_stacks

    replace(CloudFormationBackend, "describe_stacks", with_copies)


def backend_of(account_id: str, region_name: str) -> CloudFormationBackend:
    """moto's CloudFormation store of one account and region."""
    return cloudformation_backends[account_id][region_name]


def stack_by_id(stack_id: str, account_id: str, region_name: str) -> Stack:
    """A stack, also a deleted one.

    Raises KeyError.
    """
    backend = backend_of(account_id, region_name)
    return backend.stacks.get(stack_id) or backend.deleted_stacks[stack_id]


def live_stack(backend: CloudFormationBackend, name_or_id: str) -> Stack | None:
    """The undeleted stack of that name or id."""
    return next((stack for stack in list(backend.stacks.values()) if name_or_id in (stack.name, stack.stack_id)), None)
