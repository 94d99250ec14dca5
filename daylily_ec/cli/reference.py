"""Writes docs/cli_reference.md from the commands themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from daylily_ec.cli.main import app

WIDTH = 110
HEAD = """\
# Command reference

Made from the commands by `bin/cli-reference`; a test rejects a stale page. The root options `--json`, `--no-color` and
`--debug` may stand in any place.

Exit codes: 0 success, 1 validation, 2 AWS operation, 3 drift, 4 toolchain, 64 usage, 130 interrupted.
"""


def page() -> str:
    """The whole page."""
    root = typer.main.get_command(app)
    return HEAD + "".join(
        f"\n## {name}\n\n```text\n{help_text}\n```\n" for name, help_text in _walk(root, "dyec", None)
    )


def _walk(command: Any, name: str, parent: Any) -> Iterator[tuple[str, str]]:
    context = command.make_context(name, [], parent=parent, resilient_parsing=True, terminal_width=WIDTH)
    command = context.command
    yield context.command_path, _plain(command.get_help(context))
    if not hasattr(command, "list_commands"):
        return
    for child in command.list_commands(context):
        yield from _walk(command.get_command(context, child), child, context)


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


def write(path: Path) -> None:
    """Write the page to `path`."""
    path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
