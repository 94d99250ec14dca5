"""The export receipt: written before anything happens, replaced after every phase, kept beside the data too.

`fsx_export.yaml` is written in JSON syntax, which is valid YAML.  It is safe to delete the data's source only with
`status: success`, `task_lifecycle: SUCCEEDED` and `detached: true`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from daylily_ec.aws.fsx import TaskLifecycle
from daylily_ec.aws.s3 import S3Api
from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import CorruptFile, DyecError
from daylily_ec.fsx.manifest import Manifest
from daylily_ec.fsx.obstacles import MONITOR
from daylily_ec.fsx.verification import Mode, Verification
from daylily_ec.util.clock import Clock, timestamp
from daylily_ec.util.files import write_atomic
from daylily_ec.util.jsonio import dumps, plain
from daylily_ec.version import __version__

SCHEMA_VERSION = 4
FILE_NAME = "fsx_export.yaml"
MANIFEST_NAME = "manifest.jsonl.gz"
_EXAMPLES = 20
_TOP = "fsx_export"


class ReceiptStatus(StrEnum):
    """STARTED: not over, run it again to finish.  SUCCESS: proved.  ERROR: over, see `failure_details`."""

    STARTED = "started"
    SUCCESS = "success"
    ERROR = "error"


class Phase(StrEnum):
    """How far an export came."""

    VALIDATE = "validate"
    PREFLIGHT = "preflight"
    ATTACH = "attach"
    RUN = "run"
    VERIFY = "verify"
    DETACH = "detach"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReceipt:
    """What is known of an export; empty text means not known yet and is left out of the file."""

    status: ReceiptStatus = ReceiptStatus.STARTED
    phase: Phase = Phase.VALIDATE
    dyec_run_id: str
    dyec_version: str = __version__
    cluster_name: str | None
    region: str
    source_path: str
    destination_s3_uri: str
    started_at: str = ""
    updated_at: str = ""
    analysis_dir: str = ""
    headnode_path: str = ""
    fsx_root: str = ""
    s3_root: str = ""
    dayoa_analysis_root: str = ""
    dayoa_s3_root: str = ""
    fsx_file_system_id: str = ""
    file_system_path: str = ""
    association_id: str = ""
    lifecycle: str = ""
    allow_run_links: bool = False
    attempts: int = 0
    task_id: str = ""
    task_lifecycle: str = ""
    task_counts: Mapping[str, int] = field(default_factory=dict)
    report_path: str = ""
    detached: bool = False
    detach_lifecycle: str = ""
    delete_data_in_file_system: bool = False
    failure_details: Mapping[str, Any] = field(default_factory=dict)
    inventory: Mapping[str, Any] = field(default_factory=dict)
    verification: Mapping[str, Any] = field(default_factory=dict)
    attempt_listing: str = ""
    outcome: str = ""

    def to_json(self) -> dict[str, Any]:
        """`{"fsx_export": {...}}` with every name of schema version 4."""
        values = {item.name: plain(getattr(self, item.name)) for item in fields(self)}
        kept = {name: value for name, value in values.items() if value not in ("", {}) or name in _ALWAYS}
        return {_TOP: {"schema_version": SCHEMA_VERSION, **kept}}

    @property
    def has_open_task(self) -> bool:
        """Whether a task was started that was not seen to end."""
        return bool(self.task_id) and not TaskLifecycle(self.task_lifecycle).is_over

    @property
    def is_proved(self) -> bool:
        """Whether a finished task was compared with S3 without a difference."""
        return self.task_lifecycle == "SUCCEEDED" and self.verification.get("mismatches") == 0

    @property
    def strength(self) -> int:
        """Of its proof, 0 without one."""
        return Mode.parse(str(self.verification.get("mode"))).strength if self.is_proved else 0

    def describes(self, other: ExportReceipt) -> bool:
        """Whether both are of the same directory, file system and destination."""
        return (self.source_path, self.fsx_file_system_id, self.destination_s3_uri) == (
            other.source_path,
            other.fsx_file_system_id,
            other.destination_s3_uri,
        )


_ALWAYS = {"cluster_name", "region", "source_path", "destination_s3_uri", "failure_details"}


def parse_receipt(text: str, where: str) -> ExportReceipt:
    """The receipt, or `CorruptFile`; a truncated or foreign file is never read as a receipt."""
    try:
        document = json.loads(text)[_TOP]
        version = document.pop("schema_version")
        if version != SCHEMA_VERSION or not text.endswith("}\n"):
            raise ValueError(f"schema version {version!r}, or cut off")
        known = {item.name for item in fields(ExportReceipt)}
        values = {name: value for name, value in document.items() if name in known}
        for name in ("failure_details", "inventory", "verification", "task_counts"):
            if not isinstance(values.get(name, {}), dict):
                raise ValueError(f"{name} is no mapping")
        if not isinstance(values.get("attempts", 0), int):
            raise ValueError("attempts is no number")
        values |= {"status": ReceiptStatus(values["status"]), "phase": Phase(values["phase"])}
        return ExportReceipt(**values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptFile(f"{where} is no export receipt of this schema: {error}.", details={"file": where},
                          hint="Move it away if it no longer matters, then repeat.") from error  # fmt: skip


def receipt_key(destination: S3Prefix) -> str:
    """Key of the receipt beside the data."""
    return destination.object_key(f"{MONITOR}/{FILE_NAME}")


def read_beside(s3: S3Api, destination: S3Prefix) -> tuple[ExportReceipt | None, str]:
    """The receipt that lies beside the data and its ETag, None when there is none."""
    key = receipt_key(destination)
    stored = s3.read_text(destination.bucket, key)
    if stored is None:
        return None, ""
    return parse_receipt(stored.text, f"s3://{destination.bucket}/{key}"), stored.etag


class ReceiptBook:
    """Keeps one receipt on disk and, once the destination is known to be ours, beside the data."""

    def __init__(self, directory: Path, receipt: ExportReceipt, clock: Clock) -> None:
        self.path = directory / FILE_NAME
        self.receipt = receipt
        self._clock = clock
        self._beside: tuple[S3Api, S3Prefix] | None = None
        self.manifest_sha256 = ""
        """Digest of the manifest that this process put beside the local receipt."""
        self.silent = False
        """While set nothing is written: a receipt of success is not replaced by a mere attempt to look again."""

    def keep_manifest(self, manifest: Manifest) -> None:
        """Put the manifest beside the local receipt, for those who verify or delete without S3."""
        write_atomic(self.path.with_name(MANIFEST_NAME), manifest.packed, mode=0o644)
        self.manifest_sha256 = manifest.sha256

    def keep_beside(self, s3: S3Api, destination: S3Prefix) -> None:
        """From now on also store it below the destination."""
        self._beside = (s3, destination)

    def claim(self, s3: S3Api, destination: S3Prefix) -> bool:
        """Put the receipt beside the data unless there is one; whether this process did."""
        return s3.put_if_absent(destination.bucket, receipt_key(destination), dumps(self.receipt).encode())

    def announce(self, s3: S3Api, destination: S3Prefix, etag: str, **changes: Any) -> bool:
        """Replace the receipt beside the data if it still has the ETag (is absent, without one), then the one here.

        False, and nothing is written here, when somebody else was quicker.
        """
        changed = self._changed(changes)
        where, body = (destination.bucket, receipt_key(destination)), dumps(changed).encode()
        if not (s3.put_if_match(*where, body, etag) if etag else s3.put_if_absent(*where, body)):
            return False
        self.receipt = changed
        write_atomic(self.path, body.decode(), mode=0o644)
        return True

    def _changed(self, changes: Mapping[str, Any]) -> ExportReceipt:
        return replace(self.receipt, **changes, updated_at=timestamp(self._clock.now()))

    def save(self, **changes: Any) -> ExportReceipt:
        """Replace the receipt in one step, here first, then beside the data."""
        self.receipt = self._changed(changes)
        if self.silent:
            return self.receipt
        document = dumps(self.receipt)
        write_atomic(self.path, document, mode=0o644)
        if self._beside is not None:
            s3, destination = self._beside
            s3.put(destination.bucket, receipt_key(destination), document.encode())
        return self.receipt

    def fail(self, error: DyecError, status: ReceiptStatus = ReceiptStatus.ERROR) -> None:
        """Record the failure; when S3 cannot be written the local receipt alone has to do."""
        details = {**self.receipt.failure_details, "message": error.message, "code": error.code}
        try:
            self.save(status=status, failure_details=details)
        except DyecError:
            if self._beside is None:
                raise
            self._beside = None
            self.save(status=status, failure_details=details)


def located(receipt: ExportReceipt, analysis: AnalysisDirectory, destination: S3Prefix) -> ExportReceipt:
    """The receipt with the parsed places filled in."""
    node = f"{analysis.path.on_node}/"
    return replace(
        receipt, phase=Phase.PREFLIGHT, analysis_dir=str(analysis), source_path=analysis.path.value,
        file_system_path=analysis.path.value, headnode_path=node, fsx_root=node,
        destination_s3_uri=str(destination), s3_root=str(destination),
    )  # fmt: skip


def inventory_facts(manifest: Manifest, uri: str, listing: str) -> dict[str, Any]:
    """What the receipt keeps of a manifest: where it lies, its digest, and that of the listing it belongs to."""
    return {
        "files": manifest.files, "bytes": manifest.bytes, "objects": manifest.objects,
        "manifest_sha256": manifest.sha256, "manifest_s3_uri": uri, "listing_sha256": listing,
    }  # fmt: skip


def verification_facts(verification: Verification, at: str) -> dict[str, Any]:
    """What the receipt keeps of a verification; in mode `sizes` no content was compared."""
    facts: dict[str, Any] = {
        "mode": str(verification.mode), "objects": verification.objects, "bytes": verification.bytes,
        "mismatches": len(verification.mismatches), "at": at,
    }  # fmt: skip
    if verification.computed:
        facts["checksums_computed"] = verification.computed
    if verification.mismatches:
        facts["examples"] = [plain(one) for one in verification.mismatches[:_EXAMPLES]]
    return facts
