"""Differences between two observations, and the documented ones they must be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ABSENT = "absent"
_ROW = re.compile(r"^\| (D-\d\d) \| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \| (.+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Difference:
    """One path at which the two programs leave something else; the values are texts, or `absent`."""

    path: str
    reference: str
    ours: str


@dataclass(frozen=True)
class Intended:
    """A documented difference.  `*` in its place and values stands for any text."""

    id: str
    where: str
    reference: str
    ours: str
    why: str

    def covers(self, difference: Difference) -> bool:
        """Whether this row explains the difference, values included."""
        pairs = ((self.where, difference.path), (self.reference, difference.reference), (self.ours, difference.ours))
        return all(_matches(pattern, text) for pattern, text in pairs)


@dataclass(frozen=True)
class Verdict:
    """How a comparison came out; it is good when nothing is unexplained and no documented row is idle."""

    equal: int
    explained: Mapping[str, tuple[Difference, ...]]
    unexplained: tuple[Difference, ...]
    idle: tuple[str, ...]

    @property
    def good(self) -> bool:
        return not self.unexplained and not self.idle


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def shown(value: Any) -> str:
    """A value as the table writes it: texts bare, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def differences(reference: Mapping[str, Any], ours: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every path whose values differ, in order."""
    found = []
    for path in sorted({*reference, *ours}):
        left, right = (shown(side[path]) if path in side else ABSENT for side in (reference, ours))
        if left != right:
            found.append(Difference(path, left, right))
    return tuple(found)


def read_table(page: Path) -> tuple[Intended, ...]:
    """The rows of the page's table."""
    return tuple(Intended(*found) for found in _ROW.findall(page.read_text()))


def judge(reference: Mapping[str, Any], ours: Mapping[str, Any], table: Iterable[Intended]) -> Verdict:
    """Set the differences against the table."""
    rows, found = tuple(table), differences(reference, ours)
    explained = {row.id: tuple(one for one in found if row.covers(one)) for row in rows}
    known = {one for group in explained.values() for one in group}
    idle = tuple(f"{row.id} {row.where}" for row in rows if not any(row.covers(one) for one in found))
    equal = len({*reference, *ours}) - len(found)
    return Verdict(equal, explained, tuple(one for one in found if one not in known), idle)
