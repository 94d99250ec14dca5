"""`dyec info`."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from daylily_ec.cli.frame import App
from daylily_ec.cli.render import emit
from daylily_ec.config.resources import resources_dir
from daylily_ec.config.settings import cache_dir, config_dir
from daylily_ec.version import __version__

app = App()


@dataclass(frozen=True, slots=True)
class Info:
    """Versions and directories of this installation."""

    version: str
    python: str
    platform: str
    pcluster: str
    config_dir: Path
    cache_dir: Path
    resources_dir: Path


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


@app.command()
def info() -> None:
    """Show versions and directories."""
    emit(Info(__version__, platform.python_version(), platform.platform(terse=True),
              _version("aws-parallelcluster"), config_dir(), cache_dir(), resources_dir()))  # fmt: skip
