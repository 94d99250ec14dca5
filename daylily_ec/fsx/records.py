"""The record of a mount: what commands print, and its copy in the local projection.

AWS is the authority.  The file `run_mounts/<region>/<cluster or file system>/<mount id>.json` below the configuration
directory only spares other tools a look-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from daylily_ec.aws.fsx import Association
from daylily_ec.domain.ids import MountId
from daylily_ec.errors import InvalidValue
from daylily_ec.fsx.policy import Purpose, mount_id_of, purpose_of
from daylily_ec.util.clock import timestamp
from daylily_ec.util.files import write_atomic
from daylily_ec.util.jsonio import dumps, plain

_OPTIONAL = ("profile_hint", "created_by", "tags", "warnings", "outcome", "reason")


@dataclass(frozen=True, slots=True)
class MountRecord:
    """One mount; times are UTC ISO 8601, `created_at` is FSx's own."""

    mount_id: str
    purpose: str
    run_id: str
    platform: str
    cluster_name: str | None
    region: str
    source_s3_uri: str
    fsx_file_system_id: str
    file_system_path: str
    headnode_path: str
    association_id: str
    lifecycle: str
    read_only: bool
    data_repository_path: str
    auto_import_events: tuple[str, ...]
    auto_export_events: tuple[str, ...]
    batch_import_metadata_on_create: bool
    created_at: str
    updated_at: str
    local_projection_status: str = "unknown"
    profile_hint: str = ""
    created_by: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    outcome: str = ""
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """All names of the contract; the optional ones only when they say something."""
        values = {name: plain(getattr(self, name)) for name in self.__slots__}
        return {name: value for name, value in values.items() if value or name not in _OPTIONAL}


def record_of(association: Association, *, cluster: str | None, region: str, now: datetime) -> MountRecord:
    """What FSx knows of a mount; ids and platform come from its tags, so every operator sees the same."""
    tags = dict(association.tags)
    mount_id = mount_id_of(association)
    return MountRecord(
        mount_id=mount_id,
        purpose=str(purpose_of(association)),
        run_id=tags.get("dyec:mount-run-id", mount_id),
        platform=tags.get("dyec:platform", "OTHER"),
        cluster_name=cluster or tags.get("dyec:cluster"),
        region=region,
        source_s3_uri=str(association.source),
        fsx_file_system_id=association.file_system_id,
        file_system_path=association.path.value,
        headnode_path=f"{association.path.on_node}/",
        association_id=association.id,
        lifecycle=str(association.lifecycle),
        read_only=not association.auto_export and tags.get("dyec:read-only", "true") == "true",
        data_repository_path=str(association.source),
        auto_import_events=association.auto_import,
        auto_export_events=association.auto_export,
        batch_import_metadata_on_create=association.batch_import,
        created_at=timestamp(association.created_at or now),
        updated_at=timestamp(now),
        created_by=tags.get("dyec:created-by", ""),
        tags=tags,
        reason=association.reason,
    )


def projection_path(config: Path, record: MountRecord) -> Path:
    """File of a record below the configuration directory."""
    owner = record.cluster_name or record.fsx_file_system_id
    return config / "run_mounts" / record.region / owner / f"{MountId.parse(record.mount_id)}.json"


def with_projection(config: Path, record: MountRecord) -> MountRecord:
    """The record with `local_projection_status` telling whether its file exists."""
    try:
        known = projection_path(config, record).exists()
    except InvalidValue:  # somebody else's association with a name that no file of ours can have
        return record
    return replace(record, local_projection_status="present" if known else "missing")


def project(config: Path, record: MountRecord) -> MountRecord:
    """Write the record's file and say so in the record."""
    written = replace(record, local_projection_status="created")
    write_atomic(projection_path(config, record), dumps({**written.to_json(), "schema_version": 1}))
    return written


def purposes(records: tuple[MountRecord, ...], purpose: Purpose | None) -> tuple[MountRecord, ...]:
    """Records of one purpose (all without), by mount id and association."""
    chosen = [record for record in records if purpose is None or record.purpose == purpose]
    return tuple(sorted(chosen, key=lambda record: (record.mount_id, record.association_id)))
