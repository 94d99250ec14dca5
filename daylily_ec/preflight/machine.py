"""The operator's machine: programs, installed distributions, files."""

from __future__ import annotations

import platform
import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import Protocol

from daylily_ec.errors import DyecError
from daylily_ec.util.proc import run

_VERSION_TIMEOUT_S = 20


class Machine(Protocol):
    """What preflight asks of this machine."""

    def python(self) -> str:
        """Version of the running Python."""

    def program(self, name: str) -> str | None:
        """Path of a program on PATH, None when absent."""

    def program_version(self, name: str) -> str | None:
        """Version a program reports of itself, None when absent or mute."""

    def distribution(self, name: str) -> str | None:
        """Version of an installed Python distribution, None when absent."""

    def file_mode(self, path: Path) -> int | None:
        """Permission bits of a file, None when absent."""

    def home(self) -> Path:
        """The operator's home."""


class ThisMachine:
    """`Machine` for real."""

    def python(self) -> str:
        return platform.python_version()

    def program(self, name: str) -> str | None:
        return shutil.which(name)

    def program_version(self, name: str) -> str | None:
        if shutil.which(name) is None:
            return None
        try:
            done = run([name, "--version"], timeout=_VERSION_TIMEOUT_S)
        except DyecError:
            return None
        return first_version(done.stdout or done.stderr)

    def distribution(self, name: str) -> str | None:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    def file_mode(self, path: Path) -> int | None:
        try:
            return path.stat().st_mode & 0o777
        except OSError:
            return None

    def home(self) -> Path:
        return Path.home()


def first_version(text: str) -> str | None:
    """The first dotted number in a text."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return found.group() if found else None


def at_least(version: str, minimum: str) -> bool:
    """Whether a dotted version is not below another."""
    return _numbers(version) >= _numbers(minimum)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
