"""Files that are either the old or the new content, never a mixture."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomic(path: Path, data: str | bytes, mode: int = 0o600) -> None:
    """Replace `path` in one step: temporary sibling, fsync, rename, fsync of the directory."""
    name = _sibling(path, data, mode)
    try:
        name.replace(path)
    except BaseException:
        name.unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)


def _sibling(path: Path, data: str | bytes, mode: int) -> Path:
    """The whole content in a temporary file beside `path`, on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = data.encode() if isinstance(data, str) else data
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(raw)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(mode)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def fsync_directory(path: Path) -> None:
    """Make a rename in `path` survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_new(path: Path, data: str | bytes, mode: int = 0o600) -> Path:
    """Write `path`, or `<stem>-2<suffixes>`, `-3` … when it exists: two runs in one second never overwrite.

    The name appears with its whole content: a crash at any moment leaves no empty file behind it.
    """
    suffixes = "".join(path.suffixes)
    stem = path.name.removesuffix(suffixes)
    candidate, number = path, 1
    name = _sibling(path, data, mode)
    try:
        while True:
            try:
                os.link(name, candidate)
                break
            except FileExistsError:
                number += 1
                candidate = path.with_name(f"{stem}-{number}{suffixes}")
    finally:
        name.unlink(missing_ok=True)
    fsync_directory(path.parent)
    return candidate
