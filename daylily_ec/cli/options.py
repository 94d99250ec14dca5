"""Options that many commands share, with one spelling and one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Profile = Annotated[str | None, typer.Option("--profile", envvar="AWS_PROFILE", help="AWS profile.")]
Region = Annotated[str, typer.Option("--region", envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="AWS region.")]
RegionAz = Annotated[str, typer.Option("--region-az", help="Availability zone, such as us-west-2d.")]
Cluster = Annotated[str, typer.Option("--cluster", "--cluster-name", help="Cluster name.")]
Config = Annotated[Path | None, typer.Option("--config", envvar="DAY_EX_CFG", help="Cluster configuration file.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]
