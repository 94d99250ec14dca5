"""What an account holds of one cluster, found by the tag that ParallelCluster gives everything it makes.  Read-only.

EC2, FSx and CloudWatch Logs are asked themselves, because the Resource Groups Tagging API goes on naming resources for
a while after they are gone; it is asked for every other service.
https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext
from daylily_ec.aws.price_list import IPV4_HOUR, NAT_HOUR, PriceQuery, lustre, on_demand, volume

TAG = "parallelcluster:cluster-name"
NETWORK_TAG = {"Key": "dyec:part", "Value": "network"}
"""What the stack of a zone's network gives all its parts; every cluster of the zone uses them."""
SHARED = "shared "
"""Begins the kinds of what belongs to no single cluster."""
HOURS_PER_MONTH = 730.0
LOGS_USD_PER_GB_MONTH = 0.03
"""Stored log bytes in a US region.  https://aws.amazon.com/cloudwatch/pricing/"""
S3_USD_PER_GB_MONTH = 0.023
"""S3 Standard, first 50 TB a month, in a US region.  https://aws.amazon.com/s3/pricing/"""
SNAPSHOT_USD_PER_GB_MONTH = 0.05
"""EBS snapshots, standard tier, in a US region.  https://aws.amazon.com/ebs/pricing/"""
_FUNCTIONS = "/aws/lambda/pcluster-"
_GONE = {
    "instance": {"terminated", "shutting-down"}, "volume": {"deleted", "deleting"},
    "NAT gateway": {"deleted", "deleting"}, "file system": {"DELETING"},
}  # fmt: skip
_DESCRIBED = (
    ":instance/", ":volume/", ":network-interface/", ":elastic-ip/", ":natgateway/", ":snapshot/", ":log-group:",
    ":file-system/fs-",
)  # fmt: skip
"""Parts of the ARNs of what is asked for at its own service."""
_FREE = {
    "security-group", "launch-template", "stack", "placement-group", "vpc", "subnet", "role", "policy",
    "instance-profile", "route-table", "internet-gateway", "association", "task",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Holding:
    """One resource; it costs `units` times the hourly price of `query`, or `usd_per_hour` when that is known.

    Without either its price is not known; what is free has `usd_per_hour` 0.
    """

    kind: str
    id: str
    state: str = ""
    size: str = ""
    query: PriceQuery | None = None
    units: float = 1.0
    usd_per_hour: float | None = None


class HoldingsApi(Protocol):
    """The questions the product asks, each by itself, so that one refusal does not hide the rest."""

    def questions(self, cluster: str, stack_id: str = "") -> Mapping[str, Callable[[], tuple[Holding, ...]]]:
        """Questions about the cluster by what they look for; its stack's id is in names that have no tag."""

    def tagged(self, cluster: str) -> tuple[Holding, ...]:
        """What carries the cluster's tag in services that `questions` does not ask."""


class Holdings:
    """`HoldingsApi` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    def questions(self, cluster: str, stack_id: str = "") -> Mapping[str, Callable[[], tuple[Holding, ...]]]:
        tag = [{"Name": f"tag:{TAG}", "Values": [cluster]}]

        def ec2(operation: str, key: str, made: Callable[[dict[str, Any]], Iterator[Holding]]) -> Any:
            def ask() -> tuple[Holding, ...]:
                client = self._context.client("ec2")
                found: Iterable[dict[str, Any]]
                if operation == "describe_addresses":
                    found = client.call(operation, Filters=tag)[key]
                else:
                    found = client.pages(operation, key, Filters=tag)
                mine = (item for item in found if "Instances" in item or _is_of(item, cluster))
                return tuple(one for item in mine for one in made(item) if one.state not in _GONE.get(one.kind, ()))

            return ask

        return {
            "instances": ec2("describe_instances", "Reservations", _instances),
            "volumes": ec2("describe_volumes", "Volumes", _volume),
            "network interfaces": ec2("describe_network_interfaces", "NetworkInterfaces", _interface),
            "addresses": ec2("describe_addresses", "Addresses", _address),
            "NAT gateways": ec2("describe_nat_gateways", "NatGateways", _nat),
            "snapshots": ec2("describe_snapshots", "Snapshots", _snapshot),
            "shared networks": self._networks,
            "file systems": lambda: self._file_systems(cluster),
            "log groups": lambda: self._log_groups(cluster),
            "log groups of its functions": lambda: self._function_logs(stack_id),
        }

    def tagged(self, cluster: str) -> tuple[Holding, ...]:
        pages = self._context.client("resourcegroupstaggingapi").pages(
            "get_resources", "ResourceTagMappingList", TagFilters=[{"Key": TAG, "Values": [cluster]}]
        )
        arns = (str(item["ResourceARN"]) for item in pages)
        return tuple(map(_by_arn, sorted(arn for arn in arns if not any(part in arn for part in _DESCRIBED))))

    def _networks(self) -> tuple[Holding, ...]:
        """NAT gateways and their addresses go on costing without a cluster, until their stack is deleted."""
        found = self._context.client("ec2").pages("describe_nat_gateways", "NatGateways")
        return tuple(
            one for item in found
            if NETWORK_TAG in item.get("Tags", []) and item["State"] not in _GONE["NAT gateway"]
            for one in _network(item)
        )  # fmt: skip

    def _file_systems(self, cluster: str) -> tuple[Holding, ...]:
        found = self._context.client("fsx").pages("describe_file_systems", "FileSystems")
        mine = (item for item in found if _is_of(item, cluster))
        return tuple(one for one in map(_file_system, mine) if one.state not in _GONE[one.kind])

    def _log_groups(self, cluster: str) -> tuple[Holding, ...]:
        prefix = f"/aws/parallelcluster/{cluster}-"
        found = self._context.client("logs").pages("describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
        # ParallelCluster appends twelve digits, so `day` does not find the logs of `day-two`.
        return tuple(_log_group(item) for item in found if item["logGroupName"].removeprefix(prefix).isdigit())

    def _function_logs(self, stack_id: str) -> tuple[Holding, ...]:
        """The stack's functions are named by the last part of its id; their logs are nobody's resource."""
        own = stack_id.rpartition("/")[2]
        if not own:
            return ()
        found = self._context.client("logs").pages("describe_log_groups", "logGroups", logGroupNamePrefix=_FUNCTIONS)
        return tuple(_log_group(item) for item in found if item["logGroupName"].endswith(f"-{own}"))


def _is_of(item: Mapping[str, Any], cluster: str) -> bool:
    # EC2 calls the tags of network interfaces TagSet.
    return {"Key": TAG, "Value": cluster} in [*(item.get("Tags") or []), *(item.get("TagSet") or [])]


def monthly(gigabytes: float, usd_per_gb_month: float) -> float:
    """USD per hour."""
    return gigabytes * usd_per_gb_month / HOURS_PER_MONTH


def _instances(reservation: dict[str, Any]) -> Iterator[Holding]:
    for item in reservation["Instances"]:
        kind, state = item["InstanceType"], item["State"]["Name"]
        running = state in ("pending", "running")
        is_spot = item.get("InstanceLifecycle") == "spot"
        size = f"{kind} (spot, priced as on demand)" if is_spot else kind
        yield Holding("instance", item["InstanceId"], state, size, on_demand(kind) if running else None,
                      usd_per_hour=None if running else 0.0)  # fmt: skip


def _volume(item: dict[str, Any]) -> Iterator[Holding]:
    kind, gib = item.get("VolumeType", "gp2"), item["Size"]
    yield Holding("volume", item["VolumeId"], item["State"], f"{gib} GiB {kind}", volume(kind), gib / HOURS_PER_MONTH)


def _interface(item: dict[str, Any]) -> Iterator[Holding]:
    yield Holding("network interface", item["NetworkInterfaceId"], item.get("Status", ""), usd_per_hour=0.0)


def _address(item: dict[str, Any]) -> Iterator[Holding]:
    used = "in use" if item.get("AssociationId") else "idle"
    yield Holding("address", item.get("AllocationId", item["PublicIp"]), used, item["PublicIp"], IPV4_HOUR)


def _nat(item: dict[str, Any]) -> Iterator[Holding]:
    yield Holding("NAT gateway", item["NatGatewayId"], item["State"], "", NAT_HOUR)


def _network(item: dict[str, Any]) -> Iterator[Holding]:
    tags = {tag["Key"]: tag["Value"] for tag in item["Tags"]}
    stack = f"of stack {tags['aws:cloudformation:stack-name']}" if "aws:cloudformation:stack-name" in tags else ""
    yield Holding(f"{SHARED}NAT gateway", item["NatGatewayId"], item["State"], stack, NAT_HOUR)
    for address in item.get("NatGatewayAddresses", []):
        if address.get("AllocationId"):
            yield Holding(f"{SHARED}address", address["AllocationId"], "in use", stack, IPV4_HOUR)


def _snapshot(item: dict[str, Any]) -> Iterator[Holding]:
    gib = item["VolumeSize"]
    yield Holding("snapshot", item["SnapshotId"], item["State"], f"of {gib} GiB, at most",
                  usd_per_hour=monthly(gib, SNAPSHOT_USD_PER_GB_MONTH))  # fmt: skip


def _file_system(item: dict[str, Any]) -> Holding:
    details = item.get("LustreConfiguration") or {}
    deployment, gib = details.get("DeploymentType", item.get("FileSystemType", "")), item.get("StorageCapacity", 0)
    query = lustre(deployment, details.get("PerUnitStorageThroughput")) if details else None
    return Holding("file system", item["FileSystemId"], item.get("Lifecycle", ""), f"{gib} GiB {deployment}", query,
                   gib / HOURS_PER_MONTH)  # fmt: skip


def _log_group(item: dict[str, Any]) -> Holding:
    stored = int(item.get("storedBytes") or 0)
    keep = f", kept {item['retentionInDays']} days" if item.get("retentionInDays") else ""
    return Holding("log group", item["logGroupName"], "", f"{stored:,} bytes{keep}",
                   usd_per_hour=monthly(stored / 1e9, LOGS_USD_PER_GB_MONTH))  # fmt: skip


def _by_arn(arn: str) -> Holding:
    service, rest = arn.split(":", 5)[2], arn.split(":", 5)[-1]
    kind = rest.replace(":", "/").split("/")[0]
    return Holding(f"{service} {kind}".strip(), arn, "as the tagging API says",
                   usd_per_hour=0.0 if kind in _FREE else None)  # fmt: skip
