"""`dyec create`."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from daylily_ec.cli import plan_view as plan_view
from daylily_ec.cli import preflight as preflight
from daylily_ec.cli.frame import App
from daylily_ec.cli.options import Config, DryRun, Profile, RegionAz, SpotBump, SpotCap, spot_overrides
from daylily_ec.cli.questions import asker, confirmer
from daylily_ec.cli.render import emit, pairs, text
from daylily_ec.cli.session import services
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.util.clock import duration
from daylily_ec.workflow.configuration import ConfigurationRequest, default_path, read_configuration
from daylily_ec.workflow.create_cluster import create_cluster
from daylily_ec.workflow.create_request import ClusterCreated, CreateRequest

app = App()

NonInteractive = Annotated[bool, typer.Option("--non-interactive", help="Never ask; list what is missing.")]
PassOnWarn = Annotated[bool, typer.Option("--pass-on-warn", help="Let preflight warnings pass.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--repo-override", help="KEY:REF for `dyec headnode configure`; checked now, recorded.  Repeatable."),
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", min=0, help="Seconds after which this command stops waiting; the cluster goes on."),
]
Rollback = Annotated[
    bool,
    typer.Option("--rollback-on-failure/--no-rollback-on-failure", help="Whether a failed cluster is taken down."),
]


@text.register
def _(result: ClusterCreated) -> str:
    shown = pairs({
        "cluster": result.cluster_name, "region (AZ)": f"{result.region} ({result.region_az})",
        "status": result.status, "took": duration(result.elapsed_s), "head node": result.head_node_instance_id,
        "IP address": result.head_node_ip, "file system": result.fsx_ids, "configuration": result.cluster_yaml_path,
        "record": result.state_path,
    })  # fmt: skip
    if result.status == "STOPPED":
        return f"{shown}\nStopped after ParallelCluster's dry run, as DAY_BREAK=1 asks.\n"
    lacking = "".join(f"! {text}\n" for text in result.post_create_warnings)
    again = f"\n{lacking}Once the cause is gone, the same command makes it up.\n" if lacking else ""
    return f"{shown}\n{again}\nNext: {result.next_command}\n"


@app.command()
def create(
    region_az: RegionAz,
    profile: Profile = None,
    config: Config = None,
    pass_on_warn: PassOnWarn = False,
    repo_override: Overrides = None,
    non_interactive: NonInteractive = False,
    dry_run: DryRun = False,
    spot_bump: SpotBump = None,
    spot_cap: SpotCap = None,
    rollback_on_failure: Rollback = True,
    timeout: Timeout = 7200,
) -> None:
    """Create a cluster; run again after an interruption, it goes on."""
    _interrupt_on_hangup()
    zone = AvailabilityZone.parse(region_az)
    used = services(profile, zone.region)
    ask = asker(non_interactive=non_interactive)
    path = config or default_path()
    wanted = ConfigurationRequest(path, spot_overrides(spot_bump, spot_cap), ask, completes=not dry_run)
    values = read_configuration(wanted, reporter=used.reporter)
    confirm = confirmer(non_interactive=non_interactive)
    request = CreateRequest(values, zone, confirm, pass_on_warn, dry_run, rollback_on_failure,
                            tuple(repo_override or ()), timeout, str(path.absolute()))  # fmt: skip
    emit(create_cluster(used, request))


def _interrupt_on_hangup() -> None:
    """A closed terminal or a polite kill detaches as Ctrl-C does."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
