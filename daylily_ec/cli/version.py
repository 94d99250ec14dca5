"""`dyec version`."""

from __future__ import annotations

from dataclasses import dataclass

from daylily_ec.cli.frame import App
from daylily_ec.cli.render import emit, text
from daylily_ec.version import __version__

app = App()


@dataclass(frozen=True, slots=True)
class Version:
    """Application name and version."""

    app: str
    version: str


@text.register
def _(result: Version) -> str:
    return f"{result.app} {result.version}"


@app.command()
def version() -> None:
    """Print the version."""
    emit(Version("Daylily Ephemeral Cluster", __version__))
