"""Export an analysis directory to S3, prove it, and leave a receipt.

The order: validate, preflight (listing made on the node, destination ours), attach, run, verify, detach.  The receipt
is replaced after each phase; run again after any interruption, the export goes on where it was: its association and
its task are found, never doubled.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC
from functools import cached_property
from pathlib import Path
from typing import Any

from daylily_ec.aws import clusters
from daylily_ec.aws.fsx import Association, Task
from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import DeadlinePassed, DyecError, ExportFailed, Refused, ValidationError
from daylily_ec.fsx import exports, mounts
from daylily_ec.fsx.inventory import (
    Comparison,
    Inventory,
    compare,
    data_objects,
    list_directory,
    unexportable,
)
from daylily_ec.fsx.receipts import (
    ExportReceipt,
    Phase,
    ReceiptBook,
    ReceiptStatus,
    inventory_facts,
    located,
    parse_receipt,
    receipt_key,
    verification_facts,
)
from daylily_ec.util.clock import timestamp
from daylily_ec.workflow.mounts import check_file_system, operator
from daylily_ec.workflow.services import Services

_DEFAULT_REPOSITORY = "daylily-omics-analysis"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """An export as it was asked for; source and destination are parsed under the receipt's eyes."""

    cluster: str
    source_path: str
    destination: str
    output_dir: Path
    wait: bool = True
    timeout: float = 3600.0


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The receipt and where it lies."""

    receipt: ExportReceipt
    receipt_path: str

    def to_json(self) -> dict[str, Any]:
        """The receipt's own document with its path."""
        return {**self.receipt.to_json(), "receipt_path": self.receipt_path}


def export_analysis(services: Services, request: ExportRequest) -> ExportResult:
    """Export, or finish, or verify again; any failure stands in the receipt before it is raised."""
    book = _open(services, request)
    try:
        _Run(services, request, book).carry_out()
    except DyecError as error:
        goes_on = isinstance(error, DeadlinePassed) and book.receipt.has_open_task
        if goes_on:
            error.hint = "The task goes on; run the same command again to wait for it, verify and detach."
        error.details.setdefault("receipt", str(book.path))
        book.fail(error, ReceiptStatus.STARTED if goes_on else ReceiptStatus.ERROR)
        raise
    return ExportResult(book.receipt, str(book.path))


def _open(services: Services, request: ExportRequest) -> ReceiptBook:
    """The receipt of an earlier run of the same export, else a new one, on disk before anything else happens."""
    fresh = ExportReceipt(
        dyec_run_id=secrets.token_hex(8), cluster_name=request.cluster, region=services.context.region,
        source_path=request.source_path, destination_s3_uri=request.destination,
        started_at=timestamp(services.clock.now()),
    )  # fmt: skip
    book = ReceiptBook(request.output_dir, fresh, services.clock)
    if book.path.exists():
        earlier = parse_receipt(book.path.read_text(), str(book.path))
        if earlier.analysis_dir and not _same_places(earlier, request):
            raise Refused(
                f"{book.path} is the receipt of another export ({earlier.source_path} to "
                f"{earlier.destination_s3_uri}).", hint="Choose another --output-dir.", code="receipt_in_use",
            )  # fmt: skip
        if earlier.analysis_dir:
            book.receipt, book.silent = earlier, earlier.status is ReceiptStatus.SUCCESS
            return book
    book.save()
    return book


def _same_places(earlier: ExportReceipt, request: ExportRequest) -> bool:
    try:
        analysis = AnalysisDirectory.parse(request.source_path)
        destination = exports.parse_destination(request.destination, analysis)
    except ValidationError:
        return False
    return (earlier.analysis_dir, earlier.destination_s3_uri) == (str(analysis), str(destination))


