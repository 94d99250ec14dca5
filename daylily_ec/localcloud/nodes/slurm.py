"""The cluster's own Slurm: configuration from the queues, private keys, everything on the loopback interface.

Nodes are power-saving CLOUD nodes as on ParallelCluster (https://slurm.schedmd.com/power_save.html): a slurmd exists
only while its node is up.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.localcloud.nodes.rootfs import host_name
from daylily_ec.localcloud.seams import ComputeResource, NodeSpec, Queue

MAX_NODES = 32
"""Nodes defined per compute resource at most: every node needs a port of its own."""
WARM_NODES = 2
"""Nodes per compute resource that are up from the start.  Slurm looks at batch jobs that wait for a node to power up
only every 30 seconds."""
FIRST_PORT, LAST_PORT = 20_000, 32_000
"""Below the ephemeral ports of Linux (32768 and up)."""
MEMORY_SHARE = 0.95
"""ParallelCluster offers this share of an instance's memory to jobs (SchedulableMemory)."""

CONF = """\
ClusterName=parallelcluster
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=/run/slurm/munge.sock
SlurmUser=ubuntu
SlurmdUser=ubuntu
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd-%n.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd-%n.log
StateSaveLocation=/var/spool/slurm/state
SlurmdSpoolDir=/var/spool/slurm/%n
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
PrivateData=cloud
SlurmctldParameters=idle_on_node_suspend,cloud_dns,power_save_interval=1,power_save_min_interval=0
SlurmdParameters=config_overrides
ResumeProgram=/opt/slurm/etc/resume
SuspendProgram=/opt/slurm/etc/suspend
SuspendTime=600
SuspendTimeout=3
ResumeTimeout=60
ResumeRate=0
SuspendRate=0
{kept}
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=/var/log/slurm/jobs.log
MinJobAge=86400
KillWait=2
MessageTimeout=10
"""


class NoPorts(RuntimeError):
    """No free block of ports for a cluster's nodes."""


@dataclass(frozen=True, slots=True)
class SlurmNodes:
    """The nodes of one compute resource of one queue: `dynamic` ones power up on demand, `static` ones stay up."""

    queue: str
    resource: ComputeResource
    static: int
    dynamic: int

    @property
    def count(self) -> int:
        """How many in all."""
        return self.static + self.dynamic

    def _names(self, kind: str, count: int) -> list[str]:
        return [f"{self.queue}-{kind}-{self.resource.name}-[1-{count}]"] if count else []

    @property
    def lists(self) -> list[str]:
        """Host lists of all nodes."""
        return self._names("st", self.static) + self._names("dy", self.dynamic)

    @property
    def kept_up(self) -> list[str]:
        """Host lists of the nodes that are up from the start."""
        return self._names("st", self.static) + self._names("dy", min(self.dynamic, WARM_NODES))

    @property
    def names(self) -> list[str]:
        """Every node name."""
        kinds = (("st", self.static), ("dy", self.dynamic))
        return [
            f"{self.queue}-{kind}-{self.resource.name}-{number}"
            for kind, count in kinds
            for number in range(1, count + 1)
        ]


def nodes_of(queues: Sequence[Queue]) -> tuple[SlurmNodes, ...]:
    """The nodes that are defined, not more than MAX_NODES per compute resource."""
    found = []
    for queue in queues:
        for resource in queue.compute_resources:
            static = min(resource.min_count, MAX_NODES)
            dynamic = min(resource.max_count - resource.min_count, MAX_NODES - static)
            found.append(SlurmNodes(queue.name, resource, static, max(dynamic, 0)))
    return tuple(found)


def _node_lines(nodes: SlurmNodes, port: int) -> Iterator[str]:
    resource = nodes.resource
    kinds = (("static", "st", nodes.static), ("dynamic", "dy", nodes.dynamic))
    for kind, short, count in kinds:
        if not count:
            continue
        names = f"{nodes.queue}-{short}-{resource.name}-[1-{count}]"
        yield (
            f"NodeName={names} NodeHostname={names} NodeAddr=127.0.0.1 Port={port}-{port + count - 1} "
            f"CPUs={resource.vcpus} RealMemory={int(resource.memory_mib * MEMORY_SHARE)} State=CLOUD "
            f"Feature={kind},{','.join((*resource.instance_types, resource.name))}"
        )
        port += count


def render(spec: NodeSpec, base: int) -> str:
    """slurm.conf with the ports from `base` on: one for the controller, one per node."""
    lines: list[str] = []
    every, port = nodes_of(spec.queues), base + 1
    for nodes in every:
        lines.extend(_node_lines(nodes, port))
        port += nodes.count
    for position, queue in enumerate(spec.queues):
        mine = ",".join(name for nodes in every if nodes.queue == queue.name for name in nodes.lists)
        default = "YES" if position == 0 else "NO"
        if mine:
            lines.append(f"PartitionName={queue.name} Nodes={mine} MaxTime=INFINITE State=UP Default={default}")
    kept = ",".join(name for nodes in every for name in nodes.kept_up)
    general = CONF.format(
        host=host_name(spec.private_ip), port=base, kept=f"SuspendExcNodes={kept}" if kept else "# every node may sleep"
    )
    return general + "\n".join(lines) + "\n"


def ports_needed(spec: NodeSpec) -> int:
    """How many ports the cluster's Slurm listens on at most."""
    return 1 + sum(nodes.count for nodes in nodes_of(spec.queues))


def configure(rootfs: Path, spec: NodeSpec, base: int) -> None:
    """Write keys and configuration into a box."""
    etc = rootfs / "opt/slurm/etc"
    key = etc / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    (etc / "slurm.conf").write_text(render(spec, base), encoding="utf-8")
    (rootfs / "var/spool/slurm/state").mkdir(parents=True, exist_ok=True)
    names = [name for nodes in nodes_of(spec.queues) for name in nodes.names]
    with (rootfs / "etc/hosts").open("a", encoding="utf-8") as hosts:
        hosts.writelines(f"127.0.0.1 {name}\n" for name in names)


class Ports:
    """Hands out blocks of free ports; a block is another box's until it is given back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[int, int] = {}

    def take(self, count: int) -> int:
        """First port of a block of `count` that nobody listens on.

        Raises NoPorts when there is none.
        """
        with self._lock:
            # Another local cloud of this machine starts looking elsewhere.
            start = FIRST_PORT + os.getpid() * 64 % (LAST_PORT - FIRST_PORT - count)
            for base in itertools.chain(range(start, LAST_PORT - count, 64), range(FIRST_PORT, start, 64)):
                if self._unclaimed(base, count) and _listenable(base, count):
                    self._taken[base] = count
                    return base
        raise NoPorts(f"no {count} free ports in a row between {FIRST_PORT} and {LAST_PORT}")

    def give_back(self, base: int) -> None:
        """The block that begins at `base` may be handed out again."""
        with self._lock:
            self._taken.pop(base, None)

    def _unclaimed(self, base: int, count: int) -> bool:
        return all(base + count <= other or other + size <= base for other, size in self._taken.items())


def _listenable(base: int, count: int) -> bool:
    with contextlib.ExitStack() as sockets:
        for port in range(base, base + count):
            probe = sockets.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
