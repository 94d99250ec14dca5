"""One run of an export: its phases in order, each leaving the receipt behind it.

Validate, preflight (manifest made on the node, destination ours), attach, run, verify, detach.  Whatever an earlier run
left is found again: association and task are adopted, never doubled, and a copy that is proved already is only looked
at once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from daylily_ec.aws import clusters
from daylily_ec.aws.fsx import Association, Task
from daylily_ec.aws.s3 import S3Api
from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import ExportFailed, InvalidValue, Refused
from daylily_ec.fsx import exports, mounts
from daylily_ec.fsx.arrived import Arrived
from daylily_ec.fsx.inventory import list_directory
from daylily_ec.fsx.manifest import Manifest
from daylily_ec.fsx.manifest_remote import listing, load_manifest, make_manifest, store_manifest
from daylily_ec.fsx.obstacles import leads_to_run
from daylily_ec.fsx.proof import Prover
from daylily_ec.fsx.receipts import (
    ExportReceipt,
    Phase,
    ReceiptBook,
    ReceiptStatus,
    inventory_facts,
    located,
    read_beside,
    receipt_key,
    verification_facts,
)
from daylily_ec.fsx.verification import Mode, Verification, data_objects, reading_note
from daylily_ec.headnode.remote import Remote
from daylily_ec.util.clock import timestamp
from daylily_ec.workflow.analysis_roots import launched_folder
from daylily_ec.workflow.export_lookup import cluster_of
from daylily_ec.workflow.export_request import ExportRequest
from daylily_ec.workflow.mounts import FileSystemTarget, check_file_system, operator
from daylily_ec.workflow.services import Services

_SHOWN = 5


class ExportRun:
    """One run of the command over one receipt."""

    def __init__(self, services: Services, request: ExportRequest, book: ReceiptBook) -> None:
        self.services = services
        self.request = request
        self.book = book

    @cached_property
    def analysis(self) -> AnalysisDirectory:
        """The directory that is exported."""
        return AnalysisDirectory.parse(self.request.source_path)

    @cached_property
    def destination(self) -> S3Prefix:
        """Where to."""
        return exports.parse_destination(self.request.destination, self.analysis)

    @cached_property
    def view(self) -> clusters.ClusterView:
        """The cluster whose node holds the directory."""
        target = FileSystemTarget(self.request.cluster or None, self.request.file_system_id)
        name = ClusterName.parse(cluster_of(self.services, target))
        return clusters.require(self.services.clusters, name, self.services.context.region)

    @cached_property
    def remote(self) -> Remote:
        """Its head node."""
        return self.services.headnodes.connect(self.view)

    @property
    def export(self) -> exports.Export:
        """What identifies the association and the tasks."""
        return exports.Export(
            self.view.file_system_id, self.analysis, self.destination, self.book.receipt.dyec_run_id,
            self.view.name, operator(),
        )  # fmt: skip

    def carry_out(self) -> None:
        """Everything that is left to be done."""
        if not self.book.receipt.analysis_dir:
            self.book.receipt = located(self.book.receipt, self.analysis, self.destination)
        self.book.save(status=ReceiptStatus.STARTED, failure_details={})
        self.claim()
        if self.request.until is Phase.ATTACH:
            self.book.silent = False
            self.attach()
            return
        manifest = self.make_manifest()
        if self.is_unchanged(manifest):
            self.book.silent = False
            self.detach(self.book.receipt.association_id)
            self.bring_manifest()
            self.book.save(status=ReceiptStatus.SUCCESS, phase=Phase.COMPLETE, outcome=Outcome.UNCHANGED)
            return
        self.book.silent = False
        association = self.attach()
        task = self.run(manifest)
        if task.lifecycle.is_over and self.request.until is Phase.RUN:
            self.require_success(task)
        elif task.lifecycle.is_over:
            self.conclude(task, manifest, association.id)
        else:
            self.services.reporter.note(f"{task.id} goes on; finish it from any machine with: dyec exports finish")

    def claim(self) -> None:
        """File system, node and destination; nothing has been changed in AWS until this has passed."""
        check_place(self.services, self.view, self.request.file_system_id)
        self.book.save(
            phase=Phase.PREFLIGHT, fsx_file_system_id=self.view.file_system_id, cluster_name=str(self.view.name)
        )
        _ = self.remote
        self.claim_destination()

    def make_manifest(self) -> Manifest:
        """What lies in the directory, byte for byte; refuses what could not be exported or proved."""
        services = self.services
        run_links = self.request.allow_run_links or self.book.receipt.allow_run_links
        where = f"partition {self.request.hash_on}" if self.request.hash_on else "the head node"
        services.reporter.step(f"Hashing {self.analysis.path.on_node} on {where} of {self.view.name}")
        manifest = make_manifest(
            self.remote, self.analysis.path.on_node, clock=services.clock, reporter=services.reporter,
            destination=self.destination, hash_on=self.request.hash_on, allow_run_links=run_links,
        )  # fmt: skip
        links = sum(leads_to_run(record, str(self.analysis.path.on_node)) for record in manifest.records)
        beside = f"; {links} links into run mounts are exported as links" if links else ""
        services.reporter.note(f"{manifest.files:,} files, {manifest.bytes:,} bytes{beside}")
        self.book.save(**self.roots(), allow_run_links=run_links)
        return manifest

    def roots(self) -> dict[str, str]:
        """Where the checkout of the workflow that was launched lies, here and in S3."""
        name = launched_folder(self.remote, self.analysis)
        if not name:
            return {}
        return {"dayoa_analysis_root": f"{self.analysis.path.on_node}/{name}/",
                "dayoa_s3_root": str(self.destination.child(name))}  # fmt: skip

    def claim_destination(self) -> None:
        """The destination must be empty or hold our own export of this directory; then the receipt moves in."""
        s3, receipt = self.services.s3, self.book.receipt
        beside, _ = read_beside(s3, self.destination)
        ours = self.require_ours(beside)
        first = beside is None and not receipt.attempts
        if first and not self.book.claim(s3, self.destination):
            # Somebody else began the same export just now: theirs is gone on with.
            self.claim_destination()
            return
        # This run has just written the one here: its time tells nothing, and what it knows more is found again in FSx.
        latest = max(ours, key=lambda one: (one.attempts, one.strength, one is beside))
        is_looked_at = self.book.silent and latest.attempts == receipt.attempts
        self.book.silent = latest.status is ReceiptStatus.SUCCESS or is_looked_at
        if latest is not receipt:
            self.adopt(latest)
        self.book.keep_beside(s3, self.destination)
        self.book.save()

    def require_ours(self, beside: ExportReceipt | None, *, is_written: bool = False) -> list[ExportReceipt]:
        """The receipts of this export; `Refused` when data or a receipt of anything else lies at the destination.

        `is_written`: a task of this directory is known to have written there.
        """
        receipt = self.book.receipt
        ours = [one for one in (beside, receipt) if one is not None and one.describes(receipt)]
        for refusal in refusals(self.services.s3, self.destination, beside, ours, is_written=is_written):
            raise refusal
        return ours

    def adopt(self, receipt: ExportReceipt) -> None:
        """Go on with what that receipt says."""
        self.book.receipt = replace(receipt, status=ReceiptStatus.STARTED, failure_details={},
                                    cluster_name=self.book.receipt.cluster_name)  # fmt: skip

    def is_unchanged(self, manifest: Manifest) -> bool:
        """Whether an earlier run proved exactly this directory and S3 still agrees."""
        earlier = self.book.receipt
        if not earlier.is_proved or earlier.attempt_listing != listing(manifest).digest:
            return False
        self.services.reporter.step("Comparing S3 with what was exported")
        return self.record(manifest).is_equal

    def attach(self) -> Association:
        """The association on exactly this directory, once a slot is free."""
        services = self.services
        self.book.save(phase=Phase.ATTACH, detached=False, detach_lifecycle="")
        services.reporter.step(f"Attaching {self.destination}")
        association = exports.queue(
            services.fsx, services.clock, services.reporter, self.export.association(), self.request.timeout
        )
        self.book.save(association_id=association.id, lifecycle=str(association.lifecycle))
        association = mounts.wait_available(services.fsx, services.clock, services.reporter, association)
        self.book.save(lifecycle=str(association.lifecycle))
        return association

    def run(self, manifest: Manifest) -> Task:
        """The task of this manifest: adopted when it runs or ended well, else a new attempt."""
        services, receipt = self.services, self.book.receipt
        services.reporter.step("Exporting")
        found = exports.find_task(services.fsx, self.export, attempt=receipt.attempts, task_id=receipt.task_id)
        if found is not None and found.is_running_export:
            found = self.follow(found, manifest)
            if not found.lifecycle.is_over:
                return found
        if found is None or not self.is_worth_adopting(found, manifest):
            found = self.start(found, manifest)
        return self.follow(found, manifest)

    def follow(self, task: Task, manifest: Manifest) -> Task:
        """The task in the receipt, and its end when it is to be waited for."""
        services = self.services
        report = task.report or self.book.receipt.report_path
        self.book.save(phase=Phase.RUN, **exports.task_facts(task), report_path=report)
        if self.request.wait and not task.lifecycle.is_over:
            arrived = Arrived(services.s3, services.clock, services.reporter, self.destination, manifest)
            task = exports.wait_task(
                services.fsx, services.clock, services.reporter, task, self.request.timeout, arrived.told
            )
            self.book.save(**exports.task_facts(task))
        return task

    def is_worth_adopting(self, task: Task, manifest: Manifest) -> bool:
        """Whether a task that is over exported exactly this; a directory that changed needs another attempt."""
        if self.book.receipt.attempt_listing != listing(manifest).digest:
            return False
        if not task.lifecycle.is_success or task.failed:
            return False
        try:
            return self.verify(manifest).is_equal
        except ExportFailed:
            # Nothing can be told: another task would not change that, and the end of this one says so.
            return True

    def start(self, previous: Task | None, manifest: Manifest) -> Task:
        """A new task; an attempt that was announced but whose task was never made keeps its number and report."""
        receipt = self.book.receipt
        digest = listing(manifest).digest
        announced = previous is None and receipt.attempts and not receipt.task_id
        if not (announced and receipt.attempt_listing == digest):
            receipt = self.announce(manifest, digest, previous)
        report = S3Prefix.parse(receipt.report_path)
        return exports.start_task(self.services.fsx, self.export, attempt=receipt.attempts, report=report)

    def announce(self, manifest: Manifest, digest: str, previous: Task | None) -> ExportReceipt:
        """Manifest and receipt of the next attempt, in both places before its task exists.

        The claim is hours old by now: what lies at the destination is looked at again, and the receipt there is
        replaced on condition that it is still the one that was read.
        """
        receipt = self.book.receipt
        beside, etag = read_beside(self.services.s3, self.destination)
        self.require_ours(beside, is_written=previous is not None)
        if beside is not None and self.is_announced(beside, digest):
            self.adopt(beside)
            return self.book.save()
        attempt = 1 + max(receipt.attempts, beside.attempts if beside is not None else 0)
        uri = store_manifest(self.services.s3, self.destination, manifest)
        self.book.keep_manifest(manifest)
        before = receipt.verification.get("mode")
        report = exports.report_prefix(self.destination, datetime.fromisoformat(receipt.started_at), attempt)
        announced = self.book.announce(
            self.services.s3, self.destination, etag,
            phase=Phase.RUN, attempts=attempt, attempt_listing=digest, report_path=str(report),
            inventory=inventory_facts(manifest, uri, digest), task_id="", task_lifecycle="", task_counts={},
            verification={"mode": before} if before and receipt.attempt_listing == digest else {},
        )  # fmt: skip
        return self.book.receipt if announced else self.announce(manifest, digest, previous)

    def is_announced(self, beside: ExportReceipt, digest: str) -> bool:
        """Whether somebody else who goes on with the same export was quicker."""
        receipt = self.book.receipt
        is_same = (beside.dyec_run_id, beside.attempt_listing) == (receipt.dyec_run_id, digest)
        return is_same and beside.attempts > receipt.attempts

    def require_success(self, task: Task) -> None:
        """`ExportFailed`, with the files that FSx's report names, unless everything was written."""
        report = S3Prefix.parse(self.book.receipt.report_path)
        failed = exports.failed_files(self.services.s3, report) if task.failed else ()
        if task.reason or failed:
            self.book.save(failure_details=exports.task_failure(task, failed))
        exports.require_success(task, failed)

    def conclude(self, task: Task, manifest: Manifest, association_id: str) -> None:
        """Judge the task, prove the copy, detach: a task that is over needs its association no more."""
        try:
            self.require_success(task)
            self.book.save(phase=Phase.VERIFY, failure_details={})
            self.prove(manifest)
        except ExportFailed as error:
            self.book.fail(error)
            self.detach(association_id)
            raise
        self.detach(association_id)
        self.bring_manifest()
        self.book.save(status=ReceiptStatus.SUCCESS, phase=Phase.COMPLETE, outcome=Outcome.CREATED)

    def bring_manifest(self) -> None:
        """The manifest that the receipt names beside this machine's receipt, whoever made it."""
        digest = str(self.book.receipt.inventory["manifest_sha256"])
        if self.book.manifest_sha256 != digest:
            self.book.keep_manifest(load_manifest(self.services.s3, self.destination, digest))

    def prove(self, manifest: Manifest) -> None:
        """`ExportFailed` unless the directory is still what was exported, and S3 holds exactly that."""
        self.services.reporter.step("Comparing S3 with the manifest")
        now = list_directory(self.remote, self.analysis.path.on_node)
        if now.digest != self.book.receipt.attempt_listing:
            raise ExportFailed(
                f"{self.analysis.path.on_node} changed while it was exported.", code="changed_during_export",
                hint="Run the export again when nothing writes to the directory any more.",
            )  # fmt: skip
        found = self.record(manifest)
        if not found.is_equal:
            raise differs(found, self.book.receipt)

    @property
    def mode(self) -> Mode:
        """What was asked for, or the stronger mode that the same listing was compared in: no proof becomes weaker."""
        before = self.book.receipt.verification.get("mode")
        return self.request.verify.at_least(Mode.parse(str(before))) if before else self.request.verify

    def verify(self, manifest: Manifest) -> Verification:
        """S3 beside the manifest."""
        reporter = self.services.reporter
        if self.mode is not self.request.verify:
            reporter.note(f"S3 was compared in mode {self.mode} before, and is so again")
        if self.mode is Mode.FULL:
            reporter.note(reading_note(manifest))
        return Prover(self.services.s3, self.destination, reporter).verify(manifest, self.mode)

    def record(self, manifest: Manifest) -> Verification:
        """Compare, and keep the result in the receipt."""
        found = self.verify(manifest)
        self.book.save(verification=verification_facts(found, timestamp(self.services.clock.now())))
        return found

    def detach(self, association_id: str) -> None:
        """Remove the association and keep the files; absence is what is wanted."""
        services = self.services
        if association_id and not self.book.receipt.detached:
            services.reporter.step("Detaching")
            mounts.detach(services.fsx, services.clock, services.reporter, association_id)
            phase = self.book.receipt.phase if self.book.receipt.status is ReceiptStatus.ERROR else Phase.DETACH
            self.book.save(phase=phase, detached=True, detach_lifecycle="DELETED")


