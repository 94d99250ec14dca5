"""An operator's prerequisites and a cluster configuration, made through the API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

REGION = "us-west-2"


@dataclass(frozen=True)
class Prerequisites:
    """What a cluster refers to."""

    public_subnet: str
    private_subnet: str
    bucket: str
    policy_arn: str


def prepare(client: Any, name: str) -> Prerequisites:
    """Make network, bucket, boot script and policy; `client` is a factory of boto3 clients."""
    ec2, s3 = client("ec2"), client("s3")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    for flag in ("EnableDnsSupport", "EnableDnsHostnames"):
        ec2.modify_vpc_attribute(VpcId=vpc, **{flag: {"Value": True}})
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    public, private = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=f"{REGION}c")["Subnet"]["SubnetId"]
        for block in ("10.0.0.0/20", "10.0.16.0/20")
    )
    ec2.modify_subnet_attribute(SubnetId=public, MapPublicIpOnLaunch={"Value": True})
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=address)["NatGateway"]["NatGatewayId"]
    for subnet, target in ((public, {"GatewayId": gateway}), (private, {"NatGatewayId": nat})):
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    bucket = f"{name}-omics-analysis-us-west-2"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="boot/one.sh", Body=b"#!/bin/bash\necho one\n")
    s3.put_object(Bucket=bucket, Key="boot/two.sh", Body=b"#!/bin/bash\necho two\n")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "budgets:*", "Resource": "*"}]}
    policy = client("iam").create_policy(PolicyName=f"{name}-tags", PolicyDocument=json.dumps(document))["Policy"]
    return Prerequisites(public, private, bucket, policy["Arn"])


def configuration(given: Prerequisites) -> dict[str, Any]:
    """A cluster with two boot scripts, three queues and a file system with two associations."""
    policies = [
        {"Policy": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"},
        {"Policy": given.policy_arn},
    ]
    scripts = [
        {"Script": f"s3://{given.bucket}/boot/one.sh", "Args": [REGION, given.bucket]},
        {"Script": f"s3://{given.bucket}/boot/two.sh"},
    ]
    return {
        "Region": REGION,
        "Image": {"Os": "ubuntu2204"},
        "HeadNode": {
            "InstanceType": "r7i.2xlarge",
            "Networking": {"SubnetId": given.public_subnet},
            "LocalStorage": {"RootVolume": {"Size": 450, "VolumeType": "gp3"}},
            "Iam": {"S3Access": [{"BucketName": given.bucket}], "AdditionalIamPolicies": policies},
            "CustomActions": {"OnNodeConfigured": {"Sequence": scripts}},
        },
        "Scheduling": {
            "Scheduler": "slurm",
            "SlurmQueues": [
                _queue("i8", ["r7i.2xlarge"], given),
                _queue("i128", ["c6i.32xlarge", "m6i.32xlarge", "r6i.32xlarge"], given),
                _queue("i192", ["c7i.48xlarge", "m7i.48xlarge"], given),
            ],
        },
        "SharedStorage": [_storage(given)],
        "Monitoring": {"Logs": {"CloudWatch": {"RetentionInDays": 1, "DeletionPolicy": "Delete"}}},
        "Tags": [{"Key": "aws-parallelcluster-project", "Value": "omics"}],
    }


def _queue(name: str, types: list[str], given: Prerequisites) -> dict[str, Any]:
    return {
        "Name": name,
        "CapacityType": "SPOT",
        "AllocationStrategy": "price-capacity-optimized",
        "ComputeResources": [
            {
                "Name": f"{name}cr",
                "Instances": [{"InstanceType": one} for one in types],
                "MinCount": 0,
                "MaxCount": 4,
                "SpotPrice": 4.1,
            }
        ],
        "Networking": {"SubnetIds": [given.private_subnet], "PlacementGroup": {"Enabled": False}},
        "Iam": {"S3Access": [{"BucketName": given.bucket}]},
    }


def _storage(given: Prerequisites) -> dict[str, Any]:
    associations = [
        {
            "Name": name,
            "FileSystemPath": f"/{name}",
            "DataRepositoryPath": f"s3://{given.bucket}/{name}",
            "BatchImportMetaDataOnCreate": True,
            "AutoImportPolicy": ["NEW", "CHANGED", "DELETED"],
        }
        for name in ("references", "control_data")
    ]
    return {
        "Name": "fsx-omics",
        "MountDir": "/fsx",
        "StorageType": "FsxLustre",
        "FsxLustreSettings": {
            "StorageCapacity": 4800,
            "DeploymentType": "PERSISTENT_2",
            "PerUnitStorageThroughput": 250,
            "DataCompressionType": "LZ4",
            "DeletionPolicy": "Delete",
            "DataRepositoryAssociations": associations,
        },
    }
