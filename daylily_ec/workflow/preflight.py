"""`preflight`: look at everything, keep the report, then open or close the gate."""

from __future__ import annotations

import re
from pathlib import Path

from daylily_ec.config.models import ClusterConfig
from daylily_ec.config.settings import config_dir
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.preflight.context import PreflightContext, PreflightOptions
from daylily_ec.preflight.machine import Machine, ThisMachine
from daylily_ec.preflight.report import PreflightReport
from daylily_ec.preflight.roles import load_roles
from daylily_ec.preflight.run import gate, inspect
from daylily_ec.util.clock import file_stamp
from daylily_ec.util.files import write_new
from daylily_ec.util.jsonio import dumps
from daylily_ec.workflow.services import Services

__all__ = ["PreflightOptions", "PreflightReport", "run_preflight"]


def run_preflight(
    services: Services,
    config: ClusterConfig,
    zone: AvailabilityZone,
    options: PreflightOptions | None = None,
    *,
    machine: Machine | None = None,
) -> PreflightReport:
    """The kept report of a passing preflight; `PreflightFailed` or `ToolchainError` (with the report) otherwise."""
    chosen = options or PreflightOptions()
    context = PreflightContext(services, config, zone, chosen, machine or ThisMachine(), load_roles())
    report = PreflightReport(
        run_id=file_stamp(services.clock.local()),
        cluster_name=config.cluster_name,
        region=zone.region,
        region_az=zone,
        aws_profile=services.context.profile or "",
    )
    services.reporter.step(f"Preflight for {config.cluster_name} in {zone}")
    report = inspect(context, report, services.reporter)
    report = report.kept_at(_keep(report))
    gate(report, chosen)
    return report


def _keep(report: PreflightReport) -> Path:
    cluster = re.sub(r"[^A-Za-z0-9_-]", "_", report.cluster_name) or "unknown"
    path = config_dir() / f"preflight_{cluster}_{report.run_id}.json"
    return write_new(path, dumps(report.document()))
