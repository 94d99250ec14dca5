"""Starting, finding, emptying and stopping the daemon.

One local cloud per root.  All changes happen under a lock beside the root; the daemon's record (`server.json`) is
believed only if the process behind its port names the same instance, so a recycled process id or port is never
mistaken for ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from daylily_ec.localcloud.layout import Layout
from daylily_ec.localcloud.leftovers import MARK, kill_marked
from daylily_ec.localcloud.liveness import LocalCloudError, Running, empty, find, terminate
from daylily_ec.localcloud.profile import PROFILE, REGION, write_profile

START_SECONDS = 60.0
LOCK_SECONDS = 120.0
POLL_SECONDS = 0.05
MODULE = "daylily_ec.localcloud.server"


@dataclass(frozen=True, slots=True)
class Started:
    """Result of `up`; `outcome` is CREATED or ADOPTED."""

    outcome: str
    endpoint: str
    pid: int
    profile: str
    region: str
    root: str
    head_nodes: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """Result of `down`; `was` says what was found: running, dead (a daemon that was killed), or absent."""

    was: str
    root: str


@dataclass(frozen=True, slots=True)
class Status:
    """Result of `status`."""

    running: bool
    root: str
    endpoint: str | None = None
    pid: int | None = None
    head_nodes: str | None = None
    spot_prices: str | None = None


@dataclass(frozen=True, slots=True)
class UpOptions:
    """How to start; `manager` replaces the node manager's factory in tests."""

    port: int = 0
    node_mounts: tuple[str, ...] = ()
    manager: str | None = None


def up(layout: Layout, options: UpOptions = UpOptions()) -> Started:
    """Start the daemon, or adopt the one that runs; then write the AWS profile.

    Raises LocalCloudError.
    """
    began = time.monotonic()
    missing = [path for path in layout.root.parents if not path.exists()]
    with _locked(layout):
        found = find(layout)
        outcome = "ADOPTED" if found else "CREATED"
        if found is None:
            missing = _parents_made(layout) or missing
            _clear(layout)
            found = _start(layout, options)
            layout.parents_made.write_text(json.dumps([str(path) for path in missing]), encoding="utf-8")
        else:
            _require_same(found, options)
        write_profile(layout, found.endpoint)
    seconds = round(time.monotonic() - began, 2)
    return Started(outcome, found.endpoint, found.pid, PROFILE, REGION, found.root, found.head_nodes, seconds)


def down(layout: Layout) -> Stopped:
    """Stop the daemon and all it started, and remove the root.  Nothing to stop is success too.

    Raises LocalCloudError.
    """
    if not layout.root.exists() and not layout.lock.exists():
        return Stopped("absent", str(layout.root))
    with _locked(layout):
        found = find(layout)
        was = "running" if found else "dead" if layout.root.exists() else "absent"
        made = _parents_made(layout)
        if found is not None:
            terminate(found)
        _clear(layout)
    _remove_empty(made)
    return Stopped(was, str(layout.root))


def status(layout: Layout) -> Status:
    """Whether a daemon of this root answers."""
    found = find(layout)
    if found is None:
        return Status(False, str(layout.root))
    return Status(True, found.root, found.endpoint, found.pid, found.head_nodes, found.spot_prices)


def reset(layout: Layout) -> Status:
    """Empty the account and stop all head nodes; the daemon and its endpoint stay.

    Raises LocalCloudError.
    """
    found = require(layout)
    empty(found)
    return status(layout)


def require(layout: Layout) -> Running:
    """The running daemon.

    Raises LocalCloudError.
    """
    found = find(layout)
    if found is None:
        raise LocalCloudError(
            f"No local cloud runs below {layout.root}.", hint="dyec local up", code="local_cloud_down"
        )
    return found


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    lock = _acquire(layout)
    try:
        yield
        if not layout.root.exists():
            layout.lock.unlink(missing_ok=True)
    finally:
        lock.release()


def _acquire(layout: Layout) -> FileLock:
    lock = FileLock(layout.lock)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        layout.lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=max(0.0, deadline - time.monotonic()))
        except FileNotFoundError:
            continue  # a `down` that finished meanwhile took the directory away
        except Timeout:
            raise LocalCloudError(f"Another process is busy with {layout.root}; waited {LOCK_SECONDS:.0f} s.") from None
        return lock


def _require_same(found: Running, options: UpOptions) -> None:
    absent = [mount for mount in options.node_mounts if mount not in found.node_mounts]
    if absent or options.port not in (0, found.port):
        what = f"node mount {absent[0]}" if absent else f"port {options.port}"
        raise LocalCloudError(f"The local cloud at {found.endpoint} runs without {what}.", hint="dyec local down")


def _parents_made(layout: Layout) -> list[Path]:
    try:
        return [Path(path) for path in json.loads(layout.parents_made.read_text(encoding="utf-8"))]
    except (OSError, ValueError):
        return []


def _remove_empty(directories: list[Path]) -> None:
    for directory in directories:
        with contextlib.suppress(OSError):  # not empty: it holds something else by now
            directory.rmdir()


def _start(layout: Layout, options: UpOptions) -> Running:
    layout.root.mkdir(parents=True, mode=0o700)
    with layout.log.open("ab") as log:
        process = subprocess.Popen(
            _command(layout, options),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=layout.root,
            env={**os.environ, MARK: str(layout.root), "PYTHONPATH": _import_path()},
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = find(layout)
        if found is not None:
            return found
        if process.poll() is not None:
            break
        time.sleep(POLL_SECONDS)
    process.kill()
    process.wait()
    last = layout.log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
    _clear(layout)
    reason = next((line.strip() for line in reversed(last) if line.strip()), "no output")
    raise LocalCloudError(f"The local cloud did not start: {reason}", details={"log": last})


def _import_path() -> str:
    """What this process can import the daemon can import too, wherever it is started."""
    return os.pathsep.join(str(Path(path).resolve()) for path in sys.path if path)


def _command(layout: Layout, options: UpOptions) -> Sequence[str]:
    command = [sys.executable, "-m", MODULE, "--root", str(layout.root), "--port", str(options.port)]
    for mount in options.node_mounts:
        command += ["--node-mount", mount]
    return [*command, "--manager", options.manager] if options.manager else command


def _clear(layout: Layout) -> None:
    """Remove what a daemon of this root left: boxes that outlived it, then every file."""
    if not layout.root.exists():
        return
    kill_marked(layout.root)
    shutil.rmtree(layout.root, onerror=_make_writable)


def _make_writable(function: Any, path: str, _error: Any) -> None:
    Path(path).parent.chmod(0o700)
    Path(path).chmod(0o700)
    function(path)
