"""Which AWS calls the product makes, recorded: read, kept as a file, and compared with every command the tests run.

A witness reads the local cloud's own request log after a command.  While `DYEC_RECORD_CALLS` names a file, it appends
what it sees; otherwise it refuses a call of dyec's that the recording or the operator's policies do not know.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daylily_ec.localcloud.profile import ACCESS_KEY_ID
from tests.permissions.operations import granted, permissions

FILE = Path(__file__).with_name("recorded_calls.json")
VARIABLE = "DYEC_RECORD_CALLS"
GROUPS = frozenset(
    {"cluster", "config", "headnode", "samples", "mounts", "mount", "workflow", "repositories", "state", "exports"}
)
TELLING = frozenset({"--probe-writes", "--dry-run", "--abandon-exports", "--rollback-on-failure", "--no-wait"})
"""Options that lead to calls of their own."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Recording:
    """Operation (`s3:HeadBucket`) -> the commands that made it; resource types of each synthesised template."""

    dyec: Mapping[str, Sequence[str]]
    pcluster: Mapping[str, Sequence[str]]
    types: Mapping[str, Sequence[str]]


def load(path: Path = FILE) -> Recording:
    """The recording in the repository."""
    return Recording(**json.loads(path.read_text()))


def command_name(words: Sequence[str]) -> str:
    """`mounts create`, `preflight --probe-writes`: what of a command line decides about its calls."""
    own = list(words[: words.index("--")]) if "--" in words else list(words)
    plain = [word for word in own if not word.startswith("-")]
    verb = plain[:2] if plain[:1] and plain[0] in GROUPS else plain[:1]
    return " ".join([*verb, *(word for word in own if word in TELLING)])


@dataclass
class Witness:
    """Looks at one cloud's log after each command; rows seen before are not looked at again."""

    seen: int = 0

    def skip(self, rows: Sequence[Row]) -> None:
        """What happened so far was not the next command's doing."""
        self.seen = max([self.seen, *(row["number"] for row in rows)])

    def look(self, rows: Sequence[Row], words: Sequence[str]) -> None:
        """Record the calls of a command that has ended, or compare them with the recording and the policies."""
        new = [row for row in rows if row["number"] > self.seen]
        self.skip(rows)
        own = sorted({f"{row['service']}:{row['action']}" for row in new if row["client"] == "dyec"})
        if os.environ.get(VARIABLE):
            others = {f"{r['service']}:{r['action']}" for r in new if r["client"] != "dyec" and _is_operator(r)}
            _append({"command": command_name(words), "dyec": own, "pcluster": sorted(others)})
            return
        strangers = unknown(own)
        assert not strangers, f"dyec {command_name(words)}: {strangers}; see tests/permissions/__main__.py"


def unknown(operations: Iterable[str]) -> list[str]:
    """What is wrong with operations that dyec made: not recorded, or allowed by no statement of its own."""
    recorded, allowed = load().dyec, granted()
    return [
        *(f"{operation} is not recorded" for operation in operations if operation not in recorded),
        *(f"{operation} needs {action}, which no statement allows"
          for operation in operations for action in permissions(operation) if action not in allowed),
    ]  # fmt: skip


def note_types(template: str, types: Iterable[str]) -> None:
    """Keep a synthesised template's resource types, or compare them with the recording."""
    found = sorted(set(types))
    if os.environ.get(VARIABLE):
        _append({"template": template, "types": found})
    else:
        assert found == load().types[template]


def _is_operator(row: Row) -> bool:
    return bool(row["caller"] == ACCESS_KEY_ID)


def _append(document: Mapping[str, object]) -> None:
    with Path(os.environ[VARIABLE]).open("a", encoding="utf-8") as out:
        out.write(json.dumps(document) + "\n")


def merge(lines: Iterable[str]) -> str:
    """The recording's file from what the witnesses appended."""
    kept: dict[str, dict[str, set[str]]] = {"dyec": defaultdict(set), "pcluster": defaultdict(set)}
    types: dict[str, list[str]] = {}
    for entry in map(json.loads, lines):
        if "template" in entry:
            types[entry["template"]] = entry["types"]
            continue
        for program, operations in kept.items():
            # Only these commands start the real pcluster; in others' time, the tests' own hands are at work.
            if program == "dyec" or entry["command"].partition(" ")[0] in ("create", "delete"):
                for operation in entry[program]:
                    operations[operation].add(entry["command"])
    document = {name: {key: sorted(value) for key, value in sorted(found.items())} for name, found in kept.items()}
    return json.dumps({**document, "types": dict(sorted(types.items()))}, indent=1) + "\n"
