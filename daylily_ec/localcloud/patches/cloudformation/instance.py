"""`AWS::EC2::Instance` made from a launch template, and the head node that comes alive with it.

moto's CloudFormation model ignores `LaunchTemplate`.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance

from daylily_ec.localcloud.head_node_agent import HeadNode, start_agent
from daylily_ec.localcloud.patches.cloudformation.stacks import stack_by_id
from daylily_ec.localcloud.patches.patching import replace

_NIC_FIELDS = ("NetworkInterfaceId", "DeviceIndex", "SubnetId", "Groups", "AssociatePublicIpAddress")


def install() -> None:
    """Read the launch template; boot the instance when it is a cluster's head node."""

    def extended(original: Any) -> classmethod[Instance, Any, Instance]:
        def create(
            cls: type[Instance],
            /,
            resource_name: str,
            cloudformation_json: dict[str, Any],
            account_id: str,
            region_name: str,
            **kwargs: Any,
        ) -> Instance:
            properties = cloudformation_json["Properties"]
            if "LaunchTemplate" not in properties:
                made: Instance = original(resource_name, cloudformation_json, account_id, region_name, **kwargs)
                return made
            instance = _from_template(properties, account_id, region_name)
            _boot_if_head_node(instance, kwargs["StackId"], account_id, region_name)
            return instance

        return classmethod(create)

    replace(Instance, "create_from_cloudformation_json", extended)


def _from_template(properties: dict[str, Any], account_id: str, region_name: str) -> Instance:
    ec2 = ec2_backends[account_id][region_name]
    chosen = {key: str(value) for key, value in properties["LaunchTemplate"].items()}
    data = ec2._get_template_from_args({**chosen, "Version": int(chosen.get("Version", "1"))}).data
    nics = [{key: nic[key] for key in _NIC_FIELDS if key in nic} for nic in data.get("NetworkInterfaces", [])]
    reservation = ec2.run_instances(
        image_id=data["ImageId"],
        count=1,
        user_data=None,
        security_group_names=[],
        instance_type=data.get("InstanceType"),
        is_instance_type_default=False,
        key_name=data.get("KeyName"),
        subnet_id=None if nics else properties.get("SubnetId"),
        nics=nics,
        placement=_zone(ec2, nics, properties),
        tags=_tags(data, properties),
        region_name=region_name,
        block_device_mappings=[mapping for mapping in data.get("BlockDeviceMappings", []) if mapping.get("Ebs")],
        monitoring_state="disabled",
        metadata_options=data.get("MetadataOptions", {}),
    )
    instance: Instance = reservation.instances[0]
    profile = data.get("IamInstanceProfile", {}).get("Name")
    if profile:
        ec2.associate_iam_instance_profile(instance_id=instance.id, iam_instance_profile_name=profile)
    _give_public_address(instance)
    return instance


def _zone(ec2: Any, nics: list[dict[str, Any]], properties: dict[str, Any]) -> str | None:
    """The availability zone that the subnet of the first interface fixes."""
    if nics and "NetworkInterfaceId" in nics[0]:
        return str(ec2.get_network_interface(nics[0]["NetworkInterfaceId"]).subnet.availability_zone)
    subnet = nics[0].get("SubnetId") if nics else properties.get("SubnetId")
    return str(ec2.get_subnet(subnet).availability_zone) if subnet else None


def _tags(data: dict[str, Any], properties: dict[str, Any]) -> dict[str, dict[str, str]]:
    tags: dict[str, dict[str, str]] = {"instance": {}}
    for specification in data.get("TagSpecifications", []):
        tags.setdefault(specification["ResourceType"], {}).update(_as_map(specification.get("Tags", [])))
    tags["instance"].update(_as_map(properties.get("Tags", [])))
    return tags


def _as_map(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _give_public_address(instance: Instance) -> None:
    """A primary interface made beforehand gets a public address when its subnet maps one."""
    primary = instance.nics[0]
    if str(primary.subnet.map_public_ip_on_launch).lower() == "true":
        primary.public_ip_auto_assign = True
        primary.check_auto_public_ip()


def _boot_if_head_node(instance: Instance, stack_id: str, account_id: str, region_name: str) -> None:
    tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
    if tags.get("parallelcluster:node-type") != "HeadNode":
        return
    stack = stack_by_id(stack_id, account_id, region_name)
    start_agent(HeadNode(stack=stack, instance=instance, cluster=tags["parallelcluster:cluster-name"]))
