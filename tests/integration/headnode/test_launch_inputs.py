"""What a launch puts into the clone, on a node with real git and tmux; that checks and dry runs change nothing."""

from __future__ import annotations

import itertools
import random
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.aws.clusters import ClusterView
from daylily_ec.catalog.loader import load_catalog
from daylily_ec.catalog.models import Catalog
from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.ids import AnalysisId, ClusterName, ExecutingEntity, GitRef, RepositoryKey, WorkflowSession
from daylily_ec.errors import Refused
from daylily_ec.headnode import readiness, sessions
from daylily_ec.headnode.launch import (
    ExportSettings,
    ExportTrigger,
    InputKind,
    Inputs,
    Launch,
    RunLink,
)
from daylily_ec.headnode.remote import Remote, RemoteResult, RemoteScript
from daylily_ec.workflow.launch_request import DefaultCommand, LaunchRequest
from daylily_ec.workflow.launch_workflow import launch_workflow
from tests.conftest import FakeClock
from tests.integration.headnode.node import Node
from tests.integration.headnode.session_tools import eventually
from tests.integration.headnode.trials import sent
from tests.unit.fsx.fakes import CLUSTER, World
from tests.unit.launch.crossed import READS

CATALOG = """\
command_catalog_version: 2
default_repository: demo
repositories:
  demo: {https_url: 'file://ORIGIN', default_ref: 2.0.26, relative_path: work}
  other: {https_url: 'file://ORIGIN', default_ref: main, relative_path: other}
"""
TEST_TABLES = ".test_data/data/0.01xwgs_HG002_hg38"


def commit(origin: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = origin / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "x"], ["tag", "-f", "2.0.26"]):
        subprocess.run(["git", *identity, "-C", str(origin), *words], check=True, capture_output=True)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    path = tmp_path / "origin"
    path.mkdir()
    commit(path, {"dyoainit": "true\n", "bin/day_activate": "true\n", "config/units.tsv": "the repository's own\n"})
    return path


@pytest.fixture
def launch(node: Node, origin: Path) -> Launch:
    return Launch(
        session=WorkflowSession("s1"), analysis=AnalysisDirectory(ExecutingEntity("alice"), AnalysisId("a1")),
        analysis_root=str(node.fsx / "analysis_results"), repository=RepositoryKey("demo"), folder="work",
        repository_url=f"file://{origin}", git_ref=GitRef("2.0.26"), inputs=Inputs(InputKind.NONE), command="true",
        genome="hg38", launch_id="0123", stage_wait_s=5, retry_s=0,
    )  # fmt: skip


def start(node: Node, launch: Launch, inputs: Inputs) -> Path:
    return Path(sessions.start(node.remote, replace(launch, inputs=inputs)).repo_path)


def run_dir(node: Node) -> Path:
    path = node.fsx / "run_dir_mounts/RUN1"
    path.mkdir(parents=True)
    (path / "RunInfo.xml").write_text("<RunInfo/>\n")
    return path


def test_a_run_directory_is_linked_into_the_clone(node: Node, launch: Launch) -> None:
    target = run_dir(node)
    repo = start(
        node, launch, Inputs(InputKind.RUNS, runs_tsv="RUNID\nRUN1\n", run_links=(RunLink("RUN1", str(target)),))
    )
    assert (repo / "config/runs.tsv").read_text() == "RUNID\nRUN1\n"
    assert (repo / "config/run_dir_links/RUN1").readlink() == target
    assert (repo / "config/run_dir_links/RUN1/RunInfo.xml").exists()
    assert (repo / "config/units.tsv").read_text() == "the repository's own\n"


def test_a_run_directory_on_its_way_is_awaited_only_when_an_association_shows_it(node: Node, launch: Launch) -> None:
    target = node.fsx / "run_dir_mounts/RUN1"
    late = replace(
        launch, inputs=Inputs(InputKind.RUNS, runs_tsv="x\n", run_links=(RunLink("RUN1", str(target), True),))
    )
    sessions.check_launch(node.remote, late)
    now = replace(late, inputs=replace(late.inputs, run_links=(RunLink("RUN1", str(target)),)))
    for attempt in (sessions.check_launch, sessions.start):
        with pytest.raises(Refused, match="run_dir_mounts/RUN1") as info:
            attempt(node.remote, now)
        assert info.value.code == "missing_run_dir"
    timer = threading.Timer(1, run_dir, [node])
    timer.start()
    sessions.start(node.remote, late)
    timer.join()


