"""Makes plans and carries them out, with a journal line before and after each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from daylily_ec.domain.outcomes import Outcome
from daylily_ec.plan.steps import Action, Bindings, Step
from daylily_ec.util.progress import Reporter


class JournalSink(Protocol):
    """Where the story of a run goes."""

    def append(self, event: str, step: str = "", **data: object) -> None:
        """Make one line durable."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step as a plan shows it; `waits_for` names the steps whose outputs it needs and that are not done yet."""

    name: str
    action: Action
    description: str
    detail: str = ""
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of a step."""

    name: str
    outcome: Outcome
    outputs: Mapping[str, str]


def make_plan(steps: tuple[Step, ...], bindings: Bindings) -> tuple[PlannedStep, ...]:
    """Observe every step in order; outputs that exist already are added to `bindings`."""
    planned = []
    for step in steps:
        observed = step.observe(bindings)
        bindings.add(step.name, observed.outputs)
        waits = tuple(dict.fromkeys(need.step for need in step.needs if bindings.get(need) is None))
        planned.append(PlannedStep(step.name, observed.action, step.describe(bindings), observed.detail, waits))
    return tuple(planned)


def execute(
    steps: tuple[Step, ...], bindings: Bindings, journal: JournalSink, reporter: Reporter
) -> tuple[StepResult, ...]:
    """Carry the steps out in order; each observes again just before it applies.

    A step that fails leaves a `failed` line and its error; running the plan again finds the finished steps done.
    """
    return tuple(_execute(step, bindings, journal, reporter) for step in steps)


def _execute(step: Step, bindings: Bindings, journal: JournalSink, reporter: Reporter) -> StepResult:
    observed = step.observe(bindings)
    journal.append("observed", step.name, action=observed.action.value, detail=observed.detail)
    if step.is_done(observed):
        return _finish(step, observed.action, observed.outputs, bindings, reporter)
    for need in step.needs:
        bindings.require(need)
    reporter.step(step.describe(bindings))
    journal.append("apply", step.name)
    try:
        outputs = step.apply(bindings, observed)
    except BaseException as error:
        journal.append("failed", step.name, error=f"{type(error).__name__}: {error}")
        raise
    journal.append("applied", step.name, outputs=dict(outputs))
    return _finish(step, observed.action, outputs, bindings, reporter)


def _finish(
    step: Step, action: Action, outputs: Mapping[str, str], bindings: Bindings, reporter: Reporter
) -> StepResult:
    bindings.add(step.name, outputs)
    reporter.note(f"{step.name}: {action.outcome.value}")
    return StepResult(step.name, action.outcome, dict(outputs))
