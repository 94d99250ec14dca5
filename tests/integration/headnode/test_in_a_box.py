"""The same scripts on a head node of the local cloud: root's shell, sudo to ubuntu, a real Slurm."""

from __future__ import annotations

import base64
import io
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import pytest

from daylily_ec.aws.ssm import STDERR_LIMIT, STDOUT_LIMIT, CommandStatus, Invocation
from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.ids import AnalysisId, ExecutingEntity, GitRef, RepositoryKey, WorkflowSession
from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.fsx import hashing
from daylily_ec.fsx.manifest import Manifest
from daylily_ec.fsx.manifest_remote import RunReport, make_manifest, parse_report
from daylily_ec.headnode import runs, sessions, slurm
from daylily_ec.headnode.launch import InputKind, Inputs, Launch
from daylily_ec.headnode.logs import read_log
from daylily_ec.headnode.remote import RemoteScript
from daylily_ec.headnode.runs import RunDirectory
from daylily_ec.headnode.ssm import SsmRemote
from daylily_ec.headnode.status import SessionFacts, WorkflowState, derive
from daylily_ec.localcloud.seams import NodeManager
from daylily_ec.util.clock import SystemClock
from daylily_ec.util.progress import Silent
from tests.integration.headnode.box import INSTANCE, booted
from tests.mutations.mutation import ROOT

pytestmark = pytest.mark.e2e


@dataclass
class BoxSsm:
    """`SsmApi` that runs its commands in the box."""

    manager: NodeManager
    ended: dict[str, Invocation] = field(default_factory=dict)

    def ping(self, instance_id: str) -> str:
        return "Online" if self.manager.is_online(instance_id) else ""

    def send(self, instance_id: str, command: str, *, comment: str, delivery_s: int, execution_s: int) -> str:
        key = f"00000000-0000-0000-0000-{len(self.ended):012d}"
        done = self.manager.run(instance_id, (command,), timeout=execution_s, command_id=key)
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        self.ended[key] = Invocation(
            key, CommandStatus(done.status), done.status, done.exit_code, out[:STDOUT_LIMIT], err[:STDERR_LIMIT]
        )
        return key

    def invocation(self, command_id: str, instance_id: str) -> Invocation | None:
        return self.ended[command_id]

    def cancel(self, command_id: str, instance_id: str) -> None:
        self.manager.cancel(command_id)


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SsmRemote]:
    with booted(tmp_path_factory.mktemp("b")) as manager:
        yield SsmRemote(BoxSsm(manager), INSTANCE, SystemClock())


def shell(remote: SsmRemote, text: str) -> str:
    return remote.run(RemoteScript("shell", text), {}, 60).require_success(text).stdout


def test_scripts_run_as_ubuntu_at_home_with_slurm_on_path(remote: SsmRemote) -> None:
    assert shell(remote, "id -un; pwd; echo $HOME").split() == ["ubuntu", "/home/ubuntu", "/home/ubuntu"]
    assert "i8" in shell(remote, "sinfo --noheader")


@pytest.mark.parametrize("size", [23_999, 24_000, 24_001, 200_000])
def test_output_is_exact_over_the_limit(remote: SsmRemote, size: int) -> None:
    result = remote.run(RemoteScript("noise", f"base64 -w 0 /dev/urandom | head -c {size} | tee /dev/stderr\n"), {}, 60)
    assert len(result.stdout) == size
    assert result.stdout == result.stderr


def test_the_queue_shows_real_jobs(remote: SsmRemote) -> None:
    assert slurm.list_jobs(remote) == ()
    number = int(shell(remote, "cd /fsx && sbatch --parsable -p i8 --wrap 'sleep 600' -o /dev/null").split()[0])
    (job,) = slurm.list_jobs(remote)
    assert (job.job_id, job.partition, job.user, job.working_directory) == (number, "i8", "ubuntu", "/fsx")
    assert job.is_active
    shell(remote, f"scancel {number}")


def test_slurm_names_partitions_with_processors_and_refuses_a_list_with_one_unknown(remote: SsmRemote) -> None:
    assert shell(remote, "sinfo --noheader --format '%R|%c'") == "i8|8\n"
    refused = shell(remote, "sbatch -p i8,nope --wrap true -o /dev/null 2>&1 || true")
    assert "invalid partition specified: nope" in refused


