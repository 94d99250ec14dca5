"""`AWS::CloudFormation::CustomResource` and `Custom::*` without Lambda containers.

ParallelCluster's three custom resources do their work on deletion; the same three actions are done here on the account
itself.  Other custom resources do nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.ec2.models import ec2_backends
from moto.route53.models import route53_backends
from moto.s3.models import s3_backends

from daylily_ec.localcloud.patches.patching import replace

Properties = Mapping[str, Any]


class CustomResource(CloudFormationModel):
    """A custom resource; `Action` among its properties chooses what its deletion does."""

    def __init__(self, name: str, properties: Properties) -> None:
        self.name = name
        self.properties = properties

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudFormation::CustomResource"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    @property
    def physical_resource_id(self) -> str:
        """The generated name."""
        return self.name

    def get_cfn_attribute(self, attribute_name: str) -> None:
        """Nothing: no function ran that could have returned data."""

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> CustomResource:
        return cls(resource_name, cloudformation_json.get("Properties", {}))

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: CustomResource,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> CustomResource:
        original_resource.properties = cloudformation_json.get("Properties", {})
        return original_resource

    def delete(self, account_id: str, region_name: str) -> None:
        """Do what the cluster's clean-up function would."""
        action = _ACTIONS.get(str(self.properties.get("Action")))
        if action is not None:
            action(self.properties, account_id, region_name)


def _delete_artifacts(properties: Properties, account_id: str, region_name: str) -> None:
    s3 = s3_backends[account_id]["aws"]
    name, prefix = properties["ResourcesS3Bucket"], properties["ArtifactS3RootDirectory"] + "/"
    if name not in s3.buckets:
        return
    for key in [key for key in s3.buckets[name].keys.keys() if key.startswith(prefix)]:  # noqa: SIM118 (not a dict)
        s3.buckets[name].keys.pop(key)


def _terminate_nodes(properties: Properties, account_id: str, region_name: str) -> None:
    ec2 = ec2_backends[account_id][region_name]
    wanted = {
        "tag:parallelcluster:cluster-name": [properties["StackName"]],
        "instance-state-name": ["pending", "running", "stopping", "stopped"],
    }
    instances = [instance.id for found in ec2.describe_instances(filters=wanted) for instance in found.instances]
    if instances:
        ec2.terminate_instances(instances)


def _delete_records(properties: Properties, account_id: str, region_name: str) -> None:
    zone = route53_backends[account_id]["aws"].zones.get(properties["ClusterHostedZone"])
    if zone is not None:
        zone.rrsets = [record for record in zone.rrsets if record.type != "A"]


_ACTIONS: dict[str, Callable[[Properties, str, str], None]] = {
    "DELETE_S3_ARTIFACTS": _delete_artifacts,
    "TERMINATE_EC2_INSTANCES": _terminate_nodes,
    "DELETE_DNS_RECORDS": _delete_records,
}


def install() -> None:
    """Answer with this class for every custom resource type."""

    def choose(original: Callable[[str], type[CloudFormationModel]]) -> Callable[[str], type[CloudFormationModel]]:
        def class_of(resource_type: str) -> type[CloudFormationModel]:
            return CustomResource if resource_type.startswith("Custom::") else original(resource_type)

        return class_of

    replace(parsing, "resource_class_from_type", choose)
