"""`bin/faults`: sweeps of the whole create path on local clouds of their own, and the page made from their results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.faults import tier_b
from tests.faults.campaign import Extent, files, race, sweep
from tests.faults.page import FOLDER, PAGE, render
from tests.faults.results import Point, Sweep, write


def main(words: Sequence[str]) -> int:
    """Exit status 0 when every point that ran has held and both counts agree."""
    given = _options(words)
    if given.render:
        PAGE.write_text(render())
        return 0
    if given.files or given.race:
        return _others(given)
    if given.tier == "b":
        return min(1, _keep(given.out, *tier_b.sweep(given.sample, given.seed, given.seconds, given.note)))
    extent = Extent(given.sample, given.seed, given.jobs, given.seconds)
    broken = 0
    for promise in given.promise or ["P1", "P3", "P4"]:
        header, found = sweep(promise, extent, given.note)
        broken += _keep(given.out, header, found)
    return 1 if broken else 0


def _others(given: argparse.Namespace) -> int:
    if given.files:
        return min(1, sum(_keep(given.out, *found) for found in files()))
    return min(1, _keep(given.out, *race(given.race, given.note)))


def _keep(folder: Path | None, header: Sweep, found: Sequence[Point]) -> int:
    """Write a result file and say what is in it; how much did not hold."""
    name = f"{header.promise}-{header.tier}" if header.tier else header.promise
    path = (folder or FOLDER) / f"{name}.jsonl"
    write(path, header, found)
    calls = f"N {header.client} in the process, {header.server} in the log; " if header.client else ""
    print(f"{header.promise}: {calls}{header.points} points, {header.run} run, {header.held} held; "
          f"{header.seconds:.0f} s; {path}", flush=True)  # fmt: skip
    return header.run - header.held + (header.client != header.server)


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/faults", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--resume", action="store_true", help="sweep create: killed, failing once, failing for good")
    what.add_argument("--files", action="store_true", help="cut files and kill writes (P5, P6)")
    what.add_argument("--race", type=int, metavar="ROUNDS", help="sixteen starters of one name (P7)")
    what.add_argument("--render", action="store_true", help="write docs/reliability.md from the results")
    parser.add_argument("--promise", action="append", choices=["P1", "P3", "P4"], help="only this one; repeatable")
    parser.add_argument("--tier", choices=["a", "b"], default="a", help="b: P1 with the real pcluster, by journal step")
    parser.add_argument("--sample", type=int, help="so many points of each sweep instead of all")
    parser.add_argument("--seed", type=int, default=1, help="order and sample of the points")
    parser.add_argument("--jobs", type=int, default=2, help="local clouds side by side")
    parser.add_argument("--seconds", type=float, default=86400.0, help="begin no point of a sweep after so long")
    parser.add_argument("--out", type=Path, help="folder of the results instead of docs/reliability")
    parser.add_argument("--note", default="", help="a remark for the page")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
