"""The demonstration workflow's own scripts as modules."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType


@contextmanager
def imported(directory: Path, *names: str) -> Iterator[dict[str, ModuleType]]:
    """Modules of a directory that is on the path only meanwhile; nothing is written beside them."""
    sys.path.insert(0, str(directory))
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    yield {name: import_module(name) for name in names}
    sys.dont_write_bytecode = before
    sys.path.remove(str(directory))
    for name in names:
        sys.modules.pop(name, None)
