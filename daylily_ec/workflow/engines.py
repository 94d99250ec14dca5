"""How a workflow engine goes on where it was interrupted: its own resume, read from the command that was launched."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from enum import StrEnum

from daylily_ec.errors import Refused

_OPERATOR = re.compile(r"[();<>|&]+")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_REDIRECTIONS = {">", ">>", "<", ">&", "&>", "<&"}
_SEPARATORS = {";", "&&"}
_SETTINGS = {"source", ".", "export", "unset", "cd", "set", "dy-a", "ulimit", "umask", "module", "conda"}
"""Commands that may stand before the engine: they prepare the shell and do no work, so running them again is safe."""
_SNAKEMAKE = {"snakemake", "day_run", "dy-r"}
_REPEATING = ("--force", "--forceall", "--forcerun", "--touch", "--delete-all-output")
"""Snakemake's options that do finished jobs again, or call unfinished ones finished; in short `-f -F -R -t`."""
_SHORT = re.compile(r"-(?!-)[^-CDLOPTUcdejqsw]*[FRft]")
"""One of them among short options, before any that takes the rest of the word for its value."""
_END_OF_OPTIONS = re.compile(r"(?<=\s)--(?=\s|$)")


class Engine(StrEnum):
    """Engines that can resume; GIVEN: the user gave the command that does."""

    SNAKEMAKE = "snakemake"
    NEXTFLOW = "nextflow"
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class ResumeCommands:
    """What resumes a workflow: first `unlock_command` when there is one, then `command`."""

    engine: Engine
    command: str
    unlock_command: str = ""


def resume_commands(command: str) -> ResumeCommands:
    """The launched command with the engine's resume options; `Refused` when its engine is not the last thing it runs.

    Snakemake: `--unlock`, then `--rerun-incomplete`, which keeps every finished job; `Refused`, too, when an option of
    the command would do finished jobs again.  Nextflow: `-resume`.
    """
    if "`" in command or "$(" in command:
        raise _unknown(command, "it runs more than the engine")
    *before, last = _simple_commands(command)
    if any(words[0] not in _SETTINGS for words in before):
        raise _unknown(command, "it runs more than the engine")
    line = command.rstrip("; \n\t")
    engine = _engine(last)
    if engine is Engine.SNAKEMAKE:
        if (option := next(filter(_repeats, _options(last)), None)) is not None:
            raise _unknown(command, f"{option} would do finished jobs again")
        return ResumeCommands(engine, _with(line, last, "--rerun-incomplete"), _with(line, last, "--unlock"))
    if engine is Engine.NEXTFLOW:
        return ResumeCommands(engine, _with(line, last, "-resume"))
    raise _unknown(command, "its engine is not known")


def _options(words: list[str]) -> list[str]:
    """The words before `--`: what comes after it are targets, whatever they look like."""
    return words[: words.index("--")] if "--" in words else words


def _repeats(word: str) -> bool:
    name = word.partition("=")[0]
    abbreviated = len(name) > 2 and any(option.startswith(name) for option in _REPEATING)
    return abbreviated or _SHORT.match(word) is not None


def _with(line: str, words: list[str], option: str) -> str:
    """The line with the option among those of its last command, of which `words` are given."""
    options = _options(words)
    if option in options:
        return line
    wanted = [*options, option, *words[len(options) :]]
    places = [found.start() for found in _END_OF_OPTIONS.finditer(line)]
    for text in [f"{line} {option}", *(f"{line[:place]}{option} {line[place:]}" for place in places)]:
        if _simple_commands(text)[-1] == wanted:
            return text
    raise _unknown(line, f"{option} has no place in it")


def _engine(words: list[str]) -> Engine | None:
    if not words:
        return None
    name = words[0].rpartition("/")[2]
    if name in _SNAKEMAKE or (name.startswith("python") and words[1:3] == ["-m", "snakemake"]):
        return Engine.SNAKEMAKE
    return Engine.NEXTFLOW if name == "nextflow" else None


def _simple_commands(command: str) -> list[list[str]]:
    """The words of each simple command, assignments in front left out; at least one, maybe empty, list."""
    found: list[list[str]] = [[]]
    for line in command.strip().splitlines():
        found.append([])
        for token in _tokens(command, line):
            if token in _SEPARATORS:
                found.append([])
            elif token.startswith("#") or (_OPERATOR.fullmatch(token) and token not in _REDIRECTIONS):
                raise _unknown(command, f"{token!r} makes it more than a call of the engine")
            elif found[-1] or not _ASSIGNMENT.fullmatch(token):
                found[-1].append(token)
    return [words for words in found if words] or [[]]


def _tokens(command: str, line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.commenters = ""
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError as error:
        raise _unknown(command, f"it cannot be read: {error}") from None


def _unknown(command: str, why: str) -> Refused:
    return Refused(
        f"How to resume this command is not known: {why}: {command}", code="engine_unknown",
        hint="Give the command that resumes it with --dy-command.", details={"command": command},
    )  # fmt: skip
