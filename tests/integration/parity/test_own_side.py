"""Our half of the comparison with the reference release; `bin/parity` adds the other half."""

from __future__ import annotations

import pytest

from tests.parity.compare import ABSENT, Difference, Intended, read_table, shown
from tests.parity.observe import CLUSTER, Observation
from tests.parity.run import OWN, created
from tests.parity.site import ROOT

TABLE = read_table(ROOT / "docs/parity.md")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Observation:
    return created("dyec", OWN, tmp_path_factory.mktemp("parity"), answer_commands=False)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
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
