"""How long earlier creations took, from the journals of this configuration directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from daylily_ec.errors import CorruptFile
from daylily_ec.state.journal import journal_path, read
from daylily_ec.state.store import StateStore

CREATED = "created"
"""The journal's event that carries `seconds` and `phases` (name -> seconds) of a creation that succeeded."""
_RUNS = 20


@dataclass(frozen=True, slots=True)
class History:
    """Medians in seconds over the newest `runs` creations of one account and region; `total` None without any."""

    total: float | None = None
    phases: Mapping[str, float] = field(default_factory=dict)
    runs: int = 0


def history(store: StateStore, account_id: str, region: str) -> History:
    """What earlier runs of this account and region took; damaged files are left out, they only tell about the past."""
    found = []
    for line in _created(store, account_id, region):
        found.append(line)
        if len(found) == _RUNS:
            break
    if not found:
        return History()
    names = {name for line in found for name in line["phases"]}
    phases = {name: median(line["phases"][name] for line in found if name in line["phases"]) for name in sorted(names)}
    return History(median(line["seconds"] for line in found), phases, len(found))


def _created(store: StateStore, account_id: str, region: str) -> Iterator[dict[str, Any]]:
    for entry in store.entries():
        record = entry.record
        if record is not None and (record.account_id, record.region) == (account_id, region):
            yield from (line for line in _lines(Path(entry.path)) if _is_usable(line))


def _lines(state_path: Path) -> tuple[dict[str, Any], ...]:
    try:
        return read(journal_path(state_path)).lines[::-1]
    except (OSError, CorruptFile):
        return ()


def _is_usable(line: dict[str, Any]) -> bool:
    phases = line.get("phases")
    numbers = [line.get("seconds"), *(phases.values() if isinstance(phases, dict) else [None])]
    return line["event"] == CREATED and all(isinstance(number, int | float) for number in numbers)
