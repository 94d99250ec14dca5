from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from daylily_ec.aws.context import AwsContext, Client
from daylily_ec.aws.holdings import NETWORK_TAG, TAG, Holding, Holdings
from daylily_ec.aws.price_list import IPV4_HOUR, NAT_HOUR, lustre, on_demand, volume

MINE = [{"Key": TAG, "Value": "day"}]
OTHER = [{"Key": TAG, "Value": "other"}]
ACCOUNT: dict[str, list[dict[str, Any]]] = {
    "describe_instances": [{"Instances": [
        {"InstanceId": "i-1", "InstanceType": "t3.medium", "State": {"Name": "running"}},
        {"InstanceId": "i-2", "InstanceType": "t3.medium", "State": {"Name": "stopped"}},
        {"InstanceId": "i-3", "InstanceType": "t3.medium", "State": {"Name": "terminated"}},
    ]}],
    "describe_volumes": [
        {"VolumeId": "vol-1", "VolumeType": "gp3", "Size": 73, "State": "available", "Tags": MINE},
        {"VolumeId": "vol-2", "VolumeType": "gp3", "Size": 73, "State": "deleting", "Tags": MINE},
    ],
    "describe_network_interfaces": [{"NetworkInterfaceId": "eni-1", "Status": "available", "TagSet": MINE}],
    "describe_addresses": [{"AllocationId": "eipalloc-1", "PublicIp": "1.2.3.4", "Tags": MINE}],
    "describe_nat_gateways": [
        {"NatGatewayId": "nat-1", "State": "available", "Tags": MINE},
        {"NatGatewayId": "nat-2", "State": "deleted", "Tags": MINE},
        {"NatGatewayId": "nat-3", "State": "available", "Tags": OTHER},
        {"NatGatewayId": "nat-4", "State": "available", "NatGatewayAddresses": [{"AllocationId": "eipalloc-4"}],
         "Tags": [NETWORK_TAG, {"Key": "aws:cloudformation:stack-name", "Value": "net"}]},
    ],
    "describe_snapshots": [{"SnapshotId": "snap-1", "VolumeSize": 10, "State": "completed", "Tags": MINE}],
    "describe_file_systems": [
        {"FileSystemId": "fs-1", "StorageCapacity": 1200, "Lifecycle": "AVAILABLE", "Tags": MINE,
         "LustreConfiguration": {"DeploymentType": "SCRATCH_2"}},
        {"FileSystemId": "fs-2", "StorageCapacity": 1200, "Lifecycle": "DELETING", "Tags": MINE},
        {"FileSystemId": "fs-3", "StorageCapacity": 1200, "Lifecycle": "AVAILABLE", "Tags": OTHER},
    ],
    "describe_log_groups": [
        {"logGroupName": "/aws/parallelcluster/day-202601010000", "storedBytes": 10**9, "retentionInDays": 14},
        {"logGroupName": "/aws/parallelcluster/day-two-202601010000", "storedBytes": 10**9},
        {"logGroupName": "/aws/lambda/pcluster-CleanupResources-0a1b", "storedBytes": 0},
        {"logGroupName": "/aws/lambda/pcluster-CleanupResources-9f9f", "storedBytes": 0},
    ],
    "get_resources": [{"ResourceARN": arn} for arn in (
        "arn:aws:ec2:us-west-2:1:instance/i-3", "arn:aws:ec2:us-west-2:1:security-group/sg-1",
        "arn:aws:route53:::hostedzone/Z1", "arn:aws:dynamodb:us-west-2:1:table/parallelcluster-day",
        "arn:aws:fsx:us-west-2:1:file-system/fs-2", "arn:aws:logs:us-west-2:1:log-group:x",
    )],
}  # fmt: skip


class Canned(AwsContext):
    """A context whose account holds that."""

    def client(self, service: str, region: str | None = None) -> Client:
        class Service(Client):
            def call(self, operation: str, /, **params: Any) -> dict[str, Any]:
                return {"Addresses": ACCOUNT[operation]}

            def pages(self, operation: str, key: str, /, **params: Any) -> Iterator[Any]:
                return iter(ACCOUNT[operation])

        return Service(service, None)


def test_every_question_tells_of_what_is_there_with_what_it_costs() -> None:
    found = [
        one
        for ask in Holdings(Canned(None, "us-west-2")).questions("day", "arn:stack/day/0a1b").values()
        for one in ask()
    ]
    assert {one.id: (one.query, round(one.units, 4), one.usd_per_hour) for one in found} == {
        "i-1": (on_demand("t3.medium"), 1.0, None),
        "i-2": (None, 1.0, 0.0),
        "vol-1": (volume("gp3"), 0.1, None),
        "eni-1": (None, 1.0, 0.0),
        "eipalloc-1": (IPV4_HOUR, 1.0, None),
        "nat-1": (NAT_HOUR, 1.0, None),
        "nat-4": (NAT_HOUR, 1.0, None),
        "eipalloc-4": (IPV4_HOUR, 1.0, None),
        "snap-1": (None, 1.0, 10 * 0.05 / 730),
        "fs-1": (lustre("SCRATCH_2"), round(1200 / 730, 4), None),
        "/aws/parallelcluster/day-202601010000": (None, 1.0, 0.03 / 730),
        "/aws/lambda/pcluster-CleanupResources-0a1b": (None, 1.0, 0.0),
    }


def test_the_tagging_api_is_believed_about_other_services_alone() -> None:
    found = Holdings(Canned(None, "us-west-2")).tagged("day")
    said = "as the tagging API says"
    assert found == (
        Holding("dynamodb table", "arn:aws:dynamodb:us-west-2:1:table/parallelcluster-day", said),
        Holding("ec2 security-group", "arn:aws:ec2:us-west-2:1:security-group/sg-1", said, usd_per_hour=0.0),
        Holding("route53 hostedzone", "arn:aws:route53:::hostedzone/Z1", said),
    )
