"""`bin/faults`: sweeps of the whole create path on local clouds of their own, and the page made from their results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.faults.campaign import Extent, sweep
from tests.faults.page import FOLDER, PAGE, render
from tests.faults.results import write


def main(words: Sequence[str]) -> int:
    """Exit status 0 when every point that ran has held and both counts agree."""
    given = _options(words)
    if given.render:
        PAGE.write_text(render())
        return 0
    extent = Extent(given.sample, given.seed, given.jobs, given.seconds)
    broken = 0
    for promise in given.promise or ["P1", "P3", "P4"]:
        header, found = sweep(promise, extent, given.note)
        path = (given.out or FOLDER) / f"{promise}-{header.tier}.jsonl"
        write(path, header, found)
        bad = header.run - header.held + (header.client != header.server)
        broken += bad
        print(f"{promise}: N {header.client} in the process, {header.server} in the log; {header.points} points, "
              f"{header.run} run, {header.held} held; {header.seconds:.0f} s; {path}", flush=True)  # fmt: skip
    return 1 if broken else 0


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/faults", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--resume", action="store_true", help="sweep create: killed, failing once, failing for good")
    what.add_argument("--render", action="store_true", help="write docs/reliability.md from the results")
    parser.add_argument("--promise", action="append", choices=["P1", "P3", "P4"], help="only this one; repeatable")
    parser.add_argument("--sample", type=int, help="so many points of each sweep instead of all")
    parser.add_argument("--seed", type=int, default=1, help="order and sample of the points")
    parser.add_argument("--jobs", type=int, default=2, help="local clouds side by side")
    parser.add_argument("--seconds", type=float, default=86400.0, help="begin no point of a sweep after so long")
    parser.add_argument("--out", type=Path, help="folder of the results instead of docs/reliability")
    parser.add_argument("--note", default="", help="a remark for the page")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
