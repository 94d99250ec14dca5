"""A dry run only reads, whatever else is given: every combination of launch options."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.catalog.loader import load_catalog
from daylily_ec.config.resources import resource
from daylily_ec.errors import DyecError
from daylily_ec.headnode.launch import ExportTrigger
from daylily_ec.workflow.launch_request import DefaultCommand, LaunchRequest
from daylily_ec.workflow.launch_workflow import launch_workflow
from tests.conftest import FakeClock
from tests.unit.catalog.test_launch import ILMN_ROW, UNITS
from tests.unit.fsx.fakes import CLUSTER, World
from tests.unit.launch.fakes import CATALOG, ROOT, Node
from tests.unit.launch.test_catalog_launch import STAGE as STAGE_NAME
from tests.unit.launch.test_catalog_launch import put_stage
from tests.unit.launch.test_run_context_launch import ROW

READS = {"readiness", "list_stages", "workflow_launch check"}
"""All that any dry run sends to the node; what each of them leaves alone, the tests on a real node show."""
STAGE = "/fsx/staging/staged_external_sequencing_data/remote_stage_1"
EXPORT = {"export_destination": "s3://results/ubuntu/a1/"}
EVERY = bool(os.environ.get("DYEC_EVERY_COMBINATION"))


def inputs(folder: Path) -> list[dict[str, Any]]:
    (folder / "runs.tsv").write_text("\t".join(ROW) + "\n" + "\t".join(ROW.values()) + "\n")
    for name in ("s.tsv", "u.tsv"):
        (folder / name).write_text("SAMPLEID\nS1\n")
    return [
        {"stage_dir": STAGE}, {}, {"samples_file": folder / "s.tsv", "units_file": folder / "u.tsv"},
        {"run_context_file": folder / "runs.tsv"}, {"bootstrap_test_config": True}, {"input_staging": False},
    ]  # fmt: skip


COMMANDS: list[dict[str, Any]] = [{}, {"dy_command": "touch RAN"}, {"dy_command": "bin/day_run x -n"}]
EXPORTS: list[dict[str, Any]] = [
    {},
    *({"export_trigger": trigger, **EXPORT, "delete_on_export_success": delete}
      for trigger in ExportTrigger if trigger is not ExportTrigger.NONE for delete in (False, True)),
]  # fmt: skip
FLAGS: list[dict[str, Any]] = [
    {"replace_existing": True}, {"activation": False}, {"session_name": "other"}, {"git_tag": "main"},
    {"skip_project_check": False, "project": "p"},
]  # fmt: skip


@pytest.mark.weakness("H2")
def test_no_combination_of_options_changes_anything(
    clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "cfg"))
    choices: list[tuple[dict[str, Any], ...]] = [(flag, {}) for flag in FLAGS]
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


BY_ID: list[dict[str, Any]] = [
    {}, {"dy_command": "touch RAN"}, {"default_command": DefaultCommand(aligners="sent", dedupers="", jobs=2)},
    {"command_id": "simple-test"}, {"command_id": "illumina_run_qc"}, {"command_id": "illumina_snv_alignstats"},
    {"command_id": "illumina_snv_alignstats", "engine_dry_run": True},
    {"command_id": "illumina_snv_alignstats", "features": ("sv",)},
    {"command_id": "illumina_snv_alignstats", "features": ("sv",), "engine_dry_run": True},
]  # fmt: skip
OTHERS: list[tuple[dict[str, Any], ...]] = [
    ({}, {"stage_s3_uri": "s3://stage/root"}), ({}, {"repository": "daylily-omics-analysis"}),
    ({}, {"genome": "hg38_broad"}), ({}, {"replace_existing": True}),
]  # fmt: skip


@pytest.mark.weakness("H2")
def test_no_combination_with_the_catalog_changes_anything(
    clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other catalogs, commands by their id and all that belongs to them, with and without a place in S3.

    The options of the test before come in turns: each of their 16 combinations with each of these many times.  With
    DYEC_EVERY_COMBINATION they are crossed with these, every export too.
    """
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "cfg"))
    packaged = resource("config/daylily_available_repositories.yaml").read_text()
    head, command, rest = packaged.partition("command_id: illumina_snv_alignstats\n")
    feature = "optional_features: {sv: {display_name: SV, sv_callers: [manta], targets: [produce_manta]}}"
    (tmp_path / "catalog.yaml").write_text(head + command + rest.replace("optional_features: {}", feature, 1))
    catalogs = [CATALOG, load_catalog(tmp_path / "catalog.yaml")]
    flags: list[tuple[dict[str, Any], ...]] = [({}, flag) for flag in FLAGS if "replace_existing" not in flag]
    crossed = [*OTHERS, tuple(EXPORTS), *flags] if EVERY else [*OTHERS, ({}, EXPORTS[-1])]
    turns = itertools.repeat(()) if EVERY else itertools.cycle(itertools.product(*flags))
    sources = [*inputs(tmp_path), {"stage_base": "/fsx/staging/staged_external_sequencing_data"}]
    world = World(clock)
    put_stage(world, UNITS + ILMN_ROW)
    kept = dict(world.s3.data)
    made: Counter[str] = Counter()
    asked: set[str] = set()
    for catalog, *parts in itertools.product(catalogs, sources, BY_ID, *crossed):
        node, services = Node(stages=(STAGE_NAME,)), world.services()
        services.headnodes = node
        chosen = [*parts, *next(turns)]
        request = replace(LaunchRequest(CLUSTER, "a1", "ubuntu", dry_run=True),
                          **{key: value for part in chosen for key, value in part.items()})  # fmt: skip
        try:
            made["looked"] += launch_workflow(services, request, catalog, ROOT).dry_run
        except DyecError as error:
            made[type(error).__name__] += 1
        asked |= {name for name, _ in node.asked}
        assert (world.fsx.created, world.fsx.deleted, world.s3.data) == ([], [], kept), chosen
    print(f"dry runs: {made.total()} combinations, {dict(made)}; scripts sent: {sorted(asked)}")
    assert made.total() == 2 * 7 * 9 * 2**4 * (7 * 2**4 if EVERY else 2)
    assert made["looked"] > made.total() / 5
    assert asked == READS
    assert not (tmp_path / "cfg").exists()
