"""One Protocol for running scripts on the head node, whatever carries them there.

A script is a packaged file; its parameters are environment values.  It runs as the cluster user in a login shell, with
an empty standard input, and its output comes back exactly, however long.
"""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from daylily_ec.aws.clusters import ClusterView
from daylily_ec.config.resources import resource
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import RemoteCommandFailed, ValidationError

CLUSTER_USER = "ubuntu"
MAX_EXPORTED_BYTES = 120_000
"""Bound of an exported parameter: Linux refuses environment strings of 128 KiB and more (MAX_ARG_STRLEN)."""
MAX_ENVIRONMENT_BYTES = 1_000_000
"""Bound of all exported parameters: Linux gives arguments and environment together 2 MiB (a quarter of the stack)."""
MAX_VALUES_BYTES = 64 * 1024 * 1024
"""Bound of all parameters."""
WRONG_USER = 64
"""Exit code of the guard that refuses any user but the cluster user."""
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_SHOWN_LINES = 12


@dataclass(frozen=True, slots=True)
class RemoteScript:
    """A script: its name (for messages and the command history) and its text."""

    name: str
    text: str

    @classmethod
    def packaged(cls, name: str) -> RemoteScript:
        """`config/headnode/<name>.sh`."""
        return cls(name, resource(f"config/headnode/{name}.sh").read_text())

    def with_parameters(self, env: Mapping[str, str]) -> str:
        """The script after a fixed prologue that makes each value from its base64 form, byte for byte.

        A full stop is appended and cut off again, because a command substitution drops trailing newlines.  Values are
        exported as far as the kernel takes them; a larger one is a variable that the script itself can read.
        """
        lines, exported, total = [], 0, 0
        for name, value in sorted(env.items()):
            raw = _raw(name, value)
            fits = len(raw) <= MAX_EXPORTED_BYTES and exported + len(raw) <= MAX_ENVIRONMENT_BYTES
            exported += len(raw) if fits else 0
            total += len(raw)
            lines.append(_assignment(name, raw, export=fits))
        if total > MAX_VALUES_BYTES:
            raise ValidationError(
                f"{self.name}: its parameters have {total:,} bytes; at most {MAX_VALUES_BYTES:,} are handed over.",
                code="payload_too_large", hint="Send files with: dyec headnode upload",
            )  # fmt: skip
        return "".join(lines) + self.text


def _raw(name: str, value: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a parameter")
    if "\0" in value:
        raise ValidationError(f"The value of {name} contains a NUL character.")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise ValidationError(f"The value of {name} is not valid UTF-8.") from None


def _assignment(name: str, raw: bytes, *, export: bool) -> str:
    encoded = base64.b64encode(raw + b".").decode()
    # Too large a value for the environment stays a variable of the script's own shell.
    word = "export " if export else ""
    return f'{name}=$(printf %s {encoded} | base64 -d); {word}{name}="${{{name}%.}}"\n'


@dataclass(frozen=True, slots=True)
class RemoteResult:
    """How a script ended; both texts are complete."""

    exit_code: int
    stdout: str
    stderr: str

    def require_success(self, what: str, *, hint: str = "") -> RemoteResult:
        """Itself, or `RemoteCommandFailed` with the last lines of the remote stderr when the exit code is not 0."""
        if self.exit_code == 0:
            return self
        shown = "\n".join((self.stderr.strip() or self.stdout.strip()).splitlines()[-_SHOWN_LINES:])
        raise RemoteCommandFailed(
            f"{what} failed on the head node with exit code {self.exit_code}" + (f":\n{shown}" if shown else "."),
            hint=hint, details={"exit_code": self.exit_code, "stdout": self.stdout, "stderr": self.stderr},
        )  # fmt: skip


class Remote(Protocol):
    """A head node that can be asked."""

    def run(self, script: RemoteScript, env: Mapping[str, str], timeout: float) -> RemoteResult:
        """Run a script to its end within `timeout` seconds.

        Any exit code is a result.  What prevents a result raises: `DeadlinePassed` after the time (the command is
        stopped), `RemoteCommandFailed` when it could not be delivered or its output came back damaged.
        """


class Remotes(Protocol):
    """Finds the way to a cluster's head node."""

    def connect(self, cluster: ClusterView) -> Remote:
        """The head node of a cluster, ready for commands; `DeadlinePassed` when it does not answer."""

    def here(self, name: ClusterName) -> Remote | None:
        """The head node when this machine is it; no call to AWS is made."""


def packed(text: str) -> str:
    """Text as base64 of gzip: one line, always the same for the same text."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
