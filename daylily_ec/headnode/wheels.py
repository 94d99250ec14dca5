"""The wheels that dyec needs on a head node, fetched once on the operator's machine and kept.

A head node reaches S3 and perhaps nothing else, so pip runs here, with the user's own index and settings, for the
node's Python, machine and glibc; only wheels are taken, nothing is built.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from daylily_ec.config.settings import cache_dir
from daylily_ec.errors import DeadlinePassed, ToolchainError
from daylily_ec.headnode.bundle import NodeTarget, Pins
from daylily_ec.util import proc
from daylily_ec.util.files import write_atomic

DOWNLOAD_S = 300.0
_SUMS = ".sha256"
Run = Callable[[list[str], Mapping[str, str]], proc.Finished]


class WheelSource(Protocol):
    """Where dependency wheels come from."""

    def wheels(self, target: NodeTarget, pins: Pins) -> tuple[Path, ...]:
        """One wheel for every pin that fits the target, by name; `ToolchainError` when they cannot be had."""


def _pip(argv: list[str], env: Mapping[str, str]) -> proc.Finished:
    return proc.run(argv, timeout=DOWNLOAD_S, env=env)


class PipWheels:
    """`WheelSource` through pip, with a cache of finished sets below the user's cache directory.

    A set is complete when its list of SHA-256 sums is there and holds; sets are moved into place whole, so two
    processes may make the same one.
    """

    def __init__(self, root: Path | None = None, run: Run = _pip) -> None:
        self._root = root if root is not None else cache_dir() / "headnode"
        self._run = run

    def wheels(self, target: NodeTarget, pins: Pins) -> tuple[Path, ...]:
        place = self._root / _key(target, pins)
        if not _is_intact(place):
            self._fetch(place, target, pins)
        return tuple(sorted(place.glob("*.whl")))

    def _fetch(self, place: Path, target: NodeTarget, pins: Pins) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self._root) as folder:
            made = Path(folder, "set")
            made.mkdir()
            self._download(made, target, pins)
            wheels = sorted(made.glob("*.whl"))
            if len(wheels) != len(pins.versions):
                raise ToolchainError(f"pip fetched {len(wheels)} of {len(pins.versions)} wheels for the head node.")
            write_atomic(made / _SUMS, "".join(f"{_digest(wheel)}  {wheel.name}\n" for wheel in wheels), 0o644)
            if not _is_intact(place):
                shutil.rmtree(place, ignore_errors=True)
                made.rename(place)

    def _download(self, folder: Path, target: NodeTarget, pins: Pins) -> None:
        python = f"{target.python[0]}.{target.python[1]}"
        platforms = [word for tag in target.platforms for word in ("--platform", tag)]
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input",
                "--no-deps", "--only-binary=:all:", "--retries", "2", "--dest", str(folder),
                "--python-version", python, "--implementation", "cp", "--abi", f"cp{python.replace('.', '')}",
                "--abi", "abi3", "--abi", "none", *platforms, *pins.text.split()]  # fmt: skip
        try:
            done = self._run(argv, {"PIP_CACHE_DIR": str(cache_dir() / "pip"), **os.environ})
        except DeadlinePassed as error:
            raise _unavailable(f"pip did not end within {DOWNLOAD_S:.0f} s", "") from error
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            errors = [line for line in lines if line.startswith("ERROR")] or lines
            raise _unavailable(errors[-1] if errors else f"pip ended with {done.returncode}", done.stderr)


def _unavailable(why: str, stderr: str) -> ToolchainError:
    return ToolchainError(
        f"The wheels for the head node could not be fetched: {why}",
        code="wheels_unavailable", hint="Check that pip reaches a package index, then: dyec headnode configure",
        details={"stderr": stderr[-4000:]},
    )  # fmt: skip


def _key(target: NodeTarget, pins: Pins) -> str:
    text = "\n".join((pins.text, str(target.python), target.machine, str(target.glibc)))
    python = f"cp{target.python[0]}{target.python[1]}"
    return f"{python}-{target.machine}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _is_intact(place: Path) -> bool:
    try:
        lines = [line.split("  ", 1) for line in (place / _SUMS).read_text().splitlines()]
        return bool(lines) and all(_digest(place / name) == digest for digest, name in lines)
    except (OSError, ValueError):
        return False
