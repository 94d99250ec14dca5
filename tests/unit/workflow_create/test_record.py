"""Which earlier run a create continues, and what its record tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from daylily_ec.errors import ClusterFailed, CorruptFile
from daylily_ec.state.journal import journal_path, read
from daylily_ec.state.models import RunStatus
from daylily_ec.state.store import StateStore
from daylily_ec.util.clock import Clock
from daylily_ec.workflow.create_record import Applicant, Beginning, RunBook, begin
from tests.unit.workflow_create.fakes import ZONE, config

ANN = Applicant("daylily", "123456789012", "arn:ann", "hash-1")


def opened(store: StateStore, clock: Clock, status: RunStatus, who: Applicant = ANN) -> RunBook:
    book = RunBook(store, begin(store, config(), ZONE, who, clock), clock)
    book.save(status=status)
    return book


def again(store: StateStore, clock: Clock, who: Applicant = ANN) -> Beginning:
    return begin(store, config(), ZONE, who, clock)


@pytest.mark.parametrize("status", [RunStatus.STARTED, RunStatus.SUBMITTED, RunStatus.STOPPED])
def test_an_unfinished_run_of_the_same_caller_and_configuration_is_continued(
    tmp_path: Path, clock: Clock, status: RunStatus
) -> None:
    book = opened(StateStore(tmp_path), clock, status)
    found = again(StateStore(tmp_path), clock)
    assert (found.path, found.record.run_id) == (book.path, book.record.run_id)


@pytest.mark.parametrize("other", [replace(ANN, owner="arn:bob"), replace(ANN, config_hash="hash-2")])
def test_another_caller_or_configuration_begins_anew(tmp_path: Path, clock: Clock, other: Applicant) -> None:
    book = opened(StateStore(tmp_path), clock, RunStatus.SUBMITTED)
    found = again(StateStore(tmp_path), clock, other)
    assert found.path is None
    assert found.record.run_id != book.record.run_id


def test_a_completed_run_is_remembered_and_a_failed_one_is_not_continued(tmp_path: Path, clock: Clock) -> None:
    complete = opened(StateStore(tmp_path / "a"), clock, RunStatus.COMPLETE)
    remembered = again(StateStore(tmp_path / "a"), clock)
    assert remembered.finished == Beginning(complete.record, complete.path)
    assert remembered.finished_run == complete.record.run_id != remembered.record.run_id
    opened(StateStore(tmp_path / "b"), clock, RunStatus.FAILED)
    found = again(StateStore(tmp_path / "b"), clock)
    assert (found.path, found.finished_run) == (None, "")


def test_a_damaged_record_stops_the_run_instead_of_beginning_anew(tmp_path: Path, clock: Clock) -> None:
    book = opened(StateStore(tmp_path), clock, RunStatus.SUBMITTED)
    book.path.write_text(book.path.read_text()[:200])
    with pytest.raises(CorruptFile):
        again(StateStore(tmp_path), clock)


def test_record_and_journal_are_on_disk_before_anything_else_happens(tmp_path: Path, clock: Clock) -> None:
    store = StateStore(tmp_path)
    book = RunBook(store, again(store, clock), clock)
    assert store.load(book.path) == book.record
    assert journal_path(book.path).name == "journal_majors_20260211143722.jsonl"
    assert [line["event"] for line in read(journal_path(book.path)).lines] == ["started"]
    book = RunBook(store, again(store, clock), clock)
    assert [line["event"] for line in read(journal_path(book.path)).lines] == ["started", "resumed"]


def test_a_failure_is_recorded_and_points_to_its_record(tmp_path: Path, clock: Clock) -> None:
    book = opened(StateStore(tmp_path), clock, RunStatus.SUBMITTED)
    error = ClusterFailed("boot script failed")
    book.fail(error)
    record = StateStore(tmp_path).load(book.path)
    assert (record.status, record.failure) == (RunStatus.FAILED, "boot script failed")
    assert error.details["state_path"] == str(book.path)
