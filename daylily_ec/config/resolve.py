"""From file, flags, answers and environment to one checked configuration, or to everything that is wrong with it.

Precedence: flag > answer > file (set value, else the file's default) > environment > built-in default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from daylily_ec.config.models import KEYS, ClusterConfig, Key, Origin
from daylily_ec.config.settings import auto_select_disabled
from daylily_ec.config.triplets import TripletFile
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import InvalidValue

_STORAGE_KEYS = ("reference_s3_uri", "control_data_s3_uri", "stage_s3_uri", "export_destination_s3_uri")


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask a person: an empty answer takes `default`."""

    key: str
    meaning: str
    default: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """One value that breaks its rule."""

    key: str
    value: str
    rule: str
    origin: Origin

    def __str__(self) -> str:
        return f"{self.key} {self.value!r} (from {self.origin}): {self.rule}"


@dataclass(frozen=True, slots=True)
class Effective:
    """The text of a key and where it came from."""

    text: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Resolution:
    """`values` when nothing is missing or wrong; `questions` suit a terminal, `missing` must be answered."""

    values: ClusterConfig | None
    missing: tuple[Question, ...]
    problems: tuple[Problem, ...]
    questions: tuple[Question, ...]
    effective: Mapping[str, Effective]


def resolve(
    file: TripletFile,
    overrides: Mapping[str, str],
    env: Mapping[str, str],
    answers: Mapping[str, str] | None = None,
) -> Resolution:
    """The effective configuration; asks nobody and reads nothing."""
    auto_select = not auto_select_disabled(env)
    given = {Origin.FLAG: overrides, Origin.ANSWER: answers or {}}
    effective = {key.name: _effective(key, file, given, env, auto_select) for key in KEYS}
    questions = tuple(
        _question(key, effective[key.name]) for key in KEYS if _ask(key, file, given, auto_select, effective)
    )
    missing = tuple(question for question in questions if question.required and not effective[question.key].text)
    parsed, problems = _parse(effective)
    problems += _overlaps(parsed, effective)
    values = None if missing or problems else _config(parsed, effective)
    return Resolution(values, missing, tuple(problems), questions, effective)


def _effective(
    key: Key, file: TripletFile, given: Mapping[Origin, Mapping[str, str]], env: Mapping[str, str], auto_select: bool
) -> Effective:
    for origin, values in given.items():
        if values.get(key.name):
            return Effective(values[key.name], origin)
    triplet = file.triplets.get(key.name)
    if triplet is not None and triplet.applies(auto_select=auto_select):
        return Effective(triplet.set_value, Origin.FILE)
    if file.default(key.name):
        return Effective(file.default(key.name), Origin.FILE)
    named = next((env[name] for name in key.environment if env.get(name)), "")
    return Effective(named, Origin.ENVIRONMENT) if named else Effective(key.default, Origin.DEFAULT)


def _ask(
    key: Key,
    file: TripletFile,
    given: Mapping[Origin, Mapping[str, str]],
    auto_select: bool,
    effective: Mapping[str, Effective],
) -> bool:
    if key.required and not effective[key.name].text:
        return True
    # With every value at hand nobody is asked; DAY_DISABLE_AUTO_SELECT wants each of the file's keys confirmed.
    asked = auto_select or key.discovered or any(key.name in values for values in given.values())
    return not asked and key.name in file.triplets


def _question(key: Key, effective: Effective) -> Question:
    return Question(key.name, key.meaning, effective.text, key.choices, key.required)


def _parse(effective: Mapping[str, Effective]) -> tuple[dict[str, Any], list[Problem]]:
    parsed: dict[str, Any] = {}
    problems: list[Problem] = []
    for key in KEYS:
        value = effective[key.name]
        try:
            parsed[key.name] = key.parse(value.text) if value.text else None
        except InvalidValue as error:
            problems.append(Problem(key.name, value.text, str(error.details["rule"]), value.origin))
        except ValueError as error:
            problems.append(Problem(key.name, value.text, str(error), value.origin))
    return parsed, problems


def _overlaps(parsed: Mapping[str, Any], effective: Mapping[str, Effective]) -> list[Problem]:
    places = [(name, parsed[name]) for name in _STORAGE_KEYS if isinstance(parsed.get(name), S3Prefix)]
    return [
        Problem(second, effective[second].text, f"overlaps {first} {one}; the four roles must lie apart",
                effective[second].origin)
        for (first, one), (second, other) in combinations(places, 2)
        if one.overlaps(other)
    ]  # fmt: skip


def _config(parsed: dict[str, Any], effective: Mapping[str, Effective]) -> ClusterConfig:
    origins = {name: value.origin for name, value in effective.items()}
    texts = {name: value.text for name, value in effective.items()}
    if parsed["heartbeat_email"] is None:
        parsed = {**parsed, "heartbeat_email": parsed["budget_email"]}
        origins["heartbeat_email"], texts["heartbeat_email"] = origins["budget_email"], texts["budget_email"]
    return ClusterConfig(**parsed, origins=origins, texts=texts)