def test_a_run_directory_that_never_comes_leaves_nothing(node: Node, launch: Launch) -> None:
    links = (RunLink("RUN1", str(node.fsx / "nowhere"), True),)
    with pytest.raises(Refused) as info:
        start(node, replace(launch, stage_wait_s=1), Inputs(InputKind.RUNS, runs_tsv="x\n", run_links=links))
    assert info.value.code == "missing_run_dir"
    assert list((node.fsx / "analysis_results/alice").iterdir()) == []


@pytest.mark.parametrize("place", ["config/run_dir_links/RUN1", "config/run_dir_links"])
def test_links_of_the_repository_are_not_followed(node: Node, origin: Path, launch: Launch, place: str) -> None:
    outside = node.root / "outside"
    outside.mkdir()
    (origin / place).parent.mkdir(parents=True, exist_ok=True)
    (origin / place).symlink_to(outside)
    commit(origin, {})
    links = (RunLink("RUN1", str(run_dir(node))),)
    with pytest.raises(Refused) as info:
        start(node, launch, Inputs(InputKind.RUNS, runs_tsv="x\n", run_links=links))
    assert info.value.code == "unsafe_run_dir_link"
    assert list(outside.iterdir()) == []


@pytest.mark.weakness("H1")
def test_nothing_is_written_through_a_linked_entity(node: Node, launch: Launch) -> None:
    outside = node.root / "outside"
    outside.mkdir()
    (node.fsx / "analysis_results").mkdir()
    (node.fsx / "analysis_results/alice").symlink_to(outside)
    for attempt in (sessions.check_launch, sessions.start):
        with pytest.raises(Refused) as info:
            attempt(node.remote, launch)
        assert info.value.code == "unsafe_analysis_dir"
    assert list(outside.iterdir()) == []


def test_samples_of_a_sample_sheet_replace_both_tables(node: Node, launch: Launch) -> None:
    repo = start(node, launch, Inputs(InputKind.RUNS, runs_tsv="x\n", samples_tsv="SAMPLEID\nS1\n", drop_units=True,
                                      metrics_csv="a,b\n"))  # fmt: skip
    assert (repo / "config/samples.tsv").read_text() == "SAMPLEID\nS1\n"
    assert not (repo / "config/units.tsv").exists()
    assert (repo / "config/ultima_run_qc_metrics.csv").read_text() == "a,b\n"


def test_tables_that_the_command_names_are_copied(node: Node, origin: Path, launch: Launch) -> None:
    commit(origin, {".test_data/data/samples.tsv": "test samples\n"})
    (node.root / "u.tsv").write_text("units elsewhere\n")
    inputs = Inputs(InputKind.RUNS, runs_tsv="x\n", samples_table=".test_data/data/samples.tsv",
                    units_table=str(node.root / "u.tsv"))  # fmt: skip
    repo = start(node, launch, inputs)
    assert (repo / "config/samples.tsv").read_text() == "test samples\n"
    assert (repo / "config/units.tsv").read_text() == "units elsewhere\n"
    other = replace(launch, session=WorkflowSession("s2"), launch_id="ff",
                    analysis=AnalysisDirectory(ExecutingEntity("alice"), AnalysisId("a2")))  # fmt: skip
    with pytest.raises(Refused, match=r"nowhere\.tsv") as info:
        start(node, other, replace(inputs, samples_table="nowhere.tsv"))
    assert info.value.code == "missing_config"


def test_the_repositorys_own_tables(node: Node, origin: Path, launch: Launch) -> None:
    with pytest.raises(Refused) as info:
        start(node, launch, Inputs(InputKind.TEST))
    assert info.value.code == "missing_config"
    repo = start(node, launch, Inputs(InputKind.TEST, optional=True))
    assert not (repo / "config/samples.tsv").exists()
    commit(origin, {f"{TEST_TABLES}.samples.tsv": "s\n", f"{TEST_TABLES}.units.tsv": "u\n"})
    again = replace(launch, session=WorkflowSession("s2"), launch_id="ff",
                    analysis=AnalysisDirectory(ExecutingEntity("alice"), AnalysisId("a2")))  # fmt: skip
    repo = start(node, again, Inputs(InputKind.TEST))
    assert ((repo / "config/samples.tsv").read_text(), (repo / "config/units.tsv").read_text()) == ("s\n", "u\n")


def test_the_sessions_settings_name_the_export(node: Node, launch: Launch) -> None:
    export = ExportSettings(ExportTrigger.ON_FAIL, "s3://results/alice/a1/", True)
    sessions.start(node.remote, replace(launch, export=export, cluster="day-demo", region="us-west-2"))
    settings = (node.home / "daylily-runs/s1/launch.env").read_text().splitlines()
    for line in ("DYEC_EXPORT_TRIGGER=on-fail", "DYEC_EXPORT_DESTINATION=s3://results/alice/a1/",
                 "DYEC_DELETE_ON_EXPORT=1", "DYEC_REGION=us-west-2", "DYEC_CLUSTER=day-demo"):  # fmt: skip
        assert line in settings


