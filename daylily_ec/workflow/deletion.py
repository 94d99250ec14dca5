"""What the deletion of a cluster is asked for, takes away and leaves: data alone."""

from __future__ import annotations

from dataclasses import dataclass

from daylily_ec.aws import clusters
from daylily_ec.aws.fsx import Association, Task
from daylily_ec.aws.holdings import SHARED
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.headnode.slurm import SlurmJob
from daylily_ec.workflow.delete_results import ResultsFate
from daylily_ec.workflow.leftovers import Holdings, Item

DELETING = "DELETE_IN_PROGRESS"
KEEPS = ("Retain", "Snapshot")
"""How the DeletionPolicies begin that let a resource outlive its stack."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Losses that the user has accepted, each by its own flag."""

    abandon_exports: bool = False
    exports_unknown_ok: bool = False
    lose_results: bool = False
    kill_jobs: bool = False
    node_unreachable_ok: bool = False


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """Which cluster, which losses are accepted, and where receipts lie that cannot be found otherwise."""

    cluster: ClusterName
    acknowledged: Acknowledged = Acknowledged()
    receipts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileSystemPlan:
    """A file system of the cluster: `deletion_policy` is CloudFormation's (Retain keeps it, and its cost).

    `problem` says why FSx does not tell its associations and tasks.
    """

    file_system_id: str
    deletion_policy: str
    associations: tuple[Association, ...]
    tasks: tuple[Task, ...]
    problem: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether it outlives the cluster."""
        return self.deletion_policy.startswith(KEEPS)


@dataclass(frozen=True, slots=True)
class Gate:
    """A fact that forbids the deletion until its flag acknowledges it."""

    fact: str
    flag: str
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What would go, and what stands against it.

    `jobs` is None when the head node could not be asked, `results` when nobody can tell what lies there; both with the
    reason.  `holdings` is everything of the cluster with its price, `stays` the ids that outlive the deletion.
    """

    cluster_name: str
    region: str
    status: str
    stack_id: str
    head_node: clusters.HeadNode | None
    file_systems: tuple[FileSystemPlan, ...]
    jobs: tuple[SlurmJob, ...] | None
    jobs_problem: str
    results: tuple[ResultsFate, ...] | None
    results_problem: str
    holdings: Holdings
    stays: tuple[str, ...]
    artifacts: S3Prefix | None = None
    gates: tuple[Gate, ...] = ()

    @property
    def is_under_way(self) -> bool:
        """Whether AWS is deleting it already."""
        return self.status == DELETING

    @property
    def closed(self) -> tuple[Gate, ...]:
        """Gates that nobody has acknowledged."""
        return tuple(gate for gate in self.gates if not gate.acknowledged)

    @property
    def kept(self) -> tuple[str, ...]:
        """File systems that stay."""
        return tuple(system.file_system_id for system in self.file_systems if system.is_kept)

    @property
    def usd_per_hour(self) -> float:
        """What the cluster costs now, as far as prices are known; what it shares is not its own."""
        days = [item.usd_per_day or 0.0 for item in self.holdings.items if not is_shared(item)]
        return round(sum(days) / 24, 4)

    @property
    def staying(self) -> tuple[Item, ...]:
        """What stays."""
        return tuple(item for item in self.holdings.items if item.id in self.stays)


def is_shared(item: Item) -> bool:
    """Whether it belongs to no single cluster."""
    return item.kind.startswith(SHARED)
