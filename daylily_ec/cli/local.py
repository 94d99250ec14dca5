"""`dyec local`: the embedded AWS on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from daylily_ec.cli.frame import App
from daylily_ec.cli.options import Cluster
from daylily_ec.cli.render import emit, table, text
from daylily_ec.config.settings import config_dir
from daylily_ec.errors import NotFound, ToolchainError
from daylily_ec.localcloud import daemon
from daylily_ec.localcloud.account import Account
from daylily_ec.localcloud.daemon import Started, Status, Stopped, UpOptions
from daylily_ec.localcloud.doctor import Report, check, install
from daylily_ec.localcloud.layout import default_layout
from daylily_ec.localcloud.nodes.records import shell_argv
from daylily_ec.localcloud.nodes.sandbox import BoxError
from daylily_ec.localcloud.profile import Exports, environment, exports
from daylily_ec.localcloud.storage import Storage, configuration, provide
from daylily_ec.util.files import write_new
from daylily_ec.util.jsonio import plain

app = App("The embedded AWS on this machine: moto, the real pcluster, a real Slurm.")

Install = Annotated[bool, typer.Option("--install", help="Install missing Debian packages first (as root).")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 is a free one.")]
NodeMount = Annotated[
    list[str] | None,
    typer.Option("--node-mount", metavar="SRC[:DST]", help="Directory that every head node sees read-only."),
]
NewConfig = Annotated[Path | None, typer.Option("--config", help="Where to write it; an existing file is kept.")]
CONFIG_NAME = "daylily_local_cluster.yaml"


@app.command("up")
def up(install_first: Install = False, port: Port = 0, node_mount: NodeMount = None) -> None:
    """Start it, or adopt the one that runs, and write its AWS profile."""
    if install_first:
        install()
    emit(daemon.up(default_layout(), UpOptions(port, tuple(node_mount or ()))))


@app.command("down")
def down() -> None:
    """Stop it and remove all it made."""
    emit(daemon.down(default_layout()))


@app.command("status")
def status() -> None:
    """Say whether it runs, and where."""
    emit(daemon.status(default_layout()))


@app.command("reset")
def reset() -> None:
    """Empty the account and stop all head nodes; keep it running."""
    emit(daemon.reset(default_layout()))


@app.command("env")
def env() -> None:
    """Print the exports with which boto3, aws, pcluster and dyec use it."""
    layout = default_layout()
    daemon.require(layout)
    emit(exports(layout))


@app.command("account")
def account(config: NewConfig = None) -> None:
    """Provide storage with stand-in content and a configuration file; print the exports that name them."""
    layout = default_layout()
    daemon.require(layout)
    path = (config or config_dir() / CONFIG_NAME).absolute()
    provided = provide(Account(environment(layout)), str(path))
    if not path.exists():
        write_new(path, configuration())
    emit(provided)


@app.command("shell")
def shell(cluster: Cluster) -> None:
    """Log in to a head node as ubuntu."""
    layout = default_layout()
    daemon.require(layout)
    try:
        argv = shell_argv(layout.root, cluster)
    except BoxError as error:
        raise NotFound(f"{error}.", hint="dyec cluster list") from error
    os.execvp(argv[0], argv)


@app.command("doctor")
def doctor() -> None:
    """Say what head nodes need here and what is missing; exit code 4 when something is."""
    report = check()
    if report.missing:
        names = ", ".join(row.name for row in report.missing)
        raise ToolchainError(f"Missing here: {names}.", hint=report.command, details={"rows": plain(report.rows)},
                             evidence=report)  # fmt: skip
    emit(report)


@text.register
def _(result: Started) -> str:
    verb = "Started" if result.outcome == "CREATED" else "Found"
    lines = [f"{verb} at {result.endpoint} (pid {result.pid}, {result.seconds:.1f} s), profile {result.profile}."]
    if result.head_nodes != "available":
        lines.append(f"Head nodes cannot run here: {result.head_nodes}")
    return "\n".join([*lines, 'Next: eval "$(dyec local env)"'])


@text.register
def _(result: Stopped) -> str:
    words = {"running": "Stopped", "dead": "It was dead already; cleaned up", "absent": "Nothing ran"}
    return f"{words[result.was]}: {result.root}"


@text.register
def _(result: Status) -> str:
    if not result.running:
        return f"Not running: {result.root}\nNext: dyec local up"
    return (
        f"Running at {result.endpoint} (pid {result.pid}), files in {result.root}\n"
        f"Head nodes: {result.head_nodes}; spot prices: {result.spot_prices}"
    )


@text.register
def _(result: Exports) -> str:
    return result.commands


@text.register
def _(result: Storage) -> str:
    return result.commands


@text.register
def _(result: Report) -> str:
    rows = [["ok" if row.ok else "missing", row.name, row.found, row.purpose, row.package] for row in result.rows]
    shown = table(["STATE", "WHAT", "WHERE", "NEEDED FOR", "PACKAGE"], rows)
    return f"{shown}\nInstall what is missing: {result.command}\n" if result.command else shown
