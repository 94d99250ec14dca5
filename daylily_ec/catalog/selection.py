"""Choosing from a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daylily_ec.errors import NotFound

if TYPE_CHECKING:  # the models load pydantic, which most commands never need
    from daylily_ec.catalog.models import AnalysisCommand, Catalog, Repository


def repository(catalog: Catalog, key: str | None = None) -> tuple[str, Repository]:
    """The repository of that key (default: the catalog's own), or `NotFound` that lists the keys."""
    name = key or catalog.default_repository
    if name not in catalog.repositories:
        known = ", ".join(sorted(catalog.repositories))
        raise NotFound(f"The catalog has no repository {name!r}.", code="unknown_repository", hint=f"Known: {known}.")
    return name, catalog.repositories[name]


def command(catalog: Catalog, command_id: str) -> AnalysisCommand:
    """The command of that id, or `NotFound`."""
    for found in catalog.commands():
        if found.command_id == command_id:
            return found
    known = ", ".join(sorted(found.command_id for found in catalog.commands())) or "none"
    raise NotFound(f"The catalog has no command {command_id!r}.", code="unknown_command", hint=f"Known: {known}.")


def listing(catalog: Catalog, repository_key: str | None = None, command_id: str | None = None) -> dict[str, Any]:
    """The catalog as JSON with a flat `commands` list.

    A repository narrows both lists; a command id narrows `commands` only, so that its repository stays complete.
    """
    document = catalog.model_dump(mode="json")
    commands = catalog.commands()
    if repository_key is not None:
        repository(catalog, repository_key)
        document["repositories"] = {repository_key: document["repositories"][repository_key]}
        commands = catalog.repositories[repository_key].analysis_commands
    if command_id is not None:
        chosen = command(catalog, command_id)
        commands = [found for found in commands if found.command_id == chosen.command_id]
    return {**document, "commands": [found.model_dump(mode="json") for found in commands]}
