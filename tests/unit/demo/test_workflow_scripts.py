"""The scripts of the demonstration's workflow: tables, verdicts, evidence manifest, and its shell entry points."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.demo.scripts import imported

WORKFLOW = Path(__file__).parents[3] / "config" / "demo" / "workflow"
SCRIPTS = WORKFLOW / "workflow" / "scripts"
MANIFEST_KEYS = {
    "schema_version", "manifest_kind", "generated_at", "producer", "analysis", "workflow", "artifact_boundaries",
    "root_analysis_dir", "provenance_refs", "required_files", "files", "warnings", "manifest_checksum",
}  # fmt: skip
WORKFLOW_KEYS = {
    "pipeline_name", "pipeline_version", "git_sha", "snakemake_version", "workflow_config_hash", "workflow_profile",
    "container_images", "references",
}  # fmt: skip
RECORD_KEYS = {
    "relative_path", "size_bytes", "sha256", "classification", "parser_relevant", "required", "artifact_kind",
    "metadata", "tags",
}  # fmt: skip
INIT = ". ./dyoainit --skip-project-check"
Modules = dict[str, ModuleType]


@pytest.fixture(scope="module")
def scripts() -> Iterator[Modules]:
    with imported(SCRIPTS, "tables", "concordance", "concordance_gate", "evidence_manifest") as modules:
        yield modules


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An analysis directory with two samples, one of them in two lanes; CRLF line ends, as CSV writers leave them."""
    root = tmp_path / "analysis-1" / "clone"
    (root / "config").mkdir(parents=True)
    (root / "config" / "samples.tsv").write_bytes(
        b"SAMPLEID\tTRUTH_DATA_DIR\tCONCORDANCE_CONTROL_PATH\r\nS2\tna\tna\r\nS1\t/truth\t/truth\r\n"
    )
    (root / "config" / "units.tsv").write_bytes(
        b"RUNID\tSAMPLEID\tLANEID\tILMN_R1_PATH\tILMN_R2_PATH\tSAMPLEUSE\r\n"
        b"R1\tS1\t1\t/a_R1.fq.gz\t/a_R2.fq.gz\tsample\r\nR1\tS1\t2\t/b_R1.fq.gz\t/b_R2.fq.gz\tsample\r\n"
        b"R1\tS2\t1\t/c_R1.fq.gz,/d_R1.fq.gz\t/c_R2.fq.gz,/d_R2.fq.gz\tlowDepthControl\r\n"
    )
    monkeypatch.chdir(root)
    return root


def test_tables_join_lanes_and_lists(scripts: Modules, clone: Path) -> None:
    samples = scripts["tables"].read_samples()
    assert list(samples) == ["S1", "S2"]
    assert samples["S1"].r1 == ("/a_R1.fq.gz", "/b_R1.fq.gz")
    assert samples["S2"].r2 == ("/c_R2.fq.gz", "/d_R2.fq.gz")
    assert (samples["S1"].truth, samples["S2"].truth) == ("/truth", None)
    assert (samples["S1"].use, samples["S2"].use) == ("sample", "lowDepthControl")


@pytest.mark.parametrize(
    ("table", "text", "reason"),
    [
        ("units", "SAMPLEID\tILMN_R1_PATH\n", "missing column ILMN_R2_PATH"),
        ("units", "SAMPLEID\tILMN_R1_PATH\tILMN_R2_PATH\nS1\t/a\t\nS2\t/a\t/b\n", "S1 has 1 R1 and 0 R2"),
        ("samples", "SAMPLEID\nS1\n", "S2 not in config/samples.tsv"),
        ("samples", "SAMPLEID\tTRUTH_DATA_DIR\tCONCORDANCE_CONTROL_PATH\nS1\t/a\t/b\n", "two truth directories"),
    ],
)
def test_broken_tables_are_refused(scripts: Modules, clone: Path, table: str, text: str, reason: str) -> None:
    (clone / "config" / f"{table}.tsv").write_text(text)
    with pytest.raises(scripts["tables"].TableError, match=reason):
        scripts["tables"].read_samples()


