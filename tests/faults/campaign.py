"""A promise's points, all or a seeded sample, on several clouds side by side."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

from daylily_ec.version import __version__
from tests.faults.results import Point, Sweep, commit
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


def _work(job: tuple[Path, list[Aim], bool]) -> tuple[Undisturbed, list[Point]]:
    base, chosen, loud = job
    base.mkdir()
    found = []
    with world(base) as place:
        baseline = undisturbed(place)
        for point in points(place, chosen, baseline):
            found.append(point)
            if loud and not point.held:
                print(f"BROKEN {point}", file=sys.stderr, flush=True)
    return baseline, found


def sweep(promise: str, sample: int | None, seed: int, jobs: int, note: str) -> tuple[Sweep, list[Point]]:
    """Run a promise's points, or a seeded sample of them, on `jobs` clouds side by side."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, ExitStack() as stack:
        with world(Path(folder)) as place:
            first = undisturbed(place)
        every = list(aims(promise, len(first.client)))
        order = random.Random(seed).sample(every, len(every))[: sample or len(every)]
        pool = stack.enter_context(get_context("fork").Pool(jobs))
        shares = [(Path(folder) / f"job{number}", order[number::jobs], True) for number in range(jobs)]
        done = pool.map(_work, shares, chunksize=1)
    found = sorted((point for _, part in done for point in part), key=lambda point: (point.call, point.kind))
    run = [point for point in found if point.outcome != "not reached" or point.problem]
    return Sweep(
        promise, "a", commit(), seed, len(first.client), len(first.server), len(every), len(run),
        sum(point.held for point in run), round(time.monotonic() - began, 1), __version__, note,
    ), run  # fmt: skip
