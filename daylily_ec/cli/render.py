"""The only printer: results go to stdout as text or one JSON document, everything else to stderr."""

from __future__ import annotations

import os
import sys
import textwrap
from dataclasses import fields, is_dataclass
from functools import singledispatch
from typing import Any

from daylily_ec.cli.frame import FRAME
from daylily_ec.errors import DyecError

_COLUMNS = 80
_GAP = 2
"""Between the columns of a table."""
_NARROWEST = 20
"""The last column is folded into no less."""


def emit(result: Any) -> None:
    """Print a workflow's result."""
    if FRAME.json:
        from daylily_ec.util.jsonio import dumps

        sys.stdout.write(dumps(result))
    else:
        shown = text(result)
        sys.stdout.write(shown if not shown or shown.endswith("\n") else shown + "\n")
    sys.stdout.flush()


def emit_error(error: DyecError) -> None:
    """Print a failure: one JSON document on stdout with `--json`, else message and hint on stderr."""
    if FRAME.json:
        from daylily_ec.util.jsonio import dumps

        document = {"code": error.code, "message": error.message, "details": error.details, "hint": error.hint}
        sys.stdout.write(dumps({"error": document}))
        sys.stdout.flush()
        return
    if error.evidence is not None:
        sys.stderr.write(text(error.evidence).rstrip("\n") + "\n\n")
    sys.stderr.write(paint_first(folded(f"Error: {error.message}", "  "), "Error:", "31") + "\n")
    if error.hint:
        sys.stderr.write(f"Try: {error.hint}\n")


@singledispatch
def text(result: Any) -> str:
    """The human form of a result; command modules register their own views."""
    if isinstance(result, str):
        return result
    if is_dataclass(result) and not isinstance(result, type):
        return pairs({field.name.replace("_", " "): getattr(result, field.name) for field in fields(result)})
    return str(result)


def pairs(rows: dict[str, Any]) -> str:
    """Aligned `key  value` lines; empty values are left out."""
    shown = {key: value for key, value in rows.items() if value not in (None, "", (), [], {})}
    width = max((len(key) for key in shown), default=0)
    return "".join(f"{key:<{width}}  {_flat(value)}\n" for key, value in shown.items())


def _flat(value: Any) -> str:
    return ", ".join(str(item) for item in value) if isinstance(value, tuple | list) else str(value)


def table(headers: list[str], rows: list[list[Any]]) -> str:
    """A plain table; on a terminal it is folded between words until it fits, or else shown row by row."""
    import tabulate

    tabulate.MIN_PADDING = 0  # no wider than it must be: 80 columns are what many terminals have
    cells = [[_flat(cell) for cell in row] for row in rows]
    if cells and sys.stdout.isatty():
        limits = _limits([headers, *cells])
        if limits is None:
            return "\n".join(pairs(dict(zip(headers, row, strict=True))) for row in cells)
        cells = [[_folded_cell(cell, limit) for cell, limit in zip(row, limits, strict=True)] for row in cells]
    return tabulate.tabulate(cells, headers=headers, tablefmt="plain", disable_numparse=True) + "\n"


def _limits(rows: list[list[str]]) -> list[int] | None:
    """Widths that fit, the widest column giving way first; None when words would have to be broken.

    Long words of the last column, such as paths, may go beyond the terminal.
    """
    limits = [max(len(line) for cell in column for line in cell.split("\n")) for column in zip(*rows, strict=True)]
    least = [
        max((len(word) for cell in column for word in cell.split()), default=0) for column in zip(*rows, strict=True)
    ]
    least[-1] = min(least[-1], _NARROWEST)
    excess = sum(limits) - (columns() - 1 - _GAP * (len(limits) - 1))
    while excess > 0:
        widest = max(range(len(limits)), key=lambda at: (limits[at] > least[at], limits[at]))
        if limits[widest] <= least[widest]:
            return None
        limits[widest] -= 1
        excess -= 1
    return limits


def _folded_cell(cell: str, width: int) -> str:
    return "\n".join(_fold(line, width, "") for line in cell.split("\n"))


def colored(stream: Any = None) -> bool:
    """Whether colours may be used on `stream` (default stderr)."""
    return FRAME.color and "NO_COLOR" not in os.environ and (stream or sys.stderr).isatty()


def paint(word: str, code: str) -> str:
    """`word` in an ANSI colour when stderr takes colours; the word itself always carries the meaning."""
    return f"\x1b[{code}m{word}\x1b[0m" if colored() else word


def paint_first(words: str, first: str, code: str) -> str:
    """`words`, which begin with `first`, with that part in a colour."""
    return paint(first, code) + words.removeprefix(first)


def columns() -> int:
    """Width of the terminal behind stderr; 80 where it is not known."""
    given = os.environ.get("COLUMNS", "")
    try:
        return int(given) if given.isdigit() else os.get_terminal_size(sys.stderr.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS


def folded(words: str, indent: str) -> str:
    """`words` for stderr: on a terminal each line is broken between words, its continuation indented.

    Paths, ARNs and addresses stay whole.  Lines with a command are not for this function: a command that is broken
    by us cannot be copied, one that the terminal breaks can.
    """
    if not sys.stderr.isatty():
        return words
    return "\n".join(_fold(line, columns() - 1, indent) for line in words.split("\n"))


def _fold(line: str, width: int, indent: str) -> str:
    return "\n".join(textwrap.wrap(
        line, max(width, 1), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False,
        expand_tabs=False, replace_whitespace=False,
    )) or line  # fmt: skip
