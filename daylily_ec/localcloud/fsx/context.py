"""What the parts of the service share."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from daylily_ec.localcloud.fsx.clock import Clock
from daylily_ec.localcloud.fsx.errors import FileSystemNotFound, IncompatibleParameterError
from daylily_ec.localcloud.fsx.model import FileSystem, Pace, Place
from daylily_ec.localcloud.fsx.network import Network
from daylily_ec.localcloud.fsx.objects import Objects
from daylily_ec.localcloud.seams import FileSystemStore

Tokens = dict[tuple[str, str], tuple[Mapping[str, Any], str]]
"""(operation, client request token) -> (parameters, id)."""


@dataclass(slots=True)
class Context:
    """One account and region: its file systems and the world around them."""

    place: Place
    store: FileSystemStore
    objects: Objects
    network: Network
    clock: Clock
    pace: Pace
    file_systems: dict[str, FileSystem] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held while requests change what exists; never while bytes move."""
    tokens: Tokens = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def file_system(self, file_system_id: str) -> FileSystem:
        """An existing file system.

        Raises FileSystemNotFound.
        """
        found = self.file_systems.get(file_system_id)
        if found is None:
            raise FileSystemNotFound(file_system_id)
        return found

    def made_before(self, operation: str, request: Mapping[str, Any]) -> str | None:
        """The id that the request's token stands for.

        Raises IncompatibleParameterError when it stood for another request.
        """
        known = self.tokens.get((operation, request.get("ClientRequestToken") or ""))
        if known is None:
            return None
        if known[0] != request:
            raise IncompatibleParameterError("A request with this client request token had other parameters.")
        return known[1]

    def remember(self, operation: str, request: Mapping[str, Any], made: str) -> None:
        """Let the request's token, if any, stand for what was made."""
        if request.get("ClientRequestToken"):
            self.tokens[operation, request["ClientRequestToken"]] = (request, made)

    def forget(self, made: str) -> None:
        """Forget the tokens of something that is gone."""
        for key in [key for key, (_, known) in self.tokens.items() if known == made]:
            del self.tokens[key]
