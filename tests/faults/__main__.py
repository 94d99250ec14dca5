"""`bin/faults`: sweeps of whole commands on local clouds of their own, and the page made from their results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.faults import pairs, tier_b
from tests.faults.campaign import Extent, files, race, sweep
from tests.faults.ledger import Ledger, asked
from tests.faults.page import FOLDER, PAGE, render
from tests.faults.registry import SCENARIOS
from tests.faults.results import Point, Sweep, write
from tests.faults.scenario import CREATE


def main(words: Sequence[str]) -> int:
    """Exit status 0 when every point that ran has held and both counts agree."""
    given = _options(words)
    if given.render:
        PAGE.write_text(render())
        return 0
    folder = given.out or FOLDER
    if given.files:
        return min(1, sum(_kept(folder, *found) for found in files()))
    ledgers = [
        Ledger(folder, asked(promise, tier, given.seed, given.note, verb)) for promise, tier, verb in _goals(given)
    ]
    return min(1, sum(_swept(ledger, given) for ledger in ledgers))


def _goals(given: argparse.Namespace) -> list[tuple[str, str, str]]:
    """Promises with their tiers and verbs; the endpoint, which knows no ParallelCluster, has no tier."""
    if given.race:
        return [("P7", "b" if given.tier == "b" else "", "")]
    if given.tier == "b":
        return [("P1", "b", "")]
    return [
        (promise, "a", "" if verb == CREATE.verb else verb)
        for verb in given.verb or SCENARIOS for promise in SCENARIOS[verb].promises
        if promise in (given.promise or [promise])
    ]  # fmt: skip


def _swept(ledger: Ledger, given: argparse.Namespace) -> int:
    if given.race and given.tier == "b":
        pairs.race(ledger, given.race, given.seed, given.seconds)
    elif given.race:
        race(ledger, given.race)
    elif given.tier == "b":
        tier_b.sweep(ledger, given.sample, given.seed, given.seconds)
    else:
        sweep(ledger, Extent(given.sample, given.seed, given.jobs, given.seconds))
    return _told(ledger.path, ledger.sweep)


def _kept(folder: Path, header: Sweep, found: Sequence[Point]) -> int:
    path = folder / f"{header.promise}.jsonl"
    write(path, header, found)
    return _told(path, header)


def _told(path: Path, header: Sweep) -> int:
    """Say what is in a result file; how much did not hold."""
    calls = f"N {header.client} in the process, {header.server} in the log; " if header.client else ""
    print(f"{header.name}: {calls}{header.points} points, {header.run} run, {header.held} held; "
          f"{header.seconds:.0f} s; {path}", flush=True)  # fmt: skip
    return header.run - header.held + (header.client != header.server)


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/faults", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--resume",
        action="store_true",
        help="sweep commands: killed, failing once, failing for good; goes on where a sweep of this commit was ended",
    )
    what.add_argument("--files", action="store_true", help="cut files and kill writes (P5, P6)")
    what.add_argument(
        "--race", type=int, metavar="ROUNDS", help="starters of one name (P7): sixteen, or two with --tier b"
    )
    what.add_argument("--render", action="store_true", help="write docs/reliability.md from the results")
    parser.add_argument(
        "--promise", action="append", choices=["P1", "P2", "P3", "P4"], help="only this one; repeatable"
    )
    parser.add_argument("--verb", action="append", choices=list(SCENARIOS), help="only this command; repeatable")
    parser.add_argument(
        "--tier", choices=["a", "b"], default="a", help="b: P1 (by journal step) or P7 with the real pcluster"
    )
    parser.add_argument("--sample", type=int, help="so many points of each sweep instead of all")
    parser.add_argument("--seed", type=int, default=1, help="order and sample of the points")
    parser.add_argument("--jobs", type=int, default=2, help="local clouds side by side")
    parser.add_argument("--seconds", type=float, default=86400.0, help="begin no point of a sweep after so long")
    parser.add_argument("--out", type=Path, help="folder of the results instead of docs/reliability")
    parser.add_argument("--note", default="", help="a remark for the page")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
