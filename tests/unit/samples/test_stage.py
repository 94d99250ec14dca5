from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import daylily_ec.cli.samples  # noqa: F401  (registers its views)
from daylily_ec.cli.render import text
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import InvalidValue, ValidationError
from daylily_ec.samples import columns
from daylily_ec.samples.sources import Place, Roles, recognise
from daylily_ec.util.jsonio import plain
from daylily_ec.workflow.mounts import FileSystemTarget
from daylily_ec.workflow.stage_samples import Precheck, Staged, StageRequest, stage_samples
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, World

ROLES = Roles(
    S3Prefix.parse("s3://refs"), S3Prefix.parse("s3://control/data"), S3Prefix.parse("s3://stage/staged_external_data")
)
ROOT = "/fsx/staging/staged_external_sequencing_data/"
BASE = {
    "RUN_ID": "R_1.x", "SAMPLE_ID": "S_1", "EXPERIMENTID": "E1", "SAMPLE_TYPE": "blood", "LIB_PREP": "truseq-pf",
    "SEQ_VENDOR": "ilmn", "SEQ_PLATFORM": "NovaSeqX", "LANE": "1", "SEQBC_ID": "D0",
}  # fmt: skip
FOLDER = "R-1-x_S-1-NOVASEQ-PCR-FREE-blood-E1_D0_0"


@pytest.fixture
def world(clock: FakeClock) -> World:
    made = World(clock)
    for name in ("a_R1.fq.gz", "a_R2.fq.gz", "b_R1.fq.gz", "b_R2.fq.gz"):
        made.s3.put("seq", f"runs/{name}", name.encode())
    made.s3.put("control", "data/giab/hg002.cram", b"cram")
    made.s3.put("control", "data/giab/hg002.cram.crai", b"crai")
    return made


def s3_row(letter: str = "a", **more: str) -> dict[str, str]:
    pair = {f"ILMN_R{mate}_FQ": f"s3://seq/runs/{letter}_R{mate}.fq.gz" for mate in (1, 2)}
    return {**BASE, **pair, **more}


def sheet(folder: Path, *rows: dict[str, str]) -> Path:
    names = list(dict.fromkeys([*columns.REQUIRED, *(name for row in rows for name in row)]))
    lines = ["\t".join(names), *("\t".join(row.get(name, "") for name in names) for row in rows)]
    path = folder / "analysis_samples.tsv"
    path.write_text("\r\n".join(lines) + "\r\n")
    return path


def stage(world: World, folder: Path, *rows: dict[str, str], **more: Any) -> Any:
    request = StageRequest(sheet(folder, *rows), ROLES, folder / "cfg", **more)
    return stage_samples(world.services(), request)


def units(result: Staged) -> list[dict[str, str]]:
    return rows_of(Path(result.units_tsv.local), columns.UNITS)


def rows_of(path: Path, names: tuple[str, ...]) -> list[dict[str, str]]:
    raw = path.read_bytes()
    assert b"\r" not in raw
    header, *lines = raw.decode().splitlines()
    assert header.split("\t") == list(names)
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines]


def blockers(world: World, folder: Path, *rows: dict[str, str], **more: Any) -> str:
    before, files = dict(world.s3.data), sorted(folder.rglob("*"))
    with pytest.raises(ValidationError) as error:
        stage(world, folder, *rows, **more)
    assert world.s3.data == before
    assert [path for path in sorted(folder.rglob("*")) if path not in files and path.suffix != ".tsv"] == []
    return text(error.value.evidence)


def test_a_pair_in_s3_is_copied_and_both_tables_written_here_and_there(world: World, tmp_path: Path) -> None:
    result = stage(world, tmp_path, s3_row())
    assert isinstance(result, Staged)
    name = result.stage_name
    assert name.startswith("remote_stage_20260211T143722Z_")
    assert len(name.rpartition("_")[2]) == 8
    assert result.stage_dir == ROOT + name
    assert world.s3.data["stage", f"staged_external_data/{name}/{FOLDER}/a_R1.fq.gz"] == b"a_R1.fq.gz"
    (unit,) = units(result)
    assert unit["ILMN_R1_PATH"] == f"{ROOT}{name}/{FOLDER}/a_R1.fq.gz"
    expected = {"RUNID": "R-1-x", "SAMPLEID": "S-1", "LIBPREP": "PCR-FREE", "SEQ_VENDOR": "ILMN", "BWA_KMER": "19",
                "SEQ_PLATFORM": "NOVASEQ", "SUBSAMPLE_PCT": "na", "SAMPLEUSE": "sample", "LANEID": "1"}  # fmt: skip
    assert {key: unit[key] for key in expected} == expected
    (sample,) = rows_of(Path(result.samples_tsv.local), columns.SAMPLES)
    assert (sample["SAMPLEID"], sample["SAMPLESOURCE"], sample["BIOLOGICAL_SEX"]) == ("S-1", "blood", "na")
    stamp = name.removeprefix("remote_stage_")
    assert Path(result.units_tsv.local).name == f"{stamp}_units.tsv"
    stored = world.s3.data["stage", f"staged_external_data/{name}/{stamp}_units.tsv"]
    assert stored == Path(result.units_tsv.local).read_bytes()
    assert (len(columns.SAMPLES), len(columns.UNITS)) == (13, 41)


