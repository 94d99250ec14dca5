"""Machines that a cluster may start."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Purchase(StrEnum):
    """How capacity is bought; the words of `CapacityType`."""

    ONDEMAND = "ONDEMAND"
    SPOT = "SPOT"
    CAPACITY_BLOCK = "CAPACITY_BLOCK"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines of one kind: the head node (`queue` empty), or a compute resource at its MaxCount.

    ParallelCluster starts any mix of `instance_types`, so a bound takes the largest of them for every node.
    """

    queue: str
    compute_resource: str
    purchase: Purchase
    instance_types: tuple[str, ...]
    count: int
    spot_price: float | None = None
    minimum: int = 0

    @property
    def name(self) -> str:
        """`head node` or `queue/compute resource`."""
        return f"{self.queue}/{self.compute_resource}" if self.queue else "head node"
