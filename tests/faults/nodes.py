"""Head nodes for quick sweeps: real boxes, made anew for every copy of the account, with no Slurm in them.

A node is a file `head-nodes/<instance>.json` below the root, and what `kept/<instance>` holds of its home directory
before anything is done to it.  Its box is made when the first command comes, in the process that answers: so it ends
with that process, and with it everything that runs on the node.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from daylily_ec.localcloud.nodes import needs
from daylily_ec.localcloud.nodes.manager import BoxManager
from daylily_ec.localcloud.nodes.records import BOXES, box_directory, records
from daylily_ec.localcloud.seams import BootResult, CommandResult, NodeMount, NodeSpec

MANAGER = "tests.faults.nodes:create_manager"
HOME = "rootfs/home/ubuntu"
KEPT = "kept"
_NO_JOBS = """case "$*" in *--json*) echo '{"jobs": [], "errors": []}' ;; esac"""
SLURM = {"sinfo": "echo i8", "squeue": _NO_JOBS, "scancel": "exit 0", "sbatch": "exit 1", "sacct": "exit 0"}
"""A controller with one partition and an empty queue."""


@dataclass(frozen=True)
class Place:
    """A node of a sweep: its cluster, the file system that it mounts, and the boot script in its configuration."""

    instance_id: str
    cluster: str
    region: str
    private_ip: str
    file_system: str
    boot_script: str

    @property
    def spec(self) -> NodeSpec:
        """Without queues, so that no Slurm is started."""
        config = f"HeadNode:\n  CustomActions:\n    OnNodeConfigured:\n      Script: {self.boot_script}\n"
        return NodeSpec(self.instance_id, self.cluster, self.region, "123456789012", self.private_ip, f"{self.region}d",
                        "t3.medium", (), config, {"/fsx": self.file_system})  # fmt: skip

    def write(self, root: Path) -> None:
        """From now on the node is online."""
        path = root / "head-nodes" / f"{self.instance_id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)))

    def kept(self, root: Path) -> Path:
        """What its home holds at first, beside what every box has."""
        path = root / KEPT / self.instance_id
        path.mkdir(parents=True, exist_ok=True)
        return path

    def home(self, root: Path) -> Path:
        """Its home directory as it is now."""
        return box_directory(root, self.instance_id) / HOME

    def fsx(self, root: Path) -> Path:
        """Its file system as it is now."""
        return root / "fsx" / self.file_system


def load(root: Path, instance_id: str) -> Place | None:
    """The node of that instance, if it has one."""
    path = root / "head-nodes" / f"{instance_id}.json"
    return Place(**json.loads(path.read_text())) if path.exists() else None


class SweepNodes:
    """The `NodeManager` of a sweep."""

    def __init__(self, root: Path, endpoint: str) -> None:
        self._root, self._endpoint = root, endpoint
        self._lock = threading.Lock()
        self._boxes: BoxManager | None = None
        self._made: set[str] = set()

    def unavailable(self) -> str | None:
        return needs.unavailable()

    def boot(self, spec: NodeSpec, log: Callable[[str], None]) -> BootResult:
        return BootResult(True, "HeadNode setup complete", 0)

    def run(self, instance_id: str, commands: tuple[str, ...], *, timeout: float, command_id: str) -> CommandResult:
        return self._with(instance_id).run(instance_id, commands, timeout=timeout, command_id=command_id)

    def _with(self, instance_id: str) -> BoxManager:
        """Boxes, that node's among them."""
        with self._lock:
            boxes = self._boxes = self._boxes or BoxManager(self._root, self._endpoint)
            place = load(self._root, instance_id)
            if place is not None and instance_id not in self._made:
                booted = boxes.boot(place.spec, lambda _: None)
                if not booted.ok:
                    raise RuntimeError(booted.reason)
                _furnish(place, self._root)
                self._made.add(instance_id)
        return boxes

    def cancel(self, command_id: str) -> None:
        if self._boxes is not None:
            self._boxes.cancel(command_id)

    def is_online(self, instance_id: str) -> bool:
        return load(self._root, instance_id) is not None

    def terminate(self, instance_id: str) -> None:
        (self._root / "head-nodes" / f"{instance_id}.json").unlink(missing_ok=True)
        if self._boxes is not None:
            self._boxes.terminate(instance_id)

    def rest(self) -> None:
        """No boxes any more: whoever asks next makes them anew."""
        with self._lock:
            self.close()
            self._boxes, self._made = None, set()

    def close(self) -> None:
        if self._boxes is not None:
            self._boxes.close()


def _furnish(place: Place, root: Path) -> None:
    shutil.copytree(place.kept(root), place.home(root), symlinks=True, dirs_exist_ok=True)
    programs = box_directory(root, place.instance_id) / "rootfs/opt/slurm/bin"
    for name, line in SLURM.items():
        program = programs / name
        program.unlink(missing_ok=True)
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)


def keep(root: Path) -> None:
    """Remember nodes and file systems as they are: `restore` brings them back."""
    for name in ("head-nodes", "fsx"):
        shutil.rmtree(root / KEPT / name, ignore_errors=True)
        if (root / name).exists():
            shutil.copytree(root / name, root / KEPT / name, symlinks=True)


def restore(root: Path) -> None:
    """Boxes are gone, nodes and file systems as they were kept.  The process that held the boxes has ended."""
    deadline = time.monotonic() + 10
    while any(record.box.alive for record in records(root)) and time.monotonic() < deadline:
        time.sleep(0.01)
    for name in (BOXES, "head-nodes", "fsx"):
        _remove(root / name)
        if (root / KEPT / name).exists():
            shutil.copytree(root / KEPT / name, root / name, symlinks=True)


def _remove(folder: Path) -> None:
    for path in folder.rglob("*") if folder.exists() else ():
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def create_manager(root: Path, endpoint: str, node_mounts: tuple[NodeMount, ...]) -> SweepNodes:
    """The factory that the server calls."""
    return SweepNodes(root, endpoint)
