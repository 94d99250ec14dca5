"""The bytes of file systems: one directory of this machine per file system."""

from __future__ import annotations

import shutil
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
        """Delete the bytes."""
        shutil.rmtree(self._directory / file_system_id, ignore_errors=True)
