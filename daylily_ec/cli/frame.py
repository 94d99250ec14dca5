"""What every command shares: root options, lazily loaded groups, `--json` in any place."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar

import typer
from typer import Option
from typer.core import TyperCommand, TyperGroup

F = TypeVar("F", bound=Callable[..., Any])
CLUSTER_VARIABLE = "DYEC_CLUSTER"
"""Environment variable that names the cluster where the option does not; on a head node it is set to its own."""


@dataclass(slots=True)
class Frame:
    """How this process talks to its user."""

    json: bool = False
    color: bool = True
    debug: bool = False

    def reset(self) -> None:
        """Back to the defaults: one process may run several command lines."""
        self.json, self.color, self.debug = False, True, False


FRAME = Frame()


def _set(name: str, value: bool) -> Callable[[bool], bool]:
    def callback(given: bool) -> bool:
        if given:
            setattr(FRAME, name, value)
        return given

    return callback


def _root_options(
    json_: Annotated[bool, Option("--json", callback=_set("json", True), help="Print one JSON document.")] = False,
    plain: Annotated[bool, Option("--no-color", callback=_set("color", False), help="No colours.")] = False,
    debug: Annotated[bool, Option("--debug", callback=_set("debug", True), help="Show tracebacks.")] = False,
) -> None:
    """Carries the declarations; the values are kept in `FRAME` by their callbacks."""


@cache
def _shared_options() -> tuple[Any, ...]:
    probe = typer.Typer(add_completion=False)
    probe.command()(_root_options)
    options = [param for param in typer.main.get_command(probe).params if param.name != "help"]
    for option in options:
        option.expose_value = False
    return tuple(options)


class DyecCommand(TyperCommand):
    """A command that also takes the root options after its name; plain help, which loads in half the time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "rich_markup_mode": None})
        self.params.extend(_shared_options())


class DyecGroup(TyperGroup):
    """A command group that takes the root options in any place."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "rich_markup_mode": None})
        self.params.extend(_shared_options())


@dataclass(frozen=True, slots=True)
class Entry:
    """One root command: where it lives and how help introduces it."""

    phase: str
    name: str
    help: str
    module: str = ""

    @property
    def path(self) -> str:
        """Module of the command."""
        return f"daylily_ec.cli.{self.module or self.name.replace('-', '_')}"


class _Deferred(TyperCommand):
    """Stands for a command in listings; loads the real one when it is invoked."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, help=entry.help)
        self.entry = entry

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        app: typer.Typer = importlib.import_module(self.entry.path).app
        return typer.main.get_command(app).make_context(info_name, args, parent=parent, **extra)


def lazy_group(entries: tuple[Entry, ...]) -> type[DyecGroup]:
    """The root group over `entries`, listed by life-cycle phase."""

    deferred = {entry.name: _Deferred(entry) for entry in entries}

    class RootGroup(DyecGroup):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "commands": deferred})

        def list_commands(self, ctx: Any) -> list[str]:
            return [entry.name for entry in entries]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            return deferred.get(cmd_name)

        def format_commands(self, ctx: Any, formatter: Any) -> None:
            for phase in dict.fromkeys(entry.phase for entry in entries):
                with formatter.section(phase):
                    formatter.write_dl([(entry.name, entry.help) for entry in entries if entry.phase == phase])

    return RootGroup


class App(typer.Typer):
    """A Typer application whose commands carry the root options."""

    def __init__(self, help: str = "") -> None:
        super().__init__(cls=DyecGroup, help=help, no_args_is_help=True, add_completion=False, rich_markup_mode=None)

    def command(self, name: str | None = None, **kwargs: Any) -> Callable[[F], F]:
        """Like `Typer.command`, with `DyecCommand`."""
        kwargs.setdefault("cls", DyecCommand)
        return super().command(name, **kwargs)
