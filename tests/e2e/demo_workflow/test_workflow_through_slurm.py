"""The demonstration's workflow on real reads: a real Snakemake, a real Slurm, a git clone over plain HTTP."""

from __future__ import annotations

import csv
import functools
import hashlib
import http.server
import json
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from daylily_ec.demo.cache import cache_root
from daylily_ec.demo.data import GENOME, DemoData, ensure_data
from daylily_ec.demo.objects import REFERENCE_KEY
from daylily_ec.demo.repository import TAG, Repository, make_repository
from daylily_ec.demo.run_folder import CLUSTERS, run_folder
from daylily_ec.demo.samples import TRUTH_KEY, TRUTH_ON_NODE
from daylily_ec.demo.tools import Tools, ensure_tools
from tests.e2e.demo_workflow.slurm_box import HOST, SlurmBox

pytestmark = pytest.mark.e2e

DEMO = Path(__file__).parents[3] / "config" / "demo"
STAGE = "/fsx/staging/staged_external_sequencing_data/remote_stage_1"
UNIT_COLUMNS = (
    "RUNID", "SAMPLEID", "EXPERIMENTID", "LANEID", "BARCODEID", "LIBPREP", "SEQ_VENDOR", "SEQ_PLATFORM",
    "ILMN_R1_PATH", "ILMN_R2_PATH", "SAMPLEUSE",
)  # fmt: skip
SECONDS = 170.0
LAUNCH = """\
set -eu
mkdir -p /fsx/analysis_results/tester/demo-1 && cd /fsx/analysis_results/tester/demo-1
git clone --quiet --branch {tag} {url} daylily-omics-analysis
cd daylily-omics-analysis
cp /fsx/tables/*.tsv config/
source dyoainit --skip-project-check
source bin/day_activate slurm {genome} remote
DAY_CONTAINERIZED=true bin/day_run produce_snv_concordances -p -k -j 6 --config genome_build={genome} \
    "aligners=['bwa2a']" "dedupers=['dmd']" "snv_callers=['deep']" {extra}
"""


@dataclass(frozen=True)
class Run:
    """A finished launch: exit code, what it said, and where its results are."""

    exit_code: int
    said: str
    clone: Path
    box: Path

    @property
    def results(self) -> Path:
        return self.clone / "results" / "day" / GENOME


@pytest.fixture(scope="module")
def data() -> DemoData:
    return ensure_data(cache_root(), print)


@pytest.fixture(scope="module")
def tools() -> Tools:
    return ensure_tools(DEMO / "requirements.txt", cache_root(), print)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Repository, str]]:
    root = tmp_path_factory.mktemp("served")
    repository = make_repository(DEMO / "workflow", root / "daylily-omics-analysis.git")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield repository, f"http://127.0.0.1:{server.server_address[1]}/daylily-omics-analysis.git"
        server.shutdown()


def write_tables(directory: Path, data: DemoData) -> None:
    """The two tables as staging writes them: CRLF line ends, paths on the head node."""
    directory.mkdir(parents=True)
    samples = [f"{item.name}\t{TRUTH_ON_NODE}\t{TRUTH_ON_NODE}" for item in data.samples]
    units = [
        f"EAS20-8\t{item.name}\tERA000206\t6\t{item.name}\tUNKNOWN\tILMN\tGAII"
        f"\t{STAGE}/{item.name}_R1.fastq.gz\t{STAGE}/{item.name}_R2.fastq.gz\t{item.use}"
        for item in data.samples
    ]
    for name, lines in (
        ("samples", ["SAMPLEID\tCONCORDANCE_CONTROL_PATH\tTRUTH_DATA_DIR", *samples]),
        ("units", ["\t".join(UNIT_COLUMNS), *units]),
    ):
        (directory / f"{name}.tsv").write_text("".join(f"{line}\r\n" for line in lines), newline="")


