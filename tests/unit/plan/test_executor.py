"""Plans are made from reads alone; execution writes before and after; a second execution finds the work done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from daylily_ec.domain.outcomes import Outcome
from daylily_ec.errors import AwsError
from daylily_ec.plan.executor import execute, make_plan
from daylily_ec.plan.steps import Action, Bindings, Observed, Output
from daylily_ec.util.progress import Silent

NET = Output("network", "subnet")


@dataclass
class World:
    """What exists."""

    things: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    broken: str = ""


@dataclass
class Make:
    """A step that makes one thing."""

    world: World
    name: str
    output: str = ""
    needs: tuple[Output, ...] = ()

    def describe(self, bindings: Bindings) -> str:
        return f"make {self.name} with {[bindings.show(need) for need in self.needs]}"

    def observe(self, bindings: Bindings) -> Observed:
        self.world.log.append(f"observe {self.name}")
        if self.name in self.world.things:
            return Observed(Action.UNCHANGED, "exists", {self.output: self.world.things[self.name]})
        return Observed(Action.CREATE)

    def is_done(self, observed: Observed) -> bool:
        return observed.action is Action.UNCHANGED

    def apply(self, bindings: Bindings, observed: Observed) -> Mapping[str, str]:
        self.world.log.append(f"apply {self.name}")
        if self.world.broken == self.name:
            raise AwsError("no")
        self.world.things[self.name] = f"{self.name}-1"
        return {self.output: f"{self.name}-1"}


class Journal:
    """Keeps the events."""

    def __init__(self, world: World) -> None:
        self.world = world

    def append(self, event: str, step: str = "", **data: object) -> None:
        self.world.log.append(f"journal {event} {step}")


def steps(world: World) -> tuple[Make, ...]:
    return Make(world, "network", "subnet"), Make(world, "cluster", "id", (NET,))


def test_a_plan_changes_nothing_and_shows_where_values_will_come_from() -> None:
    world = World()
    network, cluster = make_plan(steps(world), Bindings())
    assert world.things == {}
    assert (network.action, cluster.action) == (Action.CREATE, Action.CREATE)
    assert cluster.description == "make cluster with ['<from network>']"
    assert cluster.waits_for == ("network",)


def test_known_outputs_are_shown_instead() -> None:
    world = World({"network": "subnet-7"})
    network, cluster = make_plan(steps(world), Bindings())
    assert network.action is Action.UNCHANGED
    assert cluster.description == "make cluster with ['subnet-7']"
    assert cluster.waits_for == ()


def test_each_step_is_observed_and_journalled_before_it_is_applied() -> None:
    world = World()
    results = execute(steps(world), Bindings(), Journal(world), Silent())
    assert world.log[:4] == ["observe network", "journal observed network", "journal apply network", "apply network"]
    assert world.log[4] == "journal applied network"
    assert [result.outcome for result in results] == [Outcome.CREATED, Outcome.CREATED]


def test_what_happened_since_the_plan_is_seen() -> None:
    world = World()
    make_plan(steps(world), Bindings())
    world.things["network"] = "by-somebody-else"
    bindings = Bindings()
    network, _ = execute(steps(world), bindings, Journal(world), Silent())
    assert network.outcome is Outcome.UNCHANGED
    assert bindings.require(NET) == "by-somebody-else"


def test_a_failed_step_is_journalled_and_the_next_run_goes_on_there() -> None:
    world = World(broken="cluster")
    with pytest.raises(AwsError):
        execute(steps(world), Bindings(), Journal(world), Silent())
    assert world.log[-1] == "journal failed cluster"
    world.broken, world.log = "", []
    results = execute(steps(world), Bindings(), Journal(world), Silent())
    assert "apply network" not in world.log
    assert [result.outcome for result in results] == [Outcome.UNCHANGED, Outcome.CREATED]


def test_a_step_without_its_inputs_is_a_defect_not_a_call() -> None:
    world = World()
    with pytest.raises(LookupError, match="network"):
        execute(steps(world)[1:], Bindings(), Journal(world), Silent())
    assert "apply cluster" not in world.log
