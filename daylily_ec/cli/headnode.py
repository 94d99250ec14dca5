"""`dyec headnode`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from daylily_ec.cli import headnode_setup
from daylily_ec.cli.frame import FRAME, App
from daylily_ec.cli.menu import cluster_meant
from daylily_ec.cli.options import MaybeCluster, Profile, Region
from daylily_ec.cli.render import emit, pairs, table, text
from daylily_ec.cli.session import services
from daylily_ec.domain.checks import Status
from daylily_ec.errors import ToolchainError, UsageError
from daylily_ec.headnode.login import hold_session
from daylily_ec.headnode.readiness import Readiness
from daylily_ec.workflow.headnode_files import Download, Upload, download_file, upload_file
from daylily_ec.workflow.run_on_headnode import (
    PLUGIN,
    ConnectCommand,
    FsxUsage,
    HeadNodeInfo,
    Queue,
    RunCommand,
    check_head_node,
    connect_command,
    describe_head_node,
    fsx_usage,
    list_queue,
    prepare_connect,
    require_success,
    run_command,
)

app = App("Run commands on the head node; connect to it.")


@app.command("run")
def run(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="Command and its arguments.")],
    region: Region,
    cluster: MaybeCluster = None,
    profile: Profile = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, max=172800, help="Seconds it may run.")] = 300.0,
) -> None:
    """Run a command as the cluster user.  No shell reads it; for one, run: bash -c '...'."""
    made = services(profile, region)
    result = run_command(made, RunCommand(cluster_meant(made, cluster), tuple(command), timeout))
    if not FRAME.json:
        sys.stdout.write(result.stdout)
        sys.stderr.write(result.stderr)
    require_success(result)
    if FRAME.json:
        emit(result)


Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]


@app.command("upload")
def upload(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Local file.")],
    region: Region,
    cluster: MaybeCluster = None,
    to: Annotated[str | None, typer.Option("--to", help="Path on the head node; default: its name in ~/.")] = None,
    force: Force = False,
    profile: Profile = None,
) -> None:
    """Put a file on the head node, whole or not at all; its SHA-256 is checked there."""
    made = services(profile, region)
    emit(upload_file(made, Upload(cluster_meant(made, cluster), file, to, force)))


@app.command("download")
def download(
    path: Annotated[str, typer.Argument(metavar="PATH", help="File on the head node, absolute or below ~/.")],
    region: Region,
    cluster: MaybeCluster = None,
    to: Annotated[Path | None, typer.Option("--to", help="Local path; default: its name, here.")] = None,
    force: Force = False,
    profile: Profile = None,
) -> None:
    """Fetch a file of the head node, whole or not at all; its SHA-256 is checked here."""
    made = services(profile, region)
    emit(download_file(made, Download(cluster_meant(made, cluster), path, to, force)))


@app.command("info")
def info(region: Region, cluster: MaybeCluster = None, profile: Profile = None) -> None:
    """Show the head node as AWS sees it."""
    made = services(profile, region)
    emit(describe_head_node(made, cluster_meant(made, cluster)))


@text.register
def _(result: HeadNodeInfo) -> str:
    node = result.head_node
    return pairs(
        {
            "cluster": result.cluster,
            "region": result.region,
            "cluster status": result.cluster_status,
            "instance": node.instance_id if node else "none",
            "state": node.state if node else "",
            "type": node.instance_type if node else "",
            "private ip": node.private_ip if node else "",
            "public ip": node.public_ip if node else "",
            "launched": node.launched_at if node else "",
            "agent": result.agent,
            "file systems": result.file_system_ids,
        }
    )


@app.command("jobs")
def jobs(region: Region, cluster: MaybeCluster = None, profile: Profile = None) -> None:
    """Show Slurm's queue."""
    made = services(profile, region)
    emit(list_queue(made, cluster_meant(made, cluster)))


@text.register
def _(result: Queue) -> str:
    if not result.jobs:
        return f"No jobs on {result.cluster}."
    rows = [[job.job_id, job.partition, job.cpus, job.state, job.nodes, job.name, job.user, job.reason]
            for job in result.jobs]  # fmt: skip
    return table(["JOB", "PARTITION", "CPUS", "STATE", "NODES", "NAME", "USER", "REASON"], rows)


@app.command("fsx-usage")
def usage(region: Region, cluster: MaybeCluster = None, profile: Profile = None) -> None:
    """Show how full the shared file system and its targets are."""
    made = services(profile, region)
    emit(fsx_usage(made, cluster_meant(made, cluster)))


@text.register
def _(result: FsxUsage) -> str:
    found = result.usage
    rows = [[one.name, f"{one.size / 1024**3:.1f}", f"{one.used / 1024**3:.1f}", f"{one.free / 1024**3:.1f}",
             f"{one.share:.0%}"] for one in (found.total, *found.targets)]  # fmt: skip
    shown = table(["WHAT", "SIZE GiB", "USED GiB", "FREE GiB", "USED"], rows)
    return f"{shown}\n{found.files_used:,} of {found.files:,} files; {found.kind}\n"


@app.command("doctor")
def doctor(region: Region, cluster: MaybeCluster = None, profile: Profile = None) -> None:
    """Test whether the head node can run workflows; exit code 1 when it cannot."""
    made = services(profile, region)
    emit(check_head_node(made, cluster_meant(made, cluster)))


@text.register
def _(result: Readiness) -> str:
    shown = table(["STATE", "TEST", "FOUND"], [[item.status, item.name, item.found] for item in result.findings])
    fixes = [f"{item.name}: {item.fix}" for item in result.findings if item.status is not Status.PASS]
    return shown + "".join(f"\nTry for {fix}" for fix in fixes) + ("\n" if fixes else "")


@app.command("connect")
def connect(
    region: Region,
    cluster: MaybeCluster = None,
    profile: Profile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command; do not run it.")] = False,
) -> None:
    """Log in to the head node with Session Manager; Ctrl-S and Ctrl-Q reach its editors."""
    made = services(profile, region)
    if dry_run:
        emit(connect_command(made, cluster_meant(made, cluster)))
        return
    if FRAME.json:
        raise UsageError("connect opens a terminal; --json goes with --dry-run only.")
    for program in (PLUGIN, "aws"):
        if shutil.which(program) is None:
            raise ToolchainError(f"{program} is not on PATH; Session Manager needs it.",
                                 hint="Install it, or run single commands: dyec headnode run -- COMMAND")  # fmt: skip
    command = prepare_connect(made, cluster_meant(made, cluster))
    sys.stderr.write(f"{command.cluster} ({command.instance_id})\n{command.line}\n")
    sys.exit(hold_session(command.argv, sys.stdin.fileno() if sys.stdin.isatty() else None))


@text.register
def _(result: ConnectCommand) -> str:
    return result.line


headnode_setup.register(app)
