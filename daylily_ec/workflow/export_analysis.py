"""Export an analysis directory to S3, prove it, and leave a receipt.

The receipt is on disk before the first call to AWS and is replaced after each phase; run again after any interruption,
the export goes on where it was.
"""

from __future__ import annotations

import secrets

from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.errors import DeadlinePassed, DyecError, ExportFailed, Refused, ValidationError
from daylily_ec.fsx import exports
from daylily_ec.fsx.receipts import ExportReceipt, ReceiptBook, ReceiptStatus, parse_receipt
from daylily_ec.util.clock import timestamp
from daylily_ec.workflow.export_request import ExportRequest, ExportResult
from daylily_ec.workflow.export_run import ExportRun
from daylily_ec.workflow.services import Services


def export_analysis(services: Services, request: ExportRequest) -> ExportResult:
    """Export, or finish, or verify again; any failure stands in the receipt before it is raised."""
    book = _open(services, request)
    try:
        ExportRun(services, request, book).carry_out()
    except DyecError as error:
        # Whatever ended the wait, FSx goes on; only its own word about the task is the end of it.
        goes_on = book.receipt.has_open_task and not isinstance(error, ExportFailed)
        if goes_on and isinstance(error, DeadlinePassed):
            error.hint = "The task goes on; run the same command again to wait for it, verify and detach."
        error.details.setdefault("receipt", str(book.path))
        book.fail(error, ReceiptStatus.STARTED if goes_on else ReceiptStatus.ERROR)
        raise
    return ExportResult(book.receipt, str(book.path))


def _open(services: Services, request: ExportRequest) -> ReceiptBook:
    """The receipt of an earlier run of the same export, else a new one, on disk before anything else happens."""
    fresh = ExportReceipt(
        dyec_run_id=secrets.token_hex(8), cluster_name=request.cluster or None, region=services.context.region,
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
