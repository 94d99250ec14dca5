"""What a sweep found: one header line and one line per point, as JSON lines."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from daylily_ec.util.files import write_atomic

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Point:
    """One fault and what came of it; `problem` is empty when the promise held.

    `call` and `action` say where it struck, `kind` what struck, `outcome` how the promise was kept; a line may stand
    for `count` points that came out alike.
    """

    promise: str
    kind: str
    call: int
    action: str
    outcome: str
    problem: str = ""
    count: int = 1

    @property
    def held(self) -> bool:
        return not self.problem


@dataclass(frozen=True, slots=True)
class Sweep:
    """The header: what was asked, how many points there are, how many ran.

    `verb` is the scenario (empty: `create`); `client` and `server` are dyec's calls in an undisturbed run as its
    process and as the cloud counted them.
    """

    promise: str
    tier: str
    commit: str
    seed: int
    client: int
    server: int
    points: int
    run: int
    held: int
    seconds: float
    version: str
    note: str = ""
    verb: str = ""

    @property
    def name(self) -> str:
        """Promise, verb and tier: the name of its file."""
        return "-".join(filter(None, (self.promise, self.verb, self.tier)))

    @property
    def not_run(self) -> int:
        return self.points - self.run


def commit() -> str:
    """The commit that is checked out, with `+` when the tree has changes of its own."""
    exported = ROOT / ".commit"
    if exported.is_file():
        return exported.read_text().strip()
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run([*git, "status", "--porcelain", "-uno", "--", "daylily_ec", "config"], capture_output=True,
                             text=True, check=False)  # fmt: skip
    return (head.stdout.strip() or "unknown") + ("+" if changed.stdout.strip() else "")


def write(path: Path, sweep: Sweep, points: Iterable[Point]) -> None:
    """Header and points; replaces the file in one step."""
    lines = [{"sweep": asdict(sweep)}, *(asdict(point) for point in points)]
    write_atomic(path, "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines), 0o644)


def read(path: Path) -> tuple[Sweep, tuple[Point, ...]]:
    """A file of `write`."""
    first, *rest = [json.loads(line) for line in path.read_text().splitlines()]
    return Sweep(**first["sweep"]), tuple(Point(**line) for line in rest)