def check_place(services: Services, view: clusters.ClusterView, wanted: str | None) -> None:
    """As `check_file_system`; `InvalidValue` when another file system than this cluster's was named."""
    check_file_system(services.fsx, view.file_system_id)
    if wanted and wanted != view.file_system_id:
        raise InvalidValue("file system id", wanted, f"is not that of {view.name}, {view.file_system_id}")


def refusals(
    s3: S3Api, destination: S3Prefix, beside: ExportReceipt | None, ours: Sequence[ExportReceipt], *, is_written: bool
) -> Iterator[Refused]:
    """Why nothing may be written there: data that no attempt of ours explains, the receipt of anything else."""
    if not is_written and not any(one.attempts for one in ours):
        found = next(data_objects(s3.objects(destination), destination), None)
        if found is not None:
            yield Refused(
                f"{destination} is not empty ({found.key}) and is not an earlier export of this directory.",
                code="destination_not_empty", hint="Choose an empty prefix.", details={"key": found.key},
            )  # fmt: skip
    if beside is not None and beside not in ours:
        yield claimed(beside, destination)


def claimed(theirs: ExportReceipt, destination: S3Prefix) -> Refused:
    """The refusal to write where another export does, or did."""
    uri = f"s3://{destination.bucket}/{receipt_key(destination)}"
    return Refused(
        f"{destination} belongs to the export of {theirs.headnode_path or theirs.source_path} from "
        f"{theirs.cluster_name or theirs.fsx_file_system_id} ({theirs.status}, {theirs.updated_at}).",
        code="destination_claimed", details={"receipt": uri, "dyec_run_id": theirs.dyec_run_id},
        hint=f"Choose another prefix; if that export is over and wrote nothing, remove {uri}",
    )  # fmt: skip


def differs(found: Verification, receipt: ExportReceipt) -> ExportFailed:
    """The failure that names what differs."""
    shown = ", ".join(f"{one.key} ({one.kind})" for one in found.mismatches[:_SHOWN])
    return ExportFailed(
        f"S3 differs from the analysis directory in {len(found.mismatches)} entries: {shown}.",
        code="export_differs",
        hint="FSx writes only what changed since its last export: touch the files named, then export again; "
             "or export to an empty prefix.",
        details={"verification": dict(receipt.verification)},
    )  # fmt: skip
