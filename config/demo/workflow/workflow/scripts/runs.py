# SPDX-License-Identifier: Apache-2.0
"""The runs of `config/runs.tsv`, and what RunInfo.xml says of an Illumina run folder."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tables import BLANK, TableError, rows

COLUMNS = ("RUNID", "PLATFORM", "RUN_DIR", "OUTPUT_ROOT")


@dataclass(frozen=True)
class Run:
    """One Illumina run: its folder and the numbers of its lanes."""

    name: str
    directory: str
    lanes: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """A run folder's lanes, and for every read its cycles (first, last) and whether it is an index."""

    lanes: tuple[int, ...]
    reads: tuple[tuple[int, int, bool], ...]

    @property
    def cycles(self) -> int:
        return self.reads[-1][1]


def read_layout(directory: str) -> Layout:
    """The layout in RunInfo.xml."""
    run = ElementTree.parse(Path(directory) / "RunInfo.xml").getroot().find("Run")
    layout = run.find("FlowcellLayout") if run is not None else None
    if run is None or layout is None:
        raise TableError(f"{directory}/RunInfo.xml describes no run")
    reads, last = [], 0
    for read in run.iter("Read"):
        first, last = last + 1, last + int(read.attrib["NumCycles"])
        reads.append((first, last, read.attrib["IsIndexedRead"] == "Y"))
    if not reads:
        raise TableError(f"{directory}/RunInfo.xml names no read")
    return Layout(tuple(range(1, int(layout.attrib["LaneCount"]) + 1)), tuple(reads))


def read_runs(path: str) -> dict[str, Run]:
    """All Illumina runs by their output directory; any other platform is refused."""
    runs: dict[str, Run] = {}
    for row in rows(path, COLUMNS):
        if row["PLATFORM"] != "ILMN":
            raise TableError(f"{path}: run {row['RUNID']} is of platform {row['PLATFORM']}, not ILMN")
        root = row["OUTPUT_ROOT"] if row["OUTPUT_ROOT"] not in BLANK else f"results/runs/{row['RUNID']}"
        runs[root] = Run(row["RUNID"], row["RUN_DIR"], read_layout(row["RUN_DIR"]).lanes)
    if not runs:
        raise TableError(f"{path}: no runs")
    return runs


def read_indexes(directory: str) -> dict[tuple[int, str], str]:
    """Sample by lane and index sequence, from the BCL Convert section of SampleSheet.csv; empty without a sheet."""
    sheet = Path(directory) / "SampleSheet.csv"
    if not sheet.exists():
        return {}
    lines = sheet.read_text().splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("[BCLConvert_Data]")), len(lines))
    section = lines[start + 1 :]
    stop = next((number for number, line in enumerate(section) if line.startswith("[")), len(section))
    table = csv.DictReader(line for line in section[:stop] if line.strip(", "))
    return {(int(row["Lane"]), row["index"]): row["Sample_ID"] for row in table}
