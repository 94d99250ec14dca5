"""What the view of a creation shows: phases, nested stacks, boot-log lines, times."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daylily_ec.aws.boot import LogPosition
from daylily_ec.aws.cloudformation import Stack
from daylily_ec.errors import AccessDenied
from daylily_ec.pcluster.monitor import Ended, watch_creation
from daylily_ec.pcluster.progress import Phase, Progress
from daylily_ec.state.history import History
from tests.conftest import FakeClock
from tests.unit.pcluster.fakes import NAME, FakeLogs, ScriptedStacks, event
from tests.unit.pcluster.test_monitor import Lines

MAKING = Stack(NAME, "arn", "CREATE_IN_PROGRESS", created_at="2026-02-11T14:37:22Z")
DONE = Stack(NAME, "arn", "CREATE_COMPLETE", created_at="2026-02-11T14:37:00Z")
QUEUES = "arn:aws:cloudformation:us-west-2:123456789012:stack/majors-Queues-1X/uuid"
FSX, WAIT, NESTED = "AWS::FSx::FileSystem", "AWS::CloudFormation::WaitCondition", "AWS::CloudFormation::Stack"
STORY = [
    event(1, "majors", "CREATE_IN_PROGRESS", physical="arn", kind=NESTED),
    event(2, "Role", "CREATE_IN_PROGRESS", kind="AWS::IAM::Role"),
    event(3, "Role", "CREATE_COMPLETE", kind="AWS::IAM::Role", at=5),
    event(4, "FSX1", "CREATE_IN_PROGRESS", kind=FSX, at=6),
    event(5, "Queues", "CREATE_IN_PROGRESS", kind=NESTED, physical=QUEUES, at=7),
    event(6, "FSX1", "CREATE_COMPLETE", kind=FSX, at=60),
    event(7, "HeadNode", "CREATE_IN_PROGRESS", physical="i-0abc", kind="AWS::EC2::Instance", at=61),
    event(8, "HeadNode", "CREATE_COMPLETE", physical="i-0abc", kind="AWS::EC2::Instance", at=70),
    event(9, "HeadNodeWaitCondition2026", "CREATE_IN_PROGRESS", kind=WAIT, at=71),
]


def test_phases_take_their_times_from_the_events(clock: FakeClock) -> None:
    progress = Progress()
    progress.add(STORY, NAME)
    now = clock.now() + timedelta(seconds=100)
    views = {view.name: view for view in progress.views(now, {"file system": 50.0})}
    assert (views["file system"].state, views["file system"].elapsed, views["file system"].expected) == ("done", 54, 50)
    assert (views["head node boots"].state, views["head node boots"].elapsed) == ("running", 29)
    assert views["data repository associations"].state == "waiting"
    assert progress.seconds(now)["head node instance"] == 9
    assert progress.ready == 3


def test_a_failed_phase_is_marked_and_its_clock_stops(clock: FakeClock) -> None:
    progress = Progress()
    progress.add([*STORY, event(10, "HeadNodeWaitCondition2026", "CREATE_FAILED", "boom", kind=WAIT, at=80)], NAME)
    (boots,) = (view for view in progress.views(clock.now() + timedelta(hours=1), {}) if view.name == Phase.BOOT)
    assert (boots.state, boots.elapsed) == ("failed", 9)


@pytest.mark.weakness("W-46")
def test_events_of_nested_stacks_and_their_failures_are_seen_once(clock: FakeClock) -> None:
    inner = [event(20, "LaunchTemplate", "CREATE_FAILED", "limit reached", kind="AWS::EC2::LaunchTemplate")]
    stacks = ScriptedStacks([MAKING, MAKING, DONE], STORY, nested={QUEUES: inner})
    lines = Lines()
    ended = watch_creation(stacks, NAME, clock=clock, reporter=lines)
    assert [failure.resource for failure in ended.progress.failed] == ["LaunchTemplate"]
    shown = [text for view in lines.views for text in view.events]
    assert sum("LaunchTemplate" in text and "limit reached" in text for text in shown) == 1
    assert len(shown) == len(STORY) + 1


def test_boot_log_lines_come_as_they_are_printed_each_once(clock: FakeClock) -> None:
    logs = FakeLogs(output=("one", "two", "three"))
    lines = Lines()
    watch_creation(ScriptedStacks([MAKING, MAKING, DONE], STORY), NAME, clock=clock, reporter=lines, logs=logs)
    assert [view.log_lines for view in lines.views] == [("one", "two"), ("three",), ()]
    assert lines.over == 1


def test_a_boot_log_that_may_not_be_read_is_said_once_and_the_wait_goes_on(clock: FakeClock) -> None:
    class Denied(FakeLogs):
        def following(
            self, cluster: str, instance_id: str, position: LogPosition
        ) -> tuple[tuple[str, ...], LogPosition]:
            raise AccessDenied("logs:GetLogEvents was denied")

    lines = Lines()
    stacks = ScriptedStacks([MAKING, MAKING, DONE], STORY)
    assert watch_creation(stacks, NAME, clock=clock, reporter=lines, logs=Denied()).succeeded
    assert lines.warnings == ["The boot log is not shown: logs:GetLogEvents was denied"]


def test_elapsed_counts_from_the_stack_s_beginning_and_history_is_handed_on(clock: FakeClock) -> None:
    clock.time = 600
    lines = Lines()
    expected = History(900, {"head node boots": 300}, 4)
    watch_creation(ScriptedStacks([MAKING, DONE], STORY), NAME, clock=clock, reporter=lines, expected=expected)
    assert (lines.views[0].elapsed, lines.views[0].expected) == (600, 900)
    assert lines.views[0].phases[-1].expected == 300


def test_the_time_of_a_creation_is_that_of_its_events(clock: FakeClock) -> None:
    progress = Progress()
    progress.add(STORY, NAME)
    assert Ended(DONE, progress).seconds(clock.now()) == 22 + 71
    assert Ended(Stack(NAME, "arn", "CREATE_COMPLETE"), progress).seconds(clock.now()) is None