def until(remote: SsmRemote, name: str, wanted: set[WorkflowState]) -> SessionFacts:
    deadline = time.monotonic() + 60
    while True:
        facts = runs.ask(remote, RunDirectory(session=WorkflowSession(name)))
        if derive(facts)[0] in wanted:
            return facts
        assert time.monotonic() < deadline, derive(facts)
        time.sleep(0.2)


@pytest.fixture(scope="module")
def launch(remote: SsmRemote) -> Launch:
    shell(remote, """
        mkdir -p ~/origin/bin && cd ~/origin && echo 'echo init' > dyoainit
        echo 'echo activate "$@"' > bin/day_activate
        git init -q && git add -A && git -c user.name=t -c user.email=t@example.org commit -qm first && git tag 2.0.26
    """)  # fmt: skip
    return Launch(
        session=WorkflowSession("s1"), analysis=AnalysisDirectory(ExecutingEntity("ubuntu"), AnalysisId("a1")),
        analysis_root="/fsx/analysis_results/", repository=RepositoryKey("demo"), folder="work",
        repository_url="file:///home/ubuntu/origin", git_ref=GitRef("2.0.26"), genome="hg38", launch_id="01ab",
        inputs=Inputs(InputKind.TABLES, samples_tsv="SAMPLEID\nS1\n", units_tsv="RUNID\n"), command="",
    )  # fmt: skip


def test_a_workflow_runs_its_job_in_slurm(remote: SsmRemote, launch: Launch) -> None:
    command = "sbatch --parsable --wait -p i8 --wrap 'echo job $SLURM_JOB_ID on $(hostname)' -o job.out; cat job.out"
    sessions.start(remote, replace(launch, command=command))
    facts = until(remote, "s1", {WorkflowState.SUCCEEDED})
    assert facts.run_dir == f"{runs.RUNS}/s1"
    log = read_log(remote, RunDirectory(session=WorkflowSession("s1")))
    text = log.data.decode()
    assert "activate slurm hg38 remote" in text
    assert "job " in text.splitlines()[-2]
    assert log.exit_code == 0


def test_a_killed_controller_leaves_its_job_visible(remote: SsmRemote, launch: Launch) -> None:
    analysis = AnalysisDirectory(ExecutingEntity("ubuntu"), AnalysisId("a2"))
    command = "sbatch --parsable --wait -p i8 --wrap 'sleep 600' -o job.out"
    sessions.start(remote, replace(launch, command=command, session=WorkflowSession("s2"), analysis=analysis))
    running = until(remote, "s2", {WorkflowState.RUNNING})
    deadline = time.monotonic() + 30
    while not running.jobs and time.monotonic() < deadline:
        running = until(remote, "s2", {WorkflowState.RUNNING})
    assert running.jobs is not None
    (job,) = running.jobs
    shell(remote, "kill -9 $(cut -d ' ' -f 2 ~/daylily-runs/s2/controller)")
    stopped = until(remote, "s2", {WorkflowState.STOPPED})
    assert stopped.jobs is not None
    assert [left.job_id for left in stopped.jobs] == [job.job_id]
    shell(remote, f"scancel {job.job_id}")


NODE_MODULES = ("__init__", "version", "errors", "domain/__init__", "domain/fsxpath", "domain/ids", "fsx/__init__",
                "fsx/manifest", "fsx/obstacles", "fsx/walking", "fsx/hash_cache", "fsx/hashing",
                "fsx/manifest_node", "util/__init__", "util/clock")  # fmt: skip
"""All of the package that a node needs to make manifests."""


