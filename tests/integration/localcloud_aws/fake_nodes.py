"""A node manager without boxes: the control plane can be tested where nothing can be sandboxed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from daylily_ec.localcloud.seams import BootResult, CommandResult, NodeMount, NodeSpec


class FakeNodes:
    """Boots nothing, keeps the specifications it got in `specs/<cluster>.json` below the root."""

    def __init__(self, root: Path) -> None:
        self._specs = root / "specs"
        self._online: set[str] = set()

    def unavailable(self) -> str | None:
        return None

    def boot(self, spec: NodeSpec, log: Callable[[str], None]) -> BootResult:
        self._specs.mkdir(exist_ok=True)
        text = json.dumps({**asdict(spec), "file_systems": dict(spec.file_systems)})
        (self._specs / f"{spec.cluster}.json").write_text(text)
        self._online.add(spec.instance_id)
        log(f"boot of {spec.cluster}")
        return BootResult(True, "HeadNode setup complete", 0)

    def run(self, instance_id: str, commands: tuple[str, ...], *, timeout: float, command_id: str) -> CommandResult:
        return CommandResult("Success", 0, b"", b"")

    def cancel(self, command_id: str) -> None:
        return None

    def is_online(self, instance_id: str) -> bool:
        return instance_id in self._online

    def terminate(self, instance_id: str) -> None:
        self._online.discard(instance_id)

    def path(self, file_system_id: str) -> Path:
        directory = self._specs.parent / "file-systems" / file_system_id
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def remove(self, file_system_id: str) -> None:
        self.path(file_system_id).rmdir()

    def close(self) -> None:
        self._online.clear()


def create_manager(root: Path, endpoint: str, node_mounts: tuple[NodeMount, ...]) -> FakeNodes:
    """The factory that the server calls."""
    return FakeNodes(root)
