"""What a step of a plan is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from daylily_ec.domain.outcomes import Outcome


class Action(StrEnum):
    """What a step would do."""

    CREATE = "CREATE"
    ADOPT = "ADOPT"
    UPDATE = "UPDATE"
    UNCHANGED = "UNCHANGED"

    @property
    def outcome(self) -> Outcome:
        """What the step will have done."""
        return _OUTCOMES[self]


_OUTCOMES = {
    Action.CREATE: Outcome.CREATED,
    Action.ADOPT: Outcome.ADOPTED,
    Action.UPDATE: Outcome.UPDATED,
    Action.UNCHANGED: Outcome.UNCHANGED,
}


@dataclass(frozen=True, slots=True)
class Output:
    """A value that the step `step` will produce under `name`."""

    step: str
    name: str

    def __str__(self) -> str:
        return f"<from {self.step}>"


@dataclass(frozen=True, slots=True)
class Observed:
    """What a step found: what it would do, why in a few words, and the outputs that are known already."""

    action: Action
    detail: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)


class Bindings:
    """Outputs of earlier steps that are known so far."""

    def __init__(self) -> None:
        self._known: dict[Output, str] = {}

    def add(self, step: str, outputs: Mapping[str, str]) -> None:
        """Record what `step` produced."""
        self._known.update({Output(step, name): value for name, value in outputs.items()})

    def get(self, output: Output) -> str | None:
        """The value, None while it is unknown."""
        return self._known.get(output)

    def require(self, output: Output) -> str:
        """The value; a missing one is a defect of the plan."""
        if output not in self._known:
            raise LookupError(f"step {output.step} has not produced {output.name}")
        return self._known[output]

    def show(self, output: Output) -> str:
        """The value, or `<from step>`."""
        return self._known.get(output, str(output))


class Step(Protocol):
    """One change.  `observe` uses read-only calls; `apply` may be repeated after a crash at any point."""

    @property
    def name(self) -> str:
        """Short and unique within the plan."""

    @property
    def needs(self) -> tuple[Output, ...]:
        """Outputs without which the step cannot be applied."""

    def describe(self, bindings: Bindings) -> str:
        """What would be made, in one line."""

    def observe(self, bindings: Bindings) -> Observed:
        """What exists now."""

    def is_done(self, observed: Observed) -> bool:
        """Whether nothing is left to do."""

    def apply(self, bindings: Bindings, observed: Observed) -> Mapping[str, str]:
        """Do it and return the step's outputs."""
