"""Makes the `Services` of a command from its options."""

from __future__ import annotations

from daylily_ec.cli.console import Console
from daylily_ec.domain.zones import Region
from daylily_ec.workflow.services import Services


def services(profile: str | None, region: str) -> Services:
    """Services for a profile and region, reporting to the console."""
    from daylily_ec.aws.context import AwsContext

    return Services(AwsContext(profile, Region.parse(region)), reporter=Console())