def launch(root: Path, data: DemoData, tools: Tools, url: str, extra: str = "") -> Run:
    fsx = root / "fsx"
    shutil.copytree(data.truth, fsx / "control_data" / TRUTH_KEY)
    shutil.copytree(data.root / "reads", fsx / STAGE.removeprefix("/fsx/"))
    (fsx / "references" / REFERENCE_KEY).parent.mkdir(parents=True)
    shutil.copy(data.reference, fsx / "references" / REFERENCE_KEY)
    write_tables(fsx / "tables", data)
    box = SlurmBox(root / "box", fsx, (tools.root, tools.base_prefix), ((tools.root, "/opt/daylily-demo"),))
    done = box.run(LAUNCH.format(tag=TAG, url=url, genome=GENOME, extra=extra), SECONDS)
    clone = fsx / "analysis_results" / "tester" / "demo-1" / "daylily-omics-analysis"
    return Run(done.returncode, done.stdout + done.stderr, clone, root / "box")


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, data: DemoData, tools: Tools, served: tuple[Repository, str]
) -> Run:
    run = launch(tmp_path_factory.mktemp("run"), data, tools, served[1])
    assert run.exit_code == 0, run.said
    return run


def manifest(run: Run) -> dict[str, object]:
    text = (run.results / "reports" / "dayoa_evidence_manifest.json").read_text()
    document: dict[str, object] = json.loads(text)
    return document


def test_every_call_of_the_deep_samples_is_true_and_none_is_missing(finished: Run, data: DemoData) -> None:
    samples = json.loads((finished.results / "other_reports" / "concordance.json").read_text())["samples"]
    found = {row["sample"]: row for row in samples}
    for name in ("S1", "S2"):
        assert found[name]["verdict"] == "PASS"
        assert (
            found[name]["true_positives"] == found[name]["truth"] == found[name]["called"] == data.truth_records == 20
        )
        assert found[name]["consensus_equals_original"] is True


def test_shallow_sample_is_flagged_not_judged(finished: Run) -> None:
    assert re.search(r"concordance S3-lowdepth: LOW_DEPTH, [0-9]+ of 20 found", finished.said)


