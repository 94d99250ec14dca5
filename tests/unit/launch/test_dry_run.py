"""A dry run only reads, whatever else is given: every combination of launch options."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from daylily_ec.workflow.launch_request import LaunchRequest
from daylily_ec.workflow.launch_workflow import launch_workflow
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, World
from tests.unit.launch.crossed import COMMANDS, EVERY, EXPORTS, FLAGS, READS, Options, crossed, dry_run, inputs, staged
from tests.unit.launch.fakes import CATALOG, ROOT, Node


@pytest.mark.weakness("H2")
def test_no_combination_of_options_changes_anything(
    clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "cfg"))
    choices: list[tuple[Options, ...]] = [(flag, {}) for flag in FLAGS]
    tried = 0
    for parts in itertools.product(inputs(tmp_path), COMMANDS, EXPORTS, *choices):
        world = World(clock)
        node, services = Node(stages=("remote_stage_1",)), world.services()
        services.headnodes = node
        request = replace(LaunchRequest(CLUSTER, "a1", "ubuntu", stage_s3_uri="s3://stage/root", dry_run=True),
                          **{key: value for part in parts for key, value in part.items()})  # fmt: skip
        result = launch_workflow(services, request, CATALOG, ROOT)
        assert result.dry_run
        assert {name for name, _ in node.asked} <= READS, parts
        assert (world.fsx.created, world.fsx.deleted, world.s3.data) == ([], [], {})
        tried += 1
    assert tried == 6 * 3 * 7 * 2**5
    assert not (tmp_path / "cfg").exists()


@pytest.mark.weakness("H2")
def test_no_combination_with_the_catalog_changes_anything(
    clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other catalogs, commands by their id and all that belongs to them; with DYEC_EVERY_COMBINATION all crossed."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "cfg"))
    world = staged(World(clock))
    kept = dict(world.s3.data)
    made: Counter[str] = Counter()
    asked: set[str] = set()
    for catalog, parts in crossed(tmp_path):
        ended, node = dry_run(world, catalog, parts)
        made[ended] += 1
        asked |= {name for name, _ in node.asked}
        assert (world.fsx.created, world.fsx.deleted, world.s3.data) == ([], [], kept), parts
    print(f"dry runs: {made.total()} combinations, {dict(made)}; scripts sent: {sorted(asked)}")
    assert made.total() == 2 * 7 * 9 * 2**4 * (7 * 2**4 if EVERY else 2)
    assert made["looked"] > made.total() / 5
    assert asked == READS
    assert not (tmp_path / "cfg").exists()
