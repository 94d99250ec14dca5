"""The heartbeat and the notice at the end of a cluster's time: wanted, repaired, removed, and never fatal."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daylily_ec.aws.context import Identity
from daylily_ec.aws.scheduler import Schedule, token
from daylily_ec.errors import AccessDenied, CredentialsExpired
from daylily_ec.plan.steps import Action, Bindings
from daylily_ec.workflow.ensure_heartbeat import at_expression, expiry, heartbeat_text, remove_heartbeat, ttl_text
from daylily_ec.workflow.ensure_steps import attempt, heartbeat_record, heartbeat_steps, plan_leniently
from daylily_ec.workflow.services import Services
from tests.conftest import FakeClock
from tests.unit.ensure.fakes import ACCOUNT, FakeIamWrites, FakeSchedules, FakeTopics, Lines, Listing, refused
from tests.unit.fsx.fakes import Faults, Faulty, Killed
from tests.unit.workflow_create.fakes import ZONE, config

CREATED = "2026-02-11T14:00:00Z"
TOPIC = f"arn:aws:sns:us-west-2:{ACCOUNT}:daylily-majors-heartbeat"
NAME = "daylily-majors-heartbeat"
TTL = "daylily-majors-ttl"


class Scene:
    """Services in memory, each seen through the same faults."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.topics, self.schedules, self.writes = FakeTopics(), FakeSchedules(), FakeIamWrites()
        self.lines, self.bindings = Lines(), Bindings()

    def services(self, faults: Faults | None = None) -> Services:
        def seen(target: Any) -> Any:
            return Faulty(target, faults) if faults else target

        identity = Identity(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann")
        context = SimpleNamespace(identity=lambda: identity, region="us-west-2")
        return cast("Services", SimpleNamespace(
            context=context, clock=self.clock, topics=seen(self.topics), schedules=seen(self.schedules),
            iam=Listing(self.writes), iam_writes=seen(self.writes),
        ))  # fmt: skip

    def run(self, faults: Faults | None = None, run_id: str = "r1", **values: str) -> tuple[str, ...]:
        self.bindings = Bindings()
        settings = config(**{"ttl_hours": "48", **values})
        steps = heartbeat_steps(self.services(faults), settings, ZONE, run_id, CREATED)
        return attempt(steps, self.bindings, self.lines, self.lines)

    def check_whole(self) -> None:
        assert self.topics.kept == {TOPIC: ["ops@example.org"]}
        role = f"arn:aws:iam::{ACCOUNT}:role/eventbridge-scheduler-to-sns"
        assert self.schedules.kept[NAME] == Schedule(
            NAME, "rate(60 minutes)", TOPIC, role, heartbeat_text("majors", ZONE)
        )
        assert self.schedules.kept[TTL] == Schedule(
            TTL, "at(2026-02-13T14:00:00)", TOPIC, role, ttl_text("majors", ZONE, 48), once=True
        )


@pytest.fixture
def scene(clock: FakeClock) -> Scene:
    return Scene(clock)


def test_everything_is_made_with_the_contract_s_names_and_recorded(scene: Scene) -> None:
    assert scene.run() == ()
    scene.check_whole()
    assert heartbeat_record(scene.bindings) == {
        "heartbeat_topic_arn": TOPIC, "heartbeat_schedule_name": NAME, "ttl_schedule_name": TTL,
        "heartbeat_role_arn": f"arn:aws:iam::{ACCOUNT}:role/eventbridge-scheduler-to-sns",
    }  # fmt: skip


def test_a_second_run_changes_nothing_and_sends_no_second_confirmation_mail(scene: Scene) -> None:
    scene.run()
    writes = list(scene.writes.writes)
    scene.run(run_id="r2")
    assert (scene.writes.writes, scene.topics.mails, scene.schedules.updates) == (writes, 1, 0)


def test_another_expression_address_or_a_disabled_schedule_is_repaired(scene: Scene) -> None:
    scene.run(heartbeat_schedule="rate(6 hours)", heartbeat_email="old@example.org")
    scene.schedules.kept[TTL] = replace(scene.schedules.kept[TTL], expression="")
    scene.run()
    assert scene.topics.kept[TOPIC] == ["old@example.org", "ops@example.org"]
    assert scene.schedules.updates == 2
    assert scene.schedules.kept[NAME].expression == "rate(60 minutes)"
    assert scene.schedules.kept[TTL].expression == "at(2026-02-13T14:00:00)"


@pytest.mark.weakness("W-43")
def test_the_mail_tells_when_it_was_sent_and_where_to_look() -> None:
    text = heartbeat_text("majors", ZONE)
    attributes = set(re.findall(r"<aws\.scheduler\.[a-z-]+>", text))
    assert attributes == {f"<aws.scheduler.{name}>" for name in (
        "scheduled-time", "schedule-arn", "execution-id", "attempt-number"
    )}  # fmt: skip
    for place in ("dyec cluster describe --region us-west-2 --cluster majors",
                  "dyec delete --region us-west-2 --cluster majors", "da-us-west-2d-majors",
                  "https://us-west-2.console.aws.amazon.com/cloudformation"):  # fmt: skip
        assert place in text
    assert "48 hours" in ttl_text("majors", ZONE, 48)


def test_the_time_to_live_counts_from_the_cluster_s_creation() -> None:
    assert at_expression(expiry(CREATED, 2)) == "at(2026-02-11T16:00:00)"
    assert expiry("2026-02-11T14:00:00+00:00", 1) == datetime(2026, 2, 11, 15, tzinfo=UTC)


def test_a_time_to_live_that_is_over_is_not_scheduled(scene: Scene) -> None:
    scene.clock.time = 3 * 86400
    assert scene.run() == ()
    assert TTL not in scene.schedules.kept


def test_without_ttl_hours_there_is_no_notice(scene: Scene) -> None:
    scene.run(ttl_hours="")
    assert list(scene.schedules.kept) == [NAME]


def test_a_role_made_just_now_is_waited_for(scene: Scene) -> None:
    scene.schedules.young_role = 3
    assert scene.run() == ()
    scene.check_whole()
    assert scene.clock.time >= 15


def test_a_role_that_never_works_becomes_a_warning_within_its_time(scene: Scene) -> None:
    scene.schedules.young_role = 10_000
    warnings = scene.run()
    assert [text.split(" ")[0] for text in warnings] == ["heartbeat-schedule", "ttl-notice"]
    assert scene.clock.time < 200


@pytest.mark.weakness("W-01")
def test_a_failure_is_a_warning_that_is_reported_and_journalled(scene: Scene) -> None:
    warnings = scene.run(Faults(2, error=AccessDenied("iam:GetRole was denied.", hint="Have it allowed.")))
    assert warnings[0] == "scheduler-role was not made: iam:GetRole was denied. Have it allowed."
    assert warnings[1:] == tuple(
        f"{name} was not made: it needs scheduler-role." for name in ("heartbeat-schedule", "ttl-notice")
    )
    assert scene.lines.warnings == list(warnings)
    assert [line["text"] for line in scene.lines.events if line["event"] == "warning"] == list(warnings)
    assert heartbeat_record(scene.bindings)["heartbeat_schedule_name"] == ""
    assert scene.topics.kept == {TOPIC: ["ops@example.org"]}
    assert scene.run() == ()
    scene.check_whole()


def test_lost_credentials_end_the_run_instead_of_warning_five_times(scene: Scene) -> None:
    with pytest.raises(CredentialsExpired):
        scene.run(Faults(2, error=CredentialsExpired("over")))


@pytest.mark.weakness("W-01")
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_call_the_next_run_makes_it_whole(clock: FakeClock, after: bool) -> None:
    counting = Faults()
    Scene(clock).run(counting)
    assert len(counting.names) > 10
    for at in range(1, len(counting.names) + 1):
        scene = Scene(clock)
        with pytest.raises(Killed):
            scene.run(Faults(at, after=after))
        assert scene.run() == ()
        scene.check_whole()


def test_a_plan_shows_the_steps_and_what_cannot_be_read(scene: Scene) -> None:
    services = scene.services(Faults(2, error=AccessDenied("no iam:GetRole")))
    steps = heartbeat_steps(services, config(ttl_hours="48"), ZONE, "r1")
    plan = {one.name: one for one in plan_leniently(steps, Bindings())}
    assert plan["scheduler-role"].detail == "not made: no iam:GetRole"
    assert plan["heartbeat-schedule"].action is Action.CREATE
    assert plan["heartbeat-schedule"].waits_for == ("heartbeat-topic", "scheduler-role")
    assert "at(2026-02-13T14:37:22)" in plan["ttl-notice"].description
    assert scene.topics.kept == {}


def test_the_client_token_repeats_within_a_run_and_differs_for_the_next_cluster() -> None:
    schedule = Schedule("n", "rate(1 hour)", "t", "r", "m")
    assert token(schedule, "r1") == token(replace(schedule), "r1")
    assert len({token(schedule, "r1"), token(schedule, "r2"), token(replace(schedule, message="x"), "r1")}) == 3
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", token(schedule, "r1"))


def test_removal_takes_everything_and_may_be_repeated(scene: Scene) -> None:
    scene.run()
    for _ in range(2):
        assert remove_heartbeat(scene.topics, scene.schedules, "majors") == ()
    assert (scene.topics.kept, scene.schedules.kept) == ({}, {})


def test_a_removal_that_fails_is_named_and_does_not_stop_the_others(scene: Scene) -> None:
    scene.run()
    faulty = Faulty(scene.schedules, Faults(1, error=refused("InternalServerException")))
    (warning,) = remove_heartbeat(scene.topics, faulty, "majors")
    assert warning.startswith(f"schedule {NAME} was not removed")
    assert scene.topics.kept == {}
    assert list(scene.schedules.kept) == [NAME]
