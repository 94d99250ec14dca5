"""`dyec headnode configure` and `dyec headnode init`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from daylily_ec.cli.frame import FRAME, App
from daylily_ec.cli.options import Cluster, Profile, Region
from daylily_ec.cli.render import emit, pairs, table, text
from daylily_ec.cli.session import services
from daylily_ec.workflow.configure_headnode import Configured, ConfigureRequest, configure_head_node
from daylily_ec.workflow.init_headnode import Initialised, InitRequest, init_head_node
from daylily_ec.workflow.repo_overrides import parse_overrides

Override = Annotated[
    list[str] | None, typer.Option("--repo-override", help="key:ref; which version of a repository the node clones.")
]
OverridesFile = Annotated[
    Path | None, typer.Option("--repo-overrides", help="File of key:ref lines; # begins a comment.")
]
Catalog = Annotated[
    Path | None, typer.Option("--catalog-config", help="Catalog for the node instead of the packaged one.")
]


def register(app: App) -> None:
    """Add the commands to the `headnode` group."""
    app.command("configure")(configure)
    app.command("init")(init)


def configure(
    region: Region,
    cluster: Cluster,
    profile: Profile = None,
    repo_override: Override = None,
    repo_overrides: OverridesFile = None,
    catalog_config: Catalog = None,
    conda: Annotated[bool, typer.Option("--conda/--no-conda", help="Install Miniconda when it can be had.")] = True,
) -> None:
    """Install dyec, day-clone, the site's files and the login hook on the head node; safe to repeat."""
    given = parse_overrides(tuple(repo_override), catalog_config) if repo_override else None
    request = ConfigureRequest(cluster, given, repo_overrides, catalog_config, conda)
    emit(configure_head_node(services(profile, region), request))


@text.register
def _(result: Configured) -> str:
    head = pairs({"cluster": result.cluster, "outcome": result.outcome.value, "release": result.release,
                  "bundle": result.bundle, "python": result.python, "published": f"{result.published} objects",
                  "seconds": result.seconds})  # fmt: skip
    rows = [[step.name, step.status, f"{step.seconds:.1f}", step.found] for step in result.steps]
    return head + "\n" + table(["STEP", "STATUS", "SECONDS", "FOUND"], rows)


def init(
    region: Region,
    project: Annotated[str | None, typer.Option("--project", help="Default: the cluster's project.")] = None,
    profile: Profile = None,
    skip_project_check: Annotated[
        bool, typer.Option("--skip-project-check", help="Do not ask whether this user may charge the project.")
    ] = False,
    non_interactive: Annotated[bool, typer.Option("--non-interactive", help="Ask nothing, create nothing.")] = False,
    contact_email: Annotated[
        str, typer.Option("--contact-email", envvar="DAY_CONTACT_EMAIL", help="Default: the budget's first address.")
    ] = "",
    emit_shell: Annotated[bool, typer.Option("--emit-shell", help="Print shell code for: eval.")] = False,
) -> None:
    """Prepare a login on the head node: project, users, budget, environment.  Runs there."""
    interactive = not non_interactive and sys.stdin.isatty() and sys.stderr.isatty() and not FRAME.json
    request = InitRequest(project or "", skip_project_check, contact_email, _ask if interactive else None)
    result = init_head_node(services(profile, region), request)
    emit(result.shell if emit_shell and not FRAME.json else result)


def _ask(question: str) -> bool:
    return typer.confirm(question, default=False, err=True)


@text.register
def _(result: Initialised) -> str:
    return pairs({"cluster": result.cluster, "region": result.region, "project": result.project, "user": result.user,
                  "member": "yes" if result.member else "no", "users": result.users, "budget": result.budget_text,
                  "reference": result.reference})  # fmt: skip