def test_replaced_tools_are_named(scripts: Modules) -> None:
    notes = scripts["tables"].unsupported_tools({"aligners": ["bwa2a"], "dedupers": "smd", "sv_callers": ["manta"]})
    assert len(notes) == 2
    assert "bwa2a" in notes[0]
    assert "manta" in notes[1]


@pytest.mark.parametrize(
    ("use", "truth", "equal", "depth", "wanted"),
    [
        ("sample", "/t", True, 36.0, "PASS"),
        ("sample", "/t", False, 36.0, "FAIL"),
        ("sample", "/t", True, 3.7, "FAIL"),
        ("sample", None, False, 36.0, "NO_TRUTH"),
        ("lowDepthControl", "/t", False, 3.7, "LOW_DEPTH"),
        ("lowDepthControl", "/t", True, 36.0, "FAIL"),
    ],
)
def test_verdicts(scripts: Modules, use: str, truth: str | None, equal: bool, depth: float, wanted: str) -> None:
    sample = scripts["tables"].Sample("S", ("/1",), ("/2",), truth, use)
    assert scripts["concordance"].verdict(sample, equal, depth, 20.0) == wanted


@pytest.mark.parametrize(("verdicts", "code"), [(["PASS", "LOW_DEPTH"], 0), (["PASS", "FAIL"], 1), ([], 1)])
def test_gate(scripts: Modules, tmp_path: Path, verdicts: list[str], code: int) -> None:
    header = "Sample\tverdict\ttruth\ttrue_positives\tfalse_positives\tmean_depth"
    lines = [f"S{number}\t{verdict}\t20\t20\t0\t36.0" for number, verdict in enumerate(verdicts)]
    (tmp_path / "t.tsv").write_text("\n".join(["# id: x", header, *lines]) + "\n")
    assert scripts["concordance_gate"].main(str(tmp_path / "t.tsv")) == code


def make_manifest(scripts: Modules, clone: Path) -> dict[str, object]:
    results = clone / "results" / "day" / "ecoli10k"
    files = {
        "S1/align/bwa/S1.bwa.smd.bam": "bam",
        "S1/align/bwa/snv/bcftools/S1.vcf.gz": "vcf",
        "S1/align/bwa/snv/bcftools/S1.vcf.gz.tbi": "tbi",
        "reports/DAY_final_multiqc.html": "html",
        "reports/DAY_final_multiqc_data/multiqc_data.json": "{}",
        "reports/DAY_final_multiqc_data/.snakemake_timestamp": "",
        "reports/dayoa_evidence_manifest.json": "old",
        "other_reports/concordance_mqc.tsv": "table",
        "logs/call.S1.log": "rule=call slurm_job_id=7 node=i8-dy-c8-1 partition=i8 host=h\nmore\n",
        "logs/evidence_manifest.log": "rule=evidence_manifest slurm_job_id=8 node=n partition=i8 host=h\n",
    }
    for name, text in files.items():
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text(text)
    (clone / "ref.fasta").write_text(">x\nA\n")
    args = argparse.Namespace(
        genome="ecoli10k", settings='{"a": 1}', warnings='["note"]', reference=str(clone / "ref.fasta"),
        profile="slurm", manifest="results/day/ecoli10k/reports/dayoa_evidence_manifest.json",
        jobs="results/day/ecoli10k/reports/slurm_jobs.tsv", log="results/day/ecoli10k/logs/evidence_manifest.log",
    )  # fmt: skip
    made: dict[str, object] = scripts["evidence_manifest"].manifest(args, {"snakemake": "9", "bwa": "0.7"})
    return made


def test_manifest_has_the_shape_of_schema_v1(scripts: Modules, clone: Path) -> None:
    document = make_manifest(scripts, clone)
    assert set(document) == MANIFEST_KEYS
    assert document["schema_version"] == "dayoa.evidence_manifest.v1"
    assert document["analysis"] == {"analysis_name": "analysis-1", "run_name": "R1", "genome_build": "ecoli10k"}
    assert isinstance(document["workflow"], dict)
    assert set(document["workflow"]) == WORKFLOW_KEYS
    assert document["warnings"] == ["note"]
    body = {key: value for key, value in document.items() if key != "manifest_checksum"}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    assert document["manifest_checksum"] == hashlib.sha256(canonical.encode()).hexdigest()


