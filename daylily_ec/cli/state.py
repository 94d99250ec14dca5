"""`dyec state`: the records of earlier runs on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from daylily_ec.cli.frame import App
from daylily_ec.cli.render import emit, pairs, table, text
from daylily_ec.config.settings import config_dir
from daylily_ec.errors import UsageError
from daylily_ec.state.models import RunRecord
from daylily_ec.state.store import StateEntry, StateStore
from daylily_ec.util.jsonio import plain

app = App("Show the records of earlier runs.")

StateFile = Annotated[Path | None, typer.Option("--state-file", help="A record file.")]
ClusterOption = Annotated[str | None, typer.Option("--cluster", "--cluster-name", help="Newest record of a cluster.")]


@dataclass(frozen=True, slots=True)
class StateList:
    """Every record file, newest first."""

    records: tuple[StateEntry, ...]


@text.register
def _(result: StateList) -> str:
    if not result.records:
        return "No records.\n"
    return table(["CLUSTER", "REGION (AZ)", "STATUS", "STARTED", "FILE"], [_row(entry) for entry in result.records])


def _row(entry: StateEntry) -> list[str]:
    record = entry.record
    if record is None:
        return [entry.cluster_name, "", "DAMAGED", entry.stamp, entry.problem]
    return [entry.cluster_name, record.region_az, record.status, record.started_at, entry.path]


@text.register
def _(result: RunRecord) -> str:
    return pairs({key.replace("_", " "): value for key, value in plain(result).items()})


@app.command("list")
def list_() -> None:
    """List the records, newest first; damaged ones with their problem."""
    emit(StateList(StateStore(config_dir()).entries()))


@app.command("show")
def show(state_file: StateFile = None, cluster: ClusterOption = None) -> None:
    """Show one record."""
    store = StateStore(config_dir())
    if (state_file is None) == (cluster is None):
        raise UsageError("Give either --state-file or --cluster.", hint="dyec state list")
    emit(store.load(state_file) if state_file else store.newest(str(cluster)))
