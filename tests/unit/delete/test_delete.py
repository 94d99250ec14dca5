from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from daylily_ec.aws.cloudformation import StackEvent
from daylily_ec.aws.holdings import Holding
from daylily_ec.aws.price_list import NAT_HOUR, on_demand
from daylily_ec.aws.scheduler import Schedule
from daylily_ec.cli import delete as cli
from daylily_ec.cli.main import main
from daylily_ec.cli.render import text
from daylily_ec.errors import (
    AccessDenied,
    Busy,
    ClusterFailed,
    CredentialsExpired,
    DeadlinePassed,
    MissingInput,
    NotFound,
    Refused,
    Unreachable,
)
from daylily_ec.state.locks import cluster_lock
from daylily_ec.state.models import RunStatus
from daylily_ec.util.jsonio import dumps
from daylily_ec.workflow.deletion import DeletionPlan
from tests.conftest import FakeClock
from tests.unit.delete.scene import Scene
from tests.unit.fsx.fakes import CLUSTER, FS, REGION

JOB = {"job_id": 7, "name": "align", "job_state": "RUNNING"}


@pytest.fixture
def scene(clock: FakeClock, tmp_path: Path) -> Scene:
    return Scene(clock, tmp_path)


def test_a_quiet_cluster_is_deleted_and_marked(scene: Scene) -> None:
    mine, other = scene.record(), scene.record(region="eu-west-1")
    found = scene.delete()
    assert (found.status, found.kept, found.state_files) == ("deleted", (), (str(mine),))
    assert scene.pcluster.deleted == [CLUSTER]
    assert scene.store.load(mine).status is RunStatus.DELETED
    assert scene.store.load(other).status is RunStatus.COMPLETE
    assert len(scene.confirmed) == 1


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
    path = scene.record()
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
    path = scene.record()
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
    scene.record()
    with pytest.raises(NotFound):
        scene.delete()
    assert not scene.topics.exists(arn)


def test_credentials_of_another_account_close_no_record_and_touch_no_heartbeat(scene: Scene) -> None:
    path, arn = scene.record(), scene.topics.create(f"daylily-{CLUSTER}-heartbeat")
    scene.world.clusters.view, scene.account = None, "210987654321"
    with pytest.raises(NotFound) as error:
        scene.delete()
    assert "is deleted already" not in error.value.message
    assert scene.store.load(path).status is RunStatus.COMPLETE
    assert scene.topics.exists(arn)


def test_a_deletion_closes_the_records_of_its_own_account_alone(scene: Scene) -> None:
    of_another = scene.record()
    scene.account = "210987654321"
    assert scene.delete().state_files == ()
    assert scene.store.load(of_another).status is RunStatus.COMPLETE


def test_the_dry_run_shows_everything_and_changes_nothing(scene: Scene) -> None:
    path = scene.record()
    scene.world.fsx.add("/references/", "s3://refs/")
    scene.export_task("EXECUTING")
    scene.world.node.jobs = [JOB]
    scene.retention.kept = {FS: "Retain"}
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
    scene.retention.kept = {FS: "Retain"}
    assert scene.delete().kept == (FS,)
    scene.retention.kept = {}
    scene.stacks.after = [None]
    assert scene.delete().kept == (FS,)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "accepted"),
    [("please delete\n", True), ("yes\n", False), ("", False), ("PLEASE DELETE\n", False), (" please delete\n", False)],
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