def test_manifest_covers_every_finished_file_with_its_hash(scripts: Modules, clone: Path) -> None:
    document = make_manifest(scripts, clone)
    records = {record["relative_path"]: record for record in document["files"]}  # type: ignore[attr-defined]
    found = {path.relative_to(clone).as_posix() for path in (clone / "results").rglob("*") if path.is_file()}
    moving = {name for name in found if "evidence_manifest" in name or ".snakemake" in name}
    assert set(records) == found - moving | {"config/samples.tsv", "config/units.tsv"}
    for name, record in records.items():
        assert set(record) == RECORD_KEYS
        assert record["sha256"] == hashlib.sha256((clone / name).read_bytes()).hexdigest()
        assert record["size_bytes"] == (clone / name).stat().st_size
    classes = {name.rsplit("/", 1)[-1]: record["classification"] for name, record in records.items()}
    assert classes["S1.bwa.smd.bam"] == "alignment_bam"
    assert classes["S1.vcf.gz.tbi"] == "variant_vcf_index"
    assert classes["multiqc_data.json"] == "multiqc_data_json"
    assert classes["samples.tsv"] == "samples_manifest"
    assert "sample:S1" in records["results/day/ecoli10k/S1/align/bwa/S1.bwa.smd.bam"]["tags"]
    assert "results/day/ecoli10k/reports/DAY_final_multiqc.html" in document["required_files"]  # type: ignore[operator]


def test_slurm_jobs_come_from_the_first_line_of_each_log(scripts: Modules, clone: Path) -> None:
    make_manifest(scripts, clone)
    table = scripts["evidence_manifest"].slurm_jobs(clone / "results" / "day" / "ecoli10k" / "logs")
    assert "call.S1.log\tcall\t7\ti8-dy-c8-1\ti8\th" in table.splitlines()