def test_the_lines_that_scripts_read_are_kept(world: World, tmp_path: Path) -> None:
    result = stage(world, tmp_path, s3_row())
    shown = text(result)
    assert f"Remote FSx stage directory: {result.stage_dir}\n" in shown
    assert f"samples.tsv -> {result.samples_tsv.s3_uri}\n" in shown
    assert f"units.tsv   -> {result.units_tsv.s3_uri}\n" in shown
    assert plain(result)["stage_dir"] == result.stage_dir


def test_local_files_are_uploaded(world: World, tmp_path: Path) -> None:
    for mate in (1, 2):
        (tmp_path / f"l_R{mate}.fq").write_bytes(b"@r")
    row = {**BASE, "R1_FQ": str(tmp_path / "l_R1.fq"), "R2_FQ": str(tmp_path / "l_R2.fq")}
    result = stage(world, tmp_path, row)
    assert [file.bytes for file in result.files] == [2, 2]


@pytest.mark.weakness("M7")
def test_lanes_of_one_library_never_share_a_folder(world: World, tmp_path: Path) -> None:
    result = stage(world, tmp_path, s3_row("a"), s3_row("b", LANE="2"))
    paths = [unit["ILMN_R1_PATH"].split("/")[-2] for unit in units(result)]
    assert paths == [FOLDER[:-1] + "1", FOLDER[:-1] + "2"]
    assert "same identity and lane" in blockers(world, tmp_path, s3_row("a"), s3_row("b"))


def test_lane_lists_go_to_folders_of_their_own(world: World, tmp_path: Path) -> None:
    row = {**BASE, "ILMN_R1_FQ": "s3://seq/runs/a_R1.fq.gz,s3://seq/runs/b_R1.fq.gz",
           "ILMN_R2_FQ": "s3://seq/runs/a_R2.fq.gz,s3://seq/runs/b_R2.fq.gz"}  # fmt: skip
    (unit,) = units(stage(world, tmp_path, row))
    first, second = unit["ILMN_R1_PATH"].split(",")
    assert first.endswith(f"{FOLDER}/lane1/a_R1.fq.gz")
    assert second.endswith(f"{FOLDER}/lane2/b_R1.fq.gz")
    swapped = {**row, "ILMN_R2_FQ": "s3://seq/runs/b_R2.fq.gz,s3://seq/runs/a_R2.fq.gz"}
    assert "are no mates" in blockers(world, tmp_path, swapped)


def test_the_same_source_is_copied_once(world: World, tmp_path: Path) -> None:
    result = stage(world, tmp_path, s3_row(), s3_row(SAMPLE_ID="S2"))
    assert len(result.files) == 2
    assert len({unit["ILMN_R1_PATH"] for unit in units(result)}) == 1


@pytest.mark.weakness("M7")
def test_existence_is_of_the_very_key(world: World, tmp_path: Path) -> None:
    row = s3_row(ILMN_R1_FQ="s3://seq/runs/a_R1.fq", ILMN_R2_FQ="s3://seq/runs/a_R2.fq")
    assert blockers(world, tmp_path, row).count("there is no object") == 2


def test_every_blocker_of_the_sheet_is_listed_at_once(world: World, tmp_path: Path) -> None:
    world.s3.put("seq", "runs/empty_R1.fq", b"")
    shown = blockers(
        world, tmp_path,
        s3_row(RUN_ID=""), s3_row(SAMPLE_ID="a/b"), s3_row(ILMN_R2_FQ=""), s3_row(STAGE_DIRECTIVE="maybe"),
        s3_row(ILMN_R1_FQ="http://x/y_R1"), s3_row(ILMN_R1_FQ="s3://seq/runs/empty_R1.fq", LANE="9"),
        s3_row(ILMN_R1_FQ="/fsx/data/x_R1"), {**BASE, "SAMPLE_ID": "S9"}, s3_row(IS_POS_CTRL="perhaps", LANE="10"),
        s3_row(ONT_FASTQ_PREFIX="s3://seq/fastq_pass/t/", LANE="11"),
        s3_row(TRUTH_DATA_DIR="/a", CONCORDANCE_CONTROL_PATH="/b"),
    )  # fmt: skip
    for words in ("RUN_ID: must not be empty", "letters, digits", "the mate is missing", "must be one of stage_data",
                  "only s3://", "the object is empty", "/fsx/data is not used any more", "names no input file",
                  "must be true or false", "not supported by this release", "synonyms disagree"):  # fmt: skip
        assert words in shown, words


