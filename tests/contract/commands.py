"""Every command of the product, found by walking its own command tree."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from daylily_ec.cli.main import _ENTRIES as ENTRIES


@dataclass(frozen=True)
class Leaf:
    """A command that does something: its words, and its parameters as the parser knows them."""

    words: tuple[str, ...]
    params: tuple[Any, ...]

    @property
    def name(self) -> str:
        return " ".join(self.words)

    @property
    def options(self) -> set[str]:
        """Every spelling of every option."""
        return {name for param in self.params if param.param_type_name == "option"
                for name in (*param.opts, *param.secondary_opts)}  # fmt: skip


def leaves() -> tuple[Leaf, ...]:
    """All commands, by name."""
    roots = ((entry.name, typer.main.get_command(importlib.import_module(entry.path).app)) for entry in ENTRIES)
    return tuple(sorted((leaf for name, root in roots for leaf in _walk(root, (name,))), key=lambda leaf: leaf.words))


def _walk(command: Any, words: tuple[str, ...]) -> Iterator[Leaf]:
    if not hasattr(command, "commands"):
        yield Leaf(words, tuple(command.params))
        return
    for name, child in command.commands.items():
        yield from _walk(child, (*words, name))
