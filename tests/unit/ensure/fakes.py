"""Budgets, IAM, SNS, Scheduler and one S3 object in memory, with the services' own rules about repeated calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from daylily_ec.aws.budgets import Budget
from daylily_ec.aws.heartbeat import topic_arn
from daylily_ec.aws.iam_writes import Document, Role
from daylily_ec.aws.s3 import ObjectText
from daylily_ec.aws.scheduler import Schedule, token
from daylily_ec.config.policies import Place
from daylily_ec.errors import AwsError
from tests.unit.workflow_create.fakes import FakeS3

ACCOUNT = "123456789012"
PLACE = Place("aws", "us-west-2", ACCOUNT)


def refused(code: str, message: str = "") -> AwsError:
    """An error as AWS gives it."""
    return AwsError(f"{code}: {message}", details={"aws_code": code, "aws_message": message})


class FakeBudgets:
    """Budgets by name; a budget has at least one subscriber per alert and no duplicates."""

    def __init__(self) -> None:
        self.kept: dict[str, Budget] = {}
        self.subscribers: dict[str, dict[float, list[str]]] = {}
        self.writes: list[str] = []

    def find(self, name: str) -> Budget | None:
        return self.kept.get(name)

    def every(self) -> tuple[Budget, ...]:
        return tuple(self.kept.values())

    def create(self, budget: Budget, thresholds: Sequence[int], email: str) -> bool:
        if budget.name in self.kept:
            return False
        self.writes.append("create")
        self.kept[budget.name] = budget
        self.subscribers[budget.name] = {float(threshold): [email] for threshold in thresholds}
        return True

    def update(self, budget: Budget) -> None:
        self.writes.append("update")
        self.kept[budget.name] = budget

    def alerts(self, name: str) -> dict[float, tuple[str, ...]]:
        return {threshold: tuple(addresses) for threshold, addresses in self.subscribers[name].items()}

    def add_alert(self, name: str, threshold: float, email: str) -> None:
        self.writes.append("add_alert")
        self.subscribers[name].setdefault(float(threshold), [email])

    def add_subscriber(self, name: str, threshold: float, email: str) -> None:
        self.writes.append("add_subscriber")
        known = self.subscribers[name][threshold]
        if email not in known:
            known.append(email)

    def remove_subscriber(self, name: str, threshold: float, email: str) -> None:
        self.writes.append("remove_subscriber")
        known = self.subscribers[name][threshold]
        if email in known:
            assert len(known) > 1, "an alert without a subscriber"
            known.remove(email)


class FakeIamWrites:
    """Policies and roles by name."""

    def __init__(self) -> None:
        self.policies: dict[str, Document] = {}
        self.roles: dict[str, Role] = {}
        self.inlines: dict[tuple[str, str], Document] = {}
        self.tags: dict[str, Mapping[str, str]] = {}
        self.writes: list[str] = []

    def create_policy(self, name: str, document: Document, tags: Mapping[str, str]) -> str | None:
        if name in self.policies:
            return None
        self.writes.append(f"create_policy {name}")
        self.policies[name], self.tags[name] = document, tags
        return f"arn:aws:iam::{ACCOUNT}:policy/{name}"

    def role(self, name: str) -> Role | None:
        return self.roles.get(name)

    def create_role(self, name: str, trust: Document, tags: Mapping[str, str]) -> str | None:
        if name in self.roles:
            return None
        self.writes.append(f"create_role {name}")
        self.roles[name] = Role(f"arn:aws:iam::{ACCOUNT}:role/{name}", name, trust)
        self.tags[name] = tags
        return self.roles[name].arn

    def inline(self, role: str, policy: str) -> Document | None:
        return self.inlines.get((role, policy))

    def put_inline(self, role: str, policy: str, document: Document) -> None:
        self.writes.append(f"put_inline {role}")
        self.inlines[role, policy] = document


@dataclass
class Listing:
    """`IamApi.local_policies` over the policies that were written."""

    writes: FakeIamWrites
    refused_actions: tuple[Any, ...] = ()

    def local_policies(self, name: str) -> tuple[str, ...]:
        return (f"arn:aws:iam::{ACCOUNT}:policy/{name}",) if name in self.writes.policies else ()

    def denials(self, arn: str, actions: object, resources: object) -> tuple[Any, ...]:
        return self.refused_actions


class FakeTopics:
    """Topics and who listens to them."""

    def __init__(self) -> None:
        self.kept: dict[str, list[str]] = {}
        self.mails = 0

    def arn(self, cluster: str) -> str:
        return topic_arn("aws", "us-west-2", ACCOUNT, cluster)

    def exists(self, arn: str) -> bool:
        return arn in self.kept

    def create(self, name: str) -> str:
        arn = f"arn:aws:sns:us-west-2:{ACCOUNT}:{name}"
        self.kept.setdefault(arn, [])
        return arn

    def addresses(self, arn: str) -> tuple[str, ...]:
        return tuple(self.kept.get(arn, ()))

    def subscribe(self, arn: str, email: str) -> None:
        self.mails += 1
        if email not in self.kept[arn]:
            self.kept[arn].append(email)

    def delete(self, arn: str) -> None:
        self.kept.pop(arn, None)


@dataclass
class FakeSchedules:
    """Schedules by name; `young_role` calls are refused because IAM does not know the role everywhere yet."""

    kept: dict[str, Schedule] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    young_role: int = 0
    updates: int = 0

    def find(self, name: str) -> Schedule | None:
        return self.kept.get(name)

    def create(self, schedule: Schedule, run_id: str) -> bool:
        if self.young_role:
            self.young_role -= 1
            raise refused("ValidationException", "The execution role must allow Scheduler to assume the role.")
        if schedule.name in self.kept:
            return self.tokens[schedule.name] == token(schedule, run_id)
        self.kept[schedule.name], self.tokens[schedule.name] = schedule, token(schedule, run_id)
        return True

    def update(self, schedule: Schedule) -> None:
        self.updates += 1
        self.kept[schedule.name] = schedule

    def delete(self, name: str) -> None:
        self.kept.pop(name, None)


class OneObject(FakeS3):
    """One object with an ETag; `before_write` lets somebody else be faster."""

    def __init__(self, text: str | None = None) -> None:
        super().__init__()
        self.text, self.version = text, 0
        self.before_write: Callable[[OneObject], None] = lambda store: None
        self.read_error: Exception | None = None
        self.key = ""

    def read_text(self, bucket: str, key: str) -> ObjectText | None:
        self.key = f"{bucket}/{key}"
        if self.read_error is not None:
            raise self.read_error
        return None if self.text is None else ObjectText(self.text, f"v{self.version}")

    def put_if_absent(self, bucket: str, key: str, body: bytes) -> bool:
        self.before_write(self)
        if self.text is not None:
            return False
        self.replace(body.decode())
        return True

    def put_if_match(self, bucket: str, key: str, body: bytes, etag: str) -> bool:
        self.before_write(self)
        if self.text is None or etag != f"v{self.version}":
            return False
        self.replace(body.decode())
        return True

    def replace(self, text: str) -> None:
        """Whoever it is, writes."""
        self.text, self.version = text, self.version + 1

    def upload(self, path: Path, bucket: str, key: str) -> None:
        raise AssertionError("an unconditional write")


@dataclass
class Lines:
    """A journal and a reporter that keep what they are told."""

    events: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def append(self, event: str, step: str = "", **data: object) -> None:
        self.events.append({"event": event, "step": step, **data})

    def step(self, text: str) -> None:
        self.events.append({"event": "step", "text": text})

    def note(self, text: str) -> None:
        self.events.append({"event": "note", "text": text})

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def watching(self, creation: object) -> None:
        raise AssertionError("nothing here is watched")

    def settled(self) -> None:
        raise AssertionError("nothing here is watched")

    def waiting(self, what: str, state: str, elapsed: float, expected: float | None = None) -> None:
        raise AssertionError("nothing here waits long")


def renamed(budget: Budget, **changes: Any) -> Budget:
    """A budget with other values."""
    return replace(budget, **changes)
