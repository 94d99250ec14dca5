"""`dyec repositories`."""

from __future__ import annotations

from typing import Annotated

import typer

from daylily_ec.cli.frame import App
from daylily_ec.cli.launch_options import CatalogFile
from daylily_ec.cli.render import emit, table, text
from daylily_ec.workflow.catalog import CatalogListing, RepositoryList, list_commands, list_repositories

app = App("Show the catalog of workflow repositories.")


@app.command("list")
def repositories(catalog: CatalogFile = None) -> None:
    """List the repositories, their pins and addresses."""
    emit(list_repositories(catalog))


@text.register
def _(result: RepositoryList) -> str:
    rows = [[row.key + (" *" if row.is_default else ""), row.default_ref, row.commands, row.display_name]
            for row in result.repositories]  # fmt: skip
    head, *lines = table(["REPOSITORY", "PIN", "COMMANDS", "NAME"], rows).splitlines()
    shown = [f"{line}\n    {row.https_url}" for line, row in zip(lines, result.repositories, strict=True)]
    return "\n".join([head, *shown, "* default"]) + "\n"


@app.command("commands")
def commands(
    catalog: CatalogFile = None,
    repository: Annotated[str | None, typer.Option("--repository", help="Only this repository.")] = None,
    command_id: Annotated[str | None, typer.Option("--command-id", help="Only this command.")] = None,
) -> None:
    """Print the catalog with every command and all its values."""
    emit(list_commands(catalog, repository, command_id))


@text.register
def _(result: CatalogListing) -> str:
    from daylily_ec.util.jsonio import dumps

    return dumps(result)
