"""Editing the command line of a catalog entry without touching the words that stay.

The line is text for a shell.  Settings and targets belong to the engine's own call, which is the simple command with
`bin/day_run` or `dy-r` in it, else the last one.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daylily_ec.errors import InvalidValue

ENGINES = ("bin/day_run", "dy-r")
CONFIG = ("--config", "-C")
_PIECE = re.compile(
    r"""(?P<end>[;&|()\n]+)|[^\S\n]+|(?P<word>(?:[^\s;&|()'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)""", re.DOTALL
)

_SOURCED = re.compile(
    r"(?m)(?P<call>(?:^|[;&|])[^\S\n]*(?:source|\.)[^\S\n]+(?:\./)?dyoainit)\b(?P<words>[^;&|\n]*)(?P<end>;[^\S\n]*)?"
)


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    raw: str

    @property
    def value(self) -> str:
        return "".join(shlex.split(self.raw))


@dataclass(frozen=True, slots=True)
class _Settings:
    """One `--config` with its values."""

    option: _Word
    values: tuple[_Word, ...]

    @property
    def end(self) -> int:
        return (self.values or (self.option,))[-1].end


def with_settings(line: str, settings: Mapping[str, str]) -> str:
    """The line with `--config key=value …`: one option, because the engine heeds only the last one it sees.

    Settings that the line has already stay, in their order, unless `settings` has the same key.
    """
    if not settings:
        return line
    call = _engine_call(line)
    groups = _settings(call)
    new = [shlex.quote(f"{key}={value}") for key, value in settings.items()]
    if not groups:
        return f"{line[: call[-1].end]} --config {' '.join(new)}{line[call[-1].end :]}"
    kept = [word.raw for group in groups for word in group.values if word.value.partition("=")[0] not in settings]
    for group in reversed(groups[1:]):
        line = line[: group.option.start].rstrip(" ") + line[group.end :]
    first = groups[0]
    return f"{line[: first.option.end]} {' '.join([*kept, *new])}{line[first.end :]}"


def with_targets(line: str, targets: Sequence[str], after: Sequence[str]) -> str:
    """The line with the targets it does not have yet, behind the last of those in `after`."""
    call = _engine_call(line)
    present = {word.value for word in call}
    new = [shlex.quote(target) for target in targets if target not in present]
    places = [word.end for word in call if word.value in (*after, *ENGINES)] or [call[-1].end]
    return " ".join([line[: places[-1]], *new]) + line[places[-1] :] if new else line


def setting(line: str, key: str) -> str | None:
    """The value of `key` in the line's `--config`, None without one."""
    pairs = [word.value.partition("=") for group in _settings(_engine_call(line)) for word in group.values]
    return next((value for name, _, value in reversed(pairs) if name == key), None)


def as_list(values: Sequence[str]) -> str:
    """A list as the engine's settings write it."""
    return json.dumps(list(values), separators=(",", ":"))


def without_containers(line: str) -> str:
    """The line with tools that run outside containers."""
    return f"export DAY_CONTAINERIZED=false; {line}"


def with_initialisation(line: str, options: Sequence[str] = ()) -> str:
    """The line with `options` at a `source dyoainit` that has none, and a break after it.

    A shell knows the aliases of a file only from the next line on.
    """

    def changed(found: re.Match[str]) -> str:
        given = f" {shlex.join(options)}" if options and not found["words"].strip() else ""
        return f"{found['call']}{given}{found['words']}" + ("\n" if found["end"] else "")

    return _SOURCED.sub(changed, line)


def _engine_call(line: str) -> list[_Word]:
    calls: list[list[_Word]] = [[]]
    at = 0
    while at < len(line):
        piece = _PIECE.match(line, at)
        if piece is None:
            raise InvalidValue("command", line, "has a quote that is not closed")
        at = piece.end()
        if piece["end"]:
            calls.append([])
        elif piece["word"]:
            calls[-1].append(_Word(piece.start(), piece.end(), piece["word"]))
    calls = [call for call in calls if call]
    if not calls:
        raise InvalidValue("command", line, "must not be empty")
    return next((call for call in calls if any(word.value in ENGINES for word in call)), calls[-1])


def _settings(call: list[_Word]) -> list[_Settings]:
    found = []
    for place, word in enumerate(call):
        if word.value in CONFIG:
            rest = call[place + 1 :]
            stop = next((index for index, one in enumerate(rest) if one.value.startswith("-")), len(rest))
            found.append(_Settings(word, tuple(rest[:stop])))
    return found
