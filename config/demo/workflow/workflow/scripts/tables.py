# SPDX-License-Identifier: Apache-2.0
"""The two input tables, `config/samples.tsv` and `config/units.tsv`, and the tools that this workflow has."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG_TABLES = ("config/samples.tsv", "config/units.tsv")
BLANK = frozenset({"", "na", "NA"})
LOW_DEPTH_USE = "lowDepthControl"
TOOLS = {"aligners": "bwa", "dedupers": "smd", "snv_callers": "bcftools"}


class TableError(Exception):
    """A table lacks a column, a value, or a partner row."""


@dataclass(frozen=True)
class Sample:
    """One sample: its FASTQ files in lane order, its truth directory (or None) and what it is for."""

    name: str
    r1: tuple[str, ...]
    r2: tuple[str, ...]
    truth: str | None
    use: str


def rows(path: str, required: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a tab-separated table, values trimmed; CRLF line ends are fine."""
    with Path(path).open(newline="") as handle:
        reader = csv.DictReader(handle, delimiter="\t")
        missing = [column for column in required if column not in (reader.fieldnames or [])]
        if missing:
            raise TableError(f"{path}: missing column {', '.join(missing)}")
        return [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]


def _files(unit: Mapping[str, str], column: str) -> list[str]:
    return [name.strip() for name in unit[column].split(",") if name.strip() not in BLANK]


def _truth(row: Mapping[str, str]) -> str | None:
    found = {row.get(column, "") for column in ("TRUTH_DATA_DIR", "CONCORDANCE_CONTROL_PATH")} - BLANK
    if len(found) > 1:
        raise TableError(f"config/samples.tsv: {row['SAMPLEID']} names two truth directories: {sorted(found)}")
    return found.pop() if found else None


def read_samples() -> dict[str, Sample]:
    """All samples by name, in sorted order; lanes of one sample are joined."""
    truth = {row["SAMPLEID"]: _truth(row) for row in rows(CONFIG_TABLES[0], ("SAMPLEID",))}
    units = rows(CONFIG_TABLES[1], ("SAMPLEID", "ILMN_R1_PATH", "ILMN_R2_PATH"))
    samples: dict[str, Sample] = {}
    for name in sorted(truth):
        mine = [unit for unit in units if unit["SAMPLEID"] == name]
        r1 = [path for unit in mine for path in _files(unit, "ILMN_R1_PATH")]
        r2 = [path for unit in mine for path in _files(unit, "ILMN_R2_PATH")]
        if not r1 or len(r1) != len(r2):
            raise TableError(f"config/units.tsv: {name} has {len(r1)} R1 and {len(r2)} R2 files")
        use = next((unit.get("SAMPLEUSE", "") for unit in mine if unit.get("SAMPLEUSE")), "sample")
        samples[name] = Sample(name, tuple(r1), tuple(r2), truth[name], use)
    strangers = sorted({unit["SAMPLEID"] for unit in units} - truth.keys())
    if strangers:
        raise TableError(f"config/units.tsv: {', '.join(strangers)} not in config/samples.tsv")
    return samples


def _names(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(name) for name in value or []]


def unsupported_tools(config: Mapping[str, Any]) -> list[str]:
    """One sentence per requested tool that this workflow replaces by the one it has."""
    notes = [
        f"{key} {name} is not part of this workflow; {have} is used instead"
        for key, have in TOOLS.items()
        for name in _names(config.get(key))
        if name != have
    ]
    return notes + [
        f"sv_callers {name} is not part of this workflow; ignored" for name in _names(config.get("sv_callers"))
    ]
