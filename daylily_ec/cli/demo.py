"""`dyec demo`: the whole life cycle on real sequencing reads, with the real commands, without AWS."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from daylily_ec.cli.frame import App
from daylily_ec.cli.render import emit, paint, table, text
from daylily_ec.config.resources import resource
from daylily_ec.demo import cache
from daylily_ec.demo.data import GENOME, DemoData, ensure_data
from daylily_ec.demo.objects import PREFIXES, role_objects
from daylily_ec.demo.phases import Phase, PhaseFailed, Stage, child_environment
from daylily_ec.demo.repository import TAG, catalog_text, make_repository
from daylily_ec.demo.run_folder import run_folder
from daylily_ec.demo.samples import analysis_samples
from daylily_ec.demo.tools import ensure_tools
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import ToolchainError
from daylily_ec.util.clock import SystemClock, file_stamp
from daylily_ec.util.files import write_atomic

app = App()

CLUSTER = "day-demo"
REGION = "us-west-2"
ZONE = "us-west-2d"
ENTITY = "demo"
ANALYSIS = "ecoli"
NODE_TOOLS = "/opt/daylily-demo"
BUCKETS = {
    "reference": "demo-references",
    "control_data": "demo-control-data",
    "staging": "demo-sequencing-data",
    "export_destination": "demo-analysis-results",
}
RUN_FOLDER = S3Prefix("demo-sequencer", "runs/RUN123/")
CONCORDANCE = f"results/day/{GENOME}/other_reports/concordance.json"


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demonstration did; `reads` says whether they are real, `cloud_kept` whether it still runs."""

    status: str
    phases: tuple[Phase, ...]
    receipt: str
    workdir: str
    reads: str
    seconds: float
    cloud_kept: bool


@text.register
def _(result: DemoResult) -> str:
    rows: list[list[Any]] = [[phase.name, f"{phase.seconds:.1f}", phase.proved] for phase in result.phases]
    rows.append(["total", f"{result.seconds:.1f}", f"reads: {result.reads}"])
    kept = "\nThe local cloud still runs; take it down with: " \
        f"XDG_CONFIG_HOME={result.workdir}/home/.config dyec local down" if result.cloud_kept else ""  # fmt: skip
    return f"\n{table(['phase', 'seconds', 'what it proved'], rows)}\nReceipt: {result.receipt}{kept}\n"


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the local cloud up afterwards.")] = False,
    workdir: Annotated[Path | None, typer.Option("--workdir", help="Where to work; must be new or empty.")] = None,
) -> None:
    """Run the whole life cycle on real reads, without AWS."""
    place = _new_directory(workdir)
    run = Demonstration(place)
    try:
        result = run.all(keep)
    except BaseException:
        run.take_down()
        raise
    emit(result)


def _new_directory(chosen: Path | None) -> Path:
    place = chosen or Path.cwd() / "tmp-demo" / file_stamp(SystemClock().local())
    place = place.absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise ToolchainError(f"{place} is not empty.", code="workdir_in_use", hint="Give another --workdir.")
    place.mkdir(parents=True, exist_ok=True)
    return place


def _announce(name: str, command: str) -> None:
    sys.stderr.write(f"{paint('==>', '36')} {name}\n    $ {command}\n")
    sys.stderr.flush()


