"""The end of a creation: evidence before a rollback, and the way back after an interruption."""

from __future__ import annotations

import base64
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from daylily_ec.aws.boot import BootLog
from daylily_ec.aws.cloudformation import Stack
from daylily_ec.aws.clusters import ClusterView
from daylily_ec.aws.context import AwsContext
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import AccessDenied, AwsError, ClusterFailed, CredentialsExpired, Interrupted, Throttled
from daylily_ec.state.history import History, history
from daylily_ec.state.journal import journal_path, read
from daylily_ec.state.models import RunStatus
from daylily_ec.state.store import StateStore
from daylily_ec.util.clock import Clock
from daylily_ec.workflow.create_record import Applicant, RunBook, begin
from daylily_ec.workflow.create_wait import Patience, await_cluster, resumable
from daylily_ec.workflow.services import Services
from tests.unit.pcluster.fakes import NAME, FakeLogs, FakePcluster, ScriptedStacks, event
from tests.unit.workflow_create.fakes import ZONE, FakeClusters, config, view

DELETE = "dyec delete --profile daylily --region us-west-2 --cluster majors"
CREATED_AT = "2026-02-11T14:37:22Z"
CANARY = "canary-Zm9v/SECRET+value"
ENCODED = (CANARY, base64.b64encode(CANARY.encode()).decode(), CANARY.encode().hex(), quote(CANARY, safe=""))
FAILED = Stack(NAME, "arn", "CREATE_FAILED", created_at=CREATED_AT)
BOOT = "Failed to execute OnNodeConfigured script, return code: 7."
STORY = [
    event(1, "HeadNode", "CREATE_COMPLETE", physical="i-0abc"),
    event(2, "HeadNodeWaitCondition1", "CREATE_FAILED", BOOT, at=60),
]


class Context(AwsContext):
    """A context whose credentials are a canary."""

    def __init__(self) -> None:
        super().__init__("daylily", "us-west-2")

    def secrets(self) -> tuple[str, ...]:
        return (CANARY,)


@dataclass
class Deleting(FakePcluster):
    """Notes which support bundles existed when it was asked to delete."""

    support: Path = Path()
    deleted_after: list[list[str]] = field(default_factory=list)
    unable: BaseException | None = None

    def delete(self, name: ClusterName) -> str:
        self.deleted_after.append([path.name for path in self.support.glob("*")])
        if self.unable:
            raise self.unable
        return "DELETE_IN_PROGRESS"


@dataclass
class Desk:
    services: Services
    book: RunBook
    pcluster: Deleting
    directory: Path

    def wait(self, *, rollback: bool = True) -> ClusterView:
        return await_cluster(self.services, self.book, NAME, Patience(7200, rollback))

    def failure(self, *, rollback: bool = True) -> ClusterFailed:
        with pytest.raises(ClusterFailed) as caught:
            self.wait(rollback=rollback)
        return caught.value

    @property
    def status(self) -> RunStatus:
        return self.book.record.status

    @property
    def journal(self) -> list[str]:
        return [line["event"] for line in read(journal_path(self.book.path)).lines]


