"""A real Snakemake on a real Slurm: controller, job and tmux server are killed; what had finished never runs twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest

from daylily_ec.aws.clusters import ClusterView
from daylily_ec.aws.context import AwsContext
from daylily_ec.demo.cache import cache_root
from daylily_ec.demo.tools import ensure_tools
from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.ids import AnalysisId, ClusterName, ExecutingEntity, GitRef, RepositoryKey, WorkflowSession
from daylily_ec.domain.zones import Region
from daylily_ec.headnode import sessions
from daylily_ec.headnode.launch import InputKind, Inputs, Launch
from daylily_ec.headnode.remote import Remote, RemoteResult, RemoteScript
from daylily_ec.headnode.status import WorkflowState
from daylily_ec.localcloud.seams import NodeManager, NodeMount
from daylily_ec.workflow.control_workflow import ResumeRequest, resume_workflow
from daylily_ec.workflow.services import Services
from daylily_ec.workflow.workflow_log import LogFollower, LogRequest
from daylily_ec.workflow.workflow_status import StatusRequest, WorkflowStatus, workflow_status
from tests.integration.headnode.box import INSTANCE, booted

pytestmark = pytest.mark.e2e

TOOLS = "/opt/tools"
WHICH = StatusRequest("demo-1", session="s1")
S = WorkflowState
STATUS_SCRIPT = Path(__file__).parents[2] / "config/demo/workflow/workflow/scripts/slurm_status.sh"
SNAKEFILE = """\
LEDGER = "/home/ubuntu/ledger"
def work(name):
    return (f"echo start {name} >> {LEDGER}; echo $SLURM_JOB_ID > {LEDGER}.{name}; echo half > {{output}}; "
            f"while [ ! -e /home/ubuntu/gate.{name} ]; do sleep 0.1; done; "
            f"echo whole > {{output}}; echo end {name} >> {LEDGER}")

localrules: all
rule all:
    input: "last.txt"
rule first:
    output: "first.txt"
    shell: work("first")
rule second:
    output: "second.txt"
    shell: work("second")
rule third:
    input: "first.txt", "second.txt"
    output: "third.txt"
    shell: work("third")
rule last:
    input: "third.txt"
    output: "last.txt"
    shell: work("last")