class Demonstration:
    """One run: ingredients, local cloud, life cycle, clean-up."""

    def __init__(self, workdir: Path) -> None:
        bin_dir = Path(sys.executable).parent
        self.workdir = workdir
        self.stage = Stage(workdir, child_environment(workdir), _announce,
                           {"dyec": bin_dir / "dyec", "aws": bin_dir / "aws"})  # fmt: skip
        self.target = ["--region", REGION, "--cluster", CLUSTER]
        self.destination = _place("export_destination").child(ENTITY, ANALYSIS)
        self.receipt = workdir / "export" / "fsx_export.yaml"

    def all(self, keep: bool) -> DemoResult:
        """Every phase in order."""
        start = time.monotonic()
        data = self.prepare()
        self.create()
        self.work()
        self.export()
        self.delete()
        if not keep:
            self.down()
        seconds = round(time.monotonic() - start, 1)
        return DemoResult(
            "success", tuple(self.stage.phases), str(self.receipt), str(self.workdir), data.source, seconds, keep
        )

    def prepare(self) -> DemoData:
        """Reads and tools from the cache or the registries; the local cloud; an account with storage and policies."""
        found: dict[str, Any] = {}
        self.stage.step(
            "ingredients", f"reads and workflow tools in {cache.cache_root()}", lambda: self._ingredients(found)
        )
        mount = f"{found['tools'].root}:{NODE_TOOLS}"
        self.stage.command("local up", ["dyec", "local", "up", "--install", "--node-mount", mount],
                           proved="an embedded AWS answers on the loopback interface")  # fmt: skip
        self._enter_cloud()
        data: DemoData = found["data"]
        self.stage.step("account", "buckets with content, and a git remote", lambda: self._account(data))
        return data

    def _ingredients(self, found: dict[str, Any]) -> str:
        def note(words: str) -> None:
            sys.stderr.write(f"    {words}\n")

        requirements = resource("config/demo/requirements.txt")
        found["tools"] = ensure_tools(requirements, cache.cache_root(), note)
        found["data"] = ensure_data(cache.cache_root(), note)
        return f"{found['data'].source}; {found['data'].truth_records} planted variants"

    def _enter_cloud(self) -> None:
        from daylily_ec.localcloud.profile import environment

        self.stage.env.update(environment(self._layout()))

    def _layout(self) -> Any:
        from daylily_ec.localcloud.layout import default_layout

        return default_layout(self.stage.env)

    def _account(self, data: DemoData) -> str:
        from daylily_ec.localcloud.account import Account

        account = Account(self.stage.env)
        stored = 0
        for role, uploads in role_objects(data).items():
            account.bucket(BUCKETS[role])
            stored += account.objects(_place(role), [(item.key, item.body) for item in uploads])
        account.bucket(RUN_FOLDER.bucket)
        stored += account.objects(RUN_FOLDER, [(item.key, item.body) for item in run_folder(data, "RUN123")])
        url = self._serve_repository()
        write_atomic(
            self.workdir / "catalog.yaml",
            catalog_text(resource("config/demo/daylily_available_repositories.yaml"), url),
        )
        write_atomic(self.workdir / "samples.tsv", analysis_samples(data))
        write_atomic(self.workdir / "cluster.yaml", _configuration())
        return f"{len(BUCKETS) + 1} buckets with {stored} objects; workflow at {url}"

    def _serve_repository(self) -> str:
        layout = self._layout()
        make_repository(resource("config/demo/workflow"), layout.git / "daylily-omics-analysis.git")
        endpoint = json.loads(layout.server_file.read_text())["endpoint"]
        return f"{endpoint}/_dyec/git/daylily-omics-analysis.git"

    def create(self) -> None:
        """Preflight, create, and a look at what is there."""
        common = ["--region-az", ZONE, "--config", "cluster.yaml", "--non-interactive"]
        self.stage.command(
            "preflight", ["dyec", "preflight", *common], proved="nine validators passed; nothing was changed"
        )
        made = self.stage.json(
            "create", ["dyec", "--json", "create", *common], proved="the real pcluster made the cluster"
        )
        write_atomic(self.workdir / "create.json", json.dumps(made, indent=2))
        self.stage.command("cluster describe", ["dyec", "cluster", "describe", *self.target], proved="AWS shows it")
        self.stage.command("headnode run", ["dyec", "headnode", "run", *self.target, "--", "sinfo"],
                           proved="a real Slurm answers on the head node")  # fmt: skip

    def work(self) -> None:
        """Stage, mount, launch, follow."""
        stage_dir = self.stage_reads()
        self.stage.command("mounts create", ["dyec", "--json", "mounts", "create", str(RUN_FOLDER), *self.target,
                                             "--platform", "ILMN", "--read-only", "--wait"],
                           proved="a run folder appears at /fsx/run_dir_mounts/RUN123")  # fmt: skip
        self.stage.command("workflow launch", [
            "dyec", "workflow", "launch", *self.target, "--stage-dir", stage_dir, "--analysis-id", ANALYSIS,
            "--executing-entity", ENTITY, "--git-tag", TAG, "--genome", GENOME, "--jobs", "6",
            "--catalog-config", "catalog.yaml",
        ], proved="the pinned repository was cloned; tmux runs it")  # fmt: skip
        session = [*self.target, "--session", ANALYSIS]
        self.stage.command("workflow status", ["dyec", "workflow", "status", *session, "--wait"],
                           proved="Snakemake finished every job through Slurm")  # fmt: skip
        self.stage.command(
            "workflow logs", ["dyec", "workflow", "logs", *session, "--lines", "40"], proved="the log is at hand"
        )

    def stage_reads(self, *options: str) -> str:
        """The reads and their tables in S3; where the cluster will see them."""
        staged = self.stage.json("samples stage", [
            "dyec", "--json", "samples", "stage", "samples.tsv", "--region", REGION,
            "--reference-s3-uri", str(_place("reference")), "--control-data-s3-uri", str(_place("control_data")),
            "--stage-s3-uri", str(_place("staging")), "--config-dir", "stage-config", *options,
        ], proved="the reads and both tables are in S3")  # fmt: skip
        return str(staged["stage_dir"])

    def export(self) -> None:
        """Export with a receipt, and compare the called variants with the planted ones."""
        self.stage.command("export", [
            "dyec", "export", *self.target, "--source-path", f"/fsx/analysis_results/{ENTITY}/{ANALYSIS}",
            "--destination-s3-uri", str(self.destination), "--output-dir", "export",
        ], proved="the task succeeded, nothing failed")  # fmt: skip
        self.stage.step("receipt", "cat export/fsx_export.yaml", self._check_receipt)
        report = self.destination.object_uri(f"daylily-omics-analysis/{CONCORDANCE}")
        shown = self.stage.command("concordance", ["aws", "s3", "cp", "--quiet", report, "-"], proved="read from S3")
        self.stage.step("truth", "compare calls with the planted variants", lambda: _check_truth(json.loads(shown)))

    def delete(self) -> None:
        """Delete the cluster; first only show what would go."""
        show = ["dyec", "delete", "--dry-run", *self.target]
        self.stage.command("delete dry run", show, proved="what would go is known before")
        self.stage.command(
            "delete", ["dyec", "delete", "--yes", *self.target], proved="the stack is not found any more"
        )

    def down(self) -> None:
        """Take the local cloud down."""
        self.stage.command("local down", ["dyec", "local", "down"], proved="nothing of it is left")

    def _check_receipt(self) -> str:
        receipt = json.loads(self.receipt.read_text())["fsx_export"]
        proof = receipt["verification"]
        if receipt["status"] != "success" or proof["mismatches"]:
            raise PhaseFailed(f"The receipt says {receipt['status']}: {receipt['failure_details']}")
        return f"{proof['objects']} objects, {proof['bytes']:,} bytes in S3 equal the node's listing ({proof['mode']})"

    def take_down(self) -> None:
        """Leave nothing running, whatever happened; a second Ctrl-C does not stop it."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stderr.write("    taking the local cloud down ...\n")
        dyec = str(self.stage.programs["dyec"])
        subprocess.run([dyec, "local", "down"], env=self.stage.env, capture_output=True, timeout=60, check=False)
        signal.signal(signal.SIGINT, before)


def _place(role: str) -> S3Prefix:
    return S3Prefix.parse(f"{BUCKETS[role]}/{PREFIXES[role]}")


def _configuration() -> str:
    values: Mapping[str, str] = {
        "cluster_name": CLUSTER,
        "reference_s3_uri": str(_place("reference")),
        "control_data_s3_uri": str(_place("control_data")),
        "stage_s3_uri": str(_place("staging")),
        "export_destination_s3_uri": str(_place("export_destination")),
        "budget_email": "demo@daylily.invalid",
        "heartbeat_email": "demo@daylily.invalid",
    }
    rows = "".join(f"    {key}: [USESETVALUE, '', '{value}']\n" for key, value in values.items())
    return f"ephemeral_cluster:\n  config:\n{rows}"


def _check_truth(report: dict[str, Any]) -> str:
    rows = report["samples"]
    wrong = [row["sample"] for row in rows if row["verdict"] not in ("PASS", "LOW_DEPTH")]
    if wrong or not any(row["verdict"] == "PASS" for row in rows):
        raise PhaseFailed(f"Called variants differ from the truth: {', '.join(wrong) or 'no sample was judged'}")
    return ", ".join(f"{row['sample']} {row['verdict']} {row['true_positives']}/{row['truth']}" for row in rows)
