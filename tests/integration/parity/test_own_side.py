"""Our half of the comparison with the reference release; `bin/parity` adds the other half."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet

from tests.parity.compare import ABSENT, Difference, Intended, read_table, shown
from tests.parity.observe import CLUSTER, Observation
from tests.parity.run import OWN, created
from tests.parity.site import ROOT

TABLE = read_table(ROOT / "docs/parity.md")
WEAKNESSES = {
    "D-04": "W-11", "D-08": "W-41", "D-10": "W-56", "D-11": "W-59", "D-14": "W-45", "D-16": "W-40", "D-17": "W-43",
    "D-19": "W-39", "D-22": "W-01", "D-25": "W-06",
}  # fmt: skip
"""Defect of the reference release that a difference removes."""


def cases() -> Iterator[ParameterSet]:
    for row in TABLE:
        marks = [pytest.mark.weakness(WEAKNESSES[row.id])] if row.id in WEAKNESSES else []
        yield pytest.param(row, id=row.id, marks=marks)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Observation:
    return created("dyec", OWN, tmp_path_factory.mktemp("parity"), answer_commands=False)


@pytest.mark.parametrize("row", cases())
def test_the_documented_difference_is_still_ours(row: Intended, ours: Observation) -> None:
    place = Intended(row.id, row.where, "*", row.ours, row.why)
    found = [path for path, value in ours.items() if place.covers(Difference(path, "", shown(value)))]
    if row.ours == ABSENT:
        anywhere = Intended(row.id, row.where, "*", "*", row.why)
        assert not any(anywhere.covers(Difference(path, "", shown(value))) for path, value in ours.items())
    else:
        assert found


def test_what_operators_rely_on_is_there(ours: Observation) -> None:
    assert ours[f"budget/da-us-west-2d-{CLUSTER}/alert/ACTUAL GREATER_THAN 75"] == ["EMAIL ops@example.org"]
    alerts = [path for path in ours if path.startswith("budget/daylily-global/alert/")]
    assert sorted(path.split()[-1] for path in alerts) == ["25", "50", "75", "99"]
    assert ours[f"heartbeat/topic/daylily-{CLUSTER}-heartbeat"] == ["email beat@example.org"]
    table = ours["object/daylily-references/runtime_assets/budget_tags/pcluster-project-budget-tags.tsv"]
    assert f"da-us-west-2d-{CLUSTER}\tubuntu\n" in table
    assert ours["yaml/HeadNode/Networking/SubnetId"] == "<daylily-cs-us-west-twod Public Subnet>"