def test_slurm_ran_every_rule_in_at_most_six_jobs(finished: Run) -> None:
    with (finished.results / "reports" / "slurm_jobs.tsv").open(newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert {row["rule"] for row in rows} == {
        "index_reference", "trim", "align", "call", "concordance", "multiqc", "evidence_manifest",
    }  # fmt: skip
    assert all(re.fullmatch(r"i8-dy-c8-[12]", row["node"]) for row in rows)
    assert all((row["partition"], row["host"]) == ("i8", HOST) for row in rows)
    jobs = {row["slurm_job_id"] for row in rows}
    assert 1 < len(jobs) <= 6
    log = (finished.box / "slurm" / "slurmctld.log").read_text()
    assert jobs == set(re.findall(r"JobId=([0-9]+) WEXITSTATUS 0", log))


def test_manifest_hashes_every_exported_result(finished: Run, served: tuple[Repository, str]) -> None:
    document = manifest(finished)
    records = document["files"]
    assert isinstance(records, list)
    for record in records:
        content = (finished.clone / record["relative_path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record["sha256"], record["relative_path"]
        assert len(content) == record["size_bytes"]
    covered = {record["relative_path"] for record in records}
    found = {path.relative_to(finished.clone).as_posix() for path in finished.results.rglob("*") if path.is_file()}
    left_out = {name for name in found - covered if ".snakemake" not in name}
    assert {name.rsplit("/", 1)[-1] for name in left_out if "/logs/slurm/" not in name} == {
        "dayoa_evidence_manifest.json", "evidence_manifest.log",
    }  # fmt: skip
    assert len([name for name in left_out if "/logs/slurm/" in name]) == 1
    assert isinstance(document["workflow"], dict)
    assert document["workflow"]["git_sha"] == served[0].commit
    assert document["workflow"]["pipeline_version"] == TAG
    assert document["analysis"] == {"analysis_name": "demo-1", "genome_build": GENOME, "run_name": "EAS20-8"}


def test_launch_leaves_no_bytecode_in_the_clone(finished: Run) -> None:
    assert not list(finished.clone.rglob("__pycache__"))


def test_replaced_tools_are_recorded(finished: Run) -> None:
    warnings = manifest(finished)["warnings"]
    assert isinstance(warnings, list)
    assert [warning.split()[1] for warning in warnings] == ["bwa2a", "dmd", "deep"]


def test_multiqc_report_shows_all_samples_and_the_concordance(finished: Run) -> None:
    data = json.loads((finished.results / "reports" / "DAY_final_multiqc_data" / "multiqc_data.json").read_text())
    saved = data["report_saved_raw_data"]
    for module in ("multiqc_fastp", "multiqc_samtools_flagstat", "multiqc_bcftools_stats", "multiqc_concordance"):
        assert set(saved[module]) == {"S1", "S2", "S3-lowdepth"}, module
    assert "Concordance with the truth" in (finished.results / "reports" / "DAY_final_multiqc.html").read_text()


def test_wrong_truth_makes_the_launch_fail(
    tmp_path: Path, data: DemoData, tools: Tools, served: tuple[Repository, str]
) -> None:
    wrong = tmp_path / "wrong"
    shutil.copytree(data.root, wrong)
    lines = (wrong / "truth" / "truth.vcf").read_text().splitlines()
    (wrong / "truth" / "truth.vcf").write_text("\n".join(lines[:-1]) + "\n")
    changed = DemoData(wrong, data.source, data.reason, data.samples, data.truth_records)
    run = launch(tmp_path / "run", changed, tools, served[1])
    assert run.exit_code != 0
    assert "concordance failed: S1, S2" in run.said
    assert (run.results / "reports" / "DAY_final_multiqc.html").is_file()


RUN_QC = """\
set -eu
mkdir -p /fsx/analysis_results/tester/runs-1 && cd /fsx/analysis_results/tester/runs-1
git clone --quiet --branch {tag} {url} daylily-omics-analysis
cd daylily-omics-analysis
printf 'RUNID\\tPLATFORM\\tRUN_DIR\\tOUTPUT_ROOT\\nRUN1\\tILMN\\t/fsx/run_dir_mounts/RUN1\\tna\\n' > config/runs.tsv
source dyoainit --skip-project-check
source bin/day_activate slurm hg38 remote
bin/day_run produce_illumina_run_qc --config run_context_file=config/runs.tsv -p -j 5 -k
"""


def test_the_base_calls_of_a_run_folder_are_counted_by_slurm_jobs(
    tmp_path: Path, data: DemoData, tools: Tools, served: tuple[Repository, str]
) -> None:
    for upload in run_folder(data, "RUN1"):
        path = tmp_path / "fsx/run_dir_mounts/RUN1" / upload.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(upload.body)
    links = ((tools.root, "/opt/daylily-demo"),)
    box = SlurmBox(tmp_path / "box", tmp_path / "fsx", (tools.root, tools.base_prefix), links)
    done = box.run(RUN_QC.format(tag=TAG, url=served[1]), SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    clone = tmp_path / "fsx/analysis_results/tester/runs-1/daylily-omics-analysis"
    found = json.loads((clone / "results/runs/RUN1/run_qc/illumina/run_qc.json").read_text())
    assert [row["clusters"] for row in found["lanes"]] == [CLUSTERS, CLUSTERS]
    assert set(found["samples"]) == {"S1", "S2"}
    assert all(row["q30_percent"] > 0 and row["mean_quality"] > 0 for row in found["lanes"])
    assert "RUN1 lane 2" in (clone / "results/runs/RUN1/run_qc/illumina/multiqc_report.html").read_text()
    log = (clone / "results/runs/RUN1/run_qc/illumina/logs/lane_1.log").read_text()
    assert re.match(r"rule=lane_qc slurm_job_id=[0-9]+ node=i8-dy-c8-[12] ", log)
