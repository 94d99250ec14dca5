"""A sample of the race of two real creates; `bin/faults --race 20 --tier b` runs the rounds of every kind."""

from __future__ import annotations

import pytest

from tests.faults.pairs import SOMEBODY_ELSE, round_of
from tests.integration.create.desk import Operator

pytestmark = pytest.mark.e2e
SEED = 20260211


@pytest.fixture
def settled(operator: Operator) -> Operator:
    """An account whose artifact bucket exists: two first-ever calls of `pcluster` both want to make it."""
    names = [bucket["Name"] for bucket in operator.client("s3").list_buckets()["Buckets"]]
    if not any(name.startswith("parallelcluster-") for name in names):
        assert operator.create("first").code == 0
    return operator


@pytest.mark.weakness("W-56")
def test_two_starters_at_once_make_one_cluster_and_the_loser_names_its_owner(settled: Operator) -> None:
    point = round_of(settled, SOMEBODY_ELSE, 1, SEED)
    assert point.problem == ""
    assert point.outcome.startswith("one stack, refused ")
