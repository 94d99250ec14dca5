#!/usr/bin/env python3
"""Making a manifest beside `openssl dgst -sha256` on every core, interleaved, on files that are in the page cache.

    benchmarks/hashing.py [--runs 5] [--large-mib 512] [--small 10000] [--raw hashing.json]

Ours walks the directory twice, makes SHA-256 and CRC-64/NVME, and writes the manifest; openssl makes SHA-256 alone, one
process a core over the same files.  Two trees: large files (twice as many as cores), and small ones of 32 KiB.  Wall
time and processor time (user and system, all processes) come from the operating system.  `again` is a second manifest
of the same tree, out of the cache: all that is not hashing.  Its share is large with small files, so the ratio of
hashing alone, openssl / (ours - again), is printed too.  Goal for large files: median of the pairwise wall ratios
(openssl / ours) 0.9.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GOAL = 0.9
MIB = 1024 * 1024
SMALL_BYTES = 32 * 1024
CORES = len(os.sched_getaffinity(0))


def timed(command: str) -> dict[str, float]:
    """Wall and processor seconds of one shell command with all its children."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(["bash", "-o", "pipefail", "-c", command], stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"wall_s": wall, "cpu_s": cpu}


def fill(folder: Path, count: int, size: int) -> int:
    """`count` files of random bytes, in folders of 100; their bytes together."""
    for number in range(count):
        path = folder / f"{number // 100:03}" / f"{number:06}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            for start in range(0, size, 8 * MIB):
                out.write(os.urandom(min(8 * MIB, size - start)))
    return count * size


def round_of(tree: Path, scratch: Path, number: int, batch: int) -> dict[str, dict[str, float]]:
    """Ours, openssl, and ours once more out of the cache."""
    place = scratch / f"{tree.name}-{number}" / "run"
    place.mkdir(parents=True)
    ours = f"{sys.executable} -m daylily_ec.fsx.manifest_node {tree} {place}"
    theirs = f"find {tree} -type f -print0 | xargs -0 -P {CORES} -n {batch} openssl dgst -sha256"
    found = {"ours": timed(ours), "openssl": timed(theirs), "again": timed(ours)}
    if json.loads((place / "result.json").read_text())["state"] != "done":
        sys.exit("no manifest was made: not counted")
    return found


def report(name: str, total: int, rows: list[dict[str, dict[str, float]]]) -> float:
    """Print the medians of a tree; the median of the pairwise wall ratios."""
    ratio = statistics.median(row["openssl"]["wall_s"] / row["ours"]["wall_s"] for row in rows)
    cpu = statistics.median(row["openssl"]["cpu_s"] / row["ours"]["cpu_s"] for row in rows)
    for program in ("ours", "openssl", "again"):
        wall, used = (statistics.median(row[program][key] for row in rows) for key in ("wall_s", "cpu_s"))
        print(f"{name:8} {program:8} {wall:8.3f} s {used:8.3f} s CPU {total / 1e6 / wall:9.0f} MB/s "
              f"{total / 1e6 / used:7.0f} MB/CPU-s")  # fmt: skip
    hashing = [row["ours"]["wall_s"] - row["again"]["wall_s"] for row in rows]
    alone = statistics.median(row["openssl"]["wall_s"] / seconds for row, seconds in zip(rows, hashing, strict=True))
    print(f"{name:8} openssl / ours: wall {ratio:.2f}, CPU {cpu:.2f}; hashing alone: wall {alone:.2f}")
    return ratio


def main() -> int:
    """Measure and print; 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--large-mib", type=int, default=512)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--folder", default=None, help="where the trees are made")
    parser.add_argument("--raw", default="")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        scratch = Path(folder)
        large, small = scratch / "large", scratch / "small"
        totals = {large: fill(large, 2 * CORES, args.large_mib * MIB), small: fill(small, args.small, SMALL_BYTES)}
        time.sleep(2.5)  # files that are younger are hashed last
        print(f"{CORES} cores, {os.getloadavg()[0]:.1f} load")
        rows = {tree: [round_of(tree, scratch, number, 1 if tree == large else 100) for number in range(args.runs)]
                for tree in totals}  # fmt: skip
        ratios = {tree.name: report(tree.name, totals[tree], rows[tree]) for tree in totals}
        if args.raw:
            Path(args.raw).write_text(json.dumps({tree.name: rows[tree] for tree in totals}, indent=2) + "\n")
    return 0 if ratios["large"] >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
