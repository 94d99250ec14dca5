"""What a catalog command asks of a launch, for each class, and what it refuses."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from ruamel.yaml import YAML

from daylily_ec.catalog.launch import GivenInputs, command_launch
from daylily_ec.catalog.loader import load_catalog, parse_catalog
from daylily_ec.catalog.models import Catalog
from daylily_ec.catalog.tables import check_runs, check_units, parse_table
from daylily_ec.config.resources import resource
from daylily_ec.errors import DyecError, InvalidValue, MissingInput, NotFound, UsageError, ValidationError

STAGE = GivenInputs(stage=True)
SAMPLES = "SAMPLEID\tSAMPLE_TYPE\nHG002\tblood\nHG003\tblood\n"
UNITS = "SAMPLEID\tSEQ_VENDOR\tILMN_R1_PATH\tILMN_R2_PATH\tONT_CRAM\tONT_CRAM_ALIGNER\tONT_CRAM_SNV_CALLER\n"
ILMN_ROW = "HG002\tILMN\t/fsx/r1.gz\t/fsx/r2.gz\t\t\t\n"
RUN_COLUMNS = ("RUNID", "PLATFORM", "RUN_DIR", "SOURCE_S3_URI", "MOUNT_ID", "SAMPLE_SHEET", "BASECALLING_STATE",
               "RUN_STATUS", "OUTPUT_ROOT", "REGION", "PROFILE")  # fmt: skip
RUN = dict(zip(RUN_COLUMNS, (
    "R1", "ILMN", "/fsx/run_dir_mounts/R1/", "s3://runs/a/R1/", "R1", "/fsx/run_dir_mounts/R1/SampleSheet.csv",
    "raw_bcl", "complete", "results/runs/R1", "us-west-2", "p"), strict=True))  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def runs(*rows: dict[str, str], columns: tuple[str, ...] = RUN_COLUMNS) -> str:
    lines = ["\t".join(columns), *("\t".join(row.get(column, "") for column in columns) for row in rows)]
    return "\r\n".join(lines) + "\r\n"


def findings(error: Any) -> list[str]:
    found = error.value.details["findings"]
    assert isinstance(found, list)
    return found


def changed(**values: Any) -> Catalog:
    """The packaged catalog with other values for illumina_snv_alignstats."""
    document = YAML(typ="safe").load(resource("config/daylily_available_repositories.yaml").read_text())
    document["repositories"]["daylily-omics-analysis"]["analysis_commands"][1].update(values)
    for key, value in values.items():
        if value is None:
            del document["repositories"]["daylily-omics-analysis"]["analysis_commands"][1][key]
    return parse_catalog(json.dumps(document), "c.yaml")


def test_a_sample_command(catalog: Catalog) -> None:
    asked = command_launch(catalog, "illumina_snv_alignstats", STAGE)
    assert (asked.repository, asked.git_ref, asked.genome) == ("daylily-omics-analysis", "2.0.26", "hg38_broad")
    assert asked.command.endswith("produce_alignstats -p -k -j 20")
    assert (asked.activation, asked.bootstrap_test_config, asked.source_mount_mode) == (True, False, "default_mounted")
    assert [str(path) for path in asked.startup_mounts] == ["/control_data/", "/references/"]
    assert asked.run_mounts == ()


def test_a_run_command_brings_its_mounts_and_its_settings(catalog: Catalog) -> None:
    again = {**RUN, "RUNID": "R1b"}
    asked = command_launch(catalog, "illumina_run_qc", GivenInputs(runs_tsv=runs(RUN, again)))
    assert [(one.mount_id, str(one.source), str(one.path), one.run_id, one.platform) for one in asked.run_mounts] == [
        ("R1", "s3://runs/a/R1/", "/run_dir_mounts/R1/", "R1", "ILMN")
    ]
    assert shlex.split(asked.command)[-4:] == [
        "--config", "run_context_file=config/runs.tsv", "samples_table=.test_data/data/samples.tsv",
        "units_table=.test_data/data/units.tsv",
    ]  # fmt: skip
    assert asked.startup_mounts == ()


def test_a_utility_command_takes_nothing(catalog: Catalog) -> None:
    asked = command_launch(catalog, "simple-test", GivenInputs())
    assert (asked.activation, asked.bootstrap_test_config, asked.source_mount_mode) == (False, True, "none")
    assert asked.command.startswith("export DAY_CONTAINERIZED=false; source dyoainit; ")
    assert (asked.run_mounts, asked.startup_mounts) == ((), ())


def test_the_engine_can_be_asked_for_its_plan(catalog: Catalog) -> None:
    asked = command_launch(catalog, "illumina_run_qc", GivenInputs(runs_tsv=runs(RUN)), engine_dry_run=True)
    words = shlex.split(asked.command)
    assert words[words.index("-k") + 1] == "-n"
    assert words.count("--config") == 1


@pytest.mark.weakness("L5")
def test_the_pin_is_the_commands_then_the_repositorys_never_a_branch(catalog: Catalog) -> None:
    assert command_launch(catalog, "illumina_snv_alignstats", STAGE, git_ref="abc123").git_ref == "abc123"
    own = changed(git_tag="2.0.25")
    assert command_launch(own, "illumina_snv_alignstats", STAGE).git_ref == "2.0.25"
    silent = changed(git_tag=None)
    assert command_launch(silent, "illumina_snv_alignstats", STAGE).git_ref == "2.0.26"
    with pytest.raises(InvalidValue):
        command_launch(catalog, "illumina_snv_alignstats", STAGE, git_ref="--upload-pack=x")


@pytest.mark.parametrize(
    ("command_id", "given", "error"),
    [
        ("illumina_snv_alignstats", GivenInputs(), MissingInput),
        ("illumina_snv_alignstats", GivenInputs(runs_tsv=runs(RUN)), UsageError),
        ("illumina_snv_alignstats", GivenInputs(samples_tsv=SAMPLES), UsageError),
        ("illumina_snv_alignstats", GivenInputs(stage=True, samples_tsv=SAMPLES, units_tsv=UNITS), UsageError),
        ("illumina_run_qc", GivenInputs(), MissingInput),
        ("illumina_run_qc", STAGE, UsageError),
        ("simple-test", STAGE, UsageError),
        ("simple-test", GivenInputs(runs_tsv=runs(RUN)), UsageError),
        ("no-such-command", STAGE, NotFound),
    ],
)
def test_inputs_of_the_wrong_kind_are_refused(
    catalog: Catalog, command_id: str, given: GivenInputs, error: type[DyecError]
) -> None:
    with pytest.raises(error):
        command_launch(catalog, command_id, given)


def test_features_add_targets_and_callers() -> None:
    features = {
        "sv": {"display_name": "SV", "targets": ["produce_manta_sv", "produce_alignstats"], "sv_callers": ["manta"]},
        "more": {"display_name": "More", "targets": ["produce_more"], "sv_callers": ["manta", "tiddit"]},
    }
    own = changed(optional_features=features, dy_command="bin/day_run produce_alignstats --config a=1 -p")
    asked = command_launch(own, "illumina_snv_alignstats", STAGE, features=("sv", "more", "sv"))
    assert shlex.split(asked.command) == [
        "bin/day_run", "produce_alignstats", "produce_manta_sv", "produce_more", "--config", "a=1",
        'sv_callers=["manta","tiddit"]', "-p",
    ]  # fmt: skip
    with pytest.raises(NotFound, match="no feature 'x'") as info:
        command_launch(own, "illumina_snv_alignstats", STAGE, features=("x",))
    assert info.value.hint == "Known: more, sv."


def test_settings_join_those_of_the_command() -> None:
    own = changed(runtime_parameters={"a": "2", "b": "3"}, dy_command="bin/day_run x --config a=1 c=4 -p")
    assert command_launch(own, "illumina_snv_alignstats", STAGE).command == "bin/day_run x --config c=4 a=2 b=3 -p"


def units(catalog: Catalog, command_id: str, table: str) -> None:
    command = next(one for one in catalog.commands() if one.command_id == command_id)
    check_units(command, SAMPLES, table)


def test_units_that_suit(catalog: Catalog) -> None:
    units(catalog, "illumina_snv_alignstats", UNITS + ILMN_ROW)
    units(catalog, "hybrid_ilmn_ont_snv", UNITS + "HG002\tILMN\ta\tb\tc\tont\tx\n")
    units(catalog, "ont_snv_alignstats", "SAMPLEID\tSEQ_VENDOR\tONT_R1_PATH\tONT_R2_PATH\nHG002\tONT\tr1\tna\n")
    units(catalog, "complete_genomics_mgi_snv_concordance",
          "SAMPLEID\tSEQ_VENDOR\tILMN_R1_PATH\tILMN_R2_PATH\nHG002\tCG\ta\tb\n")  # fmt: skip
    asked = GivenInputs(samples_tsv=SAMPLES, units_tsv=UNITS + ILMN_ROW)
    assert command_launch(catalog, "illumina_snv_alignstats", asked).command


@pytest.mark.weakness("M2")
def test_every_unit_that_does_not_suit_is_named(catalog: Catalog) -> None:
    table = UNITS + ILMN_ROW + "HG009\tILMN\ta\tb\t\t\t\nHG002\tONT\ta\tna\t\t\t\n"
    with pytest.raises(ValidationError) as info:
        units(catalog, "illumina_snv_alignstats", table)
    assert info.value.code == "unsuitable_inputs"
    assert findings(info) == [
        "units.tsv row 2: SAMPLEID 'HG009' is not in samples.tsv",
        "units.tsv row 3: SEQ_VENDOR ONT is none of ILMN",
        "units.tsv row 3: needs ILMN_R1_PATH + ILMN_R2_PATH",
    ]


def test_alternatives_are_listed(catalog: Catalog) -> None:
    with pytest.raises(ValidationError, match=r"needs UG_R1_PATH \+ UG_R2_PATH or ULTIMA_CRAM \+ ULTIMA_CRAM_ALIGNER"):
        units(catalog, "ultima_snv_alignstats", "SAMPLEID\tSEQ_VENDOR\nHG002\tULTIMA\n")


@pytest.mark.weakness("M2")
@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"PLATFORM": "ONT"}, "PLATFORM must be ILMN, not 'ONT'"),
        ({"RUN_DIR": "/fsx/run_dir_mounts/R2/"}, "RUN_DIR '/fsx/run_dir_mounts/R2/': must lie below"),
        ({"RUN_DIR": "/fsx/run_dir_mounts/R1-old/"}, "must lie below"),
        ({"RUN_DIR": "/fsx/run_dir_mounts/R1/../R2/"}, "must not contain"),
        ({"RUN_DIR": "/run_dir_mounts/R1/"}, "must lie below"),
        ({"RUN_DIR": "runs/R1"}, "must lie below"),
        ({"RUN_DIR": ""}, "RUN_DIR must not be empty"),
        ({"MOUNT_ID": ""}, "mount id ''"),
        ({"MOUNT_ID": "../x"}, "mount id '../x'"),
        ({"SOURCE_S3_URI": "runs/a"}, "must be an s3:// URI"),
        ({"SAMPLE_SHEET": "/home/ubuntu/SampleSheet.csv"}, "SAMPLE_SHEET"),
    ],
)  # fmt: skip
def test_runs_that_do_not_suit(catalog: Catalog, change: dict[str, str], finding: str) -> None:
    with pytest.raises(ValidationError) as info:
        command_launch(catalog, "illumina_run_qc", GivenInputs(runs_tsv=runs(RUN, {**RUN, **change})))
    assert len(findings(info)) >= 1
    assert findings(info)[0].startswith("runs.tsv row 2: ")
    assert finding in findings(info)[0]


def test_one_mount_cannot_show_two_places(catalog: Catalog) -> None:
    with pytest.raises(ValidationError, match="two places"):
        command_launch(catalog, "illumina_run_qc",
                       GivenInputs(runs_tsv=runs(RUN, {**RUN, "SOURCE_S3_URI": "s3://runs/b/"})))  # fmt: skip


@pytest.mark.parametrize("sheet", ["", "na", "SampleSheet.csv", "/fsx/control_data/sheets/a.csv"])
def test_sample_sheets_may_lie_where_every_cluster_has_data(catalog: Catalog, sheet: str) -> None:
    assert command_launch(catalog, "illumina_run_qc", GivenInputs(runs_tsv=runs({**RUN, "SAMPLE_SHEET": sheet})))


def test_columns_of_the_contract_are_needed(catalog: Catalog) -> None:
    command = next(one for one in catalog.commands() if one.command_id == "ont_run_qc")
    with pytest.raises(ValidationError) as info:
        check_runs(catalog, command, runs(RUN, columns=("RUNID", "MOUNT_ID")))
    assert findings(info)[0] == "runs.tsv: no column PLATFORM"
    assert len(findings(info)) == 9


@pytest.mark.parametrize("text", ["", "\n\n", "A\tB\n", "A\tB\n1\t2\t3\n"])
def test_tables_that_are_none(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_table(text, "runs.tsv")


def test_tables_of_spreadsheets_are_read() -> None:
    assert parse_table("\ufeffA\t B \r\n\r\n1\t 2\r\n3\r\n", "x") == (
        ("A", "B"), ({"A": "1", "B": "2"}, {"A": "3", "B": ""}),
    )  # fmt: skip