def program(directory: Path, name: str, text: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(f"#!/bin/bash\n{text}\n")
    (directory / name).chmod(0o755)


def shell(script: str, path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    values = {"PATH": f"{path}:/usr/bin:/bin", "HOME": str(path), **environ}
    return subprocess.run(
        ["bash", "-c", script], cwd=WORKFLOW, env=values, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("answer", "code", "wanted"),
    [
        ("JobId=1 JobName=x JobState=COMPLETED Reason=None", 0, "success"),
        ("JobId=1 JobState=PENDING Reason=Resources", 0, "running"),
        ("JobId=1 JobState=COMPLETING Reason=None", 0, "running"),
        ("JobId=1 JobState=NODE_FAIL Reason=None", 0, "failed"),
        ("JobId=1 JobState=OUT_OF_MEMORY Reason=None", 0, "failed"),
        ("slurm_load_jobs error: Invalid job id specified", 1, "failed"),
    ],
)
def test_job_state_is_read_from_slurmctld(tmp_path: Path, answer: str, code: int, wanted: str) -> None:
    program(tmp_path, "scontrol", f"echo '{answer}'; exit {code}")
    done = shell(f"{SCRIPTS}/slurm_status.sh 1", tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{wanted}\n")


def test_silent_slurmctld_is_an_error_not_a_running_job(tmp_path: Path) -> None:
    program(tmp_path, "scontrol", "echo 'Unable to contact slurm controller' >&2; exit 1")
    program(tmp_path, "sleep", "exit 0")
    done = shell(f"{SCRIPTS}/slurm_status.sh 1", tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "slurmctld does not answer" in done.stderr


@pytest.fixture
def fake_tools(tmp_path: Path) -> Path:
    program(tmp_path / "tools" / "bin", "python", 'if [ "$1" = -c ]; then exit 0; fi; printf "%s\\n" "$@"')
    for name in ("bwa", "fastp", "samtools", "bcftools", "sbatch", "scontrol", "scancel"):
        program(tmp_path / "path", name, "exit 0")
    return tmp_path


def activate(root: Path, script: str) -> subprocess.CompletedProcess[str]:
    return shell(script, root / "path", DAYLILY_DEMO_TOOLS=str(root / "tools"))


def test_sourcing_changes_no_shell_option(fake_tools: Path) -> None:
    script = "before=$(set +o; shopt); . ./dyoainit --skip-project-check; . bin/day_activate slurm ecoli10k remote; "
    done = activate(fake_tools, script + 'test "$before" = "$(set +o; shopt)" && echo "$DAY_PROFILE $DAY_GENOME_BUILD"')
    assert done.stdout == "slurm ecoli10k\n", done.stderr


@pytest.mark.parametrize(
    ("script", "code", "reason"),
    [
        (". ./dyoainit --nonsense", 64, "unknown option --nonsense"),
        (". ./dyoainit", 1, "no project"),
        (". ./dyoainit --project p", 1, "cannot read the budget table"),
        (". bin/day_activate slurm ecoli10k remote", 1, "source dyoainit first"),
        (f"{INIT}; . bin/day_activate pbs ecoli10k", 64, "profile 'pbs'"),
        (f"{INIT}; . bin/day_activate slurm 'hg 38'", 1, "'hg 38' is no name of a genome"),
        (f"{INIT}; . bin/day_activate slurm hg38", 0, "only run folders can be worked on; known: ecoli10k"),
        (f"{INIT}; . bin/day_activate slurm hg38; bin/day_run produce_multiqc_all", 1, "'hg38' is not in config"),
        (f"{INIT}; . bin/day_activate slurm hg38; bin/day_run produce_illumina_run_qc", 1, "runs.tsv is missing"),
        (f"{INIT}; DAYLILY_DEMO_TOOLS=/none; . bin/day_activate slurm ecoli10k", 4, "below /none"),
        ("bin/day_run", 64, "no target"),
        ("bin/day_run x", 1, "no profile"),
    ],
)  # fmt: skip
def test_entry_points_say_why_they_refuse(fake_tools: Path, script: str, code: int, reason: str) -> None:
    done = activate(fake_tools, script)
    assert (done.returncode, reason in done.stderr) == (code, True), done.stderr


def test_missing_programs_are_all_named(fake_tools: Path) -> None:
    (fake_tools / "path" / "fastp").unlink()
    (fake_tools / "path" / "bwa").unlink()
    (fake_tools / "path" / "grep").symlink_to(shutil.which("grep") or "/bin/grep")
    done = activate(fake_tools, '. ./dyoainit --skip-project-check; PATH="$HOME"; . bin/day_activate slurm ecoli10k')
    assert done.returncode == 4
    assert "not on PATH: bwa fastp" in done.stderr


def test_project_membership_is_checked(fake_tools: Path) -> None:
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    (fake_tools / "table.tsv").write_text(f"other\t{user}\np\tsomebody,{user}\nq\tsomebody\n")
    table = f"export DAY_BUDGET_TABLE={fake_tools}/table.tsv; "
    assert activate(fake_tools, table + '. ./dyoainit --project p; echo "$DAY_PROJECT"').stdout == "p\n"
    refused = activate(fake_tools, table + ". ./dyoainit --project q")
    assert refused.returncode == 1
    assert "not listed for project q" in refused.stderr


def test_all_config_settings_reach_snakemake(fake_tools: Path, clone: Path) -> None:
    (clone / "bin").symlink_to(WORKFLOW / "bin")
    for name in ("dyoainit", "workflow"):
        (clone / name).symlink_to(WORKFLOW / name)
    (clone / "config" / "genomes.yaml").symlink_to(WORKFLOW / "config" / "genomes.yaml")
    script = (
        f"cd {clone}; . ./dyoainit --skip-project-check; . bin/day_activate slurm ecoli10k remote; "
        "bin/day_run produce_snv_concordances -p --config a=1 b=2 -j 3 --config c=3 -n"
    )
    done = activate(fake_tools, script)
    words = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert words[words.index("--profile") + 2 :] == [
        "produce_snv_concordances", "-p", "-j", "3", "-n", "--config", "a=1", "b=2", "c=3",
    ]  # fmt: skip


def test_help_needs_no_activation(fake_tools: Path) -> None:
    done = activate(fake_tools, "bin/day_run -p -k -j 1 help")
    assert done.returncode == 0
    assert "produce_snv_concordances" in done.stdout
    assert os.access(WORKFLOW / "bin" / "day_run", os.X_OK)
