"""The box itself: bubblewrap makes it, nsenter enters it, the kernel ends it with its maker."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from daylily_ec.localcloud.nodes.needs import find

INIT = "/opt/localcloud/bin/localcloud-init"
"""First program in a box; it says that the box is ready and then sleeps."""
KERNEL_SETTINGS = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus")
"""Files of the machine's kernel that belong to root, who may be the one who runs the local cloud."""
STOP_SECONDS = 10
_LOOK_SECONDS = 0.01
UBUNTU_ID = 1000


class BoxError(RuntimeError):
    """A box could not be made or entered."""


@dataclass(frozen=True, slots=True)
class Bind:
    """A path of this machine that a box sees."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A running box: process id of its first process on this machine, with the kernel's start time against reuse."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return start_time(self.pid) == self.started

    def enter(self, *, as_ubuntu: bool = False) -> tuple[str, ...]:
        """What to put before a command line so that it runs in the box, as root or as ubuntu."""
        inside = (
            find("nsenter") or "nsenter",
            *("-t", str(self.pid), "-U", "-m", "-p", "-u", "-i", "--preserve-credentials", "--"),
        )
        mapped = ("unshare", "-U", f"--map-user={UBUNTU_ID}", f"--map-group={UBUNTU_ID}", "--")
        return (*inside, "/usr/bin/" + mapped[0], *mapped[1:]) if as_ubuntu else inside


def start_time(pid: int) -> int | None:
    """Kernel start time of a process in clock ticks since boot; None when there is no such (living) process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


class Spawner:
    """Starts processes from one thread that lives as long as this process.

    Boxes ask the kernel to die with their parent, and to the kernel the parent is the thread that started them.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]]
        self._work = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="boxes", daemon=True).start()

    def start(self, make: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        """Call `make` in the permanent thread."""
        future: Future[subprocess.Popen[bytes]] = Future()
        self._work.put((make, future))
        return future.result()

    def _serve(self) -> None:
        while True:
            make, future = self._work.get()
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)


def _arguments(rootfs: Path, hostname: str, binds: Sequence[Bind], info: int, ready: int) -> list[str]:
    mounts = [
        part for bind in binds for part in ("--bind" if bind.writable else "--ro-bind", str(bind.source), bind.target)
    ]
    kernel = [part for path in KERNEL_SETTINGS for part in ("--ro-bind-try", path, path)]
    bwrap = find("bwrap") or "bwrap"
    return [
        *(bwrap, "--bind", str(rootfs), "/", "--ro-bind", "/usr", "/usr", "--ro-bind", "/sys", "/sys"),
        *("--proc", "/proc", *kernel, "--dev", "/dev", "--tmpfs", "/dev/shm", *mounts),
        *("--unshare-user", "--uid", "0", "--gid", "0", "--cap-add", "ALL", "--unshare-pid", "--unshare-ipc"),
        *("--unshare-uts", "--hostname", hostname, "--die-with-parent", "--info-fd", str(info)),
        *("--", INIT, str(ready)),
    ]


@dataclass(slots=True)
class Sandbox:
    """A box and the bubblewrap process that holds it."""

    box: Box
    holder: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Kill every process of the box and wait, at most `STOP_SECONDS` for each step, until they are gone.

        The kernel kills the box's first process some time after the holder has died; it ends when all others have.
        """
        self.holder.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.holder.wait(STOP_SECONDS)
        deadline = time.monotonic() + STOP_SECONDS
        while self.box.alive and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)


def make_sandbox(spawner: Spawner, rootfs: Path, hostname: str, binds: Sequence[Bind]) -> Sandbox:
    """Make a box whose root is `rootfs`; returns when commands can enter it.

    Raises BoxError with bubblewrap's own words.
    """
    with contextlib.ExitStack() as open_files:
        info_in, info_out = _pipe(open_files)
        ready_in, ready_out = _pipe(open_files)
        arguments = _arguments(rootfs, hostname, binds, info_out.fileno(), ready_out.fileno())
        errors = open_files.enter_context((rootfs.parent / "bwrap.log").open("w+b"))

        def make() -> subprocess.Popen[bytes]:
            handed = (info_out.fileno(), ready_out.fileno())
            return subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                pass_fds=handed,
                start_new_session=True,
            )

        holder = spawner.start(make)
        info_out.close()
        ready_out.close()
        # The id is known before the mounts are, so both have to be waited for.
        facts, word = info_in.read(), ready_in.read()
        started = _first_process(facts) if word.startswith(b"ready") else None
        if started is None:
            holder.kill()
            holder.wait()
            errors.seek(0)
            raise BoxError(
                f"bubblewrap made no box: {errors.read().decode(errors='replace').strip() or 'no reason given'}"
            )
    return Sandbox(started, holder)


def _pipe(open_files: contextlib.ExitStack) -> tuple[BinaryIO, BinaryIO]:
    read, write = os.pipe()
    return open_files.enter_context(os.fdopen(read, "rb")), open_files.enter_context(os.fdopen(write, "wb"))


def _first_process(facts: bytes) -> Box | None:
    pid = int(json.loads(facts)["child-pid"])
    started = start_time(pid)
    return None if started is None else Box(pid, started)
