"""Repeat the proof of an export from anywhere at any time: receipt, manifest and S3 must say the same.

No cluster is needed and nothing is written, but for checksums that S3 has yet to make.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daylily_ec.aws.s3 import ContentApi
from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import CorruptFile, ExportFailed, InvalidValue, NotFound, Refused, ValidationError
from daylily_ec.fsx import manifest
from daylily_ec.fsx.exports import parse_destination
from daylily_ec.fsx.manifest import Manifest
from daylily_ec.fsx.manifest_remote import load_manifest, manifest_name
from daylily_ec.fsx.proof import Prover
from daylily_ec.fsx.receipts import (
    FILE_NAME,
    MANIFEST_NAME,
    ExportReceipt,
    ReceiptStatus,
    parse_receipt,
    read_beside,
    receipt_key,
    verification_facts,
)
from daylily_ec.fsx.verification import Mode, reading_note
from daylily_ec.util.clock import timestamp
from daylily_ec.workflow.services import Services

_SAME = (
    "analysis_dir", "source_path", "file_system_path", "headnode_path", "destination_s3_uri", "s3_root",
    "fsx_file_system_id", "region", "dyec_run_id", "started_at", "attempts", "attempt_listing", "task_id",
    "task_lifecycle", "report_path", "inventory",
)  # fmt: skip
"""What a receipt and its copy beside the data agree on, whoever looked again since."""


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A receipt that was read, and the manifest that lay beside it, None when there was none."""

    where: str
    receipt: ExportReceipt
    packed: bytes | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """A proof that held."""

    receipt: str
    destination_s3_uri: str
    analysis_dir: str
    status: str
    verification: dict[str, Any]


def is_uri(where: str) -> bool:
    """Whether it names an object instead of a file."""
    return where.startswith("s3://")


def read_local(where: str) -> StoredReceipt:
    """A receipt on this machine; a directory stands for the receipt in it."""
    path = Path(where)
    path = path / FILE_NAME if path.is_dir() else path
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"{path} cannot be read: {error}.", code="receipt_not_found") from error
    beside = path.with_name(MANIFEST_NAME)
    return StoredReceipt(str(path), parse_receipt(text, str(path)), beside.read_bytes() if beside.is_file() else None)


def read_stored(s3: ContentApi, uri: str) -> StoredReceipt:
    """A receipt in S3: its own URI, or the destination that it lies below."""
    if not is_uri(uri):
        raise InvalidValue("receipt", uri, "must be a file or an S3 URI")
    prefix = S3Prefix.parse(uri.removesuffix(f"/{FILE_NAME}").removesuffix("/_daylily_monitor"))
    where = f"s3://{prefix.bucket}/{receipt_key(prefix)}"
    found, _ = read_beside(s3, prefix)
    if found is None:
        raise NotFound(f"There is no receipt {where}.", code="receipt_not_found")
    if found.destination_s3_uri != str(prefix):
        raise CorruptFile(f"{where} is the receipt of {found.destination_s3_uri}.", code="receipt_contradicts")
    return StoredReceipt(where, found)


def verify_export(services: Services, stored: StoredReceipt, mode: Mode | None = None) -> Verified:
    """`CorruptFile` when receipt and manifest do not fit, `ExportFailed` (code `export_differs`) when S3 does not."""
    receipt = stored.receipt
    destination = _destination(stored)
    listed = manifest_of(services.s3, stored)
    problems = [*_contradictions(receipt, listed), *_other_copy(services.s3, stored, destination)]
    if problems:
        raise CorruptFile(
            f"{stored.where} cannot be trusted: {'; '.join(problems)}.", code="receipt_contradicts",
            details={"problems": problems}, hint=f"Compare it with s3://{destination.bucket}/{receipt_key(destination)}",
        )  # fmt: skip
    # A word in the receipt alone must not keep content from being compared.
    wanted = mode or Mode.parse(str(receipt.verification.get("mode") or Mode.CHECKSUM)).at_least(Mode.CHECKSUM)
    if wanted is Mode.FULL:
        services.reporter.note(reading_note(listed))
    services.reporter.step(f"Comparing {destination} with its manifest ({wanted})")
    found = Prover(services.s3, destination, services.reporter).verify(listed, wanted)
    facts = verification_facts(found, timestamp(services.clock.now()))
    if not found.is_equal:
        shown = ", ".join(f"{one.key} ({one.kind})" for one in found.mismatches[:5])
        raise ExportFailed(
            f"{destination} differs from what was exported in {len(found.mismatches)} entries: {shown}.",
            code="export_differs", details={"verification": facts, "receipt": stored.where},
            hint="Export the directory again while it exists; touch the files named first.",
        )  # fmt: skip
    return Verified(stored.where, str(destination), receipt.analysis_dir, str(receipt.status), facts)