@pytest.mark.weakness("L5")
def test_only_complete_stages_are_listed(node: Node) -> None:
    base = node.fsx / "stages"
    for name in (
        "a/x_samples.tsv",
        "a/x_units.tsv",
        "b/x_samples.tsv",
        "c/x_units.tsv",
        "d/x_samples.tsv",
        "d/x_units.tsv",
    ):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text("x\n")
    assert sessions.complete_stages(node.remote, str(base)) == ("a", "d")
    assert sessions.complete_stages(node.remote, str(node.fsx / "none")) == ()


class Scratch:
    """The node as `Remotes` and `Remote`: readiness is given, everything else really runs there."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def connect(self, cluster: ClusterView) -> Remote:
        return self

    def here(self, name: ClusterName) -> Remote | None:
        return self

    def run(self, script: RemoteScript, env: Any, timeout: float) -> RemoteResult:
        if script.name == "readiness":
            return RemoteResult(0, "".join(f"{name} ok\n" for name in readiness.TESTS), "")
        return self.node.remote.run(script, env, timeout)


def picture(node: Node) -> list[tuple[str, int, int]]:
    """Every path of the node's home and file system, with its inode and time of change."""
    found = [*node.fsx.rglob("*"), *node.home.rglob("*"), node.fsx, node.home]
    return sorted((str(path), path.lstat().st_ino, path.lstat().st_mtime_ns) for path in found)


def processes(node: Node) -> list[str]:
    """Processes of the node: those that carry its home in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environ = (entry / "environ").read_bytes()
        except OSError:
            continue
        if f"HOME={node.home}".encode() in environ.split(b"\0"):
            found.append(entry.name)
    return found


@pytest.fixture
def catalog(origin: Path, tmp_path: Path) -> Catalog:
    path = tmp_path / "catalog.yaml"
    path.write_text(CATALOG.replace("ORIGIN", str(origin)))
    return load_catalog(path)


@pytest.mark.weakness("H2")
@pytest.mark.weakness("H1")
def test_dry_runs_leave_the_nodes_files_and_processes_alone(
    node: Node, launch: Launch, catalog: Catalog, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "cfg"))
    node.program("squeue", "#!/bin/sh\n")
    sessions.start(
        node.remote, replace(launch, analysis=AnalysisDirectory(ExecutingEntity("alice"), AnalysisId("old")))
    )
    deadline = time.monotonic() + 20
    while processes(node):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run_dir(node)
    tables = {"samples_file": tmp_path / "t.tsv", "units_file": tmp_path / "t.tsv"}
    (tmp_path / "t.tsv").write_text("SAMPLEID\nS1\n")
    inputs: list[dict[str, Any]] = [tables, {"bootstrap_test_config": True}, {"input_staging": False}]
    commands: list[dict[str, Any]] = [{}, {"dy_command": f"touch {node.fsx}/RAN"}]
    exports: list[dict[str, Any]] = [
        {},
        {"export_trigger": ExportTrigger.ALL, "export_destination": "s3://results/alice/old/",
         "delete_on_export_success": True},
    ]  # fmt: skip
    flags: list[dict[str, Any]] = [{}, {"activation": False, "session_name": "other", "repository": "other"}]
    before = picture(node)
    for parts in itertools.product(inputs, commands, exports, flags):
        services = World(clock).services()
        services.headnodes = Scratch(node)
        given = {key: value for part in parts for key, value in part.items()}
        request = LaunchRequest(CLUSTER, "old", "alice", replace_existing=True, dry_run=True, **given)
        result = launch_workflow(services, request, catalog, str(node.fsx / "analysis_results"))
        assert result.replaces_analysis_dir
        assert picture(node) == before, parts
    assert processes(node) == []
    assert node.shell("tmux ls") == ""


SLURM = '#!/bin/sh\necho "${0##*/}" >> "{}"\n'
STAGES = "/fsx/staging/staged_external_sequencing_data"
CHOICES: list[list[dict[str, Any]]] = [
    [{"stage_dir": f"{STAGES}/remote_stage_1", "stage_s3_uri": "s3://stage/root"},
     {"bootstrap_test_config": True}, {"input_staging": False}],
    [{}, {"dy_command": "touch RAN"}, {"default_command": DefaultCommand(aligners="sent", dedupers="", jobs=2)}],
    [{"export_trigger": trigger, "export_destination": "s3://results/alice/old/"}
     for trigger in ExportTrigger if trigger is not ExportTrigger.NONE] + [{}],
    [{}, {"activation": False}], [{}, {"session_name": "other"}], [{}, {"repository": "other"}], [{}, {"genome": "x"}],
    [{}, {"git_tag": "main"}], [{}, {"project": "p", "skip_project_check": False}],
    [{}, {"stage_s3_uri": "s3://stage/root"}],
]  # fmt: skip


def pairwise(choices: list[list[dict[str, Any]]]) -> list[tuple[int, ...]]:
    """Few combinations in which every two choices of different options meet."""
    places = list(itertools.combinations(range(len(choices)), 2))
    left = {(a, i, b, j) for a, b in places for i in range(len(choices[a])) for j in range(len(choices[b]))}
    some = random.Random(1)
    found = []
    while left:
        tries = [tuple(some.randrange(len(options)) for options in choices) for _ in range(200)]
        best = max(tries, key=lambda one: sum((a, one[a], b, one[b]) in left for a, b in places))
        left -= {(a, best[a], b, best[b]) for a, b in places}
        found.append(best)
    return found


@pytest.fixture
def watched(node: Node) -> Node:
    """A node that writes down which of Slurm's programs were called."""
    for name in ("sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun"):
        node.program(name, SLURM.replace("{}", str(node.root / "slurm-calls")))
    return node


