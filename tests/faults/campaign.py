"""A promise's points, all or a seeded sample, on several clouds side by side."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from daylily_ec.aws.context import AwsContext
from daylily_ec.version import __version__
from tests.faults.damage import Tally, crashes, truncations
from tests.faults.results import Point, Sweep, commit
from tests.faults.starters import rounds
from tests.faults.sweeps import Aim, Undisturbed, aims, strike, undisturbed
from tests.faults.world import World, world

ATTEMPTS = 3
"""Calls run side by side: a run may end one call earlier than the undisturbed one; its last point is tried again."""


def points(place: World, chosen: Sequence[Aim], baseline: Undisturbed) -> Iterator[Point]:
    """Every chosen point; one that was not reached is tried again."""
    for aim in chosen:
        for _ in range(ATTEMPTS):
            found = strike(place, aim, baseline)
            if found.outcome != "not reached":
                break
        yield found


@dataclass(frozen=True)
class Share:
    """One process's part: its points, and when (on the monotonic clock) it begins no more."""

    base: Path
    aims: list[Aim]
    until: float


def _work(share: Share) -> list[Point]:
    share.base.mkdir()
    found: list[Point] = []
    with world(share.base) as place:
        baseline = undisturbed(place)
        for point in points(place, share.aims, baseline):
            found.append(point)
            if not point.held:
                print(f"BROKEN {point}", file=sys.stderr, flush=True)
            if time.monotonic() > share.until:
                break
    return found


@dataclass(frozen=True)
class Extent:
    """How much of a sweep: so many points (None: all) in the order of `seed`, for at most so many seconds."""

    sample: int | None = None
    seed: int = 1
    jobs: int = 2
    seconds: float = 86400.0


def sweep(promise: str, extent: Extent, note: str = "") -> tuple[Sweep, list[Point]]:
    """Run a promise's points on several clouds side by side."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        with world(Path(folder)) as place:
            first = undisturbed(place)
        every = list(aims(promise, len(first.client)))
        order = random.Random(extent.seed).sample(every, len(every))[: extent.sample or len(every)]
        shares = [Share(Path(folder) / f"job{number}", order[number :: extent.jobs], began + extent.seconds)
                  for number in range(extent.jobs)]  # fmt: skip
        with get_context("fork").Pool(extent.jobs) as pool:
            done = pool.map(_work, shares, chunksize=1)
    run = [point for part in done for point in part if point.outcome != "not reached" or point.problem]
    run.sort(key=lambda point: (point.call, point.kind))
    return Sweep(
        promise, "a", commit(), extent.seed, len(first.client), len(first.server), len(every), len(run),
        sum(point.held for point in run), round(time.monotonic() - began, 1), __version__, note,
    ), run  # fmt: skip


def files() -> tuple[tuple[Sweep, list[Point]], ...]:
    """P5 and P6: one line per kind of file or write."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        began = time.monotonic()
        cut = _tallied("P5", "as promised", truncations(Path(folder)), began)
        began = time.monotonic()
        return cut, _tallied("P6", "old or new", crashes(Path(folder)), began)


def _tallied(promise: str, outcome: str, found: Mapping[str, Tally], began: float) -> tuple[Sweep, list[Point]]:
    points = []
    for kind, tally in found.items():
        points.append(Point(promise, kind, 0, "", outcome, "", tally.tried - len(tally.problems)))
        points += [Point(promise, kind, 0, "", "", problem) for problem in tally.problems]
    tried = sum(tally.tried for tally in found.values())
    held = sum(point.count for point in points if point.held)
    return Sweep(
        promise, "", commit(), 0, 0, 0, tried, tried, held, round(time.monotonic() - began, 1), __version__
    ), points


def race(count: int, note: str = "") -> tuple[Sweep, list[Point]]:
    """P7: `count` rounds of sixteen starters on one cloud."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, world(Path(folder)) as place:
        place.fresh()
        os.environ.update(place.variables)
        found = list(rounds(AwsContext(None, "us-west-2"), place.client("cloudformation"), count))
    broken = [point for point in found if not point.held]
    same = [replace(found[0], call=0, count=count - len(broken))] if len(broken) < count else []
    lines = [replace(line, problem="") for line in same] + broken
    return Sweep("P7", "", commit(), 0, 0, 0, count, count, count - len(broken), round(time.monotonic() - began, 1),
                 __version__, note), lines  # fmt: skip
