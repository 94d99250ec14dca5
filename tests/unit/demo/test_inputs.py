"""The sample table and the objects that the four storage roles must hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from daylily_ec.demo import reads
from daylily_ec.demo.data import DemoData, load, prepare
from daylily_ec.demo.objects import role_objects
from daylily_ec.demo.samples import TRUTH_ON_NODE, analysis_samples

REQUIRED = [
    "RUN_ID", "SAMPLE_ID", "EXPERIMENTID", "SAMPLE_TYPE", "LIB_PREP", "SEQ_VENDOR", "SEQ_PLATFORM", "LANE", "SEQBC_ID",
]  # fmt: skip
REFERENCE_PREFIXES = (
    "genomic_data/organism_references/H_sapiens/hg38/",
    "genomic_data/organism_annotations/H_sapiens/hg38/",
    "runtime_assets/cluster_boot_config/",
    "runtime_assets/cached_envs/",
    "runtime_assets/tool_specific_resources/",
    "runtime_assets/budget_tags/",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    root = tmp_path_factory.mktemp("data")
    small = reads.simulated(3, pairs=1400)
    prepare(reads.Sequenced(reads.REAL, small.genome, small.pairs), root)
    return load(root)


def rows(text: str) -> list[dict[str, str]]:
    header, *lines = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_table_has_the_required_columns_first_and_no_blank_in_them(data: DemoData) -> None:
    text = analysis_samples(data)
    assert text.splitlines()[0].split("\t")[:9] == REQUIRED
    assert "\r" not in text
    for row in rows(text):
        assert all(row[column] for column in REQUIRED)
        assert Path(row["ILMN_R1_FQ"]).is_file()
        assert Path(row["ILMN_R2_FQ"]).is_file()
        assert row["TRUTH_DATA_DIR"] == str(TRUTH_ON_NODE)
        assert row["STAGE_DIRECTIVE"] == "stage_data"


def test_identifiers_need_no_normalisation(data: DemoData) -> None:
    for row in rows(analysis_samples(data)):
        assert not {"_", ".", "/"} & set("".join(row[column] for column in ("RUN_ID", "SAMPLE_ID", "SEQBC_ID")))


def test_sample_folders_differ(data: DemoData) -> None:
    folders = {(row["SAMPLE_ID"], row["SEQBC_ID"]) for row in rows(analysis_samples(data))}
    assert len(folders) == len(data.samples)


def test_truth_can_be_a_local_directory(data: DemoData) -> None:
    assert {row["TRUTH_DATA_DIR"] for row in rows(analysis_samples(data, data.truth))} == {str(data.truth)}


def test_simulated_reads_are_called_simulated(data: DemoData) -> None:
    simulated = DemoData(data.root, reads.SIMULATED, "no index", data.samples, data.truth_records)
    assert all("SIMULATED" in row["RUN_ID"] for row in rows(analysis_samples(simulated)))


def test_roles_hold_what_preflight_asks_for(data: DemoData) -> None:
    roles = role_objects(data)
    reference = {upload.key: upload.body for upload in roles["reference"]}
    assert reference["s3_reference_data_version.info"].decode().strip() == "0.7.131c"
    for prefix in REFERENCE_PREFIXES:
        assert any(key.startswith(prefix) for key in reference), prefix
    assert any(upload.key.startswith("genomic_data/organism_reads/") for upload in roles["control_data"])
    assert roles["staging"]
    assert roles["export_destination"]


def test_truth_is_uploaded_where_the_table_points(data: DemoData) -> None:
    keys = {upload.key: upload.body for upload in role_objects(data)["control_data"]}
    below = TRUTH_ON_NODE.relative_to("/fsx/control_data")
    assert keys[f"{below}/truth.vcf"] == (data.truth / "truth.vcf").read_bytes()
    assert keys[f"{below}/original.fasta"] == (data.truth / "original.fasta").read_bytes()
