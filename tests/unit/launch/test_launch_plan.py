"""Every rule of a launch, before anything is started."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.errors import DyecError, InvalidValue, Refused, UsageError
from daylily_ec.headnode.launch import ExportTrigger, InputKind, Launch
from daylily_ec.workflow.launch_plan import plan_launch
from daylily_ec.workflow.launch_request import DefaultCommand, LaunchRequest, Registration
from tests.unit.launch.fakes import CATALOG, ROOT

STAGE = "/fsx/staging/staged_external_sequencing_data/remote_stage_1"
REQUEST = LaunchRequest(cluster="day-demo", analysis_id="a1", executing_entity="ubuntu", stage_dir=STAGE)


def plan(**change: Any) -> Launch:
    return plan_launch(replace(REQUEST, **change), CATALOG, ROOT, "us-west-2").launch


def test_the_default_is_the_catalogs_pin_and_repository() -> None:
    launch = plan()
    assert (launch.repository, launch.git_ref, launch.folder) == (
        "daylily-omics-analysis", "2.0.26", "daylily-omics-analysis",
    )  # fmt: skip
    assert launch.session == "a1"
    assert plan(repository="daylily-sarek").git_ref == "0.7.379"
    assert plan(git_tag="2.0.27").git_ref == "2.0.27"


def test_only_a_default_version_can_be_overridden_by_the_node() -> None:
    def follows(**change: Any) -> bool:
        return plan_launch(replace(REQUEST, **change), CATALOG, ROOT, "us-west-2").follows_catalog

    assert follows()
    assert follows(repository="daylily-sarek")
    assert not follows(git_tag="2.0.26")
    assert not follows(command_id="illumina_snv_alignstats")


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


@pytest.mark.parametrize(
    ("command", "targets"),
    [
        ("bin/day_run produce_vep produce_multiqc_all -p; bin/day_run produce_vep", "produce_vep produce_multiqc_all"),
        ("bin/day_run produce_ont_run_qc produce_relatedness", "produce_ont_run_qc produce_relatedness"),
        ("dy-r x_haplocheck_contam_identity y_read_haps_contam_identity contam_identity",
         "x_haplocheck_contam_identity y_read_haps_contam_identity contam_identity"),
        ("bin/day_run produce_global_contam_check produce_alignstats -n",
         "produce_global_contam_check produce_alignstats"),
        ("bin/day_run produce_vep_other my_produce_vep x_contam_identity produce_illumina_run_qc", ""),
        (None, "produce_snv_concordances"),
    ],
)  # fmt: skip
def test_targets_that_old_versions_may_fail_to_make_are_known(command: str | None, targets: str) -> None:
    needs = plan(dy_command=command, git_tag="1.0").needs
    assert (" ".join(needs.repaired_targets), needs.pin) == (targets, "2.0.26")
    assert needs.parameters["DYEC_REPAIRED_TARGETS"] == targets


def test_a_conversion_without_a_run_context_needs_no_rules() -> None:
    needs = plan(dy_command="bin/day_run run_bclconvert --config bclconvert=1").needs
    assert (needs.bclconvert, needs.bcl_settings) == (False, "{}")


def test_the_pin_is_the_catalogs_whatever_is_asked_for() -> None:
    assert plan(command_id="illumina_snv_alignstats", git_tag="main").needs.pin == "2.0.26"
    assert plan(repository="rna-seq-star-deseq2", dy_command="x").needs.pin == "main"


@pytest.mark.parametrize("field", ["target", "aligners", "dedupers", "snv_callers", "sv_callers"])
@pytest.mark.parametrize("text", ["$(x)", "-n", "a;b", "'", "../x"])
def test_hostile_choices_are_refused(field: str, text: str) -> None:
    with pytest.raises(InvalidValue):
        plan(default_command=replace(DefaultCommand(), **{field: text}))  # type: ignore[arg-type]


def test_a_command_of_ones_own_is_kept_as_it_is() -> None:
    text = "dy-r -p -k -j 1 help; echo 'a;  b' && \"$HOME\"/x"
    assert plan(dy_command=text).command == text


def test_what_a_sourced_file_defines_is_known_to_the_rest_of_the_line() -> None:
    text = "source dyoainit; dy-a local hg38; dy-r -p -k -j 1 help"
    assert plan(dy_command=text).command.replace("\n", "; ") == text
    assert plan(dy_command=text).command.startswith("source dyoainit\n")


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
        ({"stage_dir": None, "samples_file": Path("/no/s"), "units_file": Path("/no/u")}, InvalidValue),
    ],
)  # fmt: skip
def test_broken_rules(change: dict[str, Any], error: type[DyecError]) -> None:
    with pytest.raises(error):
        plan(**change)


DESTINATION = "s3://results/x/ubuntu/a1"


@pytest.mark.parametrize("trigger", [ExportTrigger.ON_SUCCESS, ExportTrigger.ON_FAIL, ExportTrigger.ALL])
def test_an_export_trigger_reaches_the_session(trigger: ExportTrigger) -> None:
    launch = plan(export_trigger=trigger, export_destination=DESTINATION, delete_on_export_success=True)
    settings = {name: value for name, value in launch.parameters.items() if "EXPORT" in name}
    assert settings == {
        "DYEC_EXPORT_TRIGGER": trigger.value,
        "DYEC_EXPORT_DESTINATION": f"{DESTINATION}/",
        "DYEC_DELETE_ON_EXPORT": "1",
    }
    assert (launch.parameters["DYEC_REGION"], launch.parameters["DYEC_CLUSTER"]) == ("us-west-2", "day-demo")


def test_without_a_trigger_nothing_is_exported_nor_deleted() -> None:
    settings = plan().parameters
    assert (settings["DYEC_EXPORT_TRIGGER"], settings["DYEC_EXPORT_DESTINATION"]) == ("none", "")
    assert settings["DYEC_DELETE_ON_EXPORT"] == "0"


@pytest.mark.weakness("M11")
@pytest.mark.parametrize(
    "destination",
    [
        "s3://results/xubuntu/a1/",
        "s3://results/ubuntu/a1/more/",
        "s3://results/ubuntu/",
        "s3://results/ubuntu/aa1",
        "results/../ubuntu/a1",
    ],
)
def test_a_destination_ends_with_the_two_components(destination: str) -> None:
    with pytest.raises(InvalidValue):
        plan(export_trigger=ExportTrigger.ALL, export_destination=destination)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"export_trigger": ExportTrigger.ALL}, "belong together"),
        ({"export_destination": DESTINATION}, "belong together"),
        ({"delete_on_export_success": True}, "needs --export-destination-s3-uri"),
        ({"run_context_file": Path("r")}, "--run-context-file and --stage-dir exclude"),
        ({"bootstrap_test_config": True}, "--stage-dir and --bootstrap-test-config exclude"),
        ({"input_staging": False}, "--stage-dir and --no-input-staging exclude"),
        ({"stage_base": "/fsx/staging"}, "--stage-base and --stage-dir exclude"),
        ({"stage_dir": None, "input_staging": False, "stage_base": "/x"}, "--stage-base and --no-input-staging"),
        ({"stage_dir": None, "run_context_file": Path("r"), "input_staging": False}, "--no-input-staging exclude"),
        ({"stage_dir": None, "run_context_file": Path("r"), "samples_file": Path("s")}, "--run-context-file and"),
        ({"stage_dir": None, "units_file": Path("u")}, "--samples-file and --units-file belong together"),
        ({"command_id": "illumina_run_qc", "dy_command": "x"}, "--command-id and --dy-command exclude"),
        ({"features": ("x",)}, "--feature needs --command-id"),
        ({"registration": Registration("c")}, "together; a registration needs --export-trigger"),
        ({"registration": Registration(token_env="T")}, "--artifact-registration-command-id, --dewey-url"),
        ({"registration": Registration("c", "u", "T", ("x", None, None))}, "--dewey-ursa-analysis-euid belong"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together(change: dict[str, Any], rule: str) -> None:
    with pytest.raises(UsageError) as info:
        plan(**change)
    assert rule in info.value.message
    assert info.value.exit_code == 64


def test_a_registration_is_refused_clearly() -> None:
    with pytest.raises(Refused, match="not available in this release") as info:
        plan(registration=Registration("c", "https://d", "T"), export_trigger=ExportTrigger.ALL,
             export_destination=DESTINATION)  # fmt: skip
    assert info.value.code == "option_unavailable"


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
