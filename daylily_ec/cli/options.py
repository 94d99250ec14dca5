"""Options that many commands share, with one spelling and one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daylily_ec.cli.frame import CLUSTER_VARIABLE

Profile = Annotated[str | None, typer.Option("--profile", envvar="AWS_PROFILE", help="AWS profile.")]
Region = Annotated[str, typer.Option("--region", envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="AWS region.")]
RegionAz = Annotated[str, typer.Option("--region-az", help="Availability zone, such as us-west-2d.")]
Cluster = Annotated[str, typer.Option("--cluster", "--cluster-name", envvar=CLUSTER_VARIABLE, help="Cluster name.")]
MaybeCluster = Annotated[
    str | None, typer.Option("--cluster", "--cluster-name", help="Cluster name; a terminal offers a menu without it.")
]
Config = Annotated[Path | None, typer.Option("--config", envvar="DAY_EX_CFG", help="Cluster configuration file.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]
SpotBump = Annotated[str | None, typer.Option("--spot-bump", help="USD per hour that a bid lies above the median.")]
SpotCap = Annotated[str | None, typer.Option("--spot-cap", help="none, or on-demand: never bid above that price.")]


def spot_overrides(bump: str | None, cap: str | None) -> dict[str, str]:
    """The configuration keys that the two flags set."""
    given = {"spot_price_bump": bump, "spot_price_cap": cap}
    return {key: value for key, value in given.items() if value is not None}