def test_with_yes_nobody_is_asked_and_what_goes_is_shown_with_what_nobody_knows_of_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(scene.folder))
    monkeypatch.setattr(cli, "services", lambda profile, region: scene.services())
    scene.holdings.answers = {"volumes": (Holding("volume", "vol-1", query=NAT_HOUR),)}
    scene.price_list.unknown = {NAT_HOUR.usage}
    assert main(["delete", "--cluster", CLUSTER, "--region", REGION, "--yes", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["cluster_name"] == CLUSTER
    for word in ("vol-1", "unknown (no price)", FS):
        assert word in shown.err
    assert scene.pcluster.deleted == [CLUSTER]


def test_name_region_and_profile_come_from_flags_before_the_state_file(scene: Scene) -> None:
    path = scene.record()
    assert cli._resolve(scene.store, path, None, None, None) == (CLUSTER, REGION, "p")
    assert cli._resolve(scene.store, path, "other-one", "eu-west-1", "q") == ("other-one", "eu-west-1", "q")
    with pytest.raises(MissingInput, match="--cluster and --region"):
        cli._resolve(scene.store, None, None, None, None)
    with pytest.raises(NotFound):
        cli._resolve(scene.store, path.with_name("absent.json"), None, None, None)


def test_delete_takes_the_cluster_s_lock_so_that_no_create_works_on_it_meanwhile(scene: Scene) -> None:
    scene.record()
    with (
        cluster_lock(scene.store.directory, REGION, CLUSTER, "create", scene.world.clock),
        pytest.raises(Busy, match=r"\(create, since "),
    ):
        scene.delete()
    assert scene.pcluster.deleted == []
    assert scene.delete().status == "deleted"


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "DELETE_FAILED"])
def test_another_stack_of_the_name_proves_that_this_one_is_gone_and_keeps_its_heartbeat(
    scene: Scene, status: str
) -> None:
    arn = _heartbeat(scene)
    scene.stacks.after = [status]
    scene.stacks.stack_id = "arn:stack/2"
    found = scene.delete()
    assert found.status == "deleted"
    assert "another cluster by now (arn:stack/2)" in found.warnings[0]
    assert scene.topics.exists(arn)
    assert len(scene.schedules.kept) == 2
    assert not found.leftovers.items
    assert found.leftovers.problems == found.warnings


def test_a_damaged_record_is_named_when_the_cluster_is_gone(scene: Scene) -> None:
    scene.record().write_text("{")
    scene.world.clusters.view = None
    with pytest.raises(NotFound):
        scene.delete()
    assert any("cannot be read" in line for line in scene.warnings.texts)


def test_a_deletion_that_takes_too_long_says_how_to_go_on(scene: Scene) -> None:
    scene.stacks.after = ["DELETE_IN_PROGRESS"]
    with pytest.raises(DeadlinePassed) as error:
        scene.delete()
    assert "run the same command again" in error.value.hint


def _heartbeat(scene: Scene) -> str:
    for kind in ("heartbeat", "ttl"):
        name = f"daylily-{CLUSTER}-{kind}"
        scene.schedules.create(Schedule(name, "rate(1 hour)", "topic", "role", "text"), "r")
    return scene.topics.create(f"daylily-{CLUSTER}-heartbeat")


@pytest.mark.weakness("W-53")
@pytest.mark.parametrize(
    ("refused", "after", "ends"),
    [(ClusterFailed("refused"), ["CREATE_COMPLETE"], ClusterFailed),
     (None, ["DELETE_IN_PROGRESS", "DELETE_FAILED"], ClusterFailed),
     (None, ["DELETE_IN_PROGRESS", CredentialsExpired("expired")], CredentialsExpired),
     (None, ["DELETE_IN_PROGRESS"], DeadlinePassed)],
)  # fmt: skip
def test_the_heartbeat_goes_only_with_the_stack(
    scene: Scene, refused: Exception | None, after: list[str | Exception], ends: type[Exception]
) -> None:
    arn = _heartbeat(scene)
    scene.pcluster.error, scene.stacks.after = refused, after
    with pytest.raises(ends):
        scene.delete()
    assert scene.topics.exists(arn)
    assert len(scene.schedules.kept) == 2
    scene.pcluster.error, scene.stacks.after = None, ["DELETE_IN_PROGRESS", None]
    scene.delete()
    assert not scene.topics.exists(arn)
    assert not scene.schedules.kept


@pytest.mark.weakness("W-53")
def test_a_run_that_was_killed_after_acceptance_leaves_the_heartbeat_to_the_next(scene: Scene) -> None:
    arn = _heartbeat(scene)
    assert scene.world.clusters.view is not None
    scene.world.clusters.view = replace(scene.world.clusters.view, status="DELETE_IN_PROGRESS")
    scene.delete()
    assert not scene.topics.exists(arn)
    assert not scene.schedules.kept


