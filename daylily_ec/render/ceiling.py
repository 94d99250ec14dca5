"""What a rendered cluster configuration can start at most.  Pure: vCPUs per instance type come in as data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from daylily_ec.domain.fleet import Fleet as Fleet
from daylily_ec.domain.fleet import Purchase as Purchase
from daylily_ec.render.spot import types_of
from daylily_ec.render.substitutions import load


class Family(StrEnum):
    """Instance families that share one vCPU quota.

    https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
    """

    STANDARD = "standard"
    F = "f"
    G = "g"
    P = "p"
    X = "x"
    INF = "inf"
    TRN = "trn"
    DL = "dl"
    HPC = "hpc"
    HIGH_MEMORY = "high-memory"
    OTHER = "other"


_LETTERS = {
    **dict.fromkeys(("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"), Family.STANDARD),
    **dict.fromkeys(("g", "gr", "vt"), Family.G),
    "f": Family.F, "p": Family.P, "x": Family.X, "inf": Family.INF, "trn": Family.TRN, "dl": Family.DL,
    "hpc": Family.HPC, "u": Family.HIGH_MEMORY,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Demand:
    """vCPUs of one quota: everything bought in one way from one group of families."""

    purchase: Purchase
    family: Family
    vcpus: int


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most vCPUs that can run at once, per quota; `unknown` types have no known vCPU count and are not in it."""

    demands: tuple[Demand, ...]
    unknown: tuple[str, ...] = ()

    def vcpus(self, purchase: Purchase, family: Family = Family.STANDARD) -> int:
        """vCPUs of one quota, 0 when nothing of the kind is configured."""
        return sum(item.vcpus for item in self.demands if (item.purchase, item.family) == (purchase, family))


def family(instance_type: str) -> Family:
    """The quota group of a type, from the letters before its generation (`c6i.metal` → standard)."""
    letters = re.match(r"[a-z]+", instance_type)
    return _LETTERS.get(letters[0], Family.OTHER) if letters else Family.OTHER


def fleets(document: Mapping[str, Any]) -> tuple[Fleet, ...]:
    """The head node, then every compute resource in the file's order; ParallelCluster's defaults where nothing is set.

    Defaults: `CapacityType` ONDEMAND, `MaxCount` 10, from the configuration reference of ParallelCluster 3.13.
    """
    head = str((document.get("HeadNode") or {}).get("InstanceType") or "")
    queues = (document.get("Scheduling") or {}).get("SlurmQueues") or []
    compute = [_fleet(queue, resource) for queue in queues for resource in queue.get("ComputeResources") or []]
    return (*((Fleet("", "", Purchase.ONDEMAND, (head,), 1),) if head else ()), *compute)


def _fleet(queue: Mapping[str, Any], resource: Mapping[str, Any]) -> Fleet:
    bid = resource.get("SpotPrice")
    return Fleet(
        str(queue.get("Name")), str(resource.get("Name")), Purchase(queue.get("CapacityType", "ONDEMAND")),
        types_of(resource), int(resource.get("MaxCount", 10)),
        float(bid) if isinstance(bid, int | float) else None, int(resource.get("MinCount", 0)),
    )  # fmt: skip


def ceiling(cluster: str | Mapping[str, Any], vcpus: Mapping[str, int]) -> Ceiling:
    """The ceiling of a rendered configuration (its text, or the loaded document); the head node counts too.

    `vcpus`: default vCPUs by instance type.  A resource with several types counts its largest known one.
    """
    document = load(cluster, "cluster configuration") if isinstance(cluster, str) else cluster
    total: Counter[tuple[Purchase, Family]] = Counter()
    unknown: set[str] = set()
    for fleet in fleets(document):
        unknown.update(name for name in fleet.instance_types if name not in vcpus)
        largest: dict[Family, int] = {}
        for name in fleet.instance_types:
            group = family(name)
            largest[group] = max(largest.get(group, 0), vcpus.get(name, 0))
        for group, each in largest.items():
            total[fleet.purchase, group] += each * fleet.count
    demands = tuple(Demand(*key, number) for key, number in sorted(total.items()) if number)
    return Ceiling(demands, tuple(sorted(unknown)))


def instance_types(cluster: str | Mapping[str, Any]) -> tuple[str, ...]:
    """Every instance type that a rendered configuration names, sorted: what `ceiling` wants vCPUs for."""
    document = load(cluster, "cluster configuration") if isinstance(cluster, str) else cluster
    return tuple(sorted({name for fleet in fleets(document) for name in fleet.instance_types}))
