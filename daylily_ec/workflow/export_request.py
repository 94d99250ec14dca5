"""What an export is asked to do, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daylily_ec.fsx.receipts import ExportReceipt, Phase
from daylily_ec.fsx.verification import Mode


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """An export as it was asked for; cluster, source and destination are looked at under the receipt's eyes.

    `hash_on` names the Slurm partition that makes the manifest instead of the head node; `timeout` is in seconds, for
    an association slot and for the task each.  Without a cluster it is that of the file system.
    """

    cluster: str
    source_path: str
    destination: str
    output_dir: Path
    wait: bool = True
    timeout: float = 3600.0
    verify: Mode = Mode.CHECKSUM
    hash_on: str | None = None
    allow_run_links: bool = False
    file_system_id: str | None = None
    until: Phase = Phase.COMPLETE
    """Last phase of this run: ATTACH and RUN leave the rest to a later one."""


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The receipt and where it lies."""

    receipt: ExportReceipt
    receipt_path: str

    def to_json(self) -> dict[str, Any]:
        """The receipt's own document with its path."""
        return {**self.receipt.to_json(), "receipt_path": self.receipt_path}