def _destination(stored: StoredReceipt) -> S3Prefix:
    receipt = stored.receipt
    if not receipt.inventory.get("manifest_sha256"):
        raise Refused(f"{stored.where} names no manifest: the export did not come that far.", code="no_manifest",
                      hint="Run the export again.")  # fmt: skip
    try:
        analysis = AnalysisDirectory.parse(receipt.source_path)
        return parse_destination(receipt.destination_s3_uri, analysis)
    except ValidationError as error:
        raise CorruptFile(f"{stored.where} cannot be trusted: {error}.", code="receipt_contradicts") from error


def manifest_of(s3: ContentApi, stored: StoredReceipt) -> Manifest:
    """The manifest that a receipt names: the copy beside it when it has one that fits, else the one beside the data.

    `NotFound` when there is none, `CorruptFile` when neither is the one named.
    """
    destination = _destination(stored)
    digest = str(stored.receipt.inventory["manifest_sha256"])
    if stored.packed is not None:
        with suppress(CorruptFile):  # then the one beside the data decides
            return manifest.parse(stored.packed, source=f"The manifest beside {stored.where}", sha256=digest)
    return load_manifest(s3, destination, digest)


def _contradictions(receipt: ExportReceipt, listed: Manifest) -> Iterator[str]:
    """Where the receipt does not fit itself or its manifest."""
    node = AnalysisDirectory.parse(receipt.source_path).path
    destination = receipt.destination_s3_uri
    values = {
        "inventory.files": (receipt.inventory.get("files"), listed.files),
        "inventory.bytes": (receipt.inventory.get("bytes"), listed.bytes),
        "inventory.objects": (receipt.inventory.get("objects"), listed.objects),
        "inventory.listing_sha256": (receipt.inventory.get("listing_sha256"), receipt.attempt_listing),
        "inventory.manifest_s3_uri": (
            receipt.inventory.get("manifest_s3_uri"),
            S3Prefix.parse(destination).object_uri(manifest_name(listed.sha256))),
        "headnode_path": (receipt.headnode_path.rstrip("/"), listed.header.directory),
        "file_system_path": (receipt.file_system_path, node.value),
        "s3_root": (receipt.s3_root, destination),
    }  # fmt: skip
    if receipt.status is ReceiptStatus.SUCCESS:
        values |= {
            "task_lifecycle": (receipt.task_lifecycle, "SUCCEEDED"),
            "detached": (receipt.detached, True),
            "verification.mismatches": (receipt.verification.get("mismatches"), 0),
            "verification.objects": (receipt.verification.get("objects"), listed.objects),
            "verification.bytes": (receipt.verification.get("bytes"), listed.bytes),
        }
    for name, (found, expected) in values.items():
        if found != expected:
            yield f"{name} is {found!r} instead of {expected!r}"


def _other_copy(s3: ContentApi, stored: StoredReceipt, destination: S3Prefix) -> Iterator[str]:
    """Where a receipt on this machine differs from the one beside the data."""
    if is_uri(stored.where):
        return
    beside, _ = read_beside(s3, destination)
    if beside is None:
        return
    for name in _SAME:
        if getattr(beside, name) != getattr(stored.receipt, name):
            yield f"{name} is not what the receipt beside the data says"
