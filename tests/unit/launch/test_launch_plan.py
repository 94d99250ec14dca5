"""Every rule of a launch, before anything is started."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.errors import DyecError, InvalidValue, MissingInput, Refused, UsageError
from daylily_ec.headnode.sessions import InputKind, Launch
from daylily_ec.workflow.launch_plan import DefaultCommand, LaunchRequest, plan_launch
from tests.unit.launch.fakes import CATALOG, ROOT

STAGE = "/fsx/staging/staged_external_sequencing_data/remote_stage_1"
REQUEST = LaunchRequest(cluster="day-demo", analysis_id="a1", executing_entity="ubuntu", stage_dir=STAGE)


def plan(**change: Any) -> Launch:
    return plan_launch(replace(REQUEST, **change), CATALOG, ROOT)


def test_the_default_is_the_catalogs_pin_and_repository() -> None:
    launch = plan()
    assert (launch.repository, launch.git_ref, launch.folder) == (
        "daylily-omics-analysis", "2.0.26", "daylily-omics-analysis",
    )  # fmt: skip
    assert launch.session == "a1"
    assert plan(repository="daylily-sarek").git_ref == "0.7.379"
    assert plan(git_tag="2.0.27").git_ref == "2.0.27"


def test_the_default_command_keeps_its_form() -> None:
    assert shlex.split(plan().command) == [
        "DAY_CONTAINERIZED=true", "bin/day_run", "produce_snv_concordances", "-p", "-k", "-j", "6", "--config",
        "genome_build=hg38", 'aligners=["bwa2a"]', 'dedupers=["dmd"]', 'snv_callers=["deep"]',
    ]  # fmt: skip


def test_the_choices_shape_the_default_command() -> None:
    chosen = DefaultCommand(target="produce_a produce_b", jobs=3, aligners="x, y", dedupers="", sv_callers="m",
                            snakemake_extra="-T 1 --set 'a b;touch PWNED'", containerized=False)  # fmt: skip
    words = shlex.split(plan(default_command=chosen, genome="hg38_broad").command)
    assert words[:4] == ["DAY_CONTAINERIZED=false", "bin/day_run", "produce_a", "produce_b"]
    assert words[words.index("-j") + 1] == "3"
    assert words[words.index("--config") + 1 :] == [
        "genome_build=hg38_broad", 'aligners=["x","y"]', 'snv_callers=["deep"]', 'sv_callers=["m"]',
        "-T", "1", "--set", "a b;touch PWNED",
    ]  # fmt: skip


@pytest.mark.parametrize("field", ["target", "aligners", "dedupers", "snv_callers", "sv_callers"])
@pytest.mark.parametrize("text", ["$(x)", "-n", "a;b", "'", "../x"])
def test_hostile_choices_are_refused(field: str, text: str) -> None:
    with pytest.raises(InvalidValue):
        plan(default_command=replace(DefaultCommand(), **{field: text}))  # type: ignore[arg-type]


def test_a_command_of_ones_own_is_kept_as_it_is() -> None:
    text = "source dyoainit; dy-a local hg38; dy-r -p -k -j 1 help"
    assert plan(dy_command=text).command == text


@pytest.mark.weakness("M10")
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"cluster": "x"}, InvalidValue),
        ({"cluster": "a" * 26}, InvalidValue),
        ({"analysis_id": "../x"}, InvalidValue),
        ({"analysis_id": ""}, InvalidValue),
        ({"analysis_id": "a/b"}, InvalidValue),
        ({"executing_entity": ".."}, InvalidValue),
        ({"executing_entity": "-x"}, InvalidValue),
        ({"session_name": "../x"}, InvalidValue),
        ({"session_name": "a b"}, InvalidValue),
        ({"session_name": ""}, InvalidValue),
        ({"git_tag": "--upload-pack=x"}, InvalidValue),
        ({"git_tag": "a..b"}, InvalidValue),
        ({"repository": "x"}, DyecError),
        ({"genome": "hg38;x"}, InvalidValue),
        ({"dy_command": "a\x1b[2J"}, InvalidValue),
        ({"dy_command": "  "}, InvalidValue),
        ({"project": "--x"}, InvalidValue),
        ({"project": "a b"}, InvalidValue),
        ({"stage_dir": "/fsx/staging/x"}, InvalidValue),
        ({"stage_dir": f"{STAGE}/deeper"}, InvalidValue),
        ({"stage_dir": "/fsx/staging/staged_external_sequencing_data/"}, InvalidValue),
        ({"stage_dir": f"{STAGE}/../x"}, InvalidValue),
        ({"stage_dir": "/etc"}, InvalidValue),
        ({"stage_dir": None}, MissingInput), ({"input_staging": False}, UsageError),
        ({"samples_file": Path("s")}, UsageError), ({"stage_dir": None, "samples_file": Path("s")}, UsageError),
        ({"stage_dir": None, "samples_file": Path("/no/s"), "units_file": Path("/no/u")}, InvalidValue),
        ({"export_trigger": "sometimes"}, InvalidValue),
    ],
)  # fmt: skip
def test_broken_rules(change: dict[str, Any], error: type[DyecError]) -> None:
    with pytest.raises(error):
        plan(**change)


@pytest.mark.parametrize("trigger", ["on-success", "on-fail", "all"])
def test_export_triggers_are_refused_with_the_command_to_use(trigger: str) -> None:
    with pytest.raises(Refused, match="dyec export") as info:
        plan(export_trigger=trigger, export_destination="s3://b/ubuntu/a1/")
    assert "dyec export --cluster day-demo --source-path /fsx/analysis_results/ubuntu/a1 " in info.value.hint
    assert "--destination-s3-uri s3://b/ubuntu/a1/" in info.value.hint


def test_the_tables_are_read(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("SAMPLEID\né\n")
    (tmp_path / "u").write_text("RUNID\n")
    inputs = plan(stage_dir=None, samples_file=tmp_path / "s", units_file=tmp_path / "u").inputs
    assert (inputs.kind, inputs.samples_tsv, inputs.units_tsv) == (InputKind.TABLES, "SAMPLEID\né\n", "RUNID\n")


def test_no_input_staging_needs_nothing() -> None:
    assert plan(stage_dir=None, input_staging=False).inputs.kind is InputKind.NONE


def test_a_session_is_named_after_the_analysis() -> None:
    assert plan(analysis_id="a.1-x_y").session == "a_1-x_y"
    assert len(plan(analysis_id="a" * 128).session) == 100
