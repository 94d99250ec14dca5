"""`dyec export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daylily_ec.cli.frame import App
from daylily_ec.cli.options import Cluster, Profile, Region
from daylily_ec.cli.render import emit, pairs, text
from daylily_ec.cli.session import services
from daylily_ec.fsx.verification import Mode
from daylily_ec.workflow.export_analysis import export_analysis
from daylily_ec.workflow.export_request import ExportRequest, ExportResult

app = App()

Verify = Annotated[
    str, typer.Option("--verify", help="checksum: S3's own checksums; full: read every object here; sizes: no content.")
]
HashOn = Annotated[str | None, typer.Option("--hash-on", metavar="PARTITION", help="Hash in a Slurm job there.")]
RunLinks = Annotated[bool, typer.Option("--allow-run-links", help="Export any links into run mounts as links.")]


@app.command()
def export(
    cluster: Cluster,
    source_path: Annotated[str, typer.Option("--source-path", help="/fsx/analysis_results/<entity>/<analysis id>")],
    destination: Annotated[str, typer.Option("--destination-s3-uri", help="S3 prefix ending in the same two names.")],
    output_dir: Annotated[Path, typer.Option("--output-dir", help="Where the receipt is written.")],
    region: Region,
    profile: Profile = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the task, verify and detach.")] = True,
    timeout: Annotated[
        float, typer.Option("--timeout-seconds", min=1, help="How long to wait for an association slot, and the task.")
    ] = 3600,
    verify: Verify = Mode.CHECKSUM,
    hash_on: HashOn = None,
    run_links: RunLinks = False,
) -> None:
    """Export an analysis directory to S3, prove that S3 has every byte, and keep the receipt; run again to resume."""
    request = ExportRequest(cluster, source_path, destination, output_dir, wait, timeout, Mode.parse(verify), hash_on,
                            run_links)  # fmt: skip
    emit(export_analysis(services(profile, region), request))


@text.register
def _(result: ExportResult) -> str:
    receipt = result.receipt
    verified = receipt.verification
    proof = (
        f"{verified['objects']:,} objects, {verified['bytes']:,} bytes, {verified['mismatches']} mismatches"
        f" (mode {verified['mode']})"
        if verified
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
