"""The wait for a creation: what it survives, what it reports, how it ends."""

from __future__ import annotations

import pytest

from daylily_ec.aws.boot import BootLog, LogPosition
from daylily_ec.aws.cloudformation import Stack
from daylily_ec.errors import AccessDenied, AwsError, CredentialsExpired, DeadlinePassed, Throttled
from daylily_ec.pcluster.failure import Inquest, explain
from daylily_ec.pcluster.monitor import Ended, watch_creation
from daylily_ec.pcluster.progress import Progress
from daylily_ec.pcluster.runner import CreationFailure
from daylily_ec.util.clock import Clock
from daylily_ec.util.progress import Silent, WaitView
from tests.unit.pcluster.fakes import NAME, FakeLogs, FakePcluster, ScriptedStacks, event

MAKING = Stack(NAME, "arn", "CREATE_IN_PROGRESS")
DONE = Stack(NAME, "arn", "CREATE_COMPLETE")
ROLLBACK = Stack(NAME, "arn", "ROLLBACK_IN_PROGRESS")
SLOW = Throttled("slow down")
BOOT = (
    "WaitCondition received failed message: 'Failed to execute OnNodeConfigured script, return code: 7. Please check'"
)


class Lines(Silent):
    def __init__(self) -> None:
        self.states: list[str] = []
        self.views: list[WaitView] = []
        self.over = 0
        self.warnings: list[str] = []

    def watching(self, view: WaitView) -> None:
        self.states.append(view.state)
        self.views.append(view)

    def settled(self) -> None:
        self.over += 1

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def watch(stacks: ScriptedStacks, clock: Clock, reporter: Silent | None = None, deadline: float = 7200) -> Ended:
    return watch_creation(stacks, NAME, clock=clock, reporter=reporter or Silent(), deadline=deadline)


def test_it_waits_until_the_stack_is_complete_and_tells_what_is_being_made(clock: Clock) -> None:
    stacks = ScriptedStacks([MAKING, MAKING, DONE], [
        event(1, "Vpc", "CREATE_COMPLETE"), event(2, "HeadNodeWaitCondition2026", "CREATE_IN_PROGRESS"),
    ])  # fmt: skip
    lines = Lines()
    assert watch(stacks, clock, lines).succeeded
    assert lines.states[0] == "CREATE_IN_PROGRESS, head node boots (1 resources ready)"


def test_four_failed_polls_in_a_row_are_survived_again_and_again(clock: Clock) -> None:
    lines = Lines()
    stacks = ScriptedStacks([*[SLOW] * 4, MAKING, *[SLOW] * 4, DONE])
    assert watch(stacks, clock, lines).succeeded
    assert len(lines.warnings) == 8


def test_the_fifth_failed_poll_in_a_row_ends_the_wait_with_advice(clock: Clock) -> None:
    stacks = ScriptedStacks([MAKING, *[SLOW] * 5, DONE])
    with pytest.raises(Throttled) as caught:
        watch(stacks, clock)
    assert "run the same command again" in caught.value.hint
    assert stacks.polls == 6


def test_expired_credentials_end_the_wait_at_once_and_say_how_to_go_on(clock: Clock) -> None:
    stacks = ScriptedStacks([MAKING, CredentialsExpired("the session has expired"), DONE])
    with pytest.raises(CredentialsExpired) as caught:
        watch(stacks, clock)
    assert "aws sso login" in caught.value.hint
    assert "goes on with this cluster" in caught.value.hint


def test_a_denied_poll_ends_the_wait_at_once_and_sends_nobody_to_the_login(clock: Clock) -> None:
    stacks = ScriptedStacks([MAKING, AccessDenied("cloudformation:DescribeStacks was denied"), DONE])
    with pytest.raises(AccessDenied) as caught:
        watch(stacks, clock)
    assert "log in" not in caught.value.hint.lower()
    assert "goes on with this cluster" in caught.value.hint


def test_the_wait_has_a_deadline_and_says_what_it_saw_last(clock: Clock) -> None:
    with pytest.raises(DeadlinePassed, match="CREATE_IN_PROGRESS") as caught:
        watch(ScriptedStacks([MAKING]), clock, deadline=3600)
    assert "dyec cluster describe" in caught.value.hint


