"""How two observations are compared, and the table of documented differences."""

from __future__ import annotations

import pytest

from tests.parity.compare import ABSENT, Difference, Intended, differences, judge, read_table
from tests.parity.site import ROOT

TABLE = read_table(ROOT / "docs/parity.md")
ROW = Intended("D-01", "tag/*/color", "red", "*blue", "because")


def test_equal_observations_differ_nowhere() -> None:
    verdict = judge({"a": 1, "b": [2]}, {"b": [2], "a": 1}, [])
    assert (verdict.good, verdict.equal) == (True, 2)


def test_a_difference_without_a_row_is_found() -> None:
    verdict = judge({"a": 1}, {"a": 2, "b": "new"}, [])
    assert not verdict.good
    assert verdict.unexplained == (Difference("a", "1", "2"), Difference("b", ABSENT, "new"))


def test_a_row_explains_its_place_and_values_only() -> None:
    good = {"tag/fsx/color": "red"}, {"tag/fsx/color": "dark blue"}
    assert judge(*good, [ROW]).good
    for path, ours in (("tag/fsx/size", "dark blue"), ("tag/fsx/color", "green"), ("tag/fsx/color", ABSENT)):
        verdict = judge({path: "red"}, {} if ours == ABSENT else {path: ours}, [ROW])
        assert [one.path for one in verdict.unexplained] == [path]


def test_a_row_that_explains_nothing_is_idle() -> None:
    verdict = judge({"a": 1}, {"a": 1}, [ROW])
    assert (verdict.good, verdict.idle) == (False, ("D-01 tag/*/color",))


def test_brackets_in_a_row_are_plain_text() -> None:
    row = Intended("D-02", "x", '["a"]', "absent", "because")
    assert row.covers(differences({"x": ["a"]}, {})[0])


def test_every_line_of_the_table_is_a_row() -> None:
    lines = [line for line in (ROOT / "docs/parity.md").read_text().splitlines() if line.startswith("| D-")]
    assert len(lines) == len(TABLE) > 10
    assert [row.id for row in TABLE] == [f"D-{number:02}" for number in range(1, len(TABLE) + 1)]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_every_difference_has_a_reason(row: Intended) -> None:
    assert len(row.why) > 15
    assert row.where != "*"
