"""`day-clone`: clone a repository of the catalog into a new analysis directory; on the head node."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from daylily_ec.cli.frame import App
from daylily_ec.cli.main import main
from daylily_ec.cli.render import emit, pairs, table, text
from daylily_ec.config.settings import config_dir
from daylily_ec.domain.ids import AnalysisId
from daylily_ec.errors import UsageError
from daylily_ec.headnode.clone import Cloned, CloneRequest, Site, clone
from daylily_ec.util.clock import SystemClock

app = App()


@dataclass(frozen=True, slots=True)
class Listed:
    """One repository that can be cloned."""

    key: str
    name: str
    description: str
    default_ref: str
    default: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """Every repository of the node's catalog."""

    repositories: tuple[Listed, ...]


@app.command()
def day_clone(
    destination: Annotated[str | None, typer.Option("-d", "--destination", help="Analysis id: the new folder.")] = None,
    git_tag: Annotated[str, typer.Option("-t", "--git-tag", help="Tag, branch or commit; default: the pin.")] = "",
    git_repo: Annotated[str, typer.Option("-r", "--git-repo", help="Address instead of the catalog's.")] = "",
    which_one: Annotated[str, typer.Option("-w", "--which-one", help="https or ssh.")] = "https",
    clone_root: Annotated[str, typer.Option("-c", "--clone-root", help="Default: the site's analysis root.")] = "",
    executing_entity: Annotated[str, typer.Option("--executing-entity", help="Default: the user.")] = "",
    repository: Annotated[str, typer.Option("--repository", help="Key in the catalog.")] = "",
    listing: Annotated[bool, typer.Option("--list", help="Show the repositories and end.")] = False,
) -> None:
    """Clone a repository of the catalog into a new analysis directory."""
    if which_one not in ("https", "ssh"):
        raise UsageError(f"--which-one {which_one!r}: must be https or ssh.")
    if destination is None and not listing:
        raise UsageError("--destination is missing.", hint="day-clone --help")
    site = Site.load(config_dir())
    if listing or destination is None:
        emit(_listing(site))
        return
    request = CloneRequest(AnalysisId.parse(destination), executing_entity or getpass.getuser(), git_tag, repository,
                           git_repo, which_one == "ssh", clone_root)  # fmt: skip
    emit(clone(site, request, SystemClock()))


def _listing(site: Site) -> Listing:
    catalog = site.catalog
    return Listing(tuple(
        Listed(key, found.display_name, found.description, found.default_ref, key == catalog.default_repository)
        for key, found in catalog.repositories.items()
    ))  # fmt: skip


@text.register
def _(result: Listing) -> str:
    rows = [[row.key, row.name, row.default_ref, "default" if row.default else "", row.description]
            for row in result.repositories]  # fmt: skip
    return table(["REPOSITORY", "NAME", "REF", "", "DESCRIPTION"], rows)


@text.register
def _(result: Cloned) -> str:
    return pairs({"cloned": result.path, "from": result.url, "at": f"{result.git_ref} ({result.commit})"})


def run() -> None:
    """Console entry point."""
    sys.exit(main(None, app, "day-clone"))
