"""Runs one command in a box as the SSM agent does: a script file, its own process group, output kept whole.

Output goes to files, not pipes, so that a background process that still holds them does not delay the result.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from daylily_ec.localcloud.nodes.sandbox import Box
from daylily_ec.localcloud.seams import CommandResult

ORCHESTRATION = "var/lib/amazon/ssm/{instance}/document/orchestration/{command}/awsrunShellScript/0.awsrunShellScript"
"""Where the agent keeps script and output of a command (https://docs.aws.amazon.com/systems-manager/latest/userguide/)."""
AGENT_DIRECTORY = "/usr/bin"
GRACE_SECONDS = 5.0


def start(box: Box, command: Sequence[str], *, environment: Mapping[str, str], directory: str) -> list[str]:
    """Argument vector that runs `command` in the box as root with exactly that environment."""
    assignments = [f"{name}={value}" for name, value in environment.items()]
    return [*box.enter(), "/usr/bin/env", "-i", f"--chdir={directory}", *assignments, *command]


def exit_code(returned: int) -> int:
    """Exit code as a shell reports it: 128 + signal for a killed process."""
    return 128 - returned if returned < 0 else returned


@dataclass(slots=True)
class Running:
    """A command that runs; `cancelled` is set by whoever kills it on request."""

    process: subprocess.Popen[bytes]
    cancelled: threading.Event = field(default_factory=threading.Event)

    def kill(self) -> None:
        """Kill the command's process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Commands:
    """The commands that run in all boxes, by command id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, Running] = {}

    def cancel(self, command_id: str) -> None:
        """Kill a running command; unknown ids are ignored."""
        with self._lock:
            running = self._running.get(command_id)
        if running is not None:
            running.cancelled.set()
            running.kill()

    def run(self, box: Box, script: Path, inside: str, environment: Mapping[str, str], timeout: float) -> CommandResult:
        """Run a script file (`inside` is its path in the box) and wait at most `timeout` seconds."""
        command_id = script.parents[2].name
        out, err = script.parent / "stdout", script.parent / "stderr"
        # sh execs the script, so a first line "#!..." decides about the interpreter.
        argv = start(box, ("/bin/sh", "-c", inside), environment=environment, directory=AGENT_DIRECTORY)
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True, cwd="/"
            )
            running = Running(process)
            with self._lock:
                self._running[command_id] = running
            try:
                status, code = _await(running, timeout)
            finally:
                with self._lock:
                    self._running.pop(command_id, None)
        return CommandResult(status, code, out.read_bytes(), err.read_bytes())


def _await(running: Running, timeout: float) -> tuple[str, int]:
    try:
        code = exit_code(running.process.wait(timeout))
    except subprocess.TimeoutExpired:
        running.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.process.wait(GRACE_SECONDS)
        return "TimedOut", -1
    if running.cancelled.is_set():
        return "Cancelled", -1
    return ("Success" if code == 0 else "Failed"), code


def write_script(rootfs: Path, instance_id: str, command_id: str, lines: Sequence[str]) -> tuple[Path, str]:
    """Store the lines as the agent does; returns the path on this machine and the path in the box."""
    directory = ORCHESTRATION.format(instance=instance_id, command=command_id)
    (rootfs / directory).mkdir(parents=True, exist_ok=True)
    script = rootfs / directory / "_script.sh"
    script.write_bytes(("\n".join(lines) + "\n").encode())
    script.chmod(0o700)
    return script, f"/{directory}/_script.sh"
