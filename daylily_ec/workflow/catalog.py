"""Show the catalog of repositories and commands, and check a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daylily_ec.catalog.advice import advice
from daylily_ec.catalog.loader import Finding, load_catalog
from daylily_ec.catalog.selection import command, listing, repository
from daylily_ec.catalog.source import PACKAGED
from daylily_ec.config.resources import site_file
from daylily_ec.errors import ValidationError

if TYPE_CHECKING:
    from daylily_ec.catalog.models import AnalysisCommand, Catalog


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


@dataclass(frozen=True, slots=True)
class CommandRow:
    """One blessed command, as `catalog list` shows it."""

    command_id: str
    repository: str
    command_class: str
    type: str
    git_tag: str
    display_name: str
    compatible_platforms: tuple[str, ...]
    source_mount_mode: str
    registers_artifacts: bool


@dataclass(frozen=True, slots=True)
class CommandList:
    """The commands of a catalog, in its order."""

    commands: tuple[CommandRow, ...]


@dataclass(frozen=True, slots=True)
class CommandDetail:
    """One command with the profile and the repository it refers to."""

    command: dict[str, Any]
    profile: dict[str, Any]
    repository: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CatalogFindings:
    """What is wrong in a file, each with its line."""

    file: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ValidCatalog:
    """A file that loads; `advice` is what is allowed and still worth a look."""

    file: str
    repositories: int
    commands: int
    advice: tuple[str, ...]


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


def command_rows(
    path: Path | None, repository_key: str | None, command_class: str | None, command_type: str | None
) -> CommandList:
    """The commands, narrowed by repository, class and type."""
    catalog = load_catalog(path)
    if repository_key is not None:
        repository(catalog, repository_key)
    rows = (
        _row(catalog, one)
        for one in catalog.commands()
        if repository_key in (None, one.repository)
        and command_class in (None, one.command_class)
        and command_type in (None, one.type)
    )
    return CommandList(tuple(rows))


def _row(catalog: Catalog, one: AnalysisCommand) -> CommandRow:
    return CommandRow(
        command_id=one.command_id,
        repository=one.repository,
        command_class=one.command_class,
        type=one.type,
        git_tag=one.git_tag,
        display_name=one.display_name,
        compatible_platforms=tuple(one.compatible_platforms),
        source_mount_mode=catalog.test_data_profiles[one.test_data_profile].source_mount_mode,
        registers_artifacts=one.artifact_registration is not None and one.artifact_registration.enabled,
    )


def show_command(path: Path | None, command_id: str) -> CommandDetail:
    """One command, complete."""
    catalog = load_catalog(path)
    found = command(catalog, command_id)
    place = catalog.repositories[found.repository]
    return CommandDetail(
        command=found.model_dump(mode="json"),
        profile=catalog.test_data_profiles[found.test_data_profile].model_dump(mode="json"),
        repository={"key": found.repository, **place.model_dump(mode="json", exclude={"analysis_commands"})},
    )


def validate_catalog(path: Path | None) -> ValidCatalog:
    """What the file holds; a `ValidationError` carries all findings with their lines."""
    file = str(path.expanduser() if path is not None else site_file(PACKAGED))
    try:
        catalog = load_catalog(path)
    except ValidationError as error:
        found: Any = error.details.get("findings", ())
        if found:
            lines = sorted((Finding(**one) for one in found), key=lambda one: one.line)
            error.evidence = CatalogFindings(file, tuple(lines))
        error.hint = "Correct these lines and check the file again." if found else error.hint
        raise
    return ValidCatalog(file, len(catalog.repositories), len(catalog.commands()), advice(catalog))
