"""Stand-ins for CloudFormation, the boot logs and the pcluster program."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from daylily_ec.aws.boot import BootLog, LogPosition
from daylily_ec.aws.cloudformation import Stack, StackEvent, StackRequest
from daylily_ec.domain.ids import ClusterName
from daylily_ec.pcluster.runner import CreationFailure, ValidationMessage
from daylily_ec.util.proc import Finished

NAME = ClusterName("majors")


def event(
    number: int, resource: str, status: str, reason: str = "", physical: str = "", kind: str = "T", at: int = 0
) -> StackEvent:
    return StackEvent(
        str(number),
        f"2026-02-11T14:{37 + (22 + at) // 60:02d}:{(22 + at) % 60:02d}Z",
        resource,
        kind,
        status,
        reason,
        physical,
    )


@dataclass
class ScriptedStacks:
    """Answers one poll after another; an answer that is an error is raised.  The last one repeats."""

    answers: list[Stack | Exception | None]
    history: list[StackEvent] = field(default_factory=list)
    nested: dict[str, list[StackEvent]] = field(default_factory=dict)
    created: list[StackRequest] = field(default_factory=list)
    polls: int = 0

    def find(self, name: str) -> Stack | None:
        answer = self.answers[min(self.polls, len(self.answers) - 1)]
        self.polls += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def create(self, request: StackRequest) -> str:
        self.created.append(request)
        return "arn:stack"

    def events(self, name: str, after: str = "") -> tuple[StackEvent, ...]:
        history = self.nested.get(name, self.history)
        known = [item.event_id for item in history]
        return tuple(history[known.index(after) + 1 :] if after in known else history)


@dataclass
class FakeLogs:
    logs: tuple[BootLog, ...] = ()
    output: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    def tails(self, cluster: str, instance_id: str, limit: int) -> tuple[BootLog, ...]:
        self.asked.append(instance_id)
        return self.logs

    def following(self, cluster: str, instance_id: str, position: LogPosition) -> tuple[tuple[str, ...], LogPosition]:
        told = int(position.token or 0)
        new = self.output[told : told + 2]
        return tuple(new), LogPosition("g", f"ip-1.{instance_id}.cloud-init-output", str(told + len(new)))


@dataclass
class FakePcluster:
    """Records what it is asked; `refusal` is raised by `create`."""

    known: tuple[CreationFailure, ...] = ()
    findings: tuple[ValidationMessage, ...] = ()
    refusal: Exception | None = None
    created: list[tuple[str, str, bool]] = field(default_factory=list)

    def version(self) -> str:
        return "3.13.2"

    def dry_run(self, name: ClusterName, config: Path) -> tuple[ValidationMessage, ...]:
        return self.findings

    def create(self, name: ClusterName, config: Path, *, rollback: bool) -> str:
        self.created.append((name, config.read_text(), rollback))
        if self.refusal:
            raise self.refusal
        return "arn:cluster"

    def failures(self, name: ClusterName) -> tuple[CreationFailure, ...]:
        return self.known

    def delete(self, name: ClusterName) -> str:
        return "DELETE_IN_PROGRESS"


@dataclass
class Program:
    """Plays the `pcluster` program: one prepared answer, and what it was called with."""

    stdout: object
    returncode: int = 0
    stderr: str = ""
    calls: list[tuple[list[str], Mapping[str, str]]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], *, timeout: float, env: Mapping[str, str]) -> Finished:
        self.calls.append((list(argv), env))
        text = self.stdout if isinstance(self.stdout, str) else json.dumps(self.stdout)
        return Finished(tuple(argv), self.returncode, text, self.stderr)
