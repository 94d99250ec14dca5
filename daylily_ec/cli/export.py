"""`dyec export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daylily_ec.cli.frame import CLUSTER_VARIABLE, FRAME, App
from daylily_ec.cli.options import DryRun, Profile, Region
from daylily_ec.cli.render import emit, pairs, text
from daylily_ec.cli.session import services
from daylily_ec.errors import ValidationError
from daylily_ec.fsx.verification import Mode
from daylily_ec.workflow.export_analysis import export_analysis
from daylily_ec.workflow.export_parts import ExportPreflight, PartRequest, preflight_export
from daylily_ec.workflow.export_request import ExportRequest, ExportResult
from daylily_ec.workflow.mounts import FileSystemTarget
from daylily_ec.workflow.services import Services

app = App()

Verify = Annotated[
    str, typer.Option("--verify", help="checksum: S3's own checksums; full: read every object here; sizes: no content.")
]
HashOn = Annotated[str | None, typer.Option("--hash-on", metavar="PARTITION", help="Hash in a Slurm job there.")]
RunLinks = Annotated[bool, typer.Option("--allow-run-links", help="Export any links into run mounts as links.")]


Cluster = Annotated[
    str | None, typer.Option("--cluster", "--cluster-name", envvar=CLUSTER_VARIABLE, help="Cluster name.")
]
FileSystem = Annotated[str | None, typer.Option("--fsx-file-system-id", help="File system, instead of a cluster.")]


@app.command()
def export(
    source_path: Annotated[str, typer.Option("--source-path", help="/fsx/analysis_results/<entity>/<analysis id>")],
    destination: Annotated[str, typer.Option("--destination-s3-uri", help="S3 prefix ending in the same two names.")],
    output_dir: Annotated[Path, typer.Option("--output-dir", help="Where the receipt is written.")],
    region: Region,
    cluster: Cluster = None,
    fsx_file_system_id: FileSystem = None,
    profile: Profile = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the task, verify and detach.")] = True,
    timeout: Annotated[
        float, typer.Option("--timeout-seconds", min=1, help="How long to wait for an association slot, and the task.")
    ] = 3600,
    verify: Verify = Mode.CHECKSUM,
    hash_on: HashOn = None,
    run_links: RunLinks = False,
    dry_run: DryRun = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="The same as --debug.")] = False,
) -> None:
    """Export an analysis directory to S3, prove that S3 has every byte, and keep the receipt; run again to resume."""
    FRAME.debug = FRAME.debug or verbose
    request = ExportRequest(cluster or "", source_path, destination, output_dir, wait, timeout, Mode.parse(verify),
                            hash_on, run_links, fsx_file_system_id)  # fmt: skip
    if dry_run:
        target = FileSystemTarget(cluster, fsx_file_system_id)
        show_preflight(services(profile, region), PartRequest(target, source_path, destination, settings=request))
        return
    emit(export_analysis(services(profile, region), request))


def show_preflight(made: Services, request: PartRequest) -> None:
    """What an export would meet; `ValidationError` when that would stop it."""
    found = preflight_export(made, request)
    if not found.is_good:
        raise ValidationError(f"The export would be refused: {'; '.join(found.problems[:5])}.", evidence=found,
                              code="export_preflight_failed", details={"problems": list(found.problems)})  # fmt: skip
    emit(found)


@text.register
def _(result: ExportPreflight) -> str:
    return pairs({
        "analysis": result.analysis_dir, "destination": result.destination_s3_uri,
        "files": f"{result.files:,} files, {result.bytes:,} bytes", "slots": f"{result.slots_used} of 8 taken",
        "continues": "an earlier export of this directory" if result.continues else "",
        "problems": result.problems,
    })  # fmt: skip


@text.register
def _(result: ExportResult) -> str:
    receipt = result.receipt
    verified = receipt.verification
    proof = (
        f"{verified['objects']:,} objects, {verified['bytes']:,} bytes, {verified['mismatches']} mismatches"
        f" (mode {verified['mode']})"
        if "objects" in verified
        else "not yet"
    )
    return pairs(
        {
            "status": f"{receipt.status} {receipt.outcome}".rstrip(),
            "source": receipt.headnode_path,
            "destination": receipt.destination_s3_uri,
            "task": f"{receipt.task_id} {receipt.task_lifecycle}".strip(),
            "verified": proof,
            "detached": "yes" if receipt.detached else "no",
            "receipt": result.receipt_path,
        }
    )
