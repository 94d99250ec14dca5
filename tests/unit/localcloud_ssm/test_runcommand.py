"""The life of commands, with a clock that never waits and threads that run when the test says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from daylily_ec.localcloud.seams import BootResult, CommandResult, NodeSpec
from daylily_ec.localcloud.ssm.answers import command_answer, invocation_answer
from daylily_ec.localcloud.ssm.commands import Command, Request, State, summary
from daylily_ec.localcloud.ssm.inventory import ManagedNode, Scope
from daylily_ec.localcloud.ssm.runcommand import RunCommand, Timing
from tests.conftest import FakeClock

SCOPE = Scope("123456789012", "us-west-2")
ONE, TWO = "i-00000000000000001", "i-00000000000000002"
OK = CommandResult("Success", 0, b"out", b"")


class Nodes:
    """A node manager that answers what it was told, and can be stopped while it runs."""

    def __init__(self) -> None:
        self.result = OK
        self.during: Callable[[str], None] = lambda _run_id: None
        self.runs: list[tuple[str, tuple[str, ...], float, str]] = []
        self.cancelled: list[str] = []
        self.reason: str | None = None

    def unavailable(self) -> str | None:
        return self.reason

    def boot(self, spec: NodeSpec, log: Callable[[str], None]) -> BootResult:
        return BootResult(True, "ready", 0)

    def run(self, instance_id: str, commands: tuple[str, ...], *, timeout: float, command_id: str) -> CommandResult:
        self.runs.append((instance_id, commands, timeout, command_id))
        self.during(command_id)
        return self.result

    def cancel(self, command_id: str) -> None:
        self.cancelled.append(command_id)

    def is_online(self, instance_id: str) -> bool:
        return True

    def terminate(self, instance_id: str) -> None:
        return None

    def path(self, file_system_id: str) -> Path:
        return Path("/nowhere")

    def remove(self, file_system_id: str) -> None:
        return None

    def close(self) -> None:
        return None


class Directory:
    """An inventory with fixed nodes; `online_after` seconds of the clock their agents answer."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.online_after = 0.0
        self.present = {ONE, TWO}

    def nodes(self, scope: Scope) -> list[ManagedNode]:
        now, online = self.clock.now(), self.clock.time >= self.online_after
        return [ManagedNode(item, online, "10.0.0.1", "ip-10-0-0-1", now, now) for item in sorted(self.present)]

    def find(self, scope: Scope, instance_id: str) -> ManagedNode | None:
        return next((node for node in self.nodes(scope) if node.instance_id == instance_id), None)


