"""docs/reliability.md says exactly what the recorded results say."""

from __future__ import annotations

from pathlib import Path

import pytest

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
