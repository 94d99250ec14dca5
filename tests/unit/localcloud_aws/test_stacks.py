"""Stacks that are looked for while others come and go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend

from daylily_ec.localcloud.patches.cloudformation import engine, stacks


class Restless:
    """A stack at every look at which another one is made and another one is deleted."""

    def __init__(self, backend: Any, number: int) -> None:
        self.backend, self.stack_id, self.number = backend, f"id-{number}", number

    @property
    def name(self) -> str:
        count = len(self.backend.stacks) + len(self.backend.deleted_stacks)
        self.backend.stacks[f"new-{count}"] = self.backend.deleted_stacks[f"old-{count}"] = self
        return f"name-{self.number}"


@pytest.fixture
def describe(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(CloudFormationBackend, "describe_stacks", CloudFormationBackend.describe_stacks)
    stacks.install()
    backend = SimpleNamespace(stacks={}, deleted_stacks={})
    backend.stacks |= {f"id-{number}": Restless(backend, number) for number in range(3)}
    backend.deleted_stacks["id-9"] = Restless(backend, 9)
    look: Any = CloudFormationBackend.describe_stacks
    return lambda wanted: [one.number for one in look(backend, wanted)]


@pytest.mark.parametrize(("wanted", "found"), [("name-2", [2]), ("id-1", [1]), ("id-9", [9]), ("", [0, 1, 2])])
def test_a_stack_is_found_while_others_come_and_go(describe: Any, wanted: str, found: list[int]) -> None:
    assert describe(wanted) == found


def test_a_deleted_stack_has_lost_its_name(describe: Any) -> None:
    with pytest.raises(ValidationError):
        describe("name-9")


def test_a_new_stack_is_in_progress_from_the_moment_it_can_be_seen() -> None:
    seen = []

    class Watched(dict[str, Any]):
        def __setitem__(self, key: str, stack: Any) -> None:
            seen.append(stack.status)

    backend: Any = CloudFormationBackend("us-west-2", "123456789012")
    backend.stacks = Watched()
    template = '{"Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}'
    engine.register(backend, "one", template, {}, tags={})
    assert seen == ["CREATE_IN_PROGRESS"]
