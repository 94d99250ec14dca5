"""The order of a launch: checks, the association of the stage, then the session."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.aws.clusters import ClusterView
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.errors import MissingInput, NotFound, Refused, RemoteCommandFailed, UsageError
from daylily_ec.headnode.launch import ExportTrigger
from daylily_ec.headnode.remote import RemoteResult
from daylily_ec.state.models import RunRecord
from daylily_ec.state.store import StateStore
from daylily_ec.workflow.launch_request import LaunchRequest
from daylily_ec.workflow.launch_workflow import LaunchResult, launch_workflow
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, REGION, World
from tests.unit.launch.fakes import CATALOG, ROOT, Node

STAGE = "/fsx/staging/staged_external_sequencing_data/remote_stage_1"
PATH = "/staging/staged_external_sequencing_data/remote_stage_1/"
REQUEST = LaunchRequest(
    cluster=CLUSTER, analysis_id="a1", executing_entity="ubuntu", stage_dir=STAGE, stage_s3_uri="s3://stage/root"
)


@pytest.fixture
def world(clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return World(clock)


def launch(world: World, node: Node, **change: Any) -> LaunchResult:
    services = world.services()
    services.headnodes = node
    return launch_workflow(services, replace(REQUEST, **change), CATALOG, ROOT)


def test_the_stage_is_attached_between_check_and_launch(world: World) -> None:
    node = Node()
    result = launch(world, node)
    assert [name for name, _ in node.asked] == ["readiness", "workflow_launch check", "workflow_launch launch"]
    (spec,) = world.fsx.created
    assert (str(spec.source), spec.path.value) == ("s3://stage/root/remote_stage_1/", PATH)
    assert (spec.auto_import, spec.batch_import, spec.tags["lsmc:purpose"]) == ((), True, "staging")
    assert spec.tags["daylily:staging-root"] == "/fsx/staging/staged_external_sequencing_data"
    assert result.stage is not None
    assert result.stage.outcome is Outcome.CREATED
    assert (result.session_name, result.run_dir) == ("a1", "/home/ubuntu/daylily-runs/a1")
    assert result.analysis_dir == "/fsx/analysis_results/ubuntu/a1"
    assert result.commit == "c" * 40
    assert result.exit_code is None


def test_a_repeated_launch_adopts_the_association(world: World) -> None:
    world.fsx.add(PATH, "s3://stage/root/remote_stage_1/")
    result = launch(world, Node())
    assert result.stage is not None
    assert result.stage.outcome is Outcome.ADOPTED
    assert world.fsx.created == []


def test_an_association_of_the_whole_staging_root_is_enough(world: World) -> None:
    world.fsx.add("/staging/", "s3://elsewhere/")
    assert launch(world, Node(), stage_s3_uri=None).stage is not None
    assert world.fsx.created == []


def test_an_association_with_another_source_contradicts_the_flag(world: World) -> None:
    world.fsx.add(PATH, "s3://other/remote_stage_1/")
    node = Node()
    with pytest.raises(Refused, match="s3://other/remote_stage_1/"):
        launch(world, node)
    assert [name for name, _ in node.asked] == ["readiness", "workflow_launch check"]


def test_the_root_comes_from_the_clusters_record(world: World, tmp_path: Path) -> None:
    record = RunRecord(
        run_id="r", cluster_name=CLUSTER, region=REGION, region_az="us-west-2d", aws_profile="p", account_id="1",
        owner="o", config_hash="h", stamp="20260211143722", started_at="", updated_at="", stage_s3_uri="s3://recorded/stage",
    )  # fmt: skip
    StateStore(tmp_path / "daylily").create(record)
    launch(world, Node(), stage_s3_uri=None)
    assert str(world.fsx.created[0].source) == "s3://recorded/stage/remote_stage_1/"


def test_without_any_root_it_is_asked_for(world: World) -> None:
    node = Node()
    with pytest.raises(MissingInput, match="remote_stage_1 is not attached") as info:
        launch(world, node, stage_s3_uri=None)
    assert info.value.code == "unknown_stage_root"
    assert [name for name, _ in node.asked] == ["readiness", "workflow_launch check"]


@pytest.mark.weakness("H10")
def test_a_refusal_shows_its_reason_and_attaches_nothing(world: World) -> None:
    node = Node(refusal=("session_exists", "Session a1 is busy: phase running"))
    with pytest.raises(Refused, match="Session a1 is busy: phase running") as info:
        launch(world, node)
    assert (info.value.code, info.value.details["error"]) == ("session_exists", "session_exists")
    assert world.fsx.created == []


def test_a_crash_of_the_script_shows_its_stderr(world: World) -> None:
    node = Node(answers=[RemoteResult(1, "", "line 3: unbound variable\n")])
    with pytest.raises(RemoteCommandFailed, match="unbound variable"):
        launch(world, node)


def test_an_unknown_cluster_is_named(world: World) -> None:
    world.clusters.view = None
    with pytest.raises(NotFound, match="no cluster day-demo in us-west-2"):
        launch(world, Node())


def test_nothing_is_asked_when_a_rule_is_broken(world: World) -> None:
    node = Node()
    with pytest.raises(UsageError):
        launch(world, node, export_trigger=ExportTrigger.ALL)
    assert node.asked == []


def test_a_quick_end_is_told(world: World) -> None:
    checked = "__DAYLILY_RUN_DIR__=/r\n__DAYLILY_REPO_PATH__=/a/b\n"
    quick = f"{checked}__DAYLILY_COMMIT__=c\n__DAYLILY_COMPLETED_QUICKLY__=exit_code=3\n"
    node = Node(answers=[RemoteResult(0, checked, ""), RemoteResult(0, quick, "")])
    assert launch(world, node).exit_code == 3


def test_a_stopped_cluster_is_refused(world: World) -> None:
    view = world.clusters.view
    assert isinstance(view, ClusterView)
    world.clusters.view = replace(view, file_system_ids=())
    with pytest.raises(Exception, match="no single FSx file system"):
        launch(world, Node())


@pytest.mark.weakness("H10")
def test_every_failing_readiness_test_is_named_before_anything_else_is_asked(world: World) -> None:
    node = Node(not_ready=("fsx", "slurm", "cromwell"))
    with pytest.raises(Refused, match=r"fsx \(seen\); slurm \(seen\)") as info:
        launch(world, node)
    assert info.value.code == "head_node_not_ready"
    assert [name for name, _ in node.asked] == ["readiness"]


def test_what_only_some_workflows_need_is_a_warning(world: World) -> None:
    assert launch(world, Node(not_ready=("cromwell",))).warnings == ("cromwell: seen",)


DESTINATION = "s3://results/x/ubuntu/a1/"


def test_a_destination_that_is_not_empty_is_refused_before_the_node_is_asked(world: World) -> None:
    world.s3.put("results", "x/ubuntu/a1/left", b"")
    world.s3.put("results", "x/ubuntu/a10/other", b"")
    node = Node()
    with pytest.raises(Refused, match="holds x/ubuntu/a1/left") as info:
        launch(world, node, export_trigger=ExportTrigger.ON_SUCCESS, export_destination=DESTINATION)
    assert info.value.code == "destination_not_empty"
    assert node.asked == []
    world.s3.delete("results", "x/ubuntu/a1/left")
    assert launch(world, node, export_trigger=ExportTrigger.ON_SUCCESS, export_destination=DESTINATION).commit


@pytest.mark.weakness("L5")
def test_the_only_stage_is_used(world: World) -> None:
    node = Node(stages=("remote_stage_1",))
    result = launch(world, node, stage_dir=None)
    assert node.asked[-1][1]["DYEC_STAGE_DIR"] == STAGE
    assert result.stage is not None


@pytest.mark.weakness("L5")
@pytest.mark.parametrize("stages", [("remote_stage_1", "remote_stage_2"), tuple(f"s{n:02}" for n in range(20))])
def test_several_stages_are_never_chosen_from(world: World, stages: tuple[str, ...]) -> None:
    node = Node(stages=stages)
    with pytest.raises(Refused, match=stages[-1]) as info:
        launch(world, node, stage_dir=None)
    assert info.value.code == "ambiguous_stage"
    assert info.value.details["candidates"] == sorted(stages, reverse=True)
    assert [name for name, _ in node.asked] == ["readiness", "list_stages"]
    assert world.fsx.created == []


def test_without_any_stage_it_is_asked_for(world: World) -> None:
    with pytest.raises(MissingInput) as info:
        launch(world, Node(), stage_dir=None)
    assert info.value.code == "no_stage_runs"


def test_a_directory_that_an_export_holds_is_not_replaced(world: World) -> None:
    world.fsx.add("/analysis_results/ubuntu/a1/", DESTINATION)
    node = Node()
    with pytest.raises(Refused) as info:
        launch(world, node, replace_existing=True)
    assert info.value.code == "analysis_dir_attached"
    assert "workflow_launch launch" not in [name for name, _ in node.asked]


OVERRIDE = "daylily-omics-analysis:2.1.0 other:main"


@pytest.mark.parametrize(("change", "ref"), [({}, "2.1.0"), ({"git_tag": "2.0.9"}, "2.0.9")])
def test_the_version_that_the_node_was_configured_to_clone_is_launched_unless_another_is_asked_for(
    world: World, change: dict[str, Any], ref: str
) -> None:
    node = Node(overrides=OVERRIDE)
    assert launch(world, node, **change).git_ref == ref
    assert node.asked[-1][1]["DYEC_GIT_REF"] == ref
