"""Files that are either the old or the new content, never a mixture."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomic(path: Path, data: str | bytes, mode: int = 0o600) -> None:
    """Replace `path` in one step: temporary sibling, fsync, rename, fsync of the directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = data.encode() if isinstance(data, str) else data
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(raw)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)


def fsync_directory(path: Path) -> None:
    """Make a rename in `path` survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_new(path: Path, data: str | bytes, mode: int = 0o600) -> Path:
    """Write `path`, or `<stem>-2<suffixes>`, `-3` … when it exists: two runs in one second never overwrite."""
    suffixes = "".join(path.suffixes)
    stem = path.name.removesuffix(suffixes)
    candidate, number = path, 1
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            os.close(os.open(candidate, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        except FileExistsError:
            number += 1
            candidate = path.with_name(f"{stem}-{number}{suffixes}")
        else:
            write_atomic(candidate, data, mode)
            return candidate
