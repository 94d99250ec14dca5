# SPDX-License-Identifier: Apache-2.0
"""Join the lanes of one run: a JSON summary, and two tables for MultiQC."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

LANES_HEAD = """\
# id: 'run_lanes'
# section_name: 'Lanes'
# description: 'clusters, and base calls of passing clusters'
# plot_type: 'table'
"""
SAMPLES_HEAD = """\
# id: 'run_samples'
# section_name: 'Samples'
# description: 'passing clusters by index'
# plot_type: 'table'
"""


def percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def lane_row(run: str, lane: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of one lane; index cycles do not count as bases."""
    numbers = [at for read in lane["reads"] if not read["index"] for at in range(read["first"] - 1, read["last"])]
    cycles = [lane["cycles"][at] for at in numbers]
    bases: Counter[str] = sum((Counter(cycle["bases"]) for cycle in cycles), Counter())
    total = sum(bases.values())
    return {
        "Lane": f"{run} lane {lane['lane']}", "clusters": lane["clusters"],
        "passing_percent": percent(lane["passed"], lane["clusters"]), "bases": total,
        "mean_quality": round(sum(cycle["quality"] for cycle in cycles) / total, 2) if total else 0.0,
        "q30_percent": percent(sum(cycle["q30"] for cycle in cycles), total),
        "gc_percent": percent(bases["G"] + bases["C"], total), "no_call_percent": percent(bases["N"], total),
    }  # fmt: skip


def write_table(path: Path, head: str, rows: Iterable[Mapping[str, Any]]) -> None:
    lines = [dict(row) for row in rows]
    cells = [list(lines[0]), *([str(value) for value in row.values()] for row in lines)]
    path.write_text(head + "".join("\t".join(row) + "\n" for row in cells))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    for name in ("summary", "lanes", "samples"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("inputs", nargs="+", type=Path)
    given = parser.parse_args()
    lanes = [json.loads(path.read_text()) for path in given.inputs]
    samples: Counter[str] = sum((Counter(lane["samples"]) for lane in lanes), Counter())
    rows = [lane_row(given.run, lane) for lane in lanes]
    whole = sum(samples.values())
    write_table(given.lanes, LANES_HEAD, rows)
    counts = [{"Sample": name, "clusters": samples[name], "percent": percent(samples[name], whole)} for name in samples]
    write_table(given.samples, SAMPLES_HEAD, sorted(counts, key=lambda row: row["Sample"]))
    summary = {"run": given.run, "lanes": rows, "samples": dict(sorted(samples.items()))}
    given.summary.write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
