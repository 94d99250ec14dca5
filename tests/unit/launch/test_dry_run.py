"""A dry run only reads, whatever else is given: every combination of launch options."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.headnode.launch import ExportTrigger
from daylily_ec.workflow.launch_request import LaunchRequest
from daylily_ec.workflow.launch_workflow import launch_workflow
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, World
from tests.unit.launch.fakes import CATALOG, ROOT, Node
from tests.unit.launch.test_run_context_launch import ROW

READS = {"readiness", "list_stages", "workflow_launch check"}
STAGE = "/fsx/staging/staged_external_sequencing_data/remote_stage_1"
EXPORT = {"export_destination": "s3://results/ubuntu/a1/"}


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
