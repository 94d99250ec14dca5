"""What a cluster's stack events tell: phases with their times, resources, failures.  Nested stacks count too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from daylily_ec.aws.cloudformation import StackEvent
from daylily_ec.util.progress import PhaseView

_STACK = "AWS::CloudFormation::Stack"


class Phase(StrEnum):
    """The parts of a creation, in the order in which they begin."""

    FOUNDATION = "network, roles, tables"
    FILE_SYSTEM = "file system"
    ASSOCIATIONS = "data repository associations"
    HEAD_NODE = "head node instance"
    BOOT = "head node boots"


_BY_TYPE = {
    "AWS::FSx::FileSystem": Phase.FILE_SYSTEM,
    "AWS::FSx::DataRepositoryAssociation": Phase.ASSOCIATIONS,
    "AWS::CloudFormation::WaitCondition": Phase.BOOT,
}


def phase_of(event: StackEvent) -> Phase:
    """Where the resource of an event belongs."""
    if event.resource == "HeadNode":
        return Phase.HEAD_NODE
    if event.resource.startswith("HeadNodeWaitCondition"):
        return Phase.BOOT
    return _BY_TYPE.get(event.resource_type, Phase.FOUNDATION)


@dataclass(slots=True)
class Course:
    """One phase so far: first and last event, and the resources that are still being made."""

    begin: datetime
    end: datetime
    making: set[str] = field(default_factory=set)
    failed: bool = False

    def seconds(self, now: datetime) -> float:
        """How long it has taken; `now` counts while something is being made."""
        return max(((now if self.making else self.end) - self.begin).total_seconds(), 0.0)


@dataclass(slots=True)
class Progress:
    """Everything the events have told so far."""

    head_node: str = ""
    last_seen: dict[str, str] = field(default_factory=dict)
    nested: list[str] = field(default_factory=list)
    status: dict[str, str] = field(default_factory=dict)
    events: list[StackEvent] = field(default_factory=list)
    failed: list[StackEvent] = field(default_factory=list)
    courses: dict[Phase, Course] = field(default_factory=dict)

    def add(self, events: Iterable[StackEvent], stack: str = "") -> None:
        """Take in new events of a stack (its name or id), oldest first."""
        for event in events:
            self.last_seen[stack] = event.event_id
            self.events.append(event)
            self._note(event, stack)

    def _note(self, event: StackEvent, stack: str) -> None:
        about_itself = event.resource_type == _STACK and event.resource in stack.split(":")[-1].split("/")
        if not about_itself:
            self.status[f"{stack} {event.resource}"] = event.status
            self._follow(event, f"{stack} {event.resource}")
        if event.resource == "HeadNode" and event.physical_id.startswith("i-"):
            self.head_node = event.physical_id
        if event.resource_type == _STACK and not about_itself and event.physical_id.startswith("arn:"):
            self.nested += [event.physical_id] if event.physical_id not in self.nested else []
        if event.is_failure and not about_itself:
            self.failed.append(event)

    def _follow(self, event: StackEvent, key: str) -> None:
        if not event.status.startswith("CREATE_"):
            return
        at = datetime.fromisoformat(event.at)
        course = self.courses.setdefault(phase_of(event), Course(at, at))
        course.begin, course.end = min(course.begin, at), max(course.end, at)
        course.failed = course.failed or event.is_failure
        (course.making.add if event.status == "CREATE_IN_PROGRESS" else course.making.discard)(key)

    @property
    def ready(self) -> int:
        """How many resources are complete."""
        return sum(status == "CREATE_COMPLETE" for status in self.status.values())

    @property
    def phase(self) -> str:
        """What is being made now, in words."""
        making = [phase for phase in reversed(Phase) if (course := self.courses.get(phase)) and course.making]
        counted = f"{self.ready} resources ready"
        return f"{making[0]} ({counted})" if making else counted

    def seconds(self, now: datetime) -> dict[str, float]:
        """How long each phase that has begun took."""
        return {phase.value: course.seconds(now) for phase, course in self.courses.items()}

    def views(self, now: datetime, expected: Mapping[str, float]) -> tuple[PhaseView, ...]:
        """Every phase as people see it."""
        return tuple(self._view(phase, now, expected.get(phase.value)) for phase in Phase)

    def _view(self, phase: Phase, now: datetime, expected: float | None) -> PhaseView:
        course = self.courses.get(phase)
        if course is None:
            return PhaseView(phase.value, "waiting", None, expected)
        state = "failed" if course.failed else "running" if course.making else "done"
        return PhaseView(phase.value, state, course.seconds(now), expected)
