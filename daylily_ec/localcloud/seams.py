"""What the emulated control plane and the emulated head nodes know of each other: types only.

The CloudFormation engine asks a `NodeManager` to boot a head node; SSM asks it to run commands; FSx works on the
directory that `NodeManager`'s boxes mount as `/fsx`.  Either side can be tested with a fake of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ComputeResource:
    """One Slurm compute resource of a queue; `vcpus` and `memory_mib` are those of its smallest instance type."""

    name: str
    instance_types: tuple[str, ...]
    vcpus: int
    memory_mib: int
    min_count: int
    max_count: int


@dataclass(frozen=True, slots=True)
class Queue:
    """One Slurm partition."""

    name: str
    compute_resources: tuple[ComputeResource, ...]


@dataclass(frozen=True, slots=True)
class BootScript:
    """The OnNodeConfigured action: an `s3://` or `https://` URI and its arguments."""

    uri: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """Everything a head node needs in order to exist."""

    instance_id: str
    cluster: str
    region: str
    account_id: str
    private_ip: str
    availability_zone: str
    instance_type: str
    queues: tuple[Queue, ...]
    cluster_config: str
    """The cluster configuration (YAML text) as `pcluster` stored it."""
    file_systems: Mapping[str, str] = field(default_factory=dict)
    """Mount directory (`/fsx`) -> FSx file system id."""
    boot_scripts: tuple[BootScript, ...] = ()
    iam_profile: str | None = None


@dataclass(frozen=True, slots=True)
class NodeMount:
    """A directory of this machine that every box sees read-only at `source`; `link`, if any, is a symlink to it."""

    source: Path
    link: PurePosixPath | None = None


@dataclass(frozen=True, slots=True)
class BootResult:
    """How the boot ended; `reason` is what cfn-signal would report, `tail` the last output lines of the script."""

    ok: bool
    reason: str
    exit_code: int
    tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandResult:
    """A finished remote command; `status` is one of SSM's: Success, Failed, TimedOut, Cancelled, Undeliverable."""

    status: str
    exit_code: int
    stdout: bytes
    stderr: bytes


class NodeManager(Protocol):
    """Boots, runs commands on, and removes head nodes.  All calls are safe from any thread."""

    def unavailable(self) -> str | None:
        """Why head nodes cannot run here (with what to install), or None."""

    def boot(self, spec: NodeSpec, log: Callable[[str], None]) -> BootResult:
        """Create the box, start Slurm, run the boot scripts as root; blocks; `log` gets each output line."""

    def run(self, instance_id: str, commands: tuple[str, ...], *, timeout: float, command_id: str) -> CommandResult:
        """Run the lines as root, as AWS-RunShellScript does; blocks at most `timeout` seconds."""

    def cancel(self, command_id: str) -> None:
        """Kill a running command (its `run` returns Cancelled); unknown ids are ignored."""

    def is_online(self, instance_id: str) -> bool:
        """Whether the SSM agent of that node would answer."""

    def terminate(self, instance_id: str) -> None:
        """Stop everything the node runs and remove its box; unknown ids are ignored."""

    def close(self) -> None:
        """Terminate every node."""


class FileSystemStore(Protocol):
    """Where the bytes of each FSx file system live on the host."""

    def path(self, file_system_id: str) -> Path:
        """Host directory that boxes mount; created on first use."""

    def remove(self, file_system_id: str) -> None:
        """Delete the bytes."""
