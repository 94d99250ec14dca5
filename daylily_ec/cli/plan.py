"""`dyec plan`: what `dyec create --dry-run` shows."""

from __future__ import annotations

from daylily_ec.cli import plan_view as plan_view
from daylily_ec.cli.create import NonInteractive, PassOnWarn
from daylily_ec.cli.frame import App
from daylily_ec.cli.options import Config, Profile, RegionAz, SpotBump, SpotCap, spot_overrides
from daylily_ec.cli.questions import asker, confirmer
from daylily_ec.cli.render import emit
from daylily_ec.cli.session import services
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.workflow.configuration import ConfigurationRequest, default_path, read_configuration
from daylily_ec.workflow.create_cluster import create_cluster
from daylily_ec.workflow.create_request import CreateRequest

app = App()


@app.command()
def plan(
    region_az: RegionAz,
    profile: Profile = None,
    config: Config = None,
    pass_on_warn: PassOnWarn = False,
    non_interactive: NonInteractive = False,
    spot_bump: SpotBump = None,
    spot_cap: SpotCap = None,
) -> None:
    """Show what create would do and what it costs; changes nothing."""
    zone = AvailabilityZone.parse(region_az)
    used = services(profile, zone.region)
    ask = asker(non_interactive=non_interactive)
    wanted = ConfigurationRequest(config or default_path(), spot_overrides(spot_bump, spot_cap), ask, completes=False)
    values = read_configuration(wanted, reporter=used.reporter)
    confirm = confirmer(non_interactive=non_interactive)
    emit(create_cluster(used, CreateRequest(values, zone, confirm, pass_on_warn, dry_run=True)))
