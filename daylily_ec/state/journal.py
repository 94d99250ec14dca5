"""What a run did, line by line: appended and synced before and after each step, so that a crash leaves a true story."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daylily_ec.state.models import corrupt
from daylily_ec.util.clock import Clock, timestamp
from daylily_ec.util.files import fsync_directory


@dataclass(frozen=True, slots=True)
class JournalView:
    """The complete lines of a journal, and the bytes of a last line that a crash cut short."""

    lines: tuple[dict[str, Any], ...]
    torn: bytes = b""


class Journal:
    """Append-only JSON lines in one file.  Opening it drops a torn last line and notes that as an event."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        if path.exists():
            self._repair()

    def append(self, event: str, step: str = "", **data: object) -> None:
        """Add one line; it is on disk when this returns."""
        line = {"at": timestamp(self._clock.now()), "event": event, "step": step, **data}
        raw = json.dumps(line, sort_keys=True, ensure_ascii=False, default=str).encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = not self.path.exists()
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            written = os.write(handle, raw)
            os.fsync(handle)
        finally:
            os.close(handle)
        if written != len(raw):
            raise OSError(f"{self.path}: only {written} of {len(raw)} bytes could be written")
        if new:
            fsync_directory(self.path.parent)

    def _repair(self) -> None:
        torn = read(self.path).torn
        if torn:
            os.truncate(self.path, self.path.stat().st_size - len(torn))
            self.append("torn-line-dropped", bytes=len(torn))


def journal_path(state_path: Path) -> Path:
    """The journal that belongs to a record file."""
    return state_path.with_name(state_path.name.replace("state_", "journal_", 1)).with_suffix(".jsonl")


def read(path: Path) -> JournalView:
    """The journal's lines; damage anywhere but in the last line raises `CorruptFile`."""
    raw = path.read_bytes()
    whole, newline, torn = raw.rpartition(b"\n")
    lines = whole.split(b"\n") if newline else []
    return JournalView(tuple(_line(line, number, path) for number, line in enumerate(lines, 1)), torn)


def _line(raw: bytes, number: int, path: Path) -> dict[str, Any]:
    try:
        value: Mapping[str, Any] = json.loads(raw)
    except ValueError as error:
        raise corrupt(str(path), f"line {number} is not JSON ({error})") from error
    if not isinstance(value, dict) or not isinstance(value.get("event"), str):
        raise corrupt(str(path), f"line {number} is no journal entry")
    return value
