"""Child processes: argument vectors only, never a shell."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.errors import DeadlinePassed, ToolchainError


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Finished:
    """Run to the end and capture; a missing program is a `ToolchainError`, a timeout a `DeadlinePassed`."""
    try:
        done = subprocess.run(
            list(argv), env=dict(env) if env is not None else None, cwd=cwd, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        )  # fmt: skip
    except FileNotFoundError as exc:
        raise ToolchainError(f"{argv[0]} is not installed or not on PATH", hint="Run: source ./activate") from exc
    except subprocess.TimeoutExpired as exc:
        raise DeadlinePassed(f"{argv[0]} did not end within {timeout:.0f} s") from exc
    return Finished(tuple(argv), done.returncode, done.stdout, done.stderr)
