"""A head node for tests: a scratch home and file system, a fake Systems Manager that really runs what it is sent."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from daylily_ec.aws.ssm import STDERR_LIMIT, STDOUT_LIMIT, CommandStatus, Invocation
from daylily_ec.errors import AwsError, Throttled
from daylily_ec.headnode.local import LocalRemote
from daylily_ec.headnode.ssm import MAX_COMMAND_CHARS

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
AWS = """#!/bin/sh
# aws s3 cp --only-show-errors --region R s3://BUCKET/KEY FILE: out of the directory that plays S3.
[ "$1 $2 $3 $4" = "s3 cp --only-show-errors --region" ] || exit 90
cp "$FAKE_S3/${6#s3://}" "$7"
"""
CURL = """#!/bin/sh
# curl ... --upload-file FILE, with the URL in a configuration on standard input; the URL is a path below FAKE_S3.
url=$(sed -n 's/^url = "\\(.*\\)"$/\\1/p')
while [ "$#" -gt 1 ]; do [ "$1" != --upload-file ] || file="$2"; shift; done
mkdir -p "$(dirname "$FAKE_S3/${url#https://}")" && cp "$file" "$FAKE_S3/${url#https://}"
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
        for name, text in (("sudo", SUDO), ("id", ID), ("find", FIND), ("aws", AWS), ("curl", CURL)):
            self.program(name, text)
        # A login shell's own profile may reset PATH; the home's profile puts the node's programs first again.
        (self.home / ".bash_profile").write_text(f'export PATH="{programs}:$PATH"\n')
        scratch = self.root / "tmp"
        scratch.mkdir()
        self.env = {
            "TMPDIR": str(scratch), "FAKE_S3": str(self.root / "s3"),
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
class FakeLending:
    """`LendingApi` over a directory that the node's `aws` reads."""

    root: Path
    stored: list[str] = field(default_factory=list)
    damage: bool = False
    removal: AwsError | None = None

    def put(self, bucket: str, key: str, body: bytes) -> None:
        path = self.root / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body[:-1] + b"?" if self.damage else body)
        self.stored.append(key)

    def upload(self, path: Path, bucket: str, key: str) -> None:
        self.put(bucket, key, path.read_bytes())

    def put_url(self, bucket: str, key: str, seconds: int) -> str:
        self.stored.append(key)
        return f"https://{bucket}/{key}"

    def fetch(self, bucket: str, key: str, path: Path) -> None:
        body = (self.root / bucket / key).read_bytes()
        path.write_bytes(body[:-1] + b"?" if self.damage else body)

    def remove(self, bucket: str, key: str) -> None:
        if self.removal is not None:
            raise self.removal
        (self.root / bucket / key).unlink(missing_ok=True)

    @property
    def left(self) -> list[Path]:
        """What lies there now."""
        return [path for path in self.root.rglob("*") if path.is_file()]


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
        if len(command) > MAX_COMMAND_CHARS:
            raise AssertionError("Systems Manager would refuse so long a command")
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
