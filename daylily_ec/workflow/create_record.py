"""The story of one create run: its record, its journal, and whether an earlier run is to be continued."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from daylily_ec.config.models import ClusterConfig
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import DyecError
from daylily_ec.state.journal import Journal, journal_path
from daylily_ec.state.models import RunRecord, RunStatus
from daylily_ec.state.store import StateStore
from daylily_ec.util.clock import Clock, file_stamp, timestamp
from daylily_ec.version import __version__


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who creates: profile, account, owner (as the tag carries it) and the hash of the configuration."""

    profile: str
    account_id: str
    owner: str
    config_hash: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """The record to go on with (`path` set) or to begin with; `finished` is the newest run when it was completed."""

    record: RunRecord
    path: Path | None = None
    finished: Beginning | None = None

    @property
    def finished_run(self) -> str:
        """Id of the completed run, empty without one."""
        return self.finished.record.run_id if self.finished else ""


def begin(
    store: StateStore, config: ClusterConfig, zone: AvailabilityZone, applicant: Applicant, clock: Clock
) -> Beginning:
    """Continue the newest unfinished run of the same owner, configuration and zone, else begin a new one."""
    found = store.latest(config.cluster_name, zone.region)
    if found is None:
        return Beginning(_new_record(config, zone, applicant, clock))
    path, record = found
    same = (record.owner, record.config_hash, record.region_az) == (applicant.owner, applicant.config_hash, str(zone))
    if same and record.status.is_unfinished:
        return Beginning(record, path)
    finished = Beginning(record, path) if record.status is RunStatus.COMPLETE else None
    return Beginning(_new_record(config, zone, applicant, clock), finished=finished)


def _new_record(config: ClusterConfig, zone: AvailabilityZone, applicant: Applicant, clock: Clock) -> RunRecord:
    now = timestamp(clock.now())
    return RunRecord(
        run_id=secrets.token_hex(8), cluster_name=config.cluster_name, region=zone.region, region_az=zone,
        aws_profile=applicant.profile, account_id=applicant.account_id, owner=applicant.owner,
        config_hash=applicant.config_hash, stamp=file_stamp(clock.local()), started_at=now, updated_at=now,
        dyec_version=__version__, bucket=config.reference_s3_uri.bucket,
        reference_s3_uri=str(config.reference_s3_uri), control_data_s3_uri=str(config.control_data_s3_uri),
        stage_s3_uri=str(config.stage_s3_uri), export_destination_s3_uri=str(config.export_destination_s3_uri),
        keypair=config.ssh_key_name or "", heartbeat_email=config.heartbeat_email,
        heartbeat_schedule_expression=config.heartbeat_schedule,
    )  # fmt: skip


class RunBook:
    """An open record with its journal; both are on disk when a call returns."""

    def __init__(self, store: StateStore, beginning: Beginning, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.record = beginning.record
        self.path = beginning.path or store.create(beginning.record)
        self.journal = Journal(journal_path(self.path), clock)
        self.journal.append("resumed" if beginning.path else "started", run_id=self.record.run_id)

    def save(self, **changes: object) -> None:
        """Replace fields of the record."""
        now = timestamp(self._clock.now())
        changed: RunRecord = replace(self.record, updated_at=now, **changes)  # type: ignore[arg-type]
        self.record = changed
        self._store.save(self.path, changed)

    def fail(self, error: DyecError) -> None:
        """Record the end of a run that cannot be continued."""
        self.journal.append("failed", error=error.message)
        self.save(status=RunStatus.FAILED, failure=error.message)
        error.details["state_path"] = str(self.path)