@pytest.mark.weakness("W-53")
def test_a_run_that_was_killed_when_the_stack_was_gone_leaves_the_heartbeat_to_the_next(scene: Scene) -> None:
    arn, path = _heartbeat(scene), scene.record()
    scene.topics.delete, removed = _killed, scene.topics.delete  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        scene.delete()
    assert scene.store.load(path).status is RunStatus.COMPLETE
    scene.topics.delete = removed  # type: ignore[method-assign]
    scene.world.clusters.view = None
    with pytest.raises(NotFound, match="is deleted already"):
        scene.delete()
    assert not scene.topics.exists(arn)
    assert not scene.schedules.kept
    assert scene.store.load(path).status is RunStatus.DELETED


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("after", [["DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS", None], [None]])
def test_a_deletion_by_somebody_quicker_is_as_good(scene: Scene, after: list[str | None]) -> None:
    scene.pcluster.error = ClusterFailed("the cluster is being deleted")
    scene.stacks.after = after
    assert scene.delete().status == "deleted"


def test_p9_everything_that_is_left_is_declared_with_its_price(scene: Scene) -> None:
    scene.holdings.answers = {
        "volumes": (Holding("volume", "vol-1", "available", "10 GiB gp3", NAT_HOUR, 2.0),),
        "instances": (Holding("instance", "i-1", "running", "t3.medium", on_demand("t3.medium")),),
        "log groups": AccessDenied("logs:DescribeLogGroups is denied"),
    }
    scene.holdings.others = (Holding("route53 hostedzone", "arn:aws:route53:::hostedzone/Z1"),)
    scene.price_list.unknown = {"BoxUsage:t3.medium"}
    _heartbeat(scene)
    found = scene.delete()
    left = found.leftovers
    assert {item.id: item.usd_per_day for item in left.items} == {
        "vol-1": 48.0, "i-1": None, "arn:aws:route53:::hostedzone/Z1": None,
    }  # fmt: skip
    assert left.usd_per_day == 48.0
    assert set(left.unpriced) == {"i-1", "arn:aws:route53:::hostedzone/Z1"}
    assert left.problems == ("log groups: logs:DescribeLogGroups is denied",)
    shown = text(found)
    for word in ("vol-1", "48.00", "unknown (no price)", "unknown (its price is not known)", "logs:DescribeLogGroups"):
        assert word in shown
    assert json.loads(dumps(found))["leftovers"]["usd_per_day"] == 48.0


def test_a_heartbeat_that_could_not_be_removed_is_a_leftover(scene: Scene) -> None:
    _heartbeat(scene)

    def refuse(name: str) -> None:
        raise AccessDenied("scheduler:DeleteSchedule is denied")

    scene.schedules.delete = refuse  # type: ignore[method-assign]
    found = scene.delete()
    assert [item.kind for item in found.leftovers.items] == ["schedule", "schedule"]
    assert all("DeleteSchedule" in warning for warning in found.warnings)


def test_a_deleted_cluster_is_told_so_with_what_is_left_of_it(scene: Scene) -> None:
    scene.record()
    scene.delete()
    scene.world.clusters.view = None
    scene.holdings.answers = {"volumes": (Holding("volume", "vol-1", query=NAT_HOUR),)}
    with pytest.raises(NotFound, match="is deleted already") as error:
        scene.delete()
    assert [item.id for item in error.value.details["leftovers"].items] == ["vol-1"]  # type: ignore[attr-defined]


def test_what_stays_and_what_goes_are_told_apart_with_their_prices(scene: Scene) -> None:
    scene.holdings.answers = {
        "instances": (Holding("instance", "i-1", "running", "t3.medium", on_demand("t3.medium")),),
        "file systems": (Holding("file system", FS, "AVAILABLE", "1200 GiB SCRATCH_2", NAT_HOUR, 0.5),),
    }
    scene.retention.kept = {FS: "Retain", "i-1": "Delete"}
    plan = scene.plan()
    assert (plan.stays, plan.usd_per_hour) == ((FS,), 1.5)
    shown = text(plan)
    assert shown.index("i-1", shown.index("Goes:")) < shown.index("Stays:") < shown.rindex(FS)
    assert "$1.50 an hour" in shown
    assert "Stays together: $12.00 a day" in shown