"""
PROFILE = """\
executor: cluster-generic
cluster-generic-submit-cmd: "timeout 60 sbatch --parsable -p i8 --job-name={rule} --output=%x-%j.out"
cluster-generic-status-cmd: ./slurm_status.sh
seconds-between-status-checks: 1
max-status-checks-per-second: 20
latency-wait: 10
scheduler: greedy
"""


@dataclass
class Box:
    """`Remotes` and `Remote` in one: scripts run as ubuntu in a head node of the local cloud."""

    manager: NodeManager
    calls: int = field(default=0)

    def connect(self, cluster: ClusterView) -> Remote:
        return self

    def here(self, name: ClusterName) -> Remote | None:
        return self

    def run(self, script: RemoteScript, env: Mapping[str, str], timeout: float) -> RemoteResult:
        self.calls += 1
        command = f"sudo -iu ubuntu bash -l <<'END-OF-SCRIPT'\n{script.with_parameters(env)}\nEND-OF-SCRIPT\n"
        done = self.manager.run(INSTANCE, (command,), timeout=int(timeout), command_id=f"c-{self.calls}")
        return RemoteResult(done.exit_code, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def shell(self, text: str) -> str:
        return self.run(RemoteScript("shell", text), {}, 60).stdout

    def open(self, *names: str) -> None:
        """Let jobs end."""
        for name in names:
            self.shell(f"touch /home/ubuntu/gate.{name}")

    def ledger(self) -> Counter[str]:
        return Counter(self.shell("cat ~/ledger 2> /dev/null").splitlines())


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    tools = ensure_tools(Path(__file__).parents[2] / "config/demo/requirements.txt", cache_root(), print)
    mount = NodeMount(tools.root, PurePosixPath(TOOLS))
    with booted(tmp_path_factory.mktemp("r"), mount) as manager:
        yield Box(manager)


@pytest.fixture(scope="module")
def services(box: Box) -> Services:
    made = Services(AwsContext(None, Region("us-west-2")))
    made.headnodes = box
    return made


def launch(box: Box) -> Launch:
    files = {"Snakefile": SNAKEFILE, "profile/config.yaml": PROFILE, "slurm_status.sh": STATUS_SCRIPT.read_text()}
    for name, text in files.items():
        box.run(RemoteScript("put", 'mkdir -p ~/origin/profile; printf %s "$TEXT" > ~/origin/"$NAME"\n'),
                {"NAME": name, "TEXT": text}, 60).require_success("put")  # fmt: skip
    box.shell("""
        cd ~/origin && chmod +x slurm_status.sh && git init -q && git add -A &&
            git -c user.name=t -c user.email=t@example.org commit -qm first && git tag 1.0
    """)
    return Launch(
        session=WorkflowSession("s1"), analysis=AnalysisDirectory(ExecutingEntity("ubuntu"), AnalysisId("a1")),
        analysis_root="/fsx/analysis_results/", repository=RepositoryKey("demo"), folder="work", activate=False,
        repository_url="file:///home/ubuntu/origin", git_ref=GitRef("1.0"), genome="hg38", launch_id="01ab",
        inputs=Inputs(InputKind.NONE), command=f"{TOOLS}/bin/python -m snakemake --profile profile -k -j 4",
    )  # fmt: skip


def until(check: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(1)


def settled(services: Services, state: WorkflowState) -> WorkflowStatus:
    """The status once it is in that state."""
    found = [workflow_status(services, WHICH)]

    def there() -> bool:
        found[0] = workflow_status(services, WHICH)
        return found[0].state is state

    until(there, f"{state}, last {found[0].state}: {found[0].reason}")
    return found[0]


@pytest.mark.weakness("M12")
def test_controller_job_and_tmux_server_die_and_the_workflow_is_finished_without_repeating_anything(
    box: Box, services: Services
) -> None:
    sessions.start(box, launch(box))
    box.open("first")
    until(lambda: {"end first", "start second"} <= box.ledger().keys(), "the first two jobs")
    assert settled(services, S.RUNNING).attempt == 1

    # The controller is killed: its command goes on without it, and so does a job.
    box.shell("kill -9 $(cut -d ' ' -f 2 ~/daylily-runs/s1/controller)")
    seen = settled(services, S.STOPPED)
    assert "Its command still runs" in seen.reason
    assert seen.jobs
    resumed = resume_workflow(services, ResumeRequest(WHICH))
    assert resumed.attempt == 2
    assert resumed.jobs_left
    assert settled(services, S.STARTING).phase == "waiting"
    box.open("second")
    until(lambda: "start third" in box.ledger(), "the third job")

    # A job is killed: the workflow fails.
    settled(services, S.RUNNING)
    box.shell("scancel $(cat ~/ledger.third)")
    follower = LogFollower(services, LogRequest(WHICH))
    text = "".join(follower)
    assert follower.status is not None
    assert (follower.status.state, follower.status.exit_code) == (S.FAILED, 1)
    assert "Error in rule third" in text
    assert resume_workflow(services, ResumeRequest(WHICH)).attempt == 3
    until(lambda: box.ledger()["start third"] == 2, "the third job again")

    # The server of the node's terminals is killed: the session ends with it, the job goes on.
    box.shell("pkill -KILL -x 'tmux: server' || pkill -KILL tmux")
    seen = settled(services, S.STOPPED)
    assert seen.jobs
    assert seen.phase == "stopped"
    assert resume_workflow(services, ResumeRequest(WHICH)).attempt == 4
    box.open("third", "last")
    assert settled(services, S.SUCCEEDED).attempt == 4

    assert box.ledger() == Counter({
        "start first": 1, "end first": 1, "start second": 1, "end second": 1, "start third": 2, "end third": 1,
        "start last": 1, "end last": 1,
    })  # fmt: skip
    assert box.shell("cat /fsx/analysis_results/ubuntu/a1/work/{first,second,third,last}.txt") == "whole\n" * 4
    until(lambda: "s1" not in box.shell("tmux ls"), "the session to close")