@pytest.fixture
def desk(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    directory = tmp_path / "daylily"
    store = StateStore(directory)
    who = Applicant("daylily", "123456789012", "arn:ann", "hash-1")
    book = RunBook(store, begin(store, config(), ZONE, who, clock), clock)
    yaml = directory / "majors_cluster.yaml"
    yaml.write_text(f"Account: 123456789012\nMail: ops@example.org\nPlain: {CANARY}\n")
    book.save(status=RunStatus.SUBMITTED, boot_uri="s3://ref/boot", cluster_yaml_path=str(yaml),
              resume_command="dyec create --region-az us-west-2d --config c.yaml")  # fmt: skip
    services = Services(Context(), clock=clock)
    pcluster = Deleting(support=directory / "support")
    log = BootLog("g", "ip-1.i-0abc.cloud-init-output", ("step one", *ENCODED, "no disk"))
    services.__dict__.update(stacks=ScriptedStacks([FAILED], STORY), pcluster=pcluster, boot_logs=FakeLogs((log,)),
                             clusters=FakeClusters([view()]))  # fmt: skip
    return Desk(services, book, pcluster, directory)


def bundle(desk: Desk) -> dict[str, str]:
    path = Path(desk.book.record.support_bundle_path)
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as tar:
        members = {member.name: tar.extractfile(member) for member in tar.getmembers()}
        return {name.partition("/")[2]: file.read().decode() for name, file in members.items() if file}


@pytest.mark.weakness("W-46")
def test_the_bundle_is_written_before_the_cluster_is_taken_down(desk: Desk) -> None:
    error = desk.failure()
    assert desk.pcluster.deleted_after == [["majors_20260211143722.tar.gz"]]
    assert desk.journal[-3:] == ["support-bundle", "rollback", "failed"]
    assert str(desk.book.record.support_bundle_path) in error.message
    assert DELETE in error.hint


def test_a_cluster_that_is_to_be_kept_is_kept_and_said_to_cost(desk: Desk) -> None:
    error = desk.failure(rollback=False)
    assert desk.pcluster.deleted_after == []
    assert "costs money until" in error.hint
    assert desk.book.record.support_bundle_path


def test_a_rollback_that_cannot_be_started_is_said(desk: Desk) -> None:
    desk.pcluster.unable = ClusterFailed("pcluster is gone")
    error = desk.failure()
    assert error.hint == f"It goes on costing until you run: {DELETE}"


def test_a_stack_that_aws_takes_down_itself_is_left_to_it(desk: Desk) -> None:
    desk.services.__dict__["stacks"] = ScriptedStacks([Stack(NAME, "arn", "ROLLBACK_IN_PROGRESS")], STORY)
    desk.failure()
    assert desk.pcluster.deleted_after == []


def test_the_bundle_holds_what_somebody_else_needs(desk: Desk) -> None:
    desk.failure()
    texts = bundle(desk)
    assert set(texts) >= {"contents.json", "state.json", "journal.jsonl", "cluster.yaml", "failure.json",
                          "stack_events.json", "logs/ip-1.i-0abc.cloud-init-output.log"}  # fmt: skip
    assert "no disk" in texts["logs/ip-1.i-0abc.cloud-init-output.log"]
    assert "HeadNodeWaitCondition1" in texts["stack_events.json"]
    assert "boot_script_failed" in texts["failure.json"]
    assert '"dyec": ' in texts["contents.json"]


def test_the_bundle_holds_no_secret_in_any_of_four_encodings_and_no_account(desk: Desk) -> None:
    desk.failure()
    texts = bundle(desk)
    for form in (*ENCODED, "123456789012", "ops@example.org"):
        assert not [name for name, text in texts.items() if form in text], form
    log = texts["logs/ip-1.i-0abc.cloud-init-output.log"].splitlines()
    assert [line[:8] for line in log[1:5]] == ["<secret>"] * 4


def test_an_unwritable_directory_does_not_hide_the_failure(desk: Desk) -> None:
    (desk.directory / "support").write_text("a file in the way")
    error = desk.failure()
    assert "exit code 7" in error.message
    assert desk.book.record.support_bundle_path == ""
    assert len(desk.pcluster.deleted_after) == 1


def test_a_success_leaves_its_times_for_the_next_run(desk: Desk) -> None:
    done = Stack(NAME, "arn", "CREATE_COMPLETE", created_at=CREATED_AT)
    story = [event(1, "HeadNodeWaitCondition1", "CREATE_IN_PROGRESS", at=10),
             event(2, "HeadNodeWaitCondition1", "CREATE_COMPLETE", at=300)]  # fmt: skip
    desk.services.__dict__["stacks"] = ScriptedStacks([done], story)
    assert desk.wait().name == "majors"
    found = history(StateStore(desk.directory), "123456789012", "us-west-2")
    assert found == History(300.0, {"head node boots": 290.0}, 1)


@pytest.mark.weakness("W-01")
def test_ctrl_c_detaches_and_says_how_to_go_on(desk: Desk) -> None:
    with pytest.raises(Interrupted) as caught, resumable(desk.book):
        raise KeyboardInterrupt
    error = caught.value
    assert error.exit_code == 130
    assert "nothing was destroyed" in error.message
    assert "AWS goes on making it" in error.message
    assert error.hint.startswith("dyec create --region-az us-west-2d --config c.yaml")
    assert DELETE in error.hint
    assert desk.journal[-1] == "detached"
    assert desk.status is RunStatus.SUBMITTED
    assert desk.pcluster.deleted_after == []


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (
            CredentialsExpired("the SSO session has expired"),
            "Log in again (aws sso login --profile daylily), then: dyec",
        ),
        (Throttled("slow down"), "Repeat: dyec create --region-az us-west-2d --config c.yaml"),
        (Throttled("slow down", hint="Wait a minute."), "Wait a minute."),
        (AccessDenied("denied", hint="Have it allowed."), "Have it allowed."),
    ],
)
def test_an_error_on_the_way_keeps_the_run_open_and_tells_the_way_back(desk: Desk, error: AwsError, hint: str) -> None:
    with pytest.raises(type(error)) as caught, resumable(desk.book):
        raise error
    assert caught.value.hint.startswith(hint)
    assert caught.value.details["resume_command"] == "dyec create --region-az us-west-2d --config c.yaml"
    assert desk.status is RunStatus.SUBMITTED
    assert desk.journal[-1] == "stopped"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (RunStatus.STARTED, "had not been submitted as far as this run knows"),
        (RunStatus.FAILED, "its run is recorded as FAILED"),
    ],
)
def test_ctrl_c_tells_how_far_the_run_came(desk: Desk, status: RunStatus, words: str) -> None:
    desk.book.save(status=status)
    with pytest.raises(Interrupted, match=words), resumable(desk.book):
        raise KeyboardInterrupt


def test_a_run_killed_between_bundle_and_rollback_comes_back_and_takes_the_cluster_down(desk: Desk) -> None:
    desk.pcluster.unable = KeyboardInterrupt()
    with pytest.raises(Interrupted), resumable(desk.book):
        desk.wait()
    assert desk.status.is_unfinished
    desk.pcluster.unable = None
    desk.failure()
    assert desk.status is RunStatus.FAILED
    assert len(desk.pcluster.deleted_after) == 2


def test_a_run_that_failed_for_good_gets_no_advice_to_go_on(desk: Desk) -> None:
    with pytest.raises(ClusterFailed) as caught, resumable(desk.book):
        desk.wait()
    assert "resume_command" not in caught.value.details
    assert desk.status is RunStatus.FAILED
