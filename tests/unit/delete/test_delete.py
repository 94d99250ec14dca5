from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from daylily_ec.aws.cloudformation import Stack, StackEvent
from daylily_ec.aws.fsx import Task, TaskLifecycle
from daylily_ec.cli import delete as cli
from daylily_ec.cli.render import text
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import (
    AccessDenied,
    Busy,
    ClusterFailed,
    CredentialsExpired,
    MissingInput,
    NotFound,
    Refused,
    Unreachable,
)
from daylily_ec.state.locks import cluster_lock
from daylily_ec.state.models import RunRecord, RunStatus
from daylily_ec.state.store import StateStore
from daylily_ec.util.jsonio import dumps
from daylily_ec.workflow.delete_cluster import (
    Acknowledged,
    DeleteRequest,
    DeletionPlan,
    delete_cluster,
    plan_deletion,
)
from daylily_ec.workflow.services import Services
from tests.conftest import FakeClock
from tests.unit.ensure.fakes import FakeSchedules, FakeTopics
from tests.unit.fsx.fakes import CLUSTER, FS, REGION, World

NAME = ClusterName(CLUSTER)
JOB = {"job_id": 7, "name": "align", "job_state": "RUNNING"}


class FakeStacks:
    """A stack that goes through statuses once its deletion has been asked for."""

    def __init__(self) -> None:
        self.after: list[Any] = ["DELETE_IN_PROGRESS", None]
        self.events_after: tuple[StackEvent, ...] = ()
        self.asked_after = ""

    def find(self, name: str) -> Stack | None:
        step = self.after.pop(0) if len(self.after) > 1 else self.after[0]
        if isinstance(step, BaseException):
            raise step
        return Stack(name, "arn:stack/1", step) if step else None

    def events(self, name: str, after: str = "") -> tuple[StackEvent, ...]:
        self.asked_after = after
        return self.events_after if after else (StackEvent("e1", "", "x", "t", "CREATE_COMPLETE"),)


