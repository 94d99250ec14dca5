"""Asking a person on a terminal: every question in one sitting, on stderr, each answer checked at once."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from daylily_ec.cli.render import folded, paint_first
from daylily_ec.config.models import KEYS
from daylily_ec.config.resolve import Question
from daylily_ec.errors import InvalidValue, MissingInput
from daylily_ec.preflight.context import Confirm
from daylily_ec.workflow.configuration import Ask

_PARSERS = {key.name: key.parse for key in KEYS}


def asker(*, non_interactive: bool) -> Ask | None:
    """How to ask; None without a terminal or when nobody wants to be asked."""
    return None if non_interactive or not _on_terminal() else ask_all


def confirmer(*, non_interactive: bool) -> Confirm | None:
    """How to ask whether warnings are acceptable; None as in `asker`."""
    return None if non_interactive or not _on_terminal() else accept


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def accept(warnings: tuple[str, ...]) -> bool:
    """Whether the person accepts these warnings; anything but yes is no."""
    sys.stderr.write("".join(f"{_remark(line)}\n" for line in warnings) + "Go on all the same? [y/N]: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def ask_all(questions: tuple[Question, ...]) -> Mapping[str, str]:
    """Answers by key; an empty answer takes the default."""
    count = "1 value is" if len(questions) == 1 else f"{len(questions)} values are"
    brackets = " Enter takes the one in brackets;" if any(question.default for question in questions) else ""
    sys.stderr.write(f"{count} open.{brackets} Ctrl-C leaves.\n")
    return {question.key: _ask(question) for question in questions}


def _ask(question: Question) -> str:
    choices = f" ({', '.join(question.choices)})" if question.choices else ""
    default = f" [{question.default}]" if question.default else ""
    while True:
        sys.stderr.write(f"{question.key} - {question.meaning}{choices}{default}: ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise MissingInput("The input ended before every question was answered.", hint="Run the command again.")
        answer = line.strip() or question.default
        problem = _problem(question, answer)
        if not problem:
            return answer
        sys.stderr.write(f"{_remark(problem)}\n")


def _remark(words: str) -> str:
    return paint_first(folded(f"  ! {words}", "    "), "  !", "33")


def _problem(question: Question, answer: str) -> str:
    if not answer:
        return "a value is needed" if question.required else ""
    try:
        _PARSERS[question.key](answer)
    except InvalidValue as error:
        return str(error.details["rule"])
    except ValueError as error:
        return str(error)
    return ""
