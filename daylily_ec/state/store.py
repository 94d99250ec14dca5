"""Record files `state_<cluster>_<YYYYMMDDHHMMSS>.json` in the configuration directory: private, replaced atomically."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.errors import CorruptFile, NotFound
from daylily_ec.state.models import RunRecord, corrupt, record_from_json
from daylily_ec.util.files import write_atomic, write_new
from daylily_ec.util.jsonio import dumps

_NAME = re.compile(r"state_(?P<cluster>.+)_(?P<stamp>\d{14})(?:-(?P<number>\d+))?\.json")


@dataclass(frozen=True, slots=True)
class StateEntry:
    """One record file: its content, or the problem that keeps it from being read."""

    path: str
    cluster_name: str
    stamp: str
    record: RunRecord | None = None
    problem: str = ""


class StateStore:
    """The records of one configuration directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def create(self, record: RunRecord) -> Path:
        """Write a new record file; a collision gets `-2`, nothing is overwritten."""
        return write_new(self.directory / f"state_{record.cluster_name}_{record.stamp}.json", dumps(record))

    def save(self, path: Path, record: RunRecord) -> None:
        """Replace the record in one step."""
        write_atomic(path, dumps(record))

    def load(self, path: Path) -> RunRecord:
        """The record; `NotFound` when there is no such file, `CorruptFile` when it is damaged."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise NotFound(f"There is no state file {path}.", hint="dyec state list") from None
        except (OSError, UnicodeDecodeError) as error:
            raise corrupt(str(path), f"cannot be read ({error})") from error
        try:
            document = json.loads(text)
        except ValueError as error:
            raise corrupt(str(path), f"is truncated or not JSON ({error})") from error
        # Records end with a newline; without it the last write was cut even if the JSON happens to be complete.
        if not text.endswith("}\n"):
            raise corrupt(str(path), "is truncated: its last line has no end")
        return record_from_json(document, str(path))

    def entries(self) -> tuple[StateEntry, ...]:
        """Every record file, newest first; damaged ones are listed with their problem."""
        found = []
        for path in self.directory.glob("state_*.json"):
            match = _NAME.fullmatch(path.name)
            if match is not None:
                order = (match["stamp"], int(match["number"] or 1), path.name)
                found.append((order, self._entry(path, match["cluster"], match["stamp"])))
        return tuple(entry for _, entry in sorted(found, key=lambda item: item[0], reverse=True))

    def _entry(self, path: Path, cluster: str, stamp: str) -> StateEntry:
        try:
            return StateEntry(str(path), cluster, stamp, self.load(path))
        except CorruptFile as error:
            return StateEntry(str(path), cluster, stamp, problem=error.message)

    def latest(self, cluster: str, region: str) -> tuple[Path, RunRecord] | None:
        """The newest record of the cluster in the region; a damaged record of that name raises `CorruptFile`."""
        return next((found for found in self._of(cluster) if found[1].region == region), None)

    def newest(self, cluster: str) -> RunRecord:
        """The newest record of the cluster in any region; `NotFound` when there is none."""
        for _, record in self._of(cluster):
            return record
        raise NotFound(f"There is no record of a cluster {cluster} in {self.directory}.", hint="dyec state list")

    def _of(self, cluster: str) -> Iterator[tuple[Path, RunRecord]]:
        for entry in self.entries():
            if entry.cluster_name == cluster:
                if entry.record is None:
                    raise corrupt(entry.path, entry.problem.removeprefix(f"{entry.path}: ").rstrip("."))
                yield Path(entry.path), entry.record
