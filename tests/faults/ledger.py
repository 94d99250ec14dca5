"""A sweep's result file, written anew after every point: a sweep that is ended keeps what it did and can go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from daylily_ec.version import __version__
from tests.faults.results import Point, Sweep, commit, read, write


def asked(promise: str, tier: str, seed: int = 0, note: str = "", verb: str = "") -> Sweep:
    """The header of a sweep of this tree that has not begun."""
    return Sweep(promise, tier, commit(), seed, 0, 0, 0, 0, 0, 0.0, __version__, note, verb)


class Ledger:
    """What a sweep has found; goes on with the file's points when they were recorded at the same commit.

    A tree with changes of its own is no commit: its points are never gone on with.
    """

    def __init__(self, folder: Path, header: Sweep, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = folder / f"{header.name}.jsonl"
        self._clock, self._began = clock, clock()
        before, found = _earlier(self.path, header)
        self._spent = before
        self._header = header
        self._points = list(found)

    @property
    def points(self) -> tuple[Point, ...]:
        """In the order of the file."""
        return tuple(sorted(self._points, key=lambda point: (point.call, point.kind, point.action)))

    @property
    def sweep(self) -> Sweep:
        """The header as it is now; seconds of earlier parts included."""
        return replace(
            self._header, run=sum(point.count for point in self._points),
            held=sum(point.count for point in self._points if point.held),
            seconds=round(self._spent + self._clock() - self._began, 1),
        )  # fmt: skip

    def plan(self, points: int, client: int = 0, server: int = 0) -> None:
        """So many points there are; the calls of an undisturbed run, as both sides counted them."""
        self._header = replace(self._header, points=points, client=client, server=server)

    def has(self, kind: str, call: int, action: str | None = None) -> bool:
        """Whether this point has run; `action` matters where points are not told apart by calls."""
        return any(
            (point.kind, point.call) == (kind, call) and action in (None, point.action) for point in self._points
        )

    def add(self, point: Point) -> None:
        """Keep a point; those that came out alike become one line, one that was not reached is none."""
        if point.outcome == "not reached" and point.held:
            return
        for number, known in enumerate(self._points):
            if replace(known, count=point.count) == point:
                self._points[number] = replace(known, count=known.count + point.count)
                break
        else:
            self._points.append(point)
        write(self.path, self.sweep, self.points)


def _earlier(path: Path, header: Sweep) -> tuple[float, tuple[Point, ...]]:
    """Seconds and points of the same commit."""
    if header.commit.endswith("+") or header.commit == "unknown" or not path.is_file():
        return 0.0, ()
    known, points = read(path)
    return (known.seconds, points) if known.commit == header.commit else (0.0, ())