@pytest.fixture(scope="module")
def analysis(remote: SsmRemote) -> PurePosixPath:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in NODE_MODULES:
            archive.add(ROOT / f"daylily_ec/{name}.py", f"daylily_ec/{name}.py")
    script = f"""
        mkdir -p ~/DAY-EC/bin ~/package /fsx/analysis_results/ubuntu/m1/repo && cd ~/package
        printf %s "$PACKED" | base64 -d | tar -xz
        printf '#!/bin/sh\nPYTHONPATH=$HOME/package exec {sys.executable} "$@"\n' > ~/DAY-EC/bin/python
        chmod +x ~/DAY-EC/bin/python
        cd /fsx/analysis_results/ubuntu/m1 && echo one > repo/one.txt && ln -s one.txt repo/link
    """
    env = {"PACKED": base64.b64encode(packed.getvalue()).decode()}
    remote.run(RemoteScript("install", script), env, 60).require_success("install")
    return PurePosixPath("/fsx/analysis_results/ubuntu/m1")


def ask(remote: SsmRemote, directory: PurePosixPath, run: str, partition: str = "") -> RunReport:
    env = {"DYEC_DIRECTORY": str(directory), "DYEC_RUN": run, "DYEC_PARTITION": partition, "DYEC_PREFIX_BYTES": "0",
           "DYEC_ALLOW_RUN_LINKS": "0", "DYEC_WAIT": "0"}  # fmt: skip
    return parse_report(remote.run(RemoteScript.packaged("inventory"), env, 60).require_success("inventory"))


def manifest_of(remote: SsmRemote, directory: PurePosixPath, hash_on: str | None = None) -> Manifest:
    return make_manifest(remote, directory, clock=SystemClock(), reporter=Silent(), hash_on=hash_on)


def test_a_manifest_made_by_a_detached_program(remote: SsmRemote, analysis: PurePosixPath) -> None:
    made = manifest_of(remote, analysis)
    assert [one.key for one in made.records] == ["repo/", "repo/link", "repo/one.txt"]
    assert made.by_key["repo/one.txt"].sha256 == hashing.of_bytes(b"one\n").sha256


def test_a_manifest_made_by_a_slurm_job_that_the_next_caller_adopts(remote: SsmRemote, analysis: PurePosixPath) -> None:
    shell(remote, f"truncate -s 1G {analysis}/large")  # a second or more to hash, no room on the disk
    first = ask(remote, analysis, "aa", "i8")
    assert first.state == "running"
    (job,) = [job for job in slurm.list_jobs(remote) if job.name.startswith("dyec-inventory-") and job.is_active]
    assert (f"{job.job_id}", job.partition) == (first.job.split()[0], "i8")
    assert manifest_of(remote, analysis, "i8").header.files == 2
    assert ask(remote, analysis, "aa").state == "done"
    shell(remote, f"rm {analysis}/large")
    mine = [job for job in slurm.list_jobs(remote) if job.name.startswith("dyec-inventory-")]
    assert len(mine) <= 1


def test_a_job_that_was_cancelled_is_told_and_made_anew(remote: SsmRemote, analysis: PurePosixPath) -> None:
    shell(remote, f"truncate -s 200G {analysis}/large")  # minutes to hash: the job cannot end before it is cancelled
    first = ask(remote, analysis, "bb", "i8")
    assert first.state == "running"
    shell(remote, f"scancel {first.job.split()[0]}")
    deadline = time.monotonic() + 60
    while (state := ask(remote, analysis, "bb").state) == "running":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert state == "died"
    shell(remote, f"rm {analysis}/large")
    assert manifest_of(remote, analysis, "i8").header.files == 1


def test_a_dead_slurmctld_is_unknown_and_never_an_empty_queue(remote: SsmRemote, launch: Launch) -> None:
    """The last one: the controller stays dead."""
    analysis = AnalysisDirectory(ExecutingEntity("ubuntu"), AnalysisId("a3"))
    sessions.start(remote, replace(launch, command="sleep 300", session=WorkflowSession("s3"), analysis=analysis))
    until(remote, "s3", {WorkflowState.RUNNING})
    shell(remote, "pkill -9 -x slurmctld || kill -9 $(pidof slurmctld)")
    facts = until(remote, "s3", {WorkflowState.RUNNING})
    assert facts.jobs is None
    # This release's squeue ends with 0 and an empty list then; only the errors beside it tell the truth.
    with pytest.raises(RemoteCommandFailed, match="slurm_load_jobs"):
        slurm.list_jobs(remote)
    shell(remote, "tmux kill-session -t =s3")
    until(remote, "s3", {WorkflowState.STOPPED})
