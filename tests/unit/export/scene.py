"""An analysis directory in a world of fakes, and short ways to export and verify it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from daylily_ec.fsx.verification import Mode
from daylily_ec.workflow.export_analysis import export_analysis
from daylily_ec.workflow.export_request import ExportRequest
from daylily_ec.workflow.verify_export import Verified, is_uri, read_local, read_stored, verify_export
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, Faults, World

SOURCE = "/fsx/analysis_results/ubuntu/a1"
TARGET = "s3://results/derived/ubuntu/a1/"
BUCKET, PREFIX = "results", "derived/ubuntu/a1/"
RECEIPT = f"{PREFIX}_daylily_monitor/fsx_export.yaml"


def analysis(clock: FakeClock) -> World:
    """Four entries."""
    made = World(clock)
    made.tree.write("daylily-omics-analysis", kind="d")
    made.tree.write("daylily-omics-analysis/out.vcf", b"variants")
    made.tree.write("daylily-omics-analysis/empty", b"")
    made.tree.write("daylily-omics-analysis/link", b"out.vcf", kind="l")
    return made


def export(world: World, folder: Path, faults: Faults | None = None, **more: Any) -> dict[str, Any]:
    """The receipt of one run."""
    request = ExportRequest(CLUSTER, SOURCE, more.pop("target", TARGET), folder, **more)
    return export_analysis(world.services(faults), request).receipt.to_json()["fsx_export"]  # type: ignore[no-any-return]


def launched(world: World, folder: str, when: str = "2026-01-01T00:00:00Z") -> None:
    """The node has the record of a session that works in this folder of the analysis directory."""
    record = {"analysis_dir": SOURCE, "repo_path": f"{SOURCE}/{folder}", "started_at": when}
    facts = f"run_dir=/home/ubuntu/daylily-runs/{folder}\ntmux=gone\ncontroller=none\ncontroller_id=\n"
    facts += "command=gone\nanalysis=present\njobs=known"
    world.node.sessions.append(base64.b64encode(f"{facts}\n--\n{json.dumps(record)}\n--\n".encode()).decode())


def receipt(folder: Path) -> dict[str, Any]:
    """As this machine has it."""
    return json.loads((folder / "fsx_export.yaml").read_text())["fsx_export"]  # type: ignore[no-any-return]


def manifest_key(folder: Path) -> str:
    """Of the manifest beside the data that the receipt here names."""
    return str(receipt(folder)["inventory"]["manifest_s3_uri"]).removeprefix(f"s3://{BUCKET}/")


def verify(world: World, where: str | Path, mode: Mode | None = None) -> Verified:
    """`exports verify`."""
    services, text = world.services(), str(where)
    stored = read_stored(services.s3, text) if is_uri(text) else read_local(text)
    return verify_export(services, stored, mode)
