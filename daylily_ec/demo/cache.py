"""The one directory that outlives a demonstration: downloaded and prepared things that are expensive to make again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from daylily_ec.errors import Busy
from daylily_ec.util.files import write_atomic

COMPLETE = ".complete"
LOCK_SECONDS = 900.0


def cache_root(environ: Mapping[str, str] | None = None) -> Path:
    """`${XDG_CACHE_HOME:-~/.cache}/daylily/demo`; an empty or relative XDG_CACHE_HOME counts as unset."""
    values = os.environ if environ is None else environ
    base = Path(values.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        base = Path(values["HOME"]) / ".cache" if values.get("HOME") else Path.home() / ".cache"
    return base / "daylily" / "demo"


def pip_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables for a pip child: its downloads lie beside the demonstration's, unless the user chose another place."""
    values = os.environ if environ is None else environ
    return {"PIP_CACHE_DIR": str(cache_root(values).with_name("pip")), **values}


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold the lock beside `directory`, so that two demonstrations never build it at once."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(directory.with_name(f"{directory.name}.lock"), timeout=LOCK_SECONDS):
            yield
    except Timeout as exc:
        raise Busy(f"{directory} has been locked by another process for {LOCK_SECONDS / 60:.0f} minutes") from exc


def mark_complete(directory: Path) -> None:
    """Record size and SHA-256 of every file; written last, so an interrupted build is never taken for a whole one."""
    files = {
        path.relative_to(directory).as_posix(): sha256(path) for path in sorted(directory.rglob("*")) if path.is_file()
    }
    write_atomic(directory / COMPLETE, json.dumps(files, indent=2, sort_keys=True) + "\n", 0o644)


def is_intact(directory: Path) -> bool:
    """Whether the directory was completed and every recorded file still has its SHA-256."""
    try:
        files: dict[str, str] = json.loads((directory / COMPLETE).read_text())
        return all(sha256(directory / name) == digest for name, digest in files.items())
    except (OSError, ValueError):
        return False


def replace(made: Path, directory: Path) -> None:
    """Move the finished directory `made` to where `directory` is, if it is there."""
    shutil.rmtree(directory, ignore_errors=True)
    made.rename(directory)
