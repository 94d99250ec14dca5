"""Whether the daemon that a record on disk names is really there, and how to end it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from daylily_ec.errors import DyecError
from daylily_ec.localcloud.layout import Layout

ANSWER_SECONDS = 20.0
RESET_SECONDS = 120.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.05


class LocalCloudError(DyecError):
    """The local cloud could not be started, found or stopped."""

    code = "local_cloud"
    exit_code = 4


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon that answers."""

    endpoint: str
    pid: int
    instance: str
    root: str
    head_nodes: str
    """`available`, or why head nodes cannot run here."""
    spot_prices: str
    node_mounts: tuple[str, ...]
    """Directories that its boxes share with the machine: `SRC` or `SRC:DST`."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.endpoint.rpartition(":")[2])


def find(layout: Layout) -> Running | None:
    """The daemon of this root, if it answers and is the very one that the record names."""
    try:
        record = json.loads(layout.server_file.read_text(encoding="utf-8"))
        answer: dict[str, Any] = json.loads(_request("GET", record["endpoint"], "/_dyec/health", ANSWER_SECONDS))
    except (OSError, ValueError, KeyError, HTTPException):
        return None
    if answer.get("instance") != record.get("instance"):
        return None
    words = {key: str(answer[key]) for key in ("endpoint", "instance", "root", "head_nodes", "spot_prices")}
    return Running(**words, pid=int(answer["pid"]), node_mounts=tuple(answer["node_mounts"]))


def empty(found: Running) -> None:
    """Let the daemon empty its account.

    Raises LocalCloudError.
    """
    try:
        _request("POST", found.endpoint, "/_dyec/reset", RESET_SECONDS)
    except (OSError, HTTPException) as error:
        raise LocalCloudError(
            f"The local cloud could not empty its account: {error}", hint="dyec local down"
        ) from error


def _request(method: str, endpoint: str, path: str, seconds: float) -> bytes:
    connection = HTTPConnection(urlsplit(endpoint).netloc, timeout=seconds)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != HTTPStatus.OK:
        raise HTTPException(f"{method} {path}: {answer.status} {answer.reason}")
    return body


def terminate(found: Running) -> None:
    """Ask the process to end, then insist; returns when it is gone."""
    patience = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
        while _alive(found.pid):
            if time.monotonic() > patience:
                os.kill(found.pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS)


def _alive(pid: int) -> bool:
    """Whether the process exists and is more than an entry that its parent has not collected."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
