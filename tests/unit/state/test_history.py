"""What earlier creations let expect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from daylily_ec.state.history import CREATED, History, history
from daylily_ec.state.journal import Journal, journal_path
from daylily_ec.state.models import RunRecord
from daylily_ec.state.store import StateStore
from daylily_ec.util.clock import Clock

ACCOUNT = "123456789012"
RECORD = RunRecord(
    run_id="r", cluster_name="majors", region="us-west-2", region_az="us-west-2d", aws_profile="", account_id=ACCOUNT,
    owner="o", config_hash="h", stamp="20260211143722", started_at="t", updated_at="t",
)  # fmt: skip


def ran(store: StateStore, clock: Clock, stamp: int, seconds: float, account: str = ACCOUNT, **phases: float) -> Path:
    path = store.create(replace(RECORD, stamp=str(20260211143722 + stamp), account_id=account))
    journal = Journal(journal_path(path), clock)
    journal.append("started")
    journal.append(CREATED, seconds=seconds, phases=phases)
    return path


def test_the_median_of_the_runs_of_this_account_and_region_counts(tmp_path: Path, clock: Clock) -> None:
    store = StateStore(tmp_path)
    ran(store, clock, 1, 600, boot=60)
    ran(store, clock, 2, 1000, boot=100, fsx=400)
    ran(store, clock, 3, 5000, boot=70)
    ran(store, clock, 4, 10, account="210987654321", boot=1)
    assert history(store, ACCOUNT, "us-west-2") == History(1000, {"boot": 70, "fsx": 400}, 3)
    assert history(store, ACCOUNT, "eu-west-1") == History()


def test_only_the_newest_twenty_count(tmp_path: Path, clock: Clock) -> None:
    store = StateStore(tmp_path)
    for number in range(25):
        ran(store, clock, number, float(number))
    assert history(store, ACCOUNT, "us-west-2") == History(14.5, {}, 20)


def test_damaged_and_unfinished_runs_are_left_out(tmp_path: Path, clock: Clock) -> None:
    store = StateStore(tmp_path)
    ran(store, clock, 1, 600)
    journal_path(ran(store, clock, 2, 900)).write_text("{\n{}\n")
    journal_path(ran(store, clock, 3, 900)).unlink()
    ran(store, clock, 4, 900).write_text("{")
    odd = ran(store, clock, 5, 900)
    journal_path(odd).write_text('{"event": "created", "seconds": "long", "phases": {}}\n')
    assert history(store, ACCOUNT, "us-west-2") == History(600, {}, 1)
