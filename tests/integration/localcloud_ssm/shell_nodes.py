"""A node manager without boxes: every instance has an agent, and commands run in a plain shell of this machine.

A file `offline` below the root takes the agents away, a file `unavailable` says why nothing can be sandboxed.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from daylily_ec.localcloud.seams import BootResult, CommandResult, NodeMount, NodeSpec


class ShellNodes:
    """Runs the lines as `sh` does."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._cancelled: set[str] = set()

    def unavailable(self) -> str | None:
        file = self._root / "unavailable"
        return file.read_text() if file.exists() else None

    def boot(self, spec: NodeSpec, log: Callable[[str], None]) -> BootResult:
        return BootResult(True, "ready", 0)

    def run(self, instance_id: str, commands: tuple[str, ...], *, timeout: float, command_id: str) -> CommandResult:
        process = subprocess.Popen(
            ["sh", "-c", "\n".join(commands)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._running[command_id] = process
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            return CommandResult("TimedOut", -1, stdout, stderr)
        if command_id in self._cancelled:
            return CommandResult("Cancelled", -1, stdout, stderr)
        return CommandResult("Failed" if process.returncode else "Success", process.returncode, stdout, stderr)

    def cancel(self, command_id: str) -> None:
        process = self._running.get(command_id)
        if process is not None and process.poll() is None:
            self._cancelled.add(command_id)
            os.killpg(process.pid, signal.SIGKILL)

    def is_online(self, instance_id: str) -> bool:
        return not (self._root / "offline").exists()

    def terminate(self, instance_id: str) -> None:
        return None

    def path(self, file_system_id: str) -> Path:
        return self._root / file_system_id

    def remove(self, file_system_id: str) -> None:
        return None

    def close(self) -> None:
        for command_id in list(self._running):
            self.cancel(command_id)


def create_manager(root: Path, endpoint: str, node_mounts: tuple[NodeMount, ...]) -> ShellNodes:
    """The factory that the server calls."""
    return ShellNodes(root)
