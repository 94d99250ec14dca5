"""Boots, runs commands on, and removes head nodes."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.localcloud.fsx.store import DirectoryStore
from daylily_ec.localcloud.nodes import needs, slurm
from daylily_ec.localcloud.nodes.boot import Boot, S3Objects
from daylily_ec.localcloud.nodes.commands import Commands, write_script
from daylily_ec.localcloud.nodes.objects import EndpointObjects
from daylily_ec.localcloud.nodes.records import BoxRecord, box_directory, records, shell_argv, write_record
from daylily_ec.localcloud.nodes.rootfs import Surroundings, build, host_name, instance_environment
from daylily_ec.localcloud.nodes.sandbox import Box, BoxError, Sandbox, Spawner, make_sandbox
from daylily_ec.localcloud.seams import BootResult, CommandResult, FileSystemStore, NodeMount, NodeSpec

SLURM_SECONDS = 20.0
CLIENT_SECONDS = 5
POLL_SECONDS = 0.1
MUNGED = (
    *("/usr/sbin/munged", "--key-file=/opt/slurm/etc/munge.key", "--socket=/run/slurm/munge.sock", "--force"),
    *("--pid-file=/run/slurm/munged.pid", "--log-file=/var/log/slurm/munged.log"),
    "--seed-file=/var/spool/slurm/munged.seed",
)
_log = logging.getLogger(__name__)


class SlurmNotUp(RuntimeError):
    """Slurm did not start; the text holds its last words."""


@dataclass(slots=True)
class _Node:
    spec: NodeSpec
    sandbox: Sandbox
    directory: Path
    ports: int

    @property
    def rootfs(self) -> Path:
        return self.directory / "rootfs"

    @property
    def warm(self) -> str:
        """Host list of the compute nodes that are up from the start."""
        return ",".join(name for nodes in slurm.nodes_of(self.spec.queues) for name in nodes.kept_up)


class BoxManager:
    """The `NodeManager` that makes boxes."""

    def __init__(
        self,
        root: Path,
        endpoint: str,
        mounts: tuple[NodeMount, ...] = (),
        *,
        store: FileSystemStore | None = None,
        objects: S3Objects | None = None,
    ) -> None:
        self._root = root.resolve()
        self._endpoint = endpoint
        self._mounts = mounts
        self._store = store or DirectoryStore(self._root)
        self._objects = objects or EndpointObjects(endpoint)
        self._spawner = Spawner()
        self._ports = slurm.Ports()
        self._commands = Commands()
        self._lock = threading.Lock()
        self._nodes: dict[str, _Node] = {}
        self._absent: set[str] = set()
        self._ended: set[str] = set()
        self._generation = 0
        self._remove_dead()

    def unavailable(self) -> str | None:
        """Why head nodes cannot run here (with what to install), or None."""
        return needs.unavailable()

    def boot(self, spec: NodeSpec, log: Callable[[str], None]) -> BootResult:
        """Create the box, start Slurm, run the boot scripts as root; blocks."""
        why = self.unavailable()
        if why is not None:
            # The control plane of a cluster works without a head node that runs.
            self._absent.add(spec.instance_id)
            log(f"head node not booted: {why}")
            return BootResult(True, f"head node not booted: {why}", 0)
        node = self._make(spec)
        boot = Boot(
            *(node.sandbox.box, node.rootfs, spec.region),
            *(instance_environment(spec.region, self._endpoint), self._objects, log),
        )
        boot.write(f"Starting the head node of {spec.cluster}: {host_name(spec.private_ip)} {spec.instance_id}")
        try:
            self._start_slurm(node)
        except SlurmNotUp as error:
            return self._no_slurm(boot, error)
        result = boot.run(spec.boot_scripts)
        if result.ok:
            self._await_warm(node, boot)
        return result

    def run(self, instance_id: str, commands: tuple[str, ...], *, timeout: float, command_id: str) -> CommandResult:
        """Run the lines as root, as AWS-RunShellScript does; blocks at most `timeout` seconds."""
        node = self._nodes.get(instance_id)
        if node is None or not node.sandbox.box.alive:
            return self._undeliverable(instance_id)
        script, inside = write_script(node.rootfs, instance_id, command_id, commands)
        environment = instance_environment(node.spec.region, self._endpoint)
        return self._commands.run(node.sandbox.box, script, inside, environment, timeout)

    def cancel(self, command_id: str) -> None:
        """Kill a running command (its `run` returns Cancelled); unknown ids are ignored."""
        self._commands.cancel(command_id)

    def is_online(self, instance_id: str) -> bool:
        """Whether the SSM agent of that node would answer."""
        node = self._nodes.get(instance_id)
        return instance_id in self._absent or (node is not None and node.sandbox.box.alive)

    def terminate(self, instance_id: str) -> None:
        """Stop everything the node runs and remove its box; unknown ids are ignored."""
        self._absent.discard(instance_id)
        with self._lock:
            self._ended.add(instance_id)
            node = self._nodes.pop(instance_id, None)
        if node is not None:
            node.sandbox.stop()
            self._ports.give_back(node.ports)
            _remove(node.directory)

    def close(self) -> None:
        """Terminate every node."""
        with self._lock:
            self._generation += 1
        for instance_id in (*self._nodes, *self._absent):
            self.terminate(instance_id)

    def shell_argv(self, node: str) -> list[str]:
        """Argument vector of an interactive login shell of ubuntu, by instance id or cluster name."""
        return shell_argv(self._root, node)

    def _undeliverable(self, instance_id: str) -> CommandResult:
        why = self.unavailable()
        if why is None:
            return CommandResult("Undeliverable", -1, b"", b"")
        text = f"This head node does not run, because the local cloud cannot make one here: {why}\n"
        return CommandResult("Failed", 1, b"", text.encode())

    def _make(self, spec: NodeSpec) -> _Node:
        self.terminate(spec.instance_id)
        self._ended.discard(spec.instance_id)
        generation = self._generation
        directory = box_directory(self._root, spec.instance_id)
        _remove(directory)
        (directory / "rootfs").mkdir(parents=True)
        file_systems = {target: self._store.path(identity) for target, identity in spec.file_systems.items()}
        binds = build(directory / "rootfs", spec, Surroundings(self._endpoint, self._mounts, file_systems))
        base = self._ports.take(slurm.ports_needed(spec))
        slurm.configure(directory / "rootfs", spec, base)
        try:
            sandbox = make_sandbox(self._spawner, directory / "rootfs", host_name(spec.private_ip), binds)
        except BaseException:
            self._ports.give_back(base)
            raise
        node, box = _Node(spec, sandbox, directory, base), sandbox.box
        write_record(self._root, BoxRecord(spec.instance_id, spec.cluster, spec.region, box.pid, box.started))
        with self._lock:
            wanted = generation == self._generation and spec.instance_id not in self._ended
            self._nodes[spec.instance_id] = node
        if not wanted:
            self.terminate(spec.instance_id)
            raise BoxError(f"{spec.instance_id} was terminated while it was made")
        return node

    def _start_slurm(self, node: _Node) -> None:
        if not slurm.nodes_of(node.spec.queues):
            return  # slurmctld refuses a cluster without a partition
        box = node.sandbox.box
        _as_ubuntu(box, MUNGED)
        _as_ubuntu(box, ("/usr/sbin/slurmctld", "-i"))
        _until_answers(node, ("sinfo", "--noheader"), lambda _: True)
        if node.warm:
            # They wake up while the boot scripts run.
            _as_ubuntu(box, ("scontrol", "update", f"nodename={node.warm}", "state=power_up"))

    def _await_warm(self, node: _Node, boot: Boot) -> None:
        # "idle~" and "idle#" are nodes that sleep and nodes that are waking up.
        up = ("sinfo", "--noheader", "--Node", "--format=%T", f"--nodes={node.warm}")
        try:
            if node.warm:
                _until_answers(node, up, lambda lines: not any("~" in line or "#" in line for line in lines))
        except SlurmNotUp as error:
            # Jobs then wait a little longer; that is no reason to give the cluster up.
            boot.write(f"compute nodes are not awake yet: {error}")

    def _no_slurm(self, boot: Boot, error: SlurmNotUp) -> BootResult:
        reason = f"Failed to set up Slurm on the head node: {error}"
        boot.write(reason)
        return BootResult(False, reason, 1, tuple(str(error).splitlines()))

    def _remove_dead(self) -> None:
        for record in records(self._root):
            if not record.box.alive:
                _remove(box_directory(self._root, record.instance_id))


def _as_ubuntu(box: Box, command: Iterable[str]) -> subprocess.CompletedProcess[str]:
    path = "PATH=/opt/slurm/bin:/usr/sbin:/usr/bin"
    argv = [*box.enter(as_ubuntu=True), "/usr/bin/env", "-i", "--chdir=/", path, "HOME=/home/ubuntu", *command]
    try:
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False, cwd="/"
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 124, "", f"no answer within {CLIENT_SECONDS} s")


def _until_answers(node: _Node, command: tuple[str, ...], wanted: Callable[[list[str]], bool]) -> None:
    deadline = time.monotonic() + SLURM_SECONDS
    # Slurm's clients retry for a minute by themselves while the controller is not there yet.
    bounded = ("timeout", "2", *command)
    while True:
        done = _as_ubuntu(node.sandbox.box, bounded)
        if done.returncode == 0 and wanted(done.stdout.splitlines()):
            return
        if time.monotonic() > deadline or not node.sandbox.box.alive:
            log = node.rootfs / "var/log/slurm/slurmctld.log"
            last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:] if log.exists() else []
            raise SlurmNotUp("\n".join((done.stdout + done.stderr, *last)).strip())
        time.sleep(POLL_SECONDS)


def _remove(directory: Path) -> None:
    if not directory.exists():
        return
    # What a node made unreadable is still the caller's, so it can be made removable.
    for folder, names, _ in os.walk(directory):
        for name in names:
            if not Path(folder, name).is_symlink():
                Path(folder, name).chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        _log.warning("could not remove all of %s", directory)


def create_manager(root: Path, endpoint: str, node_mounts: tuple[NodeMount, ...] = ()) -> BoxManager:
    """The manager of the head nodes of one local cloud, whose files are below `root`."""
    return BoxManager(root, endpoint, node_mounts)
