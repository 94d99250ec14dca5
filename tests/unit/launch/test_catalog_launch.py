"""Launches by the id of a catalog command: one of each class, with its source_mount_mode kept."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.domain.outcomes import Outcome
from daylily_ec.errors import Refused, UsageError, ValidationError
from daylily_ec.workflow.launch_request import DefaultCommand, LaunchRequest
from daylily_ec.workflow.launch_workflow import LaunchResult, launch_workflow
from tests.conftest import FakeClock
from tests.unit.catalog.test_launch import ILMN_ROW, RUN, SAMPLES, UNITS, runs
from tests.unit.fsx.fakes import CLUSTER, World
from tests.unit.launch.fakes import CATALOG, ROOT, Node

STAGE = "remote_stage_20260101T000000Z_0a1b2c3d"
STAGE_DIR = f"/fsx/staging/staged_external_sequencing_data/{STAGE}"
REQUEST = LaunchRequest(cluster=CLUSTER, analysis_id="a1", executing_entity="ubuntu")
SAMPLE = {"command_id": "illumina_snv_alignstats", "stage_dir": STAGE_DIR, "stage_s3_uri": "s3://stage/root"}


@pytest.fixture
def world(clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    made = World(clock)
    made.fsx.add("/references/", "s3://references/")
    made.fsx.add("/control_data/", "s3://control/")
    put_stage(made, UNITS + ILMN_ROW)
    return made


def put_stage(world: World, units: str) -> None:
    for name, text in (("samples", SAMPLES), ("units", units)):
        world.s3.put("stage", f"root/{STAGE}/20260101T000000Z_0a1b2c3d_{name}.tsv", text.encode())
    world.s3.put("stage", f"root/{STAGE}/R1_HG002/more_units.tsv", b"not the table of the stage")


def launch(world: World, **change: Any) -> tuple[LaunchResult, Node]:
    services, node = world.services(), Node()
    services.headnodes = node
    return launch_workflow(services, replace(REQUEST, **change), CATALOG, ROOT), node


def run_context(tmp_path: Path, **change: str) -> dict[str, Any]:
    path = tmp_path / "runs.tsv"
    path.write_text(runs({**RUN, **change}))
    return {"command_id": "illumina_run_qc", "run_context_file": path}


@pytest.mark.weakness("M2")
def test_a_sample_command_runs_from_its_stage_at_the_pin(world: World) -> None:
    result, node = launch(world, **SAMPLE)
    assert (result.git_ref, result.genome, result.repository) == ("2.0.26", "hg38_broad", "daylily-omics-analysis")
    assert result.command.startswith("bin/day_run produce_sent_align ")
    assert node.asked[-1][0] == "workflow_launch launch"
    assert result.stage is not None


@pytest.mark.weakness("M2")
def test_a_run_command_gets_its_mount_and_one_config(world: World, tmp_path: Path) -> None:
    result, _ = launch(world, **run_context(tmp_path))
    assert [(mount.path, mount.outcome) for mount in result.run_mounts] == [
        ("/fsx/run_dir_mounts/R1", Outcome.CREATED)
    ]  # fmt: skip
    words = shlex.split(result.command)
    assert words.count("--config") == 1
    assert words[words.index("--config") + 1] == "run_context_file=config/runs.tsv"


def test_a_utility_command_takes_nothing_and_needs_no_mount(world: World) -> None:
    world.fsx.links.clear()
    result, node = launch(world, command_id="simple-test")
    assert (result.stage, result.run_mounts, result.genome) == (None, (), "hg38")
    assert node.asked[-1][1]["DYEC_ACTIVATE"] == "0"
    assert "source dyoainit --skip-project-check\ndy-a local hg38" in node.asked[-1][1]["DYEC_COMMAND"]


@pytest.mark.weakness("M2")
@pytest.mark.parametrize("lost", ["/references/", "/control_data/"])
def test_without_the_startup_associations_nothing_is_started(world: World, lost: str) -> None:
    world.fsx.links = {key: one for key, one in world.fsx.links.items() if one.path.value != lost}
    with pytest.raises(Refused, match="is not attached") as info:
        launch(world, **SAMPLE)
    assert info.value.code == "missing_startup_mount"
    assert world.fsx.created == []


@pytest.mark.weakness("M2")
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_stage_that_does_not_suit_is_refused_before_anything_is_attached(world: World, dry_run: bool) -> None:
    put_stage(world, UNITS + "HG002\tILMN\t/fsx/r1.gz\tna\t\t\t\n")
    with pytest.raises(ValidationError, match=r"units\.tsv row 1: needs ILMN_R1_PATH \+ ILMN_R2_PATH"):
        launch(world, **SAMPLE, dry_run=dry_run)
    assert world.fsx.created == []


def test_the_tables_are_found_below_an_association_of_all_stages(world: World) -> None:
    world.fsx.add("/staging/staged_external_sequencing_data/", "s3://stage/root/")
    put_stage(world, UNITS + "HG009\tILMN\ta\tb\t\t\t\n")
    with pytest.raises(ValidationError, match="'HG009' is not in samples"):
        launch(world, **{**SAMPLE, "stage_s3_uri": None})


def test_a_stage_whose_tables_are_elsewhere_is_left_to_the_node(world: World) -> None:
    world.s3.data.clear()
    assert launch(world, **SAMPLE)[1].asked[-1][0] == "workflow_launch launch"


@pytest.mark.weakness("M2")
def test_a_run_outside_of_its_mount_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"RUN_DIR.*/fsx/run_dir_mounts/R1"):
        launch(world, **run_context(tmp_path, RUN_DIR="/fsx/run_dir_mounts/R2"))
    assert world.fsx.created == []


def test_the_engine_may_only_plan(world: World) -> None:
    assert launch(world, **SAMPLE, engine_dry_run=True)[0].command.endswith(" -n")


@pytest.mark.parametrize(
    "change",
    [{"default_command": DefaultCommand(jobs=7)}, {"genome": "hg19"}, {"repository": "daylily-sarek"},
     {"dy_command": "x"}],
)  # fmt: skip
def test_what_the_command_fixes_no_other_option_may(world: World, change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        launch(world, **SAMPLE, **change)


def test_the_engines_plan_needs_a_command(world: World) -> None:
    with pytest.raises(UsageError, match="--engine-dry-run needs --command-id"):
        launch(world, stage_dir=STAGE_DIR, engine_dry_run=True)
