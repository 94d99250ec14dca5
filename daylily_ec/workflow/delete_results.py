"""Which analysis directories would be lost with a cluster: those that no verified receipt covers as they are now.

A directory is covered when a receipt of it says that its export was verified, content included, the node lists exactly
what was exported, and S3 still holds every object of the manifest.  What cannot be decided is not covered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial

from daylily_ec.aws.fsx import Association, Task
from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import CredentialsExpired, DyecError, ExportFailed, NoCredentials, NotFound
from daylily_ec.fsx import exports
from daylily_ec.fsx.manifest_remote import make_manifest
from daylily_ec.fsx.policy import is_of_export
from daylily_ec.fsx.results import Results
from daylily_ec.fsx.verification import Mode
from daylily_ec.headnode.remote import Remote
from daylily_ec.util.pool import gather
from daylily_ec.workflow.export_lookup import default_output_dir
from daylily_ec.workflow.services import Services
from daylily_ec.workflow.verify_export import StoredReceipt, is_uri, manifest_of, read_local, read_stored, verify_export

_COMPARES_CONTENT = (Mode.CHECKSUM, Mode.FULL)


class Cover(StrEnum):
    """Whether a directory outlives the cluster."""

    VERIFIED = "verified"
    NEVER = "never_exported"
    CHANGED = "changed_since"
    UNVERIFIED = "not_verified"
    UNKNOWN = "not_known"


@dataclass(frozen=True, slots=True)
class ResultsFate:
    """One analysis directory: files and bytes now, whether a verified receipt covers them, and if not, why not."""

    path: str
    files: int
    bytes: int
    cover: Cover
    reason: str = ""
    receipt: str = ""
    destination_s3_uri: str = ""
    verified_at: str = ""
    mode: str = ""

    @property
    def is_safe(self) -> bool:
        """Whether nothing of it is lost."""
        return self.cover is Cover.VERIFIED


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a cluster's exports; `receipts` are those that the user names."""

    file_system_ids: tuple[str, ...]
    associations: tuple[Association, ...]
    tasks: tuple[Task, ...]
    receipts: tuple[StoredReceipt, ...]


def read_receipts(services: Services, places: Sequence[str]) -> tuple[StoredReceipt, ...]:
    """The receipts that the user names, files or S3 URIs; one that cannot be read is an error of the command."""
    return tuple(read_stored(services.s3, place) if is_uri(place) else read_local(place) for place in places)


def judge(services: Services, remote: Remote, found: Sequence[Results], evidence: Evidence) -> tuple[ResultsFate, ...]:
    """The fate of each directory, in the order given."""
    return tuple(gather(lambda one: _fate(services, remote, one, evidence), found))


def _fate(services: Services, remote: Remote, found: Results, evidence: Evidence) -> ResultsFate:
    open_fate = ResultsFate(found.path, found.files, found.bytes, Cover.NEVER, "it was never exported")
    if found.analysis is None:
        return replace(open_fate, reason="it is no analysis directory, so it cannot be exported")
    best = open_fate
    for read in _receipts(services, found.analysis, evidence):
        try:
            stored = read()
            if stored is None or not _is_of(stored, found.analysis, evidence):
                continue
            fate = _with_receipt(services, remote, found, stored, open_fate)
        except (CredentialsExpired, NoCredentials):
            raise
        except DyecError as error:
            fate = replace(open_fate, cover=Cover.UNKNOWN, reason=error.message.rstrip("."))
        if fate.is_safe:
            return fate
        best = fate if best.cover in (Cover.NEVER, Cover.UNKNOWN) else best
    return best


def _receipts(
    services: Services, analysis: AnalysisDirectory, evidence: Evidence
) -> Iterator[Callable[[], StoredReceipt | None]]:
    """Ways to a receipt of the directory: those named, those beside the data, those of this machine."""
    for stored in evidence.receipts:
        yield partial(_named, stored)
    for destination in _destinations(analysis, evidence):
        yield partial(_beside, services, destination)
    for system in evidence.file_system_ids:
        yield partial(_here, services, system, analysis)


def _destinations(analysis: AnalysisDirectory, evidence: Evidence) -> tuple[S3Prefix, ...]:
    """Where exports of the directory went, by FSx's own records, the latest first."""
    path = analysis.path.value.strip("/")
    tasks = [one for one in evidence.tasks if one.is_export and any(each.strip("/") == path for each in one.paths)]
    links = [one.source for one in evidence.associations if is_of_export(one) and one.path == analysis.path]
    told = [exports.destination_of(task) for task in reversed(tasks)]
    return tuple(dict.fromkeys([*links, *(one for one in told if one is not None)]))


def _named(stored: StoredReceipt) -> StoredReceipt:
    return stored


def _beside(services: Services, destination: S3Prefix) -> StoredReceipt | None:
    try:
        return read_stored(services.s3, str(destination))
    except NotFound:
        return None


def _here(services: Services, file_system_id: str, analysis: AnalysisDirectory) -> StoredReceipt | None:
    folder = default_output_dir(services.context.region, file_system_id, analysis.path.value)
    return read_local(str(folder)) if folder.is_dir() else None


def _is_of(stored: StoredReceipt, analysis: AnalysisDirectory, evidence: Evidence) -> bool:
    receipt = stored.receipt
    return receipt.file_system_path == analysis.path.value and receipt.fsx_file_system_id in evidence.file_system_ids


def _with_receipt(
    services: Services, remote: Remote, found: Results, stored: StoredReceipt, fate: ResultsFate
) -> ResultsFate:
    receipt = stored.receipt
    fate = replace(
        fate, receipt=stored.where, destination_s3_uri=receipt.destination_s3_uri,
        verified_at=str(receipt.verification.get("at", "")), mode=str(receipt.verification.get("mode", "")),
    )  # fmt: skip
    if receipt.status != "success" or not receipt.is_proved:
        return replace(fate, cover=Cover.UNVERIFIED, reason=f"its export is not verified ({receipt.status})")
    if fate.mode not in _COMPARES_CONTENT:
        return replace(fate, cover=Cover.UNVERIFIED, reason="nobody compared the content of its export with S3")
    if receipt.attempt_listing != found.digest:
        return replace(fate, cover=Cover.CHANGED, reason=f"it changed after it was exported ({fate.verified_at})")
    listed = manifest_of(services.s3, stored)
    try:
        verify_export(services, replace(stored, packed=listed.packed), Mode.SIZES)
    except ExportFailed as error:
        return replace(fate, cover=Cover.UNVERIFIED, reason=f"S3 does not hold it any more: {error.message}")
    if found.latest_change >= datetime.fromisoformat(listed.header.made_at).timestamp():
        # Sizes and times are those of the manifest, but a program can set times back: content decides.
        now = make_manifest(remote, found.analysis.path.on_node, clock=services.clock, reporter=services.reporter,
                            allow_run_links=True) if found.analysis else None  # fmt: skip
        if now is None or now.header.records_sha256 != listed.header.records_sha256:
            return replace(fate, cover=Cover.CHANGED, reason=f"its content changed after {listed.header.made_at}")
    return replace(fate, cover=Cover.VERIFIED, reason="")
