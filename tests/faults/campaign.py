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
from multiprocessing.connection import Connection, wait
from pathlib import Path

from daylily_ec.aws.context import AwsContext
from daylily_ec.version import __version__
from tests.faults.damage import Tally, crashes, truncations
from tests.faults.ledger import Ledger
from tests.faults.registry import SCENARIOS
from tests.faults.results import Point, Sweep, commit
from tests.faults.scenario import CREATE, Scenario
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

    scenario: Scenario
    base: Path
    aims: list[Aim]
    until: float


def _timely(found: Iterator[Point], until: float) -> Iterator[Point]:
    """Points until the time has come; what is broken is said at once."""
    for point in found:
        yield point
        if not point.held:
            print(f"BROKEN {point}", file=sys.stderr, flush=True)
        if time.monotonic() > until:
            break


def _work(share: Share, found: Connection) -> None:
    share.base.mkdir()
    with world(share.base, share.scenario) as place:
        for point in _timely(points(place, share.aims, undisturbed(place)), share.until):
            found.send(point)


def _side_by_side(shares: Sequence[Share]) -> Iterator[Point]:
    """Every process's points as they come; a process that fails is an error after the others have ended."""
    context = get_context("fork")
    jobs, open_ends = [], []
    for share in shares:
        reader, writer = context.Pipe(duplex=False)
        jobs.append(context.Process(target=_work, args=(share, writer)))
        jobs[-1].start()
        writer.close()
        open_ends.append(reader)
    while open_ends:
        for ready in wait(open_ends):
            assert isinstance(ready, Connection)
            try:
                yield ready.recv()
            except EOFError:
                open_ends.remove(ready)
    for job in jobs:
        job.join()
    failed = [str(job.exitcode) for job in jobs if job.exitcode]
    if failed:
        raise RuntimeError(f"jobs ended with {', '.join(failed)}; what they had found is kept")


@dataclass(frozen=True)
class Extent:
    """How much of a sweep: so many points (None: all) in the order of `seed`, for at most so many seconds."""

    sample: int | None = None
    seed: int = 1
    jobs: int = 2
    seconds: float = 86400.0


def sweep(ledger: Ledger, extent: Extent) -> None:
    """Run a promise's points on several clouds side by side; those that the ledger has are not run again."""
    until = time.monotonic() + extent.seconds
    promise, scenario = ledger.sweep.promise, SCENARIOS[ledger.sweep.verb or CREATE.verb]
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        with world(Path(folder), scenario) as place:
            first = undisturbed(place)
            every = list(aims(promise, len(first.client)))
            ledger.plan(len(every), len(first.client), len(first.server))
            order = random.Random(extent.seed).sample(every, len(every))[: extent.sample or len(every)]
            left = [aim for aim in order if not ledger.has(aim.kind, aim.call)]
            if extent.jobs == 1:
                for point in _timely(points(place, left, first), until):
                    ledger.add(point)
                return
        parts = (left[number :: extent.jobs] for number in range(extent.jobs))
        shares = [Share(scenario, Path(folder) / f"job{number}", part, until)
                  for number, part in enumerate(parts) if part]  # fmt: skip
        for point in _side_by_side(shares):
            ledger.add(point)


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


def race(ledger: Ledger, count: int) -> None:
    """P7: `count` rounds of sixteen starters on one cloud; rounds that the ledger has are not run again."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, world(Path(folder)) as place:
        place.fresh()
        os.environ.update(place.variables)
        ledger.plan(count)
        context, left = AwsContext(None, "us-west-2"), count - ledger.sweep.run
        for point in rounds(context, place.client("cloudformation"), left):
            ledger.add(replace(point, call=0) if point.held else point)
