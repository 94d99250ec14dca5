"""`dyec preflight`."""

from __future__ import annotations

from typing import Annotated

import typer

from daylily_ec.cli.frame import App
from daylily_ec.cli.options import Config, Profile, RegionAz
from daylily_ec.cli.questions import asker, confirmer
from daylily_ec.cli.render import emit, table, text
from daylily_ec.cli.session import services
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.preflight.report import CheckResult, PreflightReport
from daylily_ec.workflow.configuration import ConfigurationRequest, default_path, read_configuration
from daylily_ec.workflow.preflight import PreflightOptions, run_preflight

app = App()

NonInteractive = Annotated[bool, typer.Option("--non-interactive", help="Never ask; list what is missing.")]
PassOnWarn = Annotated[bool, typer.Option("--pass-on-warn", help="Let warnings pass.")]
KeepGoing = Annotated[bool, typer.Option("--keep-going", help="Run every validator, even after a failure.")]
ProbeWrites = Annotated[bool, typer.Option("--probe-writes", help="Write and delete one object at the export root.")]

_FACTS = {
    "caller_arn": "caller",
    "current": "version",
    "current_value": "quota",
    "tot_vcpu_demand": "demand",
    "attached_to": "attached to",
    "action": "action",
    "simulated": "actions simulated:",
    "template": "template",
    "default_repository": "default",
    "access": "access by",
    "public_subnet_id": "public",
    "private_subnet_id": "private",
    "stack": "stack",
    "existing_status": "exists:",
}
"""Details worth a remark when there is nothing to do, with the words before them."""


@text.register
def _(result: PreflightReport) -> str:
    rows = [[check.status, check.id, f"{check.seconds:.2f}s", _remark(check)] for check in result.checks]
    head = f"{result.cluster_name} in {result.region_az}, account {result.account_id or 'unknown'}\n\n"
    kept = f"\nReport: {result.report_path}\n" if result.report_path else ""
    return head + table(["STATUS", "CHECK", "TIME", "REMARK"], [list(row) for row in rows]) + kept


def _remark(check: CheckResult) -> str:
    facts = [f"{name} {_short(check.details[key])}" for key, name in _FACTS.items() if check.details.get(key)]
    return check.remediation or str(check.details.get("note") or "") or ", ".join(facts)


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@app.command()
def preflight(
    region_az: RegionAz,
    profile: Profile = None,
    config: Config = None,
    non_interactive: NonInteractive = False,
    pass_on_warn: PassOnWarn = False,
    keep_going: KeepGoing = False,
    probe_writes: ProbeWrites = False,
) -> None:
    """Check everything a cluster needs; changes nothing in AWS."""
    zone = AvailabilityZone.parse(region_az)
    ask = asker(non_interactive=non_interactive)
    used = services(profile, zone.region)
    wanted = ConfigurationRequest(config or default_path(), {}, ask, completes=False)
    values = read_configuration(wanted, reporter=used.reporter)
    options = PreflightOptions(confirmer(non_interactive=non_interactive), pass_on_warn, keep_going, probe_writes)
    emit(run_preflight(used, values, zone, options))