class _Run:
    """One run of the command: phases in order, each leaving the receipt behind it."""

    def __init__(self, services: Services, request: ExportRequest, book: ReceiptBook) -> None:
        self.services = services
        self.request = request
        self.book = book

    @cached_property
    def analysis(self) -> AnalysisDirectory:
        return AnalysisDirectory.parse(self.request.source_path)

    @cached_property
    def destination(self) -> S3Prefix:
        return exports.parse_destination(self.request.destination, self.analysis)

    @cached_property
    def view(self) -> clusters.ClusterView:
        name = ClusterName.parse(self.request.cluster)
        return clusters.require(self.services.clusters, name, self.services.context.region)

    @property
    def export(self) -> exports.Export:
        return exports.Export(
            self.view.file_system_id, self.analysis, self.destination, self.book.receipt.dyec_run_id,
            self.view.name, operator(),
        )  # fmt: skip

    def carry_out(self) -> None:
        if not self.book.receipt.analysis_dir:
            self.book.receipt = located(self.book.receipt, self.analysis, self.destination)
        self.book.save(status=ReceiptStatus.STARTED, failure_details={})
        inventory = self.preflight()
        if self.is_unchanged(inventory):
            self.book.silent = False
            self.detach(self.book.receipt.association_id)
            self.book.save(status=ReceiptStatus.SUCCESS, phase=Phase.COMPLETE, outcome=Outcome.UNCHANGED)
            return
        self.book.silent = False
        association = self.attach()
        task = self.run(inventory)
        if task.lifecycle.is_over:
            self.conclude(task, association.id)
        else:
            self.services.reporter.note(f"{task.id} goes on; run the same command without --no-wait to finish it.")

    def preflight(self) -> Inventory:
        """Cluster, node, listing and destination; nothing has been changed in AWS until this has passed."""
        services = self.services
        services.reporter.step(f"Listing {self.analysis.path.on_node} on the head node of {self.request.cluster}")
        file_system_id = self.view.file_system_id
        check_file_system(services.fsx, file_system_id)
        self.book.save(phase=Phase.PREFLIGHT, fsx_file_system_id=file_system_id)
        inventory = self.list_directory()
        problems = unexportable(inventory, self.destination)
        if problems:
            raise ValidationError(
                f"FSx would not export {len(problems)} of {len(inventory.entries)} entries: " + "; ".join(
                    problems[:_SHOWN]), code="unexportable", details={"problems": list(problems)},
                hint="Remove or rename them, then repeat.",
            )  # fmt: skip
        self.claim_destination()
        services.reporter.note(f"{inventory.files:,} files, {inventory.bytes:,} bytes")
        roots = self.roots(inventory)
        self.book.save(inventory=inventory_facts(inventory), **roots)
        return inventory

    def roots(self, inventory: Inventory) -> dict[str, str]:
        """Where the checkout of the workflow lies, here and in S3."""
        tops = inventory.top_directories
        name = tops[0] if len(tops) == 1 else _DEFAULT_REPOSITORY
        return {"dayoa_analysis_root": f"{self.analysis.path.on_node}/{name}/",
                "dayoa_s3_root": str(self.destination.child(name))}  # fmt: skip

    def claim_destination(self) -> None:
        """The destination must be empty or hold our own export of this directory; then the receipt moves in."""
        s3, receipt = self.services.s3, self.book.receipt
        stored = s3.read_text(self.destination.bucket, receipt_key(self.destination))
        beside = parse_receipt(stored.text, self.destination.object_uri(receipt_key(S3Prefix("")))) if stored else None
        ours = [one for one in (beside, receipt) if one is not None and one.describes(receipt)]
        if not any(one.attempts for one in ours):
            found = next(data_objects(s3.objects(self.destination), self.destination), None)
            if found is not None:
                raise Refused(
                    f"{self.destination} is not empty ({found.key}) and is not an earlier export of this directory.",
                    code="destination_not_empty", hint="Choose an empty prefix.", details={"key": found.key},
                )  # fmt: skip
        latest = max(ours, key=lambda one: (one.attempts, one.updated_at))
        self.book.silent = latest.status is ReceiptStatus.SUCCESS or (self.book.silent and latest is receipt)
        if latest is not receipt:
            self.book.receipt = replace(latest, status=ReceiptStatus.STARTED, failure_details={},
                                        cluster_name=receipt.cluster_name)  # fmt: skip
        self.book.keep_beside(s3, self.destination)
        self.book.save()

    def is_unchanged(self, inventory: Inventory) -> bool:
        """Whether an earlier run proved exactly this listing and S3 still agrees."""
        earlier = self.book.receipt
        if not earlier.is_proved or earlier.attempt_listing != inventory.digest:
            return False
        return self.record(inventory).is_equal

    def attach(self) -> Association:
        """The association on exactly this directory."""
        services = self.services
        self.book.save(phase=Phase.ATTACH, detached=False, detach_lifecycle="")
        services.reporter.step(f"Attaching {self.destination}")
        association, _ = mounts.ensure_association(
            services.fsx, services.clock, services.reporter, self.export.association(), wait=False
        )
        self.book.save(association_id=association.id, lifecycle=str(association.lifecycle))
        association = mounts.wait_available(services.fsx, services.clock, services.reporter, association)
        self.book.save(lifecycle=str(association.lifecycle))
        return association

    def run(self, inventory: Inventory) -> Task:
        """The task of this listing: adopted when it runs or ended well, else a new attempt."""
        services, receipt = self.services, self.book.receipt
        services.reporter.step("Exporting")
        found = exports.find_task(services.fsx, self.export, attempt=receipt.attempts, task_id=receipt.task_id)
        if found is not None and found.is_running_export:
            found = self.follow(found)
            if not found.lifecycle.is_over:
                return found
        if found is None or not self.is_worth_adopting(found, inventory):
            found = self.start(found, inventory)
        return self.follow(found)

    def follow(self, task: Task) -> Task:
        """The task in the receipt, and its end when it is to be waited for."""
        services = self.services
        report = task.report or self.book.receipt.report_path
        self.book.save(phase=Phase.RUN, **exports.task_facts(task), report_path=report)
        if self.request.wait and not task.lifecycle.is_over:
            task = exports.wait_task(services.fsx, services.clock, services.reporter, task, self.request.timeout)
            self.book.save(**exports.task_facts(task))
        return task

    def is_worth_adopting(self, task: Task, inventory: Inventory) -> bool:
        """Whether a task that is over exported this very listing; another listing needs another attempt."""
        if self.book.receipt.attempt_listing != inventory.digest:
            return False
        return task.lifecycle.is_success and task.failed == 0 and self.compare(inventory).is_equal

    def start(self, previous: Task | None, inventory: Inventory) -> Task:
        """A new task; an attempt that was announced but whose task was never made keeps its number and report."""
        receipt = self.book.receipt
        announced = previous is None and receipt.attempts and not receipt.task_id
        if not (announced and receipt.attempt_listing == inventory.digest):
            stamp = self.services.clock.now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
            receipt = self.book.save(
                phase=Phase.RUN, attempts=receipt.attempts + 1, attempt_listing=inventory.digest,
                report_path=str(exports.report_prefix(self.destination, stamp)),
                task_id="", task_lifecycle="", task_counts={}, verification={},
            )  # fmt: skip
        report = S3Prefix.parse(receipt.report_path)
        return exports.start_task(self.services.fsx, self.export, attempt=receipt.attempts, report=report)

    def conclude(self, task: Task, association_id: str) -> None:
        """Judge the task, prove the copy, detach: a task that is over needs its association no more."""
        try:
            exports.require_success(task)
            self.book.save(phase=Phase.VERIFY)
            self.prove()
        except ExportFailed as error:
            self.book.fail(error)
            self.detach(association_id)
            raise
        self.detach(association_id)
        self.book.save(status=ReceiptStatus.SUCCESS, phase=Phase.COMPLETE, outcome=Outcome.CREATED)

    def prove(self) -> None:
        """`ExportFailed` unless the directory is still what was exported, and S3 has its key set and sizes."""
        self.services.reporter.step("Comparing S3 with the directory")
        inventory = self.list_directory()
        if inventory.digest != self.book.receipt.attempt_listing:
            raise ExportFailed(
                f"{self.analysis.path.on_node} changed while it was exported.", code="changed_during_export",
                hint="Run the export again when nothing writes to the directory any more.",
            )  # fmt: skip
        comparison = self.record(inventory)
        if not comparison.is_equal:
            shown = ", ".join(f"{one.key} ({one.kind})" for one in comparison.mismatches[:_SHOWN])
            raise ExportFailed(
                f"S3 differs from the analysis directory in {len(comparison.mismatches)} entries: {shown}.",
                code="export_differs",
                hint="FSx writes only what changed since its last export: touch the files named, then export again; "
                     "or export to an empty prefix.",
                details={"verification": dict(self.book.receipt.verification)},
            )  # fmt: skip

    def list_directory(self) -> Inventory:
        return list_directory(self.services.headnodes.connect(self.view), self.analysis.path.on_node)

    def compare(self, inventory: Inventory) -> Comparison:
        return compare(inventory, self.services.s3.objects(self.destination), self.destination)

    def record(self, inventory: Inventory) -> Comparison:
        """Compare, and keep the result in the receipt."""
        comparison = self.compare(inventory)
        self.book.save(verification=verification_facts(comparison, timestamp(self.services.clock.now())))
        return comparison

    def detach(self, association_id: str) -> None:
        """Remove the association and keep the files; absence is what is wanted."""
        services = self.services
        if association_id and not self.book.receipt.detached:
            services.reporter.step("Detaching")
            mounts.detach(services.fsx, services.clock, services.reporter, association_id)
            phase = self.book.receipt.phase if self.book.receipt.status is ReceiptStatus.ERROR else Phase.DETACH
            self.book.save(phase=phase, detached=True, detach_lifecycle="DELETED")
