"""What the engine knows of each stack beside moto's own records: order of creation, status and reason per resource."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from moto.cloudformation.models import Event, Stack
from moto.core.utils import utcnow

WORKER_SECONDS = 30.0
"""How long an emptied account waits for a stack's worker to notice."""


class CreationCancelled(Exception):
    """The stack is being deleted, or the account emptied, while it is still being created."""

    def __init__(self) -> None:
        super().__init__("Resource creation cancelled")


@dataclass(frozen=True, slots=True)
class ResourceRecord:
    """One resource of a stack as DescribeStackResources shows it."""

    logical_id: str
    type: str
    physical_id: str
    status: str
    reason: str | None
    timestamp: datetime

    @property
    def exists(self) -> bool:
        """Whether DeleteStack has to remove it."""
        return bool(self.physical_id) and not self.status.startswith("DELETE_")


@dataclass(slots=True)
class Ledger:
    """One stack's book."""

    records: dict[str, ResourceRecord] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    """Logical ids of existing resources in the order in which they were created."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    worker: threading.Thread | None = None
    disable_rollback: bool = False
    delete_on_failure: bool = False
    token: str | None = None

    def check(self) -> None:
        """Raise CreationCancelled when the stack is not wanted any more."""
        if self.cancelled.is_set():
            raise CreationCancelled


_ledgers: dict[str, Ledger] = {}


def ledger_of(stack: Stack) -> Ledger:
    """The book of a stack, opened on first use."""
    return _ledgers.setdefault(stack.stack_id, Ledger())


def all_ledgers() -> Iterator[Ledger]:
    """Every book, also of deleted stacks."""
    yield from list(_ledgers.values())


def forget_all() -> None:
    """Stop all work on stacks and close all books."""
    working = [ledger.worker for ledger in all_ledgers() if ledger.worker is not None]
    for ledger in all_ledgers():
        ledger.cancelled.set()
    for worker in working:
        worker.join(WORKER_SECONDS)
    _ledgers.clear()


def note(
    stack: Stack,
    logical_id: str,
    kind: str,
    status: str,
    *,
    physical_id: str = "",
    reason: str | None = None,
    properties: Any = None,
) -> None:
    """Record a resource's new status and add the stack event that tells of it."""
    records = ledger_of(stack).records
    record = ResourceRecord(logical_id, kind, physical_id, status, reason, utcnow())
    previous = records.get(logical_id)
    if previous is not None and not physical_id:
        record = replace(record, physical_id=previous.physical_id)
    records[logical_id] = record
    stack.events.append(
        Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=logical_id,
            physical_resource_id=record.physical_id,
            resource_type=kind,
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=None if properties is None else json.dumps(properties, default=str),
        )
    )


def set_status(stack: Any, status: str, reason: str | None = None) -> None:
    """Move a stack to a status, with its event; readers see the event before the status."""
    stack._add_stack_event(status, resource_status_reason=reason)
    stack.stack_status_reason = reason
    stack.status = status
