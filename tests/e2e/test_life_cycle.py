"""The demonstration, phase by phase: real pcluster, real Slurm, real Snakemake, real bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.cli.demo import ANALYSIS, CLUSTER, ENTITY, REGION, Demonstration
from daylily_ec.demo.phases import PhaseFailed, Stage
from daylily_ec.localcloud.layout import default_layout
from daylily_ec.localcloud.nodes.records import records
from daylily_ec.util.proc import Finished
from tests.e2e.cloud import BIN, Cloud
from tests.permissions.recording import Witness

pytestmark = pytest.mark.e2e
RESULTS = f"/fsx/analysis_results/{ENTITY}/{ANALYSIS}/daylily-omics-analysis/results/day/ecoli10k"


class Watched(Stage):
    """A stage whose commands are compared with the recorded calls."""

    witness = Witness()

    def attempt(self, argv: Sequence[str]) -> Finished:
        if argv[0] != "dyec" or "local" in argv:
            return super().attempt(argv)
        self.witness.skip(self._rows())
        done = super().attempt(argv)
        self.witness.look(self._rows(), argv[1:])
        return done

    def _rows(self) -> list[dict[str, Any]]:
        log = default_layout(self.env).requests
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """Up to the end of the workflow; later tests export, delete and take the cloud down."""
    run = Demonstration(tmp_path_factory.mktemp("life"))
    run.stage = Watched(run.stage.workdir, run.stage.env, run.stage.announce, run.stage.programs)
    try:
        run.prepare()
        run.create()
        run.work()
        yield run
    finally:
        run.take_down()


def on_node(run: Demonstration, *argv: str) -> str:
    return run.stage.command("on node", ["dyec", "headnode", "run", *run.target, "--", *argv])


def test_every_phase_is_timed_and_says_what_it_proved(run: Demonstration) -> None:
    assert [phase.status for phase in run.stage.phases] == ["ok"] * len(run.stage.phases)
    assert {"preflight", "create", "samples stage", "workflow launch", "workflow status"} <= {
        p.name for p in run.stage.phases
    }


def controllers(run: Demonstration) -> list[Path]:
    """Executables of the slurmctld processes on this run's head node."""
    (box,) = records(run._layout().root)
    space = Path(f"/proc/{box.pid}/ns/pid").readlink()
    found = subprocess.run(["pgrep", "-x", "slurmctld"], capture_output=True, text=True, check=False).stdout.split()
    processes = [Path("/proc") / number for number in found]
    return [(proc / "exe").readlink() for proc in processes if (proc / "ns/pid").readlink() == space]


def test_the_scheduler_is_slurm_itself(run: Demonstration) -> None:
    (executable,) = controllers(run)
    assert executable.parent == Path("/usr/sbin")
    assert executable.name.startswith("slurmctld")
    assert on_node(run, "sinfo", "--version").startswith("slurm")


def test_the_workflow_s_outputs_carry_the_numbers_that_slurm_gave(run: Demonstration) -> None:
    rows = on_node(run, "cat", f"{RESULTS}/reports/slurm_jobs.tsv").splitlines()
    header, jobs = rows[0].split("\t"), [row.split("\t") for row in rows[1:]]
    column = next(number for number, name in enumerate(header) if "job" in name.lower())
    written = {job[column] for job in jobs}
    known = on_node(run, "scontrol", "--oneliner", "show", "jobs")
    assert written
    assert all(f"JobId={number} " in known for number in written)


def test_the_export_is_proved_and_the_truth_holds_and_deletion_is_complete(run: Demonstration) -> None:
    on_node(run, "true")
    run.export()
    receipt = json.loads(run.receipt.read_text())["fsx_export"]
    assert (receipt["status"], receipt["task_lifecycle"], receipt["detached"]) == ("success", "SUCCEEDED", True)
    assert receipt["verification"]["mode"] == "checksum"
    assert receipt["verification"]["objects"] > 100


def test_without_slurmctld_a_launch_fails(run: Demonstration) -> None:
    on_node(run, "pkill", "-KILL", "-x", "slurmctld")
    before = next(phase.command for phase in run.stage.phases if phase.name == "workflow launch")
    launch = before.replace(f"--analysis-id {ANALYSIS}", "--analysis-id headless").split()
    status = ["dyec", "workflow", "status", *run.target, "--session", "headless", "--wait"]
    codes = [run.stage.attempt(argv).returncode for argv in (launch, status)]
    assert codes[-1] in (1, 2)


def test_delete_refuses_while_slurm_cannot_be_asked_and_obeys_the_acknowledgement(run: Demonstration) -> None:
    delete = ["dyec", "--json", "delete", "--yes", *run.target]
    with pytest.raises(PhaseFailed, match="exit code 1"):
        run.stage.command("delete blind", delete)
    # The only results were exported and proved: nothing but the silent Slurm stands against it.
    run.stage.command("delete acknowledged", [*delete, "--node-unreachable-ok"])
    listed = run.stage.json("cluster list", ["dyec", "--json", "cluster", "list", "--region", REGION])
    assert listed["clusters"] == []
    assert CLUSTER not in run.stage.command("stacks", ["aws", "cloudformation", "describe-stacks", "--output", "text"])


def test_interrupted_it_takes_its_cloud_down_and_says_130(tmp_path: Path) -> None:
    outside = Cloud(tmp_path / "outside")
    outside.home.mkdir()
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    argv = [str(BIN / "dyec"), "--json", "demo", "--workdir", str(tmp_path / "work")]
    child = subprocess.Popen(
        argv, env={**outside.env, "XDG_CACHE_HOME": cache},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert child.stderr is not None
    for line in child.stderr:
        if "dyec preflight" in line:
            os.killpg(child.pid, signal.SIGINT)
            break
    out, _ = child.communicate(timeout=120)
    assert child.returncode == 130
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert not (tmp_path / "work/home/.config/daylily/local").exists()
    assert list((outside.home).rglob("*")) == []
