"""Finding stacks."""

from __future__ import annotations

from moto.cloudformation.models import CloudFormationBackend, Stack, cloudformation_backends


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