class World:
    """The service with everything it touches."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.manager = Nodes()
        self.directory = Directory(clock)
        self.objects: dict[str, bytes] = {}
        self.work: list[Callable[[], None]] = []
        self.answer: CommandResult | None = None
        self.service = RunCommand(
            self.manager,
            self.directory,
            self.put,
            timing=Timing(visible_after=0.2),
            clock=clock,
            spawn=self.work.append,
            answer=lambda: self.answer,
        )

    def put(self, account: str, bucket: str, key: str, content: bytes) -> bool:
        self.objects[f"{bucket}/{key}"] = content
        return bucket != "gone"

    def send(self, *instance_ids: str, delivery: int = 60, bucket: str = "") -> Command:
        request = Request(
            scope=SCOPE,
            instance_ids=instance_ids or (ONE,),
            commands=("true",),
            parameters={"commands": ["true"]},
            document="AWS-RunShellScript",
            document_version="$DEFAULT",
            delivery_timeout=delivery,
            execution_timeout=3600,
            bucket=bucket,
        )
        return self.service.send(request)

    def settle(self) -> None:
        while self.work:
            self.work.pop(0)()


@pytest.fixture
def world(clock: FakeClock) -> World:
    return World(clock)


def state(command: Command, instance_id: str = ONE) -> State:
    found = command.invocation(instance_id)
    assert found is not None
    return found.state


def words(command: Command) -> tuple[str, str, int]:
    seen = state(command)
    return seen.status, seen.details, seen.code


def test_pending_until_the_agent_takes_it(world: World) -> None:
    command = world.send()
    assert words(command) == ("Pending", "Pending", -1)
    world.settle()
    assert words(command) == ("Success", "Success", 0)
    assert world.manager.runs == [(ONE, ("true",), 3600.0, command.command_id)]


def test_in_progress_while_it_runs(world: World) -> None:
    seen: list[State] = []
    command = world.send()
    world.manager.during = lambda _run_id: seen.append(state(command))
    world.settle()
    assert [(item.status, item.code, item.ended) for item in seen] == [("InProgress", -1, None)]


def test_eventually_visible(world: World) -> None:
    command = world.send()
    assert not world.service.is_visible(command)
    assert world.service.visible(SCOPE) == []
    world.clock.sleep(0.2)
    assert world.service.visible(SCOPE) == [command]
    assert world.service.visible(Scope("123456789012", "eu-west-1")) == []
    assert world.service.get(Scope("999999999999", "us-west-2"), command.command_id) is None


def test_delivered_late(world: World) -> None:
    world.directory.online_after = 10
    command = world.send(delivery=60)
    world.settle()
    started = state(command).started
    assert words(command)[0] == "Success"
    assert started is not None
    assert timedelta(seconds=10) <= started - command.requested < timedelta(seconds=11)


def test_delivery_timeout(world: World) -> None:
    world.directory.online_after = 1000
    command = world.send(delivery=60)
    world.settle()
    assert words(command) == ("TimedOut", "DeliveryTimedOut", -1)
    assert 60 <= world.clock.time < 61
    assert world.manager.runs == []
    answer = command_answer(command)
    assert (answer["Status"], answer["DeliveryTimedOutCount"], answer["ErrorCount"]) == ("TimedOut", 1, 0)


def test_undeliverable_when_the_node_is_gone(world: World) -> None:
    command = world.send()
    world.directory.present.clear()
    world.settle()
    assert words(command) == ("Failed", "Undeliverable", -1)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (CommandResult("Failed", 3, b"", b""), ("Failed", "Failed", 3)),
        (CommandResult("TimedOut", -1, b"part", b""), ("TimedOut", "ExecutionTimedOut", 137)),
        (CommandResult("Undeliverable", 0, b"", b""), ("Failed", "Undeliverable", -1)),
    ],
)
def test_ends(world: World, result: CommandResult, expected: tuple[str, str, int]) -> None:
    world.manager.result = result
    command = world.send()
    world.settle()
    assert words(command) == expected


def test_output_of_a_stopped_command_is_not_shown_but_stored(world: World) -> None:
    world.manager.result = CommandResult("TimedOut", -1, b"part", b"")
    command = world.send(bucket="outputs")
    world.settle()
    answer = invocation_answer(command, command.invocations[0])
    assert answer["StandardOutputContent"] == ""
    assert list(world.objects.values()) == [b"part"]


def test_a_vanished_bucket_does_not_hurt_the_command(world: World) -> None:
    command = world.send(bucket="gone")
    world.settle()
    assert words(command)[0] == "Success"


def test_cancelled_before_delivery_never_runs(world: World) -> None:
    command = world.send()
    world.service.cancel(command, ())
    assert words(command) == ("Cancelled", "Cancelled", -1)
    world.settle()
    assert world.manager.runs == []
    assert words(command)[0] == "Cancelled"


def test_cancelled_while_delayed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.directory.online_after = 1000
    command = world.send()
    shown: list[str] = []

    def sleep(seconds: float) -> None:
        shown.append(state(command).status)
        world.service.cancel(command, ())
        world.clock.time += seconds

    monkeypatch.setattr(world.clock, "sleep", sleep)
    world.settle()
    assert shown == ["Delayed"]
    assert words(command) == ("Cancelled", "Cancelled", -1)
    assert world.manager.runs == []


def test_cancel_of_a_running_command_is_repeated_until_it_ends(world: World) -> None:
    command = world.send()
    shown: list[str] = []

    def during(run_id: str) -> None:
        world.service.cancel(command, ())
        shown.append(command_answer(command)["Status"])
        stop = world.work.pop()
        world.manager.cancel = lambda command_id: hear(command_id)  # type: ignore[method-assign]
        stop()

    def hear(command_id: str) -> None:
        world.manager.cancelled.append(command_id)
        if len(world.manager.cancelled) == 3:
            command.invocations[0].advance(State("Cancelled", "Cancelled", 137))

    world.manager.during = during
    world.manager.result = CommandResult("Cancelled", -1, b"", b"")
    world.settle()
    assert shown == ["Cancelling"]
    assert world.manager.cancelled == [command.command_id] * 3
    assert words(command) == ("Cancelled", "Cancelled", 137)


def test_a_command_that_ended_cannot_be_cancelled(world: World) -> None:
    command = world.send()
    world.settle()
    world.service.cancel(command, ())
    world.settle()
    assert words(command)[0] == "Success"
    assert world.manager.cancelled == []


def test_two_instances_run_and_are_cancelled_apart(world: World) -> None:
    command = world.send(ONE, TWO)
    world.service.cancel(command, (TWO,))
    world.settle()
    assert [item.status for item in command.states()] == ["Success", "Cancelled"]
    assert [run[3] for run in world.manager.runs] == [f"{command.command_id}.{ONE}"]
    answer = command_answer(command)
    assert (answer["Status"], answer["TargetCount"], answer["CompletedCount"]) == ("Cancelled", 2, 2)


def test_a_prepared_answer_is_given_without_running_anything(world: World) -> None:
    world.answer = CommandResult("Success", 0, b"ready\n", b"")
    command = world.send()
    world.settle()
    assert (state(command).status, state(command).stdout) == ("Success", b"ready\n")
    assert world.manager.runs == []


def test_without_sandbox(world: World) -> None:
    world.manager.reason = "bubblewrap is missing"
    command = world.send()
    world.settle()
    assert words(command) == ("Failed", "Failed", 1)
    assert b"bubblewrap is missing" in state(command).stderr
    assert world.manager.runs == []


def test_a_manager_that_breaks_fails_the_command(world: World) -> None:
    def broken(_run_id: str) -> None:
        raise OSError("no space left on device")

    world.manager.during = broken
    command = world.send()
    world.settle()
    assert words(command) == ("Failed", "Failed", 1)
    assert b"no space left on device" in state(command).stderr


def test_forget_cancels_what_waits(world: World) -> None:
    command = world.send()
    world.service.forget()
    world.settle()
    assert words(command)[0] == "Cancelled"
    assert world.service.get(SCOPE, command.command_id) is None


def test_an_agent_runs_five_commands_at_a_time(world: World) -> None:
    commands = [world.send() for _ in range(6)]
    sixth = world.work.pop()

    def nested(_run_id: str) -> None:
        if world.work:
            world.work.pop(0)()
        else:
            sixth()

    world.manager.during = nested
    world.work.pop(0)()
    assert [words(command)[:2] for command in commands[:5]] == [("Success", "Success")] * 5
    assert words(commands[5]) == ("TimedOut", "DeliveryTimedOut", -1)
    after = world.send()
    world.settle()
    assert words(after)[0] == "Success", "the workers are free again"


def test_total_timeout(world: World) -> None:
    command = world.send(delivery=60)
    assert command.expires - command.requested == timedelta(seconds=3660)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["Pending", "Delayed"], "Pending"),
        (["Success", "Pending"], "InProgress"),
        (["Cancelling", "Success"], "Cancelling"),
        (["Success", "Failed", "TimedOut"], "Failed"),
        (["Success", "Success"], "Success"),
    ],
)
def test_summary(states: list[str], expected: str) -> None:
    assert summary([State(item, item) for item in states])[0] == expected