def test_a_wrong_header_stops_early(world: World, tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("RUN_ID\tSURPRISE\nr\tx\n")
    with pytest.raises(ValidationError) as error:
        stage_samples(world.services(), StageRequest(path, ROLES, tmp_path))
    assert "SURPRISE: this column is not known" in text(error.value.evidence)
    assert "SAMPLE_ID: this column is missing" in text(error.value.evidence)


def test_aligned_inputs_pass_through_when_the_node_sees_them(world: World, tmp_path: Path) -> None:
    cram = {"ONT_CRAM": "/fsx/control_data/giab/hg002.cram", "ONT_CRAM_ALIGNER": "ont", "ONT_CRAM_SNV_CALLER": "c3"}
    result = stage(world, tmp_path, {**BASE, **cram})
    (unit,) = units(result)
    assert unit["ONT_CRAM"] == cram["ONT_CRAM"]
    assert not result.files
    shown = blockers(world, tmp_path, {**BASE, **cram, "ONT_CRAM": "s3://control/data/giab/hg002.cram"})
    assert "not visible on the head node" in shown
    assert "must be ont" in blockers(world, tmp_path, {**BASE, **cram, "ONT_CRAM_ALIGNER": "bwa"})
    del world.s3.data["control", "data/giab/hg002.cram.crai"]
    assert "hg002.cram.crai" in blockers(world, tmp_path, {**BASE, **cram})


def test_aligned_inputs_are_staged_with_their_index_on_request(world: World, tmp_path: Path) -> None:
    row = {
        **BASE,
        "ONT_CRAM": "s3://control/data/giab/hg002.cram",
        "ONT_CRAM_ALIGNER": "ont",
        "STAGE_DIRECTIVE": "STAGE_DATA",
    }
    result = stage(world, tmp_path, row)
    assert [file.s3_uri.rpartition("/")[2] for file in result.files] == ["hg002.cram", "hg002.cram.crai"]


def test_mounted_rows_stay_below_their_mount(world: World, tmp_path: Path) -> None:
    row = s3_row(STAGE_DIRECTIVE="mounted_readonly", MOUNT_ID="RUN1", ILMN_R1_FQ="/run_dir_mounts/RUN1/x_R1.fq",
                 ILMN_R2_FQ="/fsx/run_dir_mounts/RUN1/x_R2.fq")  # fmt: skip
    (unit,) = units(stage(world, tmp_path, row))
    assert unit["ILMN_R1_PATH"] == "/fsx/run_dir_mounts/RUN1/x_R1.fq"
    for bad in ("/fsx/run_dir_mounts/RUN10/x_R1.fq", "/fsx/run_dir_mounts/RUN1/../R2/x", "s3://seq/runs/a_R1.fq.gz"):
        assert blockers(world, tmp_path, {**row, "ILMN_R1_FQ": bad})
    assert "must be a mount id" in blockers(world, tmp_path, {**row, "MOUNT_ID": ""})


def test_truth_on_the_node_is_kept_and_truth_elsewhere_copied(world: World, tmp_path: Path) -> None:
    result = stage(world, tmp_path, s3_row(TRUTH_DATA_DIR="/fsx/control_data/giab"))
    (sample,) = rows_of(Path(result.samples_tsv.local), columns.SAMPLES)
    assert sample["CONCORDANCE_CONTROL_PATH"] == sample["TRUTH_DATA_DIR"] == "/fsx/control_data/giab"
    result = stage(world, tmp_path, s3_row(TRUTH_DATA_DIR="s3://control/data/giab"))
    (sample,) = rows_of(Path(result.samples_tsv.local), columns.SAMPLES)
    assert sample["TRUTH_DATA_DIR"] == f"{result.stage_dir}/{FOLDER}/concordance_data"
    assert len(result.files) == 4
    local = tmp_path / "truth"
    local.mkdir()
    (local / "t.vcf").write_text("x")
    assert len(stage(world, tmp_path, s3_row(TRUTH_DATA_DIR=str(local))).files) == 3
    assert "nothing lies below" in blockers(world, tmp_path, s3_row(TRUTH_DATA_DIR="/fsx/control_data/gia"))


def test_rows_of_one_sample_must_agree(world: World, tmp_path: Path) -> None:
    shown = blockers(world, tmp_path, s3_row(BIOLOGICAL_SEX="male"), s3_row("b", LANE="2", BIOLOGICAL_SEX="female"))
    assert "says 'male' of the same sample" in shown


def test_precheck_only_writes_nothing_anywhere(world: World, tmp_path: Path) -> None:
    before = dict(world.s3.data)
    result = stage(world, tmp_path, s3_row(), precheck_only=True)
    assert isinstance(result, Precheck)
    assert (result.rows, result.samples, result.sources, result.to_copy) == (1, 1, 2, 2)
    assert world.s3.data == before
    assert not (tmp_path / "cfg").exists()


@pytest.mark.weakness("H12")
@pytest.mark.parametrize("directive", ["", "stage_data"])
def test_config_only_never_uploads(world: World, tmp_path: Path, directive: str) -> None:
    assert "would have to be staged" in blockers(world, tmp_path, s3_row(STAGE_DIRECTIVE=directive), config_only=True)
    before = dict(world.s3.data)
    cram = {"ONT_CRAM": "/fsx/control_data/giab/hg002.cram", "ONT_CRAM_ALIGNER": "ont"}
    result = stage(world, tmp_path, {**BASE, **cram}, config_only=True, target=FileSystemTarget(CLUSTER))
    assert world.s3.data == before
    assert not world.fsx.links
    assert (result.samples_tsv.s3_uri, result.stage_s3_uri) == ("", "")


def test_with_a_cluster_the_stage_is_attached(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    result = stage(world, tmp_path, s3_row(), target=FileSystemTarget(CLUSTER))
    (link,) = world.fsx.links.values()
    assert link.path.on_node.as_posix() == result.stage_dir
    assert str(link.source) == result.stage_s3_uri
    assert (link.auto_import, link.batch_import) == ((), True)
    assert link.tags["daylily:staging-root"] == ROOT.rstrip("/")
    assert result.mount.purpose == "staging"
    assert "Staging association: dra-" in text(result)


@pytest.mark.parametrize(
    "target",
    ["/data", "/fsx/staging", "/fsx/staging/staged", ROOT + "../x", "/staging/staged_external_sequencing_data"],
)
def test_stage_targets_outside_the_root_are_refused(world: World, tmp_path: Path, target: str) -> None:
    with pytest.raises(InvalidValue):
        stage(world, tmp_path, s3_row(), stage_target=target)


@pytest.mark.weakness("L2")
def test_a_subsample_value_that_is_dropped_is_said(world: World, tmp_path: Path) -> None:
    result = stage(world, tmp_path, s3_row(SUBSAMPLE_PCT="30"))
    assert units(result)[0]["SUBSAMPLE_PCT"] == "na"
    assert "'30' is not between 0 and 1" in result.precheck.notes[0]
    assert units(stage(world, tmp_path, s3_row(SUBSAMPLE_PCT="0.3")))[0]["SUBSAMPLE_PCT"] == "0.3"


def test_the_packaged_template_has_a_header_that_is_understood() -> None:
    template = Path(__file__).parents[3] / "etc" / "analysis_samples_template.tsv"
    header, *lines = template.read_text().splitlines()
    assert set(columns.REQUIRED) <= set(header.split("\t")) <= columns.KNOWN
    assert all(len(line.split("\t")) == len(header.split("\t")) for line in lines)


def test_places() -> None:
    assert recognise("/fsx/references/x/y", ROLES).key == "x/y"
    assert recognise("/fsx/control_data/x", ROLES).key == "data/x"
    assert recognise("~/x", ROLES).place is Place.LOCAL
    assert recognise("/fsx/referencesX/x", ROLES).place is Place.LOCAL


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries({name: st.text(alphabet="aZ0./_-\\ $;'\"\u00e9", max_size=8) for name in columns.REQUIRED})
)
def test_no_name_leads_out_of_the_stage(names: dict[str, str]) -> None:
    world = World(FakeClock())
    for mate in (1, 2):
        world.s3.put("seq", f"runs/a_R{mate}.fq.gz", b"x")
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        try:
            result = stage(world, Path(folder), {**s3_row(), **names})
        except ValidationError:
            return
        for file in result.files:
            inner = file.s3_uri.removeprefix(result.stage_s3_uri)
            assert inner.count("/") == 1
            assert not set(inner) & set("\\ $;'\"")
            assert ".." not in inner
