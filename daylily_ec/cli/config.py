"""`dyec config`."""

from __future__ import annotations

from typing import Annotated

import typer

from daylily_ec.cli.frame import App
from daylily_ec.cli.options import Config
from daylily_ec.cli.render import emit, table, text
from daylily_ec.workflow import configuration
from daylily_ec.workflow.configuration import ConfigurationChecked, ConfigurationWritten, Settings

app = App("Make, check and show the cluster configuration file.")

Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]


@text.register
def _(result: Settings) -> str:
    rows = [[row.key, row.value, row.origin if row.value else ""] for row in result.settings]
    missing = f"\nMissing: {', '.join(result.missing)}\n" if result.missing else ""
    wrong = "".join(f"\nWrong: {problem}\n" for problem in result.problems)
    shown = table(["KEY", "VALUE", "FROM"], [list(row) for row in rows])
    return f"{result.path}\n\n{shown}{missing}{wrong}{_unknown(result.unknown)}"


@text.register
def _(result: ConfigurationChecked) -> str:
    return f"{result.path}: valid configuration of cluster {result.cluster_name}{_unknown(result.unknown)}"


@text.register
def _(result: ConfigurationWritten) -> str:
    return f"{result.path}\n{result.next}"


def _unknown(keys: tuple[str, ...]) -> str:
    return f"\nKeys that mean nothing here: {', '.join(keys)}\n" if keys else ""


@app.command("init")
def init(config: Config = None, force: Force = False) -> None:
    """Write a commented configuration file."""
    emit(configuration.init_configuration(config or configuration.default_path(), force=force))


@app.command("validate")
def validate(config: Config = None) -> None:
    """Check a configuration file without asking AWS; lists every fault at once."""
    emit(configuration.validate_configuration(config or configuration.default_path()))


@app.command("show")
def show(config: Config = None) -> None:
    """Show each effective value and where it came from."""
    emit(configuration.show_configuration(config or configuration.default_path()))
