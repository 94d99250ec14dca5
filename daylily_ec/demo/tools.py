"""The workflow's tools in an environment of their own, cached: Snakemake and MultiQC never share the product's.

`requirements.txt` of the demonstration pins every distribution, so it is installed without dependency resolution;
that also leaves out what MultiQC names but does not load here (1.1 GB with everything).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.demo import cache
from daylily_ec.errors import ToolchainError
from daylily_ec.util.files import write_atomic

Note = Callable[[str], None]
Install = Callable[[Path, Path], None]
"""Installs the second argument, a requirements file, for the first one, a Python interpreter."""

INSTALL_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Tools:
    """The environment at `root`; `seconds` is how long it took to make, 0.0 when it was there."""

    root: Path
    seconds: float
    size_bytes: int

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.root / "bin" / "python"

    @property
    def base_prefix(self) -> Path:
        """Installation that its interpreter links to: whoever sees `root` elsewhere needs this one too."""
        return self.python.resolve().parent.parent


def environment_key(requirements: str, interpreter: str, version: tuple[int, int]) -> str:
    """Twelve hexadecimal digits that differ whenever pins, interpreter or its version differ."""
    text = "\n".join((requirements, interpreter, f"{version[0]}.{version[1]}"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def tools_directory(requirements: Path, cache_root: Path) -> Path:
    """Where the environment for these pins and this interpreter is, or will be."""
    key = environment_key(requirements.read_text(), os.path.realpath(sys.executable), sys.version_info[:2])
    return cache_root / f"tools-{key}"


def pip_install(python: Path, requirements: Path) -> None:
    """Install with this interpreter's pip, as the user has configured it; raises `ToolchainError`."""
    argv = [
        sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check",
        "--no-input", "--no-deps", "-r", str(requirements),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            argv, env=cache.pip_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=INSTALL_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as exc:
        raise ToolchainError(f"pip install of the workflow's tools took longer than {INSTALL_SECONDS:.0f} s") from exc
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise ToolchainError(
            f"cannot install the workflow's tools: {errors[-1] if errors else f'pip exit {done.returncode}'}",
            hint="Check that pip reaches a package index: python -m pip download --no-deps snakemake",
            details={"stderr": done.stderr[-4000:]},
        )


def _works(root: Path) -> bool:
    """Whether a finished environment is there and its interpreter still exists."""
    return (root / cache.COMPLETE).is_file() and (root / "bin" / "python").exists()


def _size(root: Path) -> int:
    return sum(path.lstat().st_size for path in root.rglob("*"))


def _build(root: Path, requirements: Path, install: Install) -> None:
    """An environment cannot be moved, so it is built in place; the marker written last makes it count."""
    shutil.rmtree(root, ignore_errors=True)
    venv.EnvBuilder(symlinks=True, with_pip=False).create(root)
    install(root / "bin" / "python", requirements)
    write_atomic(root / cache.COMPLETE, f"{_size(root)}\n", 0o644)


def ensure_tools(requirements: Path, cache_root: Path, note: Note, *, install: Install = pip_install) -> Tools:
    """The cached environment for `requirements`, built when it is not there; raises `ToolchainError` or `Busy`."""
    root = tools_directory(requirements, cache_root)
    seconds = 0.0
    with cache.exclusive(root):
        if not _works(root):
            note(f"Installing Snakemake and MultiQC into {root} (once, about 300 MB)")
            start = time.monotonic()
            _build(root, requirements, install)
            seconds = time.monotonic() - start
        size = int((root / cache.COMPLETE).read_text())
    return Tools(root, seconds, size)
