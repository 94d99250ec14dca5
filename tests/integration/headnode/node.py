"""A head node for tests: a scratch home and file system, a fake Systems Manager that really runs what it is sent."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from daylily_ec.aws.ssm import STDERR_LIMIT, STDOUT_LIMIT, CommandStatus, Invocation
from daylily_ec.errors import Throttled
from daylily_ec.headnode.local import LocalRemote

SUDO = """#!/bin/sh
# sudo -iu ubuntu COMMAND...: on this node the caller stands for ubuntu already.
[ "$1" = -iu ] && [ "$2" = ubuntu ] || exit 90
shift 2
cd "$HOME" && exec "$@"
"""
ID = """#!/bin/sh
# The test's user plays ubuntu.
[ "$1" = -un ] && { echo "${FAKE_USER:-ubuntu}"; exit; }
exec /usr/bin/id "$@"
"""
FIND = """#!/bin/sh
# `-user ubuntu` means nothing where no such user exists.
exit 0
"""


@dataclass
class Node:
    """Directories and environment of a head node below `root`."""

    root: Path
    home: Path = field(init=False)
    fsx: Path = field(init=False)
    env: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.home, self.fsx = self.root / "home", self.root / "fsx"
        programs, sockets = self.root / "bin", self.root / "tmux"
        for folder in (self.home, self.fsx, programs, sockets):
            folder.mkdir(parents=True)
        for name, text in (("sudo", SUDO), ("id", ID), ("find", FIND)):
            self.program(name, text)
        # A login shell's own profile may reset PATH; the home's profile puts the node's programs first again.
        (self.home / ".bash_profile").write_text(f'export PATH="{programs}:$PATH"\n')
        scratch = self.root / "tmp"
        scratch.mkdir()
        self.env = {
            "TMPDIR": str(scratch),
            "HOME": str(self.home), "PATH": f"{programs}:{os.environ['PATH']}", "TMUX_TMPDIR": str(sockets),
            "LANG": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1",
        }  # fmt: skip

    def program(self, name: str, text: str) -> None:
        """Put a program first on PATH."""
        path = self.root / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    @property
    def remote(self) -> LocalRemote:
        """The local transport into this node."""
        return LocalRemote(pwd.getpwuid(os.geteuid()).pw_name, self.env)

    def shell(self, text: str) -> str:
        """Output of a shell command on the node."""
        done = subprocess.run(["bash", "-c", text], env=self.env, capture_output=True, text=True, check=False)
        return done.stdout

    def stop(self) -> None:
        """End every session."""
        self.shell("tmux kill-server")


@dataclass
class FakeSsm:
    """`SsmApi` that runs commands at once on a node, cuts their output as AWS does, and may misbehave."""

    env: Mapping[str, str]
    status: str = "Online"
    late_polls: int = 1
    pending_polls: int = 1
    throttled_polls: int = 0
    deliveries: int = 1
    never_ends: bool = False
    commands: list[str] = field(default_factory=list)
    timeouts: list[tuple[int, int]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    _ended: dict[str, Invocation] = field(default_factory=dict)
    _polls: dict[str, int] = field(default_factory=dict)

    def ping(self, instance_id: str) -> str:
        return self.status

    def send(self, instance_id: str, command: str, *, comment: str, delivery_s: int, execution_s: int) -> str:
        command_id = f"command-{len(self.commands)}"
        self.commands.append(command)
        self.comments.append(comment)
        self.timeouts.append((delivery_s, execution_s))
        for _ in range(self.deliveries):
            done = subprocess.run(["sh", "-c", command], env=dict(self.env), capture_output=True, check=False)
        self._ended[command_id] = Invocation(
            command_id=command_id,
            status=CommandStatus.FAILED if done.returncode else CommandStatus.SUCCESS,
            status_details="Failed" if done.returncode else "Success",
            exit_code=done.returncode,
            stdout=done.stdout.decode(errors="replace")[:STDOUT_LIMIT],
            stderr=done.stderr.decode(errors="replace")[:STDERR_LIMIT],
        )
        return command_id

    def invocation(self, command_id: str, instance_id: str) -> Invocation | None:
        polls = self._polls[command_id] = self._polls.get(command_id, 0) + 1
        if polls <= self.late_polls:
            return None
        if self.throttled_polls:
            self.throttled_polls -= 1
            raise Throttled("ssm:GetCommandInvocation was throttled")
        ended = self._ended[command_id]
        if self.never_ends or polls <= self.late_polls + self.pending_polls:
            return replace(ended, status=CommandStatus.IN_PROGRESS, status_details="InProgress", stdout="", stderr="")
        return ended

    def cancel(self, command_id: str, instance_id: str) -> None:
        self.cancelled.append(command_id)
