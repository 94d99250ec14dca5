"""The demonstration's run folder: what its QC counts in the BCL files is what stands in the reads."""

from __future__ import annotations

import gzip
import json
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from daylily_ec.demo.data import DemoData, DemoSample
from daylily_ec.demo.run_folder import CYCLES, INDEXES, run_folder
from daylily_ec.fsx.content import judge
from daylily_ec.fsx.policy import Platform
from tests.unit.demo.scripts import imported

SCRIPTS = Path(__file__).parents[3] / "config" / "demo" / "workflow" / "workflow" / "scripts"
READS = [("ACGTN" * 6, "I" * 30), ("TTTTT" * 6, "#" * 30), ("GGCCA" * 6, "5" * 30), ("ACG", "III")]
SHORT = 1
"""Reads of the last kind are too short for a cluster."""


@pytest.fixture
def qc() -> Iterator[dict[str, ModuleType]]:
    with imported(SCRIPTS, "tables", "runs", "run_qc_lane", "run_qc_report") as modules:
        yield modules


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder on disk; lane 1 has every read once, lane 2 the same in both orders."""
    samples = []
    for name in ("S1", "S2"):
        paths = (tmp_path / f"{name}_R1.gz", tmp_path / f"{name}_R2.gz")
        for path in paths:
            path.write_bytes(gzip.compress("".join(f"@r\n{bases}\n+\n{marks}\n" for bases, marks in READS).encode()))
        samples.append(DemoSample(name, *paths, len(READS), "sample"))
    folder = tmp_path / "RUN1"
    for upload in run_folder(DemoData(tmp_path, "simulated", "", tuple(samples), 0), "RUN1"):
        (folder / upload.key).parent.mkdir(parents=True, exist_ok=True)
        (folder / upload.key).write_bytes(upload.body)
    return folder


def test_decoded_calls_are_the_reads(qc: dict[str, ModuleType], run: Path) -> None:
    found = qc["run_qc_lane"].lane_qc(str(run), 1)
    assert (found["clusters"], found["passed"]) == (len(READS) - SHORT, 2)
    reads = [bases for bases, marks in READS[:-SHORT] if marks[0] != "#"]
    bases: Counter[str] = Counter()
    for cycle in [*found["cycles"][:CYCLES], *found["cycles"][CYCLES + len(INDEXES[0]) :]]:
        bases += Counter(cycle["bases"])
    assert bases == Counter("".join(text[:CYCLES] for text in reads) * 2)
    good = sum(cycle["q30"] for cycle in found["cycles"][:CYCLES])
    assert good == sum(char != "N" for char in READS[0][0][:CYCLES])
    assert found["samples"] == {"S1": 2}


def test_the_report_joins_the_lanes(
    qc: dict[str, ModuleType], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes = []
    for number in qc["runs"].read_layout(str(run)).lanes:
        lanes.append(tmp_path / f"lane_{number}.json")
        lanes[-1].write_text(json.dumps(qc["run_qc_lane"].lane_qc(str(run), number)))
    names = [tmp_path / name for name in ("summary", "lanes", "samples")]
    flags = [word for path in names for word in (f"--{path.name}", str(path))]
    monkeypatch.setattr(sys, "argv", ["x", "--run", "RUN1", *flags, *map(str, lanes)])
    qc["run_qc_report"].main()
    summary = json.loads(names[0].read_text())
    assert summary["samples"] == {"S1": 2, "S2": 2}
    assert [row["passing_percent"] for row in summary["lanes"]] == [66.67, 66.67]
    assert "RUN1 lane 2\t3\t66.67\t" in names[1].read_text()
    assert "S2\t2\t50.0" in names[2].read_text()


@pytest.mark.parametrize("damage", ["missing", "cut", "filter"])
def test_a_damaged_run_is_an_error_that_names_the_file(qc: dict[str, ModuleType], run: Path, damage: str) -> None:
    calls = run / "Data/Intensities/BaseCalls/L002"
    path = calls / ("s_2_1101.filter" if damage == "filter" else "C3.1/s_2_1101.bcl.gz")
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1]))
    else:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(qc["run_qc_lane"].BadRun, match=path.name.replace(".", r"\.")):
        qc["run_qc_lane"].lane_qc(str(run), 2)


def test_only_illumina_runs_are_taken(qc: dict[str, ModuleType], run: Path, tmp_path: Path) -> None:
    table = tmp_path / "runs.tsv"
    table.write_text(f"RUNID\tPLATFORM\tRUN_DIR\tOUTPUT_ROOT\nRUN1\tILMN\t{run}\tna\n")
    found = qc["runs"].read_runs(str(table))
    assert {root: one.lanes for root, one in found.items()} == {"results/runs/RUN1": (1, 2)}
    table.write_text(table.read_text().replace("ILMN", "ONT"))
    with pytest.raises(qc["tables"].TableError, match="platform ONT"):
        qc["runs"].read_runs(str(table))


def test_it_is_a_run_to_mounts_verify_and_its_tile_metrics_count_its_clusters(run: Path) -> None:
    files = [(str(path.relative_to(run)), path.stat().st_size) for path in run.rglob("*") if path.is_file()]
    assert judge(Platform.ILMN, files).missing == ()
    metrics = (run / "InterOp/TileMetricsOut.bin").read_bytes()
    assert metrics[:2] == bytes((2, 10))
    records = [struct.unpack("<HHHf", metrics[at : at + 10]) for at in range(2, len(metrics), 10)]
    counts = {(lane, code): count for lane, _, code, count in records}
    assert counts == {(lane, code): count for lane in (1, 2) for code, count in ((102, len(READS) - SHORT), (103, 2))}
