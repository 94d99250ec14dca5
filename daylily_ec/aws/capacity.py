"""What the account uses of its quotas now, and what a zone has to offer; read only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext
from daylily_ec.domain.zones import AvailabilityZone

_FILTER_LIMIT = 200
_ALIVE = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
_CLUSTER_TAG = "parallelcluster:cluster-name"


@dataclass(frozen=True, slots=True)
class Running:
    """Instances that run, by instance type."""

    on_demand: Mapping[str, int] = field(default_factory=dict)
    spot: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScratchFileSystem:
    """One FSx for Lustre scratch file system; `capacity` in GiB, `cluster` empty when no cluster owns it."""

    id: str
    lifecycle: str
    capacity: int
    cluster: str = ""


class CapacityApi(Protocol):
    """The calls the product makes."""

    def running(self, *, besides: str = "") -> Running:
        """Pending and running instances, without those of the cluster `besides`."""

    def vcpus(self, instance_types: Collection[str]) -> dict[str, int]:
        """Default vCPUs by type; a type the region does not know is absent."""

    def offered(self, zone: AvailabilityZone, instance_types: Collection[str]) -> frozenset[str]:
        """Those of the types that the zone sells."""

    def vpcs(self) -> int:
        """Number of VPCs."""

    def elastic_ips(self) -> int:
        """Number of elastic IP addresses."""

    def internet_gateways(self) -> int:
        """Number of internet gateways."""

    def nat_gateways(self, subnet_ids: Collection[str]) -> int:
        """Number of NAT gateways in the subnets that exist or are being made."""

    def scratch_file_systems(self) -> tuple[ScratchFileSystem, ...]:
        """Every FSx for Lustre scratch file system of the region."""


class Capacity:
    """`CapacityApi` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    def _pages(self, operation: str, key: str, **params: Any) -> Iterator[Any]:
        return self._context.client("ec2").pages(operation, key, **params)

    def running(self, *, besides: str = "") -> Running:
        on_demand: Counter[str] = Counter()
        spot: Counter[str] = Counter()
        for reservation in self._pages("describe_instances", "Reservations", Filters=_ALIVE):
            for instance in reservation["Instances"]:
                if not besides or _tags(instance).get(_CLUSTER_TAG) != besides:
                    kind = spot if instance.get("InstanceLifecycle") == "spot" else on_demand
                    kind[instance["InstanceType"]] += 1
        return Running(on_demand, spot)

    def vcpus(self, instance_types: Collection[str]) -> dict[str, int]:
        # A filter leaves unknown types out; naming them would fail the whole call.
        return {
            item["InstanceType"]: int(item["VCpuInfo"]["DefaultVCpus"])
            for names in _batches(instance_types)
            for item in self._pages(
                "describe_instance_types", "InstanceTypes", Filters=[_named("instance-type", names)]
            )
        }

    def offered(self, zone: AvailabilityZone, instance_types: Collection[str]) -> frozenset[str]:
        return frozenset(
            item["InstanceType"]
            for names in _batches(instance_types)
            for item in self._pages(
                "describe_instance_type_offerings", "InstanceTypeOfferings", LocationType="availability-zone",
                Filters=[_named("location", [str(zone)]), _named("instance-type", names)],
            )
        )  # fmt: skip

    def vpcs(self) -> int:
        return sum(1 for _ in self._pages("describe_vpcs", "Vpcs"))

    def elastic_ips(self) -> int:
        return len(self._context.client("ec2").call("describe_addresses")["Addresses"])

    def internet_gateways(self) -> int:
        return sum(1 for _ in self._pages("describe_internet_gateways", "InternetGateways"))

    def nat_gateways(self, subnet_ids: Collection[str]) -> int:
        if not subnet_ids:
            return 0
        states = [_named("state", ["pending", "available"])]
        return sum(item["SubnetId"] in subnet_ids
                   for item in self._pages("describe_nat_gateways", "NatGateways", Filters=states))  # fmt: skip

    def scratch_file_systems(self) -> tuple[ScratchFileSystem, ...]:
        found = self._context.client("fsx").pages("describe_file_systems", "FileSystems")
        return tuple(
            ScratchFileSystem(item["FileSystemId"], item.get("Lifecycle", ""), int(item.get("StorageCapacity") or 0),
                              _tags(item).get(_CLUSTER_TAG, ""))
            for item in found
            if str((item.get("LustreConfiguration") or {}).get("DeploymentType", "")).startswith("SCRATCH")
        )  # fmt: skip


def _batches(names: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(set(names))
    for start in range(0, len(ordered), _FILTER_LIMIT):
        yield ordered[start : start + _FILTER_LIMIT]


def _named(name: str, values: list[str]) -> dict[str, Any]:
    return {"Name": name, "Values": values}


def _tags(thing: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags") or []}
