"""One named change of the product, and the copy of it in which tests are run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("daylily_ec", "tests", "config", "etc", "pyproject.toml")
RED = 1
"""pytest's exit status when tests ran and some failed; 2 and above mean that they did not run."""
LIMIT_S = 300


class Stale(AssertionError):
    """The source no longer holds the text that a mutation changes, or holds it more than once."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """`old` becomes `new` in the module `path`; `test` is the pytest target that must turn red."""

    name: str
    path: str
    old: str
    new: str
    test: str

    def mutated(self, text: str) -> str:
        """The module's text with the change; `Stale` when it does not fit."""
        if text.count(self.old) != 1:
            raise Stale(f"{self.name}: found {text.count(self.old)} times in {self.path}")
        changed = text.replace(self.old, self.new)
        if self.path.endswith(".py"):
            compile(changed, self.path, "exec")
        return changed


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """A copy of package, tests and data below `folder`."""
    root = folder / "copy"
    root.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / part, root / part)
    yield root


@contextmanager
def applied(mutation: Mutation, root: Path) -> Iterator[None]:
    """The mutation in the copy, taken back afterwards."""
    path = root / mutation.path
    text = path.read_text()
    path.write_text(mutation.mutated(text))
    try:
        yield
    finally:
        path.write_text(text)


def status(root: Path, *tests: str) -> int:
    """pytest's exit status for the targets in the copy."""
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
    done = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, timeout=LIMIT_S,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)  # fmt: skip
    return done.returncode