def settled(node: Node) -> None:
    """Waits until the processes of the node stay the same for a second."""
    last: list[str] = []
    while processes(node) != last:
        last = processes(node)
        time.sleep(1)


def slurm_calls(node: Node) -> set[str]:
    path = node.root / "slurm-calls"
    return set(path.read_text().split()) if path.exists() else set()


@pytest.mark.weakness("H2")
def test_each_script_that_a_dry_run_sends_only_reads(watched: Node, launch: Launch) -> None:
    """With this, what holds for every combination of options on paper holds on a node."""
    node = watched
    old = replace(launch, analysis=AnalysisDirectory(ExecutingEntity("alice"), AnalysisId("old")))
    sessions.start(node.remote, replace(old, command="sleep 600"))
    for name in ("x_samples.tsv", "x_units.tsv"):
        (node.fsx / "stages/a").mkdir(parents=True, exist_ok=True)
        (node.fsx / "stages/a" / name).write_text("x\n")
    calls: dict[str, Callable[[Remote], object]] = {
        "readiness": readiness.check,
        "list_stages": lambda remote: sessions.complete_stages(remote, str(node.fsx / "stages")),
        "workflow_launch check": lambda remote: sessions.check_launch(remote, replace(
            launch, session=WorkflowSession("s2"), replace=True,
            analysis=AnalysisDirectory(ExecutingEntity("alice"), AnalysisId("new")))),
    }  # fmt: skip
    assert set(calls) == READS
    eventually(lambda: "sleep 600" in node.shell("ps -e -o args | grep '^sleep 600$'"), "the command to run")
    settled(node)
    (node.root / "slurm-calls").unlink(missing_ok=True)
    before = (picture(node), processes(node), node.shell("tmux ls"))
    assert len(before[1]) > 1
    for name, call in calls.items():
        assert sent(call).script.name == name.split()[0]
        call(node.remote)
        eventually(lambda: processes(node) == before[1], f"{name} to leave no process")
        assert (picture(node), processes(node), node.shell("tmux ls")) == before, name
    print(f"dry run: {len(calls)} scripts, Slurm asked with {sorted(slurm_calls(node))}")
    assert slurm_calls(node) <= {"sinfo", "squeue"}


@pytest.mark.weakness("H2")
def test_every_two_options_of_a_dry_run_change_nothing_on_a_node(
    watched: Node, launch: Launch, catalog: Catalog, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "cfg"))
    node = watched
    (node.fsx / "analysis_results/alice/old/work").mkdir(parents=True)
    before = picture(node)
    combinations = pairwise(CHOICES)
    for numbers in combinations:
        services = World(clock).services()
        services.headnodes = Scratch(node)
        given = {key: value for options, number in zip(CHOICES, numbers, strict=True)
                 for key, value in options[number].items()}  # fmt: skip
        request = replace(LaunchRequest(CLUSTER, "old", "alice", replace_existing=True, dry_run=True), **given)
        assert launch_workflow(services, request, catalog, str(node.fsx / "analysis_results")).dry_run
        assert picture(node) == before, given
    print(f"dry run: {len(combinations)} combinations for real")
    assert (processes(node), node.shell("tmux ls")) == ([], "")
    assert slurm_calls(node) <= {"squeue"}
