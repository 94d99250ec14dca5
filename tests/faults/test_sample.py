"""A seeded sample of the sweeps, small enough for every run of the tests; `bin/faults --resume` runs all of them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.campaign import points
from tests.faults.registry import SCENARIOS
from tests.faults.starters import rounds
from tests.faults.sweeps import Undisturbed, aims, undisturbed
from tests.faults.world import World, world

SEED = 20260211
SIZE = {"P1": 4, "P3": 5, "P4": 2}


@pytest.fixture(scope="module")
def baseline(place: World) -> Undisturbed:
    return undisturbed(place)


def test_both_counts_of_calls_agree(baseline: Undisturbed) -> None:
    assert len(baseline.client) == len(baseline.server)
    assert len(baseline.client) > 50


@pytest.mark.parametrize("promise", ["P1", "P3", "P4"])
def test_a_sample_of_the_points_holds(place: World, baseline: Undisturbed, promise: str) -> None:
    every = list(aims(promise, len(baseline.client)))
    found = list(points(place, random.Random(SEED).sample(every, SIZE[promise]), baseline))
    assert [point for point in found if not point.held] == []
    assert any(point.outcome != "not reached" for point in found)


@pytest.mark.parametrize("verb", [verb for verb in SCENARIOS if verb != "create"])
def test_a_sample_on_the_head_node_holds(verb: str, tmp_path: Path) -> None:
    scenario = SCENARIOS[verb]
    with world(tmp_path, scenario) as place:
        first = undisturbed(place)
        assert len(first.client) == len(first.server)
        chosen = [random.Random(SEED).choice(list(aims(promise, len(first.client)))) for promise in scenario.promises]
        found = list(points(place, chosen, first))
    assert [point for point in found if not point.held] == []
    assert any(point.outcome != "not reached" for point in found)


@pytest.fixture
def variables(place: World) -> Iterator[None]:
    saved = dict(os.environ)
    os.environ.update(place.variables)
    yield
    os.environ.clear()
    os.environ.update(saved)


def test_sixteen_starters_make_one_stack(place: World, variables: None) -> None:
    from daylily_ec.aws.context import AwsContext

    place.fresh()
    found = list(rounds(AwsContext(None, "us-west-2"), place.client("cloudformation"), 5))
    assert [point.problem for point in found] == [""] * 5