class FakePcluster:
    """Counts deletions."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete(self, name: ClusterName) -> str:
        self.deleted.append(name)
        return "DELETE_IN_PROGRESS"


class FakeRetention:
    """Policies as a template would give them."""

    def __init__(self) -> None:
        self.policies = {FS: "Delete"}

    def file_system_policies(self, stack: str) -> dict[str, str]:
        return self.policies


class Scene:
    """A world with a cluster to be deleted."""

    def __init__(self, clock: FakeClock, folder: Path) -> None:
        self.world = World(clock)
        self.stacks, self.pcluster, self.retention = FakeStacks(), FakePcluster(), FakeRetention()
        self.topics, self.schedules = FakeTopics(), FakeSchedules()
        self.store = StateStore(folder)
        self.confirmed: list[DeletionPlan] = []

    def services(self) -> Services:
        made = self.world.services()
        for name in ("stacks", "pcluster", "retention", "topics", "schedules"):
            setattr(made, name, cast("Any", getattr(self, name)))
        return made

    def delete(
        self, acknowledged: Acknowledged | None = None, confirm: Callable[[DeletionPlan], None] | None = None
    ) -> Any:
        request = DeleteRequest(NAME, acknowledged or Acknowledged())
        return delete_cluster(self.services(), request, self.store, confirm or self.confirmed.append)

    def plan(self) -> DeletionPlan:
        return plan_deletion(self.services(), DeleteRequest(NAME))

    def export_task(self, lifecycle: str) -> None:
        task = Task("task-1", FS, "EXPORT_TO_REPOSITORY", TaskLifecycle(lifecycle), ("/analysis_results/e/a/",))
        self.world.fsx.jobs["task-1"] = task


@pytest.fixture
def scene(clock: FakeClock, tmp_path: Path) -> Scene:
    return Scene(clock, tmp_path)


def record(scene: Scene, region: str = REGION, cluster: str = CLUSTER) -> Path:
    return scene.store.create(
        RunRecord(
            run_id="r", cluster_name=cluster, region=region, region_az=region + "d", aws_profile="p", account_id="1",
            owner="o", config_hash="h", stamp="20260211143722", started_at="t", updated_at="t",
            status=RunStatus.COMPLETE,
        )
    )  # fmt: skip


def test_a_quiet_cluster_is_deleted_and_marked(scene: Scene) -> None:
    mine, other = record(scene), record(scene, region="eu-west-1")
    found = scene.delete()
    assert (found.status, found.kept, found.state_files) == ("deleted", (), (str(mine),))
    assert scene.pcluster.deleted == [CLUSTER]
    assert scene.store.load(mine).status is RunStatus.DELETED
    assert scene.store.load(other).status is RunStatus.COMPLETE
    assert len(scene.confirmed) == 1


STATES = ["PENDING", "EXECUTING", "CANCELING", "A_NEW_STATE", "SUCCEEDED", "FAILED", "CANCELED", None]
OPEN = {"PENDING", "EXECUTING", "CANCELING", "A_NEW_STATE"}


@pytest.mark.weakness("W-51")
@pytest.mark.parametrize(
    ("task", "attached", "jobs", "node"),
    list(
        itertools.product(STATES, [False, True], ["none", "RUNNING", "PENDING", "COMPLETED"], ["up", "down", "absent"])
    ),
)
def test_every_gate_refuses_alone_and_only_its_own_flag_opens_it(
    clock: FakeClock, tmp_path: Path, task: str | None, attached: bool, jobs: str, node: str
) -> None:
    scene = Scene(clock, tmp_path)
    if task:
        scene.export_task(task)
    if attached:
        scene.world.fsx.add("/analysis_results/e/a/", "s3://results/e/a/", tags={"lsmc:purpose": "output-export"})
    if jobs != "none":
        scene.world.node.jobs = [{**JOB, "job_state": jobs}]
    if node == "down":
        scene.world.node.unreachable = "agent offline"
    if node == "absent":
        assert scene.world.clusters.view is not None
        scene.world.clusters.view = replace(scene.world.clusters.view, head_node=None)
    needed = set()
    if task in OPEN or attached:
        needed.add("abandon_exports")
    if node == "down":
        needed.add("node_unreachable_ok")
    elif node == "up" and jobs in {"RUNNING", "PENDING"}:
        needed.add("kill_jobs")
    flags = ("abandon_exports", "node_unreachable_ok", "kill_jobs")
    for given in itertools.product([False, True], repeat=3):
        acknowledged = dict(zip(flags, given, strict=True))
        scene.stacks.after = ["DELETE_IN_PROGRESS", None]
        missing = {flag for flag in needed if not acknowledged[flag]}
        if not missing:
            assert scene.delete(Acknowledged(**acknowledged)).status == "deleted"
            continue
        before = len(scene.pcluster.deleted)
        with pytest.raises(Refused) as error:
            scene.delete(Acknowledged(**acknowledged))
        named = {word[2:].replace("-", "_") for word in error.value.hint.split() if word.startswith("--")}
        assert named == missing
        assert len(scene.pcluster.deleted) == before


def test_a_job_that_starts_while_the_user_types_stops_the_deletion(scene: Scene) -> None:
    def confirm(plan: DeletionPlan) -> None:
        scene.world.node.jobs = [JOB]

    with pytest.raises(Refused, match="1 Slurm job"):
        scene.delete(confirm=confirm)
    assert not scene.pcluster.deleted


def test_another_cluster_of_the_same_name_is_not_deleted_by_an_old_confirmation(scene: Scene) -> None:
    def confirm(plan: DeletionPlan) -> None:
        assert scene.world.clusters.view is not None
        scene.world.clusters.view = replace(scene.world.clusters.view, stack_id="arn:stack/2")

    with pytest.raises(Refused, match="was replaced"):
        scene.delete(confirm=confirm)


@pytest.mark.weakness("W-52")
@pytest.mark.parametrize("error", [CredentialsExpired("expired"), AccessDenied("denied")])
def test_expired_credentials_during_the_wait_are_never_taken_for_gone(scene: Scene, error: Exception) -> None:
    path = record(scene)
    scene.stacks.after = ["DELETE_IN_PROGRESS", error]
    with pytest.raises(type(error)):
        scene.delete()
    assert scene.store.load(path).status is RunStatus.COMPLETE


@pytest.mark.weakness("W-52")
def test_a_network_blip_is_survived(scene: Scene) -> None:
    scene.stacks.after = ["DELETE_IN_PROGRESS", Unreachable("blip"), "DELETE_IN_PROGRESS", None]
    assert scene.delete().status == "deleted"


def test_delete_failed_shows_the_events_of_this_deletion(scene: Scene) -> None:
    scene.stacks.after = ["DELETE_IN_PROGRESS", "DELETE_FAILED"]
    scene.stacks.events_after = (
        StackEvent("e2", "", "Subnet", "AWS::EC2::Subnet", "DELETE_FAILED", "has dependencies"),
    )
    with pytest.raises(ClusterFailed, match="has dependencies"):
        scene.delete()
    assert scene.stacks.asked_after == "e1"


def test_a_deletion_under_way_is_only_waited_for(scene: Scene) -> None:
    assert scene.world.clusters.view is not None
    scene.world.clusters.view = replace(scene.world.clusters.view, status="DELETE_IN_PROGRESS")
    scene.world.node.unreachable = "gone"
    scene.export_task("EXECUTING")
    assert scene.delete().status == "deleted"
    assert not scene.pcluster.deleted
    assert not scene.confirmed


def test_an_absent_cluster_is_not_found_and_its_record_is_closed(scene: Scene) -> None:
    path = record(scene)
    scene.world.clusters.view = None
    with pytest.raises(NotFound) as error:
        scene.delete()
    assert error.value.exit_code == 1
    assert scene.store.load(path).status is RunStatus.DELETED


def test_the_heartbeat_is_removed_for_a_name_that_a_record_knows_and_for_no_other(scene: Scene) -> None:
    scene.world.clusters.view = None
    arn = scene.topics.create(f"daylily-{CLUSTER}-heartbeat")
    with pytest.raises(NotFound):
        scene.delete()
    assert scene.topics.exists(arn)
    record(scene)
    with pytest.raises(NotFound):
        scene.delete()
    assert not scene.topics.exists(arn)


def test_the_dry_run_shows_everything_and_changes_nothing(scene: Scene) -> None:
    path = record(scene)
    scene.world.fsx.add("/references/", "s3://refs/")
    scene.export_task("EXECUTING")
    scene.world.node.jobs = [JOB]
    scene.retention.policies = {FS: "Retain"}
    plan = scene.plan()
    shown = text(plan)
    for word in (CLUSTER, REGION, "i-0123", FS, "Retain", "s3://refs/", "task-1", "7 align RUNNING", "--kill-jobs",
                 "--abandon-exports"):  # fmt: skip
        assert word in shown
    document = json.loads(dumps(plan))
    assert [gate["flag"] for gate in document["gates"]] == ["--abandon-exports", "--kill-jobs"]
    assert document["file_systems"][0]["deletion_policy"] == "Retain"
    assert not scene.pcluster.deleted
    assert not scene.world.fsx.deleted
    assert scene.store.load(path).status is RunStatus.COMPLETE


def test_a_file_system_that_is_kept_is_told_apart(scene: Scene) -> None:
    scene.retention.policies = {FS: "Retain"}
    assert scene.delete().kept == (FS,)
    scene.retention.policies = {}
    scene.stacks.after = [None]
    assert scene.delete().kept == (FS,)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "accepted"), [("please delete\n", True), ("yes\n", False), ("", False), ("PLEASE DELETE\n", False)]
)
def test_only_the_exact_words_on_a_terminal_confirm(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, typed: str, accepted: bool
) -> None:
    shown = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    monkeypatch.setattr("sys.stderr", shown)
    if accepted:
        cli._confirm(scene.plan())
    else:
        with pytest.raises(Refused, match="not 'please delete'"):
            cli._confirm(scene.plan())
    assert FS in shown.getvalue()


def test_without_a_terminal_nothing_is_deleted(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("please delete\n"))
    with pytest.raises(MissingInput, match="no terminal"):
        scene.delete(confirm=cli._confirm)
    assert not scene.pcluster.deleted


def test_name_region_and_profile_come_from_flags_before_the_state_file(scene: Scene) -> None:
    path = record(scene)
    assert cli._resolve(scene.store, path, None, None, None) == (CLUSTER, REGION, "p")
    assert cli._resolve(scene.store, path, "other-one", "eu-west-1", "q") == ("other-one", "eu-west-1", "q")
    with pytest.raises(MissingInput, match="--cluster and --region"):
        cli._resolve(scene.store, None, None, None, None)
    with pytest.raises(NotFound):
        cli._resolve(scene.store, path.with_name("absent.json"), None, None, None)


def test_delete_takes_the_cluster_s_lock_so_that_no_create_works_on_it_meanwhile(scene: Scene) -> None:
    record(scene)
    with (
        cluster_lock(scene.store.directory, REGION, CLUSTER, "create", scene.world.clock),
        pytest.raises(Busy, match=r"\(create, since "),
    ):
        scene.delete()
    assert scene.pcluster.deleted == []
    assert scene.delete().status == "deleted"
