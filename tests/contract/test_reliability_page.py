"""docs/reliability.md says exactly what the recorded results say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.ledger import Ledger
from tests.faults.page import FOLDER, PAGE, render
from tests.faults.results import Point, Sweep, read, write

FILES = sorted(FOLDER.glob("*.jsonl"))


def test_the_page_is_rendered_from_the_results() -> None:
    assert PAGE.read_text() == render(), "render it again with: bin/faults --render"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_header_agrees_with_its_points(path: Path) -> None:
    sweep, points = read(path)
    assert sum(point.count for point in points) == sweep.run <= sweep.points
    assert sum(point.count for point in points if point.held) == sweep.held
    assert sweep.client == sweep.server
    assert sweep.commit
    assert {point.promise for point in points} == {sweep.promise}


def test_a_changed_result_changes_the_page(tmp_path: Path) -> None:
    header = Sweep("P1", "a", "abc", 1, 10, 10, 20, 2, 1, 1.0, "0.1.0")
    points = [
        Point("P1", "before", 1, "s3:PutObject", "converged"),
        Point("P1", "after", 1, "s3:PutObject", "", "two stacks"),
    ]
    write(tmp_path / "P1-a.jsonl", header, points)
    page = render(tmp_path)
    assert "| P1 | a | 10 / 10 | 20 | 2 | 1 | 18 | 1 | `abc` |" in page
    assert "two stacks" in page
    assert read(tmp_path / "P1-a.jsonl") == (header, tuple(points))


def test_every_command_has_results_of_its_own(tmp_path: Path) -> None:
    first = replace(at("abc"), promise="P2", verb="configure")
    for header in (first, replace(first, verb="launch")):
        Ledger(tmp_path, header).add(Point("P2", "before", 1, "ssm:SendCommand", "converged"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["P2-configure-a.jsonl", "P2-launch-a.jsonl"]
    page = render(tmp_path)
    for title in ("headnode configure", "workflow launch"):
        assert f"## P2 {title}, tier a" in page
        assert f"`{title}` killed (SIGKILL)" in page


def at(commit: str) -> Sweep:
    return Sweep("P1", "a", commit, 1, 0, 0, 0, 0, 0, 0.0, "0.1.0")


ONE = Point("P1", "before", 1, "s3:PutObject", "converged")
TWO = Point("P1", "after", 1, "s3:PutObject", "", "two stacks")


def test_a_sweep_that_is_ended_keeps_what_it_did_and_goes_on_at_the_same_commit(tmp_path: Path) -> None:
    now = iter([100.0, 130.0, 200.0, 205.0])
    first = Ledger(tmp_path, at("abc"), lambda: next(now))
    first.plan(3, 10, 10)
    first.add(ONE)
    kept, points = read(tmp_path / "P1-a.jsonl")
    assert (kept.points, kept.run, kept.held, kept.seconds, points) == (3, 1, 1, 30.0, (ONE,))

    second = Ledger(tmp_path, at("abc"), lambda: next(now))
    assert (second.has("before", 1), second.has("after", 1)) == (True, False)
    second.plan(3, 10, 10)
    second.add(TWO)
    kept, points = read(tmp_path / "P1-a.jsonl")
    assert (kept.run, kept.held, kept.seconds, set(points)) == (2, 1, 35.0, {ONE, TWO})


@pytest.mark.parametrize(("before", "after"), [("abc", "def"), ("abc", "abc+"), ("abc+", "abc+")])
def test_another_commit_and_a_changed_tree_begin_anew(tmp_path: Path, before: str, after: str) -> None:
    Ledger(tmp_path, at(before)).add(ONE)
    again = Ledger(tmp_path, at(after))
    assert not again.has("before", 1)
    again.add(TWO)
    assert read(tmp_path / "P1-a.jsonl")[1] == (TWO,)


def test_points_that_came_out_alike_are_one_line_and_those_not_reached_are_none(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, at("abc"))
    for point in (ONE, ONE, Point("P1", "before", 9, "", "not reached")):
        ledger.add(point)
    assert ledger.points == (replace(ONE, count=2),)
    assert ledger.has("before", 1, "s3:PutObject")
    assert not ledger.has("before", 1, "s3:GetObject")
    assert ledger.sweep.run == 2