@pytest.mark.parametrize("stack", [ROLLBACK, Stack(NAME, "arn", "CREATE_FAILED"), None])
def test_a_failure_is_seen_before_the_rollback_has_ended(stack: Stack | None, clock: Clock) -> None:
    assert not watch(ScriptedStacks([MAKING, stack]), clock).succeeded


def failed(reason: str, physical: str = "i-0abc") -> Ended:
    progress = Progress()
    progress.add((event(1, "HeadNode", "CREATE_COMPLETE", physical=physical),
                  event(2, "HeadNodeWaitCondition", "CREATE_FAILED", reason),
                  event(3, "Other", "CREATE_FAILED", "Resource creation cancelled")))  # fmt: skip
    return Ended(ROLLBACK, progress)


def test_a_failed_boot_script_is_named_first_with_its_code_and_last_lines(clock: Clock) -> None:
    output = BootLog("g", "ip-1.i-0abc.cloud-init-output", ("step one", "references: FAILED: not there"))
    logs = FakeLogs((BootLog("g", "ip-1.i-0abc.cfn-init", ("chef",)), output))
    pcluster = FakePcluster(known=(CreationFailure("OnNodeConfiguredExecutionFailure", "Failed."),))
    error = explain(
        failed(BOOT), NAME, "us-west-2", Inquest(logs, pcluster, clock, {"OnNodeConfigured": "s3://b/boot.sh"})
    )
    lines = error.message.splitlines()
    assert (
        lines[0]
        == "Cluster majors was not created: boot script s3://b/boot.sh failed with exit code 7 on the head node."
    )
    assert lines[2:4] == ["  | step one", "  | references: FAILED: not there"]
    assert "OnNodeConfiguredExecutionFailure" in error.message
    assert "cancelled" not in error.message
    assert (error.code, error.exit_code) == ("boot_script_failed", 2)
    assert logs.asked == ["i-0abc"]


def test_a_log_that_never_arrives_does_not_hide_the_reason(clock: Clock) -> None:
    error = explain(failed(BOOT), NAME, "us-west-2", Inquest(FakeLogs(), FakePcluster(), clock, {}))
    assert "exit code 7" in error.message
    assert "no log has arrived" in error.message
    assert clock.monotonic() >= 15


def test_another_failure_is_named_by_its_resource(clock: Clock) -> None:
    error = explain(
        failed("You have reached the limit"), NAME, "us-west-2", Inquest(FakeLogs(), FakePcluster(), clock, {})
    )
    assert "HeadNodeWaitCondition (T) CREATE_FAILED: You have reached the limit" in error.message.splitlines()[0]
    assert error.code == "cluster_failed"


def test_unreadable_logs_do_not_hide_the_reason(clock: Clock) -> None:
    class Denied:
        def tails(self, cluster: str, instance_id: str, limit: int) -> tuple[BootLog, ...]:
            raise AwsError("logs:DescribeLogGroups was denied")

        def following(
            self, cluster: str, instance_id: str, position: LogPosition
        ) -> tuple[tuple[str, ...], LogPosition]:
            raise AwsError("logs:GetLogEvents was denied")

    error = explain(failed(BOOT), NAME, "us-west-2", Inquest(Denied(), FakePcluster(), clock, {}))
    assert "exit code 7" in error.message


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            "fetch_and_run - Failed to execute OnNodeConfigured script 1 s3://b/boot.sh, return code: 7. Please",
            "exit code 7",
        ),
        ("Failed to execute OnNodeConfigured script, return code: 75.", "exit code 75"),
        ("Failed to download OnNodeConfigured script 1 s3://b/boot.sh using aws s3, return code: 1.", "exit code 1"),
        ("Failed to run OnNodeConfigured script", "unknown exit code"),
    ],
)
def test_every_wording_of_a_failed_script_is_read(reason: str, words: str, clock: Clock) -> None:
    scripts = {"OnNodeConfigured": "s3://b/boot.sh"}
    error = explain(failed(reason), NAME, "us-west-2", Inquest(FakeLogs(), FakePcluster(), clock, scripts))
    assert f"boot script s3://b/boot.sh failed with {words} on" in error.message.splitlines()[0]
