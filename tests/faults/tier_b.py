"""P1 with the real `pcluster`: killed before, inside and after each journal step, alone and with its children."""

from __future__ import annotations

import json
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from daylily_ec.localcloud.daemon import UpOptions, down, up
from daylily_ec.localcloud.layout import Layout
from tests.faults.inventory import inventory
from tests.faults.ledger import Ledger
from tests.faults.results import ROOT, Point
from tests.integration.create.account import Buckets, prepare_account
from tests.integration.create.desk import Ended, Operator

CLUSTER = "sweep"
SITE = ROOT / "tests" / "faults" / "site"
FAKE_NODES = "tests.integration.localcloud_aws.fake_nodes:create_manager"
OURS = ("stacks", "instances", "file systems", "policies", "topics", "subscriptions", "schedules", "budgets")
"""What is compared; ParallelCluster names roles and artifacts anew in every run."""
SIGKILL = -9
_SUFFIX = re.compile(r"-[0-9A-Z]{10,14} ")


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the undisturbed run's journal: the lines before and after it (from 1), and how long it took."""

    name: str
    apply: int
    applied: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Kill:
    """One point: `plan` is what `site/sitecustomize.py` reads."""

    step: str
    kind: str
    plan: str


def _journal(desk: Operator) -> list[dict[str, Any]]:
    (path,) = desk.directory.glob(f"journal_{CLUSTER}_*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def _steps(lines: list[dict[str, Any]]) -> Iterator[Step]:
    begun: dict[str, tuple[int, datetime]] = {}
    for number, line in enumerate(lines, 1):
        at = datetime.fromisoformat(line["at"])
        if line["event"] == "apply":
            begun[line["step"]] = (number, at)
        if line["event"] == "applied":
            first, since = begun[line["step"]]
            yield Step(line["step"], first, number, (at - since).total_seconds())


def kills(steps: list[Step]) -> list[Kill]:
    """Six points for every step."""
    found = []
    for step in steps:
        for whom in ("alone", "group"):
            middle = f"inside:{step.apply}:{step.seconds / 2:.2f}:{whom}"
            plans = (f"before:{step.apply}:0:{whom}", middle, f"after:{step.applied}:0:{whom}")
            found += [Kill(step.name, f"{plan.partition(':')[0]}, {whom}", plan) for plan in plans]
    return found


def _fresh(desk: Operator) -> Operator:
    desk.control("POST", "reset")
    shutil.rmtree(desk.home, ignore_errors=True)
    desk.home.mkdir()
    return Operator(desk.layout, desk.endpoint, desk.home, prepare_account(desk.client))


def _create(desk: Operator, plan: str = "") -> Ended:
    path = f"{SITE}:{ROOT}" if plan else str(ROOT)
    child = desk.start(*desk.command(CLUSTER), PYTHONPATH=path, DYEC_FAULT_JOURNAL=plan)
    out, err = child.communicate(timeout=600)
    return Ended(child.returncode, out, err)


def _ours(desk: Operator) -> dict[str, Any]:
    found = inventory(desk.client)
    # Nested stacks carry a suffix that CloudFormation makes up.
    stacks = sorted(_SUFFIX.sub(" ", name) for name in found["stacks"])
    return {**{key: found[key] for key in OURS}, "stacks": stacks}


def _strike(desk: Operator, kill: Kill, expected: dict[str, Any]) -> Point:
    first = _create(desk, kill.plan)
    if first.code != SIGKILL:
        return Point("P1", kill.kind, 0, kill.step, "not reached", f"exit {first.code}" if first.code else "")
    again = _create(desk)
    problem = ""
    if again.code != 0:
        problem = f"exit {again.code}: {(again.out or again.err)[-500:]}"
    elif [record["status"] for record in _records(desk)].count("COMPLETE") != 1:
        problem = f"records {[record['status'] for record in _records(desk)]}"
    elif _ours(desk) != expected:
        problem = f"expected {expected}, found {_ours(desk)}"[:600]
    return Point("P1", kill.kind, 0, kill.step, "converged", problem)


def _records(desk: Operator) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(desk.directory.glob("state_*.json"))]


def sweep(ledger: Ledger, sample: int | None, seed: int, seconds: float) -> None:
    """Every point that has not run, or a seeded sample, one after the other."""
    until = time.monotonic() + seconds
    with cloud() as desk:
        ended = _create(desk)
        assert ended.code == 0, ended.err
        every = kills(list(_steps(_journal(desk))))
        ledger.plan(len(every))
        expected = _ours(desk)
        for kill in random.Random(seed).sample(every, len(every))[: sample or len(every)]:
            if ledger.has(kill.kind, 0, kill.step):
                continue
            if time.monotonic() > until:
                break
            found = _strike(_fresh(desk), kill, expected)
            print(f"{ledger.sweep.seconds:.0f} s: {found}", file=sys.stderr, flush=True)
            ledger.add(found)


@contextmanager
def cloud() -> Iterator[Operator]:
    """A local cloud whose head nodes are pretended, and an operator in a prepared account."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        layout = Layout(Path(folder) / "daylily" / "local")
        started = up(layout, UpOptions(manager=FAKE_NODES))
        try:
            yield _fresh(Operator(layout, started.endpoint, Path(folder) / "home", Buckets("", "", "", "")))
        finally:
            down(layout)
