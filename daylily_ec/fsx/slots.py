"""Who uses the association slots of a file system: mounts, exports, and what the cluster began with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daylily_ec.aws.fsx import Association
from daylily_ec.domain.fsxpath import ANALYSIS_ROOT
from daylily_ec.fsx import policy
from daylily_ec.util.clock import timestamp

MAX_ASSOCIATIONS = 8
"""Per file system, FAILED ones included: https://docs.aws.amazon.com/fsx/latest/LustreGuide/limits.html"""


@dataclass(frozen=True, slots=True)
class Slot:
    """One taken slot; `used_by` is a mount's purpose, `export` or `startup`, `created_at` empty when not known."""

    association_id: str
    used_by: str
    name: str
    lifecycle: str
    file_system_path: str
    data_repository_path: str
    created_by: str = ""
    created_at: str = ""
    reason: str = ""

    def __str__(self) -> str:
        who = f" by {self.created_by}" if self.created_by else ""
        state = "" if self.lifecycle == "AVAILABLE" else f", {self.lifecycle}"
        return f"{self.association_id} {self.name} ({self.used_by}{who}{state})"


def slot_of(association: Association) -> Slot:
    """The slot that an association takes; never fails, whatever its tags and paths hold."""
    return Slot(
        association_id=association.id,
        used_by=_use(association),
        name=_name(association),
        lifecycle=str(association.lifecycle),
        file_system_path=association.path.value,
        data_repository_path=str(association.source),
        created_by=association.tags.get("dyec:created-by", ""),
        created_at=timestamp(association.created_at) if association.created_at else "",
        reason=association.reason,
    )


def slots_of(associations: Sequence[Association]) -> tuple[Slot, ...]:
    """Every taken slot, by path and association."""
    return tuple(sorted(map(slot_of, associations), key=lambda slot: (slot.file_system_path, slot.association_id)))


def _use(association: Association) -> str:
    if policy.is_startup(association):
        return "startup"
    return str(policy.purpose_of(association)) if policy.is_mount(association) else "export"


def _name(association: Association) -> str:
    if policy.is_mount(association):
        return policy.mount_id_of(association)
    return association.path.value.removeprefix(ANALYSIS_ROOT).strip("/") or association.path.value
