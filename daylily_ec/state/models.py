"""The record of one create run, and its strict reading."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from daylily_ec.errors import CorruptFile

SCHEMA_VERSION = 2
_ADDED = {
    2: ("repo_overrides", "rollback_on_failure", "resume_command", "support_bundle_path", "ttl_schedule_name"),
}
"""Fields that a version brought; records of earlier ones have their defaults."""


class RunStatus(StrEnum):
    """How far a run came.  STARTED: nothing submitted yet; SUBMITTED: ParallelCluster accepted the cluster.

    DELETED: the cluster was proved gone.
    """

    STARTED = "STARTED"
    SUBMITTED = "SUBMITTED"
    STOPPED = "STOPPED"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"
    DELETED = "DELETED"

    @property
    def is_unfinished(self) -> bool:
        """Whether running the same command again continues this run."""
        return self in (RunStatus.STARTED, RunStatus.SUBMITTED, RunStatus.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """Everything a later command needs to know of a run; times are UTC, paths local, empty text means unknown."""

    run_id: str
    cluster_name: str
    region: str
    region_az: str
    aws_profile: str
    account_id: str
    owner: str
    config_hash: str
    stamp: str
    started_at: str
    updated_at: str
    status: RunStatus = RunStatus.STARTED
    schema_version: int = SCHEMA_VERSION
    dyec_version: str = ""
    pcluster_version: str = ""
    bucket: str = ""
    reference_s3_uri: str = ""
    control_data_s3_uri: str = ""
    stage_s3_uri: str = ""
    export_destination_s3_uri: str = ""
    keypair: str = ""
    public_subnet_id: str = ""
    private_subnet_id: str = ""
    policy_arn: str = ""
    boot_uri: str = ""
    global_budget_name: str = ""
    cluster_budget_name: str = ""
    heartbeat_topic_arn: str = ""
    heartbeat_schedule_name: str = ""
    heartbeat_role_arn: str = ""
    heartbeat_email: str = ""
    heartbeat_schedule_expression: str = ""
    ttl_schedule_name: str = ""
    init_template_path: str = ""
    cluster_yaml_path: str = ""
    resolved_cli_config_path: str = ""
    next_run_path: str = ""
    preflight_report_path: str = ""
    cfn_stack_name: str = ""
    cluster_stack_id: str = ""
    head_node_instance_id: str = ""
    head_node_ip: str = ""
    fsx_ids: tuple[str, ...] = ()
    association_ids: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    post_create_warnings: tuple[str, ...] = ()
    next_command: str = ""
    failure: str = ""
    repo_overrides: tuple[str, ...] = ()
    """`key:ref` for `dyec headnode configure`; creation does not apply them."""
    rollback_on_failure: str = ""
    """`yes` or `no`: what the operator chose."""
    resume_command: str = ""
    support_bundle_path: str = ""


_FIELDS = {field.name: str(field.type) for field in dataclasses.fields(RunRecord)}


def record_from_json(document: Any, source: str) -> RunRecord:
    """The record, or `CorruptFile` that names `source` and the first thing wrong with it."""
    if not isinstance(document, Mapping):
        raise corrupt(source, "is not a JSON object")
    version = document.get("schema_version")
    if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
        raise corrupt(source, f"has schema version {version!r}; this release reads 1 to {SCHEMA_VERSION}")
    document = {**_defaults_since(version), **document, "schema_version": SCHEMA_VERSION}
    missing = sorted(_FIELDS.keys() - document.keys())
    unknown = sorted(document.keys() - _FIELDS.keys())
    if missing or unknown:
        raise corrupt(source, f"missing keys: {missing}, unknown keys: {unknown}")
    return RunRecord(**{name: _value(name, document[name], source) for name in _FIELDS})


def _defaults_since(version: int) -> dict[str, Any]:
    added = {name for newer, names in _ADDED.items() if newer > version for name in names}
    defaults = {field.name: field.default for field in dataclasses.fields(RunRecord) if field.name in added}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in defaults.items()}


def _value(name: str, value: Any, source: str) -> Any:
    wanted = _FIELDS[name]
    if wanted == "RunStatus":
        try:
            return RunStatus(value)
        except ValueError:
            raise corrupt(source, f"status {value!r} is unknown") from None
    if wanted.startswith("tuple"):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
    elif isinstance(value, int if wanted == "int" else str):
        return value
    raise corrupt(source, f"{name} must be {wanted}, found {value!r}")


def corrupt(source: str, why: str) -> CorruptFile:
    """The error for a damaged file of ours."""
    return CorruptFile(f"{source}: {why}.", details={"file": source, "reason": why},
                       hint="Restore it from a backup, or move it away if the run no longer matters.")  # fmt: skip
