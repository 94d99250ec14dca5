"""The record of a mount: what commands print, and its copy in the local projection.

AWS is the authority.  The file `run_mounts/<region>/<cluster or file system>/<mount id>.json` below the configuration
directory only spares other tools a look-up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from daylily_ec.aws.fsx import Association
from daylily_ec.domain.ids import FileComponent, MountId
from daylily_ec.errors import InvalidValue
from daylily_ec.fsx.policy import PLATFORM_TAG, RUN_ID_TAG, Purpose, mount_id_of, purpose_of
from daylily_ec.util.clock import timestamp
from daylily_ec.util.files import write_atomic
from daylily_ec.util.jsonio import dumps, plain

DELETED = "DELETED"
"""Lifecycle of a mount that FSx no longer knows; only our own records have it."""
LEAVING = "DELETING"
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
        run_id=tags.get(RUN_ID_TAG, mount_id),
        platform=tags.get(PLATFORM_TAG, "OTHER"),
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
    """File of a record below the configuration directory; `InvalidValue` when a name of it is no name of a file."""
    owner = record.cluster_name or record.fsx_file_system_id
    return projection_file(config, record.region, owner, record.mount_id)


def projection_file(config: Path, region: str, owner: str, mount_id: str) -> Path:
    """The same from its parts; `owner` is a cluster or a file system."""
    folder = config / "run_mounts" / FileComponent.parse(region) / FileComponent.parse(owner)
    return folder / f"{MountId.parse(mount_id)}.json"


def known_projection(config: Path, region: str, owners: Iterable[str | None], mount_id: str) -> MountRecord | None:
    """What this machine has noted of a mount id under the first owner that it knows; None without."""
    for owner in filter(None, owners):
        try:
            text = projection_file(config, region, owner, mount_id).read_text(encoding="utf-8")
            return _from_json(json.loads(text))
        except (InvalidValue, OSError, ValueError, TypeError, KeyError):
            continue  # not ours to name, not there, or damaged: FSx knows it all
    return None


def _from_json(document: dict[str, Any]) -> MountRecord:
    known = {field.name: field.type for field in fields(MountRecord)}
    values: dict[str, Any] = {name: document[name] for name in known if name in document}
    if any(not isinstance(value, str) for name, value in values.items() if known[name] == "str"):
        raise ValueError("not a record of a mount")
    values |= {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return MountRecord(**values)


def with_projection(config: Path, record: MountRecord) -> MountRecord:
    """The record with `local_projection_status` telling whether this machine has noted just this association."""
    owners = (record.cluster_name, record.fsx_file_system_id)
    found = known_projection(config, record.region, owners, record.mount_id)
    is_same = found is not None and found.association_id == record.association_id
    return replace(record, local_projection_status="present" if is_same else "missing")


def project(config: Path, record: MountRecord) -> MountRecord:
    """Write the record's file and say so in the record."""
    written = replace(record, local_projection_status="created")
    write_atomic(projection_path(config, record), dumps({**written.to_json(), "schema_version": 1}))
    return written


def forget(config: Path, record: MountRecord) -> MountRecord:
    """Note that the mount is gone; the file stays, as the record of what was there."""
    gone = replace(record, lifecycle=DELETED, reason="", local_projection_status="present")
    try:
        write_atomic(projection_path(config, gone), dumps({**gone.to_json(), "schema_version": 1}))
    except InvalidValue:
        # Somebody else's association, with a name that no file of ours can have.
        return replace(gone, local_projection_status="missing")
    return gone


def purposes(records: tuple[MountRecord, ...], purpose: Purpose | None) -> tuple[MountRecord, ...]:
    """Records of one purpose (all without), by mount id and association."""
    chosen = [record for record in records if purpose is None or record.purpose == purpose]
    return tuple(sorted(chosen, key=lambda record: (record.mount_id, record.association_id)))
