# SPDX-License-Identifier: Apache-2.0
"""Decode every base call of one lane and count: clusters, bases and qualities per cycle, clusters per index.

BCL: 4 bytes with the number of clusters, then one byte each: the two low bits are the base, the six high ones its
quality; 0 is no call.  Filter: 12 bytes that end with the number of clusters, then one byte each: 1 passes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import struct
import sys
from collections import Counter
from pathlib import Path

from runs import Layout, read_indexes, read_layout

BASES = "ACGT"
UNKNOWN = "undetermined"
Q30 = 30


class BadRun(Exception):
    """The folder does not hold what RunInfo.xml promises."""


def read_bcl(path: Path) -> bytes:
    """The calls of one tile in one cycle."""
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise BadRun(f"{path}: {error}") from None
    if len(content) < 4 or struct.unpack("<I", content[:4])[0] != len(content) - 4:
        raise BadRun(f"{path}: {len(content) - 4} calls, but its header says otherwise")
    return content[4:]


def read_filter(path: Path) -> bytes:
    """Which clusters of a tile pass."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadRun(f"{path}: {error}") from None
    if len(content) < 12 or struct.unpack("<III", content[:12])[2] != len(content) - 12:
        raise BadRun(f"{path}: its header does not fit its {len(content) - 12} clusters")
    return content[12:]


def tiles(folder: Path, lane: int) -> list[str]:
    """Tiles of the lane, by their filter files."""
    found = sorted(path.name.removesuffix(".filter") for path in folder.glob(f"s_{lane}_*.filter"))
    if not found:
        raise BadRun(f"{folder}: no tile of lane {lane}")
    return found


def count(calls: bytes, passing: bytes) -> tuple[Counter[str], int, int]:
    """Bases, sum of the qualities and calls of Q30 and better, of the passing clusters."""
    bases: Counter[str] = Counter()
    total = good = 0
    for call, passes in zip(calls, passing, strict=True):
        if passes:
            bases[BASES[call & 3] if call else "N"] += 1
            total += call >> 2
            good += call >> 2 >= Q30
    return bases, total, good


def lane_qc(directory: str, lane: int) -> dict[str, object]:
    """The counts of one lane."""
    layout, folder = read_layout(directory), Path(directory) / "Data/Intensities/BaseCalls" / f"L{lane:03}"
    indexes, samples = read_indexes(directory), Counter[str]()
    cycles = [[Counter[str](), 0, 0] for _ in range(layout.cycles)]
    clusters = passed = 0
    for tile in tiles(folder, lane):
        passing = read_filter(folder / f"{tile}.filter")
        clusters, passed = clusters + len(passing), passed + sum(passing)
        calls = [read_bcl(folder / f"C{cycle}.1" / f"{tile}.bcl.gz") for cycle in range(1, layout.cycles + 1)]
        for cycle, one in zip(cycles, calls, strict=True):
            if len(one) != len(passing):
                raise BadRun(f"{folder}: {len(one)} calls for {len(passing)} clusters of {tile}")
            bases, total, good = count(one, passing)
            cycle[0] += bases
            cycle[1] += total
            cycle[2] += good
        samples += demultiplexed(
            layout, calls, passing, {index: name for (at, index), name in indexes.items() if at == lane}
        )
    return {
        "lane": lane, "clusters": clusters, "passed": passed, "samples": dict(sorted(samples.items())),
        "cycles": [{"bases": dict(bases), "quality": total, "q30": good} for bases, total, good in cycles],
        "reads": [{"first": first, "last": last, "index": index} for first, last, index in layout.reads],
    }  # fmt: skip


def demultiplexed(layout: Layout, calls: list[bytes], passing: bytes, names: dict[str, str]) -> Counter[str]:
    """Passing clusters per sample; an index that no sample has is undetermined."""
    places = [cycle for first, last, is_index in layout.reads if is_index for cycle in range(first - 1, last)]
    found: Counter[str] = Counter()
    for number, passes in enumerate(passing):
        if passes:
            sequence = "".join(BASES[calls[at][number] & 3] if calls[at][number] else "N" for at in places)
            found[names.get(sequence, UNKNOWN)] += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--lane", type=int, required=True)
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    try:
        found = lane_qc(given.run, given.lane)
    except BadRun as error:
        print(f"run_qc_lane: {error}", file=sys.stderr)
        return 1
    given.json.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
