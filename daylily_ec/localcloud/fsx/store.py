"""The bytes of file systems: one directory of this machine per file system."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path


class DirectoryStore:
    """The `FileSystemStore` below a local cloud's root."""

    def __init__(self, root: Path) -> None:
        self._directory = root / "fsx"

    def path(self, file_system_id: str) -> Path:
        """Host directory that boxes mount; created on first use."""
        directory = self._directory / file_system_id
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def remove(self, file_system_id: str) -> None:
        """Delete the bytes, also below directories that nobody may write."""
        directory = self._directory / file_system_id
        if directory.exists():
            shutil.rmtree(directory, onerror=_open_up)


def _open_up(again: Callable[[str], object], path: str, _error: object) -> None:
    for place in (Path(path).parent, Path(path)):
        if place.is_dir() and not place.is_symlink():
            place.chmod(stat.S_IRWXU)
    if again is os.rmdir or again is os.unlink:
        again(path)
    else:
        shutil.rmtree(path)
