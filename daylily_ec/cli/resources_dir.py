"""`dyec resources-dir`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from daylily_ec.cli.frame import App
from daylily_ec.cli.render import emit, text
from daylily_ec.config.resources import resources_dir

app = App()


@dataclass(frozen=True, slots=True)
class Resources:
    """Where the packaged templates lie."""

    resources_dir: Path


@text.register
def _(result: Resources) -> str:
    return str(result.resources_dir)


@app.command()
def resources_dir_command() -> None:
    """Print where the packaged templates lie."""
    emit(Resources(resources_dir()))
