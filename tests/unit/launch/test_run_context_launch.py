"""Launches of run directories: their mounts, their links, and what their own files say."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.catalog.loader import load_catalog
from daylily_ec.config.resources import resource
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.errors import DyecError, InvalidValue, NotFound, Refused, ValidationError
from daylily_ec.samples.run_context import REQUIRED
from daylily_ec.workflow.launch_plan import plan_launch
from daylily_ec.workflow.launch_request import LaunchRequest
from daylily_ec.workflow.launch_workflow import LaunchResult, launch_workflow
from daylily_ec.workflow.mounts import FileSystemTarget, list_mounts
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, World
from tests.unit.launch.fakes import CATALOG, ROOT, Node

COMMAND = "bin/day_run produce_illumina_run_qc --config run_context_file=config/runs.tsv -p -j 5 -k"
ROW = {
    "RUNID": "RUN1", "PLATFORM": "ILMN", "RUN_DIR": "/fsx/run_dir_mounts/RUN1", "SOURCE_S3_URI": "s3://runs/RUN1/",
    "MOUNT_ID": "RUN1", "SAMPLE_SHEET": "/fsx/run_dir_mounts/RUN1/SampleSheet.csv", "BASECALLING_STATE": "raw_bcl",
    "RUN_STATUS": "complete", "OUTPUT_ROOT": "", "REGION": "us-west-2", "PROFILE": "lab",
}  # fmt: skip
SHEET = b"""[Header]
[BCLConvert_Data],,
Lane,Sample_ID,index
1,S2,AC
1,S1,GT
2,S2,AC
1,NTC,TT
[Other]
Sample_ID
no
"""


@pytest.fixture
def world(clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return World(clock)


def launch(world: World, node: Node, rows: list[dict[str, str]], tmp_path: Path, **change: Any) -> LaunchResult:
    columns = list(dict.fromkeys([*REQUIRED, *(name for row in rows for name in row)]))
    lines = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    path = tmp_path / "runs.tsv"
    path.write_text("".join("\t".join(cells) + "\n" for cells in lines))
    services = world.services()
    services.headnodes = node
    given: dict[str, Any] = {"dy_command": COMMAND, "run_context_file": path, **change}
    request = LaunchRequest(CLUSTER, "a1", "ubuntu", **given)
    return launch_workflow(services, request, CATALOG, ROOT)


@pytest.mark.weakness("M2")
def test_the_run_mount_is_made_before_the_launch(world: World, tmp_path: Path) -> None:
    node = Node()
    result = launch(world, node, [ROW], tmp_path)
    (spec,) = world.fsx.created
    assert (str(spec.source), spec.path.value) == ("s3://runs/RUN1/", "/run_dir_mounts/RUN1/")
    assert (spec.tags["lsmc:purpose"], spec.tags["dyec:platform"]) == ("run-dir-mount", "ILMN")
    assert spec.auto_import == ("NEW", "CHANGED")
    assert [mount.outcome for mount in result.run_mounts] == [Outcome.CREATED]
    env = node.asked[-1][1]
    assert env["DYEC_RUN_LINKS"] == "1\tRUN1\t/fsx/run_dir_mounts/RUN1\n"
    link = "/fsx/analysis_results/ubuntu/a1/daylily-omics-analysis/config/run_dir_links/RUN1"
    header, row = (line.split("\t") for line in env["DYEC_RUNS_TSV"].splitlines())
    found = dict(zip(header, row, strict=True))
    assert (found["RUN_DIR"], found["SAMPLE_SHEET"]) == (link, f"{link}/SampleSheet.csv")
    assert (found["OUTPUT_ROOT"], found["SOURCE_S3_URI"]) == ("results/runs/RUN1", "s3://runs/RUN1/")


@pytest.mark.weakness("M2")
@pytest.mark.parametrize("more", [{"auto_import": ("NEW", "CHANGED")}, {"auto_import": ()}])
def test_a_mount_of_the_same_prefix_is_adopted(world: World, tmp_path: Path, more: dict[str, Any]) -> None:
    world.fsx.add("/run_dir_mounts/RUN1/", "s3://runs/RUN1/", **more)
    result = launch(world, Node(), [ROW], tmp_path)
    assert ([mount.outcome for mount in result.run_mounts], world.fsx.created) == ([Outcome.ADOPTED], [])


@pytest.mark.weakness("M2")
@pytest.mark.parametrize(
    ("path", "source", "lifecycle"),
    [
        ("/run_dir_mounts/RUN1/", "s3://runs/OTHER/", "AVAILABLE"),
        ("/run_dir_mounts/OTHER/", "s3://runs/RUN1/", "AVAILABLE"),
        ("/control_data/", "s3://runs/", "AVAILABLE"),
        ("/run_dir_mounts/RUN1/", "s3://runs/RUN1/", "FAILED"),
    ],
)
def test_a_conflict_is_explained_and_nothing_starts(
    world: World, tmp_path: Path, path: str, source: str, lifecycle: str
) -> None:
    other = world.fsx.add(path, source, lifecycle)
    node = Node()
    with pytest.raises(Refused, match=other.id) as info:
        launch(world, node, [ROW], tmp_path)
    assert info.value.code == "mount_conflict"
    assert "workflow_launch launch" not in [name for name, _ in node.asked]


@pytest.mark.weakness("M5")
@pytest.mark.parametrize("made_before", [False, True])
def test_what_a_launch_mounts_is_noted_here_like_any_mount(world: World, tmp_path: Path, made_before: bool) -> None:
    if made_before:
        world.fsx.add("/run_dir_mounts/RUN1/", "s3://runs/RUN1/")
    launch(world, Node(), [ROW], tmp_path)
    (found,) = list_mounts(world.services(), FileSystemTarget(CLUSTER)).mounts
    assert (found.mount_id, found.local_projection_status) == ("RUN1", "present")
    stored = json.loads((tmp_path / f"daylily/run_mounts/us-west-2/{CLUSTER}/RUN1.json").read_text())
    assert (stored["association_id"], stored["lifecycle"]) == (found.association_id, "AVAILABLE")


def rows(count: int) -> list[dict[str, str]]:
    return [
        ROW | {"RUNID": f"R{n}", "MOUNT_ID": f"R{n}", "SOURCE_S3_URI": f"s3://runs/R{n}/",
               "RUN_DIR": f"/fsx/run_dir_mounts/R{n}", "SAMPLE_SHEET": "na"} for n in range(count)
    ]  # fmt: skip


def test_slots_are_counted_before_the_first_mount_is_made(world: World, tmp_path: Path) -> None:
    world.fsx.add("/references/", "s3://references/")
    world.fsx.add("/control_data/", "s3://control/", "FAILED")
    with pytest.raises(Refused, match="all 8 association slots"):
        launch(world, Node(), rows(7), tmp_path)
    assert world.fsx.created == []
    assert len(launch(world, Node(), rows(6), tmp_path).run_mounts) == 6


def test_a_run_without_a_mount_must_be_there_already(world: World, tmp_path: Path) -> None:
    node = Node()
    here = ROW | {
        "SOURCE_S3_URI": "na",
        "MOUNT_ID": "",
        "RUN_DIR": "/fsx/control_data/run_data/RUN1",
        "SAMPLE_SHEET": "",
    }
    assert launch(world, node, [here], tmp_path).run_mounts == ()
    assert node.asked[1][1]["DYEC_RUN_LINKS"] == "0\tRUN1\t/fsx/control_data/run_data/RUN1\n"
    inside = here | {"RUN_DIR": ".test_data/run"}
    launch(world, node, [inside], tmp_path)
    assert node.asked[-1][1]["DYEC_RUN_LINKS"] == ""
    assert "\t.test_data/run\t" in node.asked[-1][1]["DYEC_RUNS_TSV"]


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"RUNID": ""}, "RUNID"), ({"RUNID": "a/b"}, "RUNID"), ({"RUNID": ".."}, "RUNID"), ({"RUNID": "a b"}, "RUNID"),
        ({"PLATFORM": "STAGING"}, "PLATFORM"), ({"PLATFORM": ""}, "PLATFORM"),
        ({"RUN_DIR": ""}, "RUN_DIR"), ({"RUN_DIR": "/fsx/run_dir_mounts/RUN1/../x"}, "RUN_DIR"),
        ({"RUN_DIR": "/fsx/run_dir_mounts/RUN10"}, "RUN_DIR"), ({"RUN_DIR": "/fsx/control_data"}, "RUN_DIR"),
        ({"SOURCE_S3_URI": "/runs"}, "SOURCE_S3_URI"), ({"SOURCE_S3_URI": "s3://X/"}, "SOURCE_S3_URI"),
        ({"SOURCE_S3_URI": ""}, "SOURCE_S3_URI"), ({"MOUNT_ID": "na"}, "MOUNT_ID"), ({"MOUNT_ID": "../x"}, "MOUNT_ID"),
        ({"SAMPLE_SHEET": "../x.csv"}, "SAMPLE_SHEET"), ({"BASECALLING_STATE": "raw"}, "BASECALLING_STATE"),
        ({"RUN_STATUS": "done"}, "RUN_STATUS"), ({"OUTPUT_ROOT": "/fsx/x"}, "OUTPUT_ROOT"),
        ({"OUTPUT_ROOT": "../x"}, "OUTPUT_ROOT"), ({"REGION": "eu-central-1"}, "REGION"),
        ({"PROFILE": "a\x1b[2J"}, "PROFILE"),
        ({"METRICS_S3_URI": "http://x"}, "METRICS_S3_URI"), ({"": "x"}, ""),
    ],
)  # fmt: skip
def test_values_are_checked_before_anybody_is_asked(
    world: World, tmp_path: Path, change: dict[str, str], column: str
) -> None:
    node = Node()
    with pytest.raises(ValidationError) as info:
        launch(world, node, [ROW | change], tmp_path)
    assert info.value.code == "run_context_blocked"
    issues: Any = info.value.details["issues"]
    assert column in {issue.column for issue in issues}
    assert node.asked == []


@pytest.mark.parametrize("column", REQUIRED)
def test_every_column_is_required(world: World, tmp_path: Path, column: str) -> None:
    (tmp_path / "runs.tsv").write_text("\t".join(name for name in REQUIRED if name != column) + "\nx\n")
    request = LaunchRequest(CLUSTER, "a1", "ubuntu", run_context_file=tmp_path / "runs.tsv")
    with pytest.raises(ValidationError, match=f"{column}: the column is missing"):
        launch_workflow(world.services(), request, CATALOG, ROOT)


def test_rows_must_not_contradict_each_other(world: World, tmp_path: Path) -> None:
    other = ROW | {"SOURCE_S3_URI": "s3://runs/X/", "RUN_DIR": "/fsx/run_dir_mounts/RUN1/sub"}
    with pytest.raises(ValidationError) as info:
        launch(world, Node(), [ROW, other], tmp_path)
    issues: Any = info.value.details["issues"]
    assert [(issue.row, issue.column) for issue in issues] == [(3, "RUN_DIR"), (3, "SOURCE_S3_URI")]


def test_a_missing_file_is_named(world: World, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no run context file .*none\.tsv"):
        launch(world, Node(), [ROW], tmp_path, run_context_file=tmp_path / "none.tsv")


@pytest.mark.parametrize("target", ["produce_bclconvert_fastqs", "produce_illumina_run_qc_and_bclconvert"])
def test_the_samples_of_a_conversion_come_from_the_sample_sheet(world: World, tmp_path: Path, target: str) -> None:
    world.s3.put("runs", "RUN1/SampleSheet.csv", SHEET)
    node = Node()
    launch(world, node, [ROW], tmp_path, dy_command=COMMAND.replace("produce_illumina_run_qc", target))
    env = node.asked[-1][1]
    header, *found = (line.split("\t") for line in env["DYEC_SAMPLES_TSV"].splitlines())
    assert len(header) == 13
    assert [row[:4] for row in found] == [
        ["S2", "blood", "research", "unknown"], ["S1", "blood", "research", "unknown"],
        ["NTC", "blood", "control", "unknown"],
    ]  # fmt: skip
    assert [row[header.index("IS_NEGATIVE_CONTROL")] for row in found] == ["na", "na", "true"]
    assert env["DYEC_DROP_UNITS"] == "1"


@pytest.mark.parametrize(
    ("config", "settings"),
    [("", {}), ("""--config 'bclconvert={"partition":"i8","threads":"4"}'""", {"partition": "i8", "threads": "4"}),
     ("--config bclconvert={partition:\\ i8}", {"partition": "i8"})],
)  # fmt: skip
def test_a_conversion_asks_for_native_rules_with_the_commands_settings(
    world: World, tmp_path: Path, config: str, settings: dict[str, str]
) -> None:
    world.s3.put("runs", "RUN1/SampleSheet.csv", SHEET)
    node = Node()
    launch(world, node, [ROW], tmp_path, dy_command=f"bin/day_run produce_bclconvert_fastqs {config} -p")
    env = node.asked[-1][1]
    assert (env["DYEC_BCLCONVERT"], json.loads(env["DYEC_BCL_SETTINGS"]), env["DYEC_PIN"]) == ("1", settings, "2.0.26")
    launch(world, node, [ROW], tmp_path)
    assert node.asked[-1][1]["DYEC_BCLCONVERT"] == "0"


def test_a_catalog_may_set_bcl_convert_for_its_command(world: World, tmp_path: Path) -> None:
    text = resource("config/daylily_available_repositories.yaml").read_text(encoding="utf-8")
    own = """          bclconvert: '{"partition":"i8"}'\n"""
    (tmp_path / "own.yaml").write_text(
        text.replace("          bootstrap_bclconvert:", f"{own}          bootstrap_bclconvert:")
    )
    runs = "\t".join(ROW) + "\n" + "\t".join(ROW.values()) + "\n"
    (tmp_path / "runs.tsv").write_text(runs)
    request = LaunchRequest(CLUSTER, "a1", "ubuntu", command_id="illumina_bclconvert",
                            run_context_file=tmp_path / "runs.tsv", git_tag="2.0.1")  # fmt: skip
    needs = plan_launch(request, load_catalog(tmp_path / "own.yaml"), ROOT, "us-west-2").launch.needs
    assert (needs.bclconvert, json.loads(needs.bcl_settings), needs.pin) == (True, {"partition": "i8"}, "2.0.26")


@pytest.mark.parametrize("text", ["5", "[1]", "{", "'{1: 2}'", "''"])
def test_settings_that_are_no_mapping_are_refused_before_anybody_is_asked(
    world: World, tmp_path: Path, text: str
) -> None:
    node = Node()
    with pytest.raises(InvalidValue, match="bclconvert"):
        launch(world, node, [ROW], tmp_path, dy_command=f"bin/day_run run_bclconvert --config bclconvert={text}")
    assert node.asked == []


@pytest.mark.parametrize(
    ("body", "change", "error"),
    [
        (None, {}, NotFound), (b"[Data]\nSample_ID\nx\n", {}, ValidationError),
        (b"[BCLConvert_Data]\nSample_ID\n", {}, ValidationError),
        (SHEET, {"SAMPLE_SHEET": ""}, InvalidValue), (SHEET, {"SAMPLE_SHEET": "/tmp/x.csv"}, InvalidValue),
        (SHEET, {"PLATFORM": "ONT"}, InvalidValue),
    ],
)  # fmt: skip
def test_a_conversion_without_a_usable_sample_sheet_is_refused(
    world: World, tmp_path: Path, body: bytes | None, change: dict[str, str], error: type[DyecError]
) -> None:
    if body is not None:
        world.s3.put("runs", "RUN1/SampleSheet.csv", body)
    node = Node()
    with pytest.raises(error):
        launch(world, node, [ROW | change], tmp_path, dy_command="bin/day_run produce_bclconvert_fastqs")
    assert node.asked == []


def test_the_metrics_of_an_ultima_run_join_the_one_config(world: World, tmp_path: Path) -> None:
    world.s3.put("runs", "m.csv", b"a,b\n")
    ultima = ROW | {"PLATFORM": "ULTIMA", "METRICS_S3_URI": "s3://runs/m.csv"}
    result = launch(
        world, node := Node(), [ultima], tmp_path,
        dy_command="bin/day_run produce_ultima_run_qc --config run_context_file=config/runs.tsv -j 5",
    )  # fmt: skip
    words = shlex.split(result.command)
    assert words.count("--config") == 1
    setting = next(word for word in words if word.startswith("run_qc="))
    assert json.loads(setting.removeprefix("run_qc=")) == {
        "ultima": {"run_s3_uri": "s3://runs/RUN1/", "metrics_path": "config/ultima_run_qc_metrics.csv"}
    }
    assert node.asked[-1][1]["DYEC_METRICS_CSV"] == "a,b\n"


def test_the_tables_that_the_command_names_are_copied(world: World, tmp_path: Path) -> None:
    node = Node()
    launch(
        world, node, [ROW], tmp_path, dy_command=f"{COMMAND} --config samples_table=.test_data/s.tsv units_table=/u.tsv"
    )
    env = node.asked[-1][1]
    assert (env["DYEC_SAMPLES_TABLE"], env["DYEC_UNITS_TABLE"]) == (".test_data/s.tsv", "/u.tsv")
    with pytest.raises(InvalidValue):
        launch(world, node, [ROW], tmp_path, dy_command="x --config units_table=../../u.tsv")
