"""Show the catalog of repositories and commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daylily_ec.catalog.loader import load_catalog
from daylily_ec.catalog.selection import listing


@dataclass(frozen=True, slots=True)
class RepositoryRow:
    """One repository; `commands` counts its blessed commands."""

    key: str
    display_name: str
    description: str
    https_url: str
    default_ref: str
    relative_path: str
    commands: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class RepositoryList:
    """The repositories of a catalog, in its order."""

    repositories: tuple[RepositoryRow, ...]


@dataclass(frozen=True, slots=True)
class CatalogListing:
    """The catalog as a document."""

    document: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The document."""
        return self.document


def list_repositories(path: Path | None) -> RepositoryList:
    """The repositories of the catalog in `path`, or of the packaged one."""
    catalog = load_catalog(path)
    rows = (
        RepositoryRow(
            key=key,
            display_name=one.display_name,
            description=one.description,
            https_url=one.https_url,
            default_ref=one.default_ref,
            relative_path=one.relative_path,
            commands=len(one.analysis_commands),
            is_default=key == catalog.default_repository,
        )
        for key, one in catalog.repositories.items()
    )
    return RepositoryList(tuple(rows))


def list_commands(path: Path | None, repository: str | None, command_id: str | None) -> CatalogListing:
    """The whole catalog, narrowed to a repository or a command."""
    return CatalogListing(listing(load_catalog(path), repository, command_id))
