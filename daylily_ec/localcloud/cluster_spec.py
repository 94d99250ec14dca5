"""A head node's specification out of the configuration that `pcluster` stored for its cluster.

Schema: https://docs.aws.amazon.com/parallelcluster/latest/ug/cluster-configuration-file-v3.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from moto.cloudformation.models import Stack
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance
from moto.s3.models import s3_backends

from daylily_ec.localcloud.seams import BootScript, ComputeResource, NodeSpec, Queue

CONFIG_NAME = "cluster-config-with-implied-values.yaml"
"""The stored configuration with the defaults that pcluster filled in; its neighbour is the operator's own text."""
SOURCE_NAME = "cluster-config.yaml"
UNKNOWN_TYPE = {"VCpuInfo": {"DefaultVCpus": 2, "DefaultCores": 1}, "MemoryInfo": {"SizeInMiB": 4096}}
Section = Mapping[str, Any]


def node_spec(stack: Stack, instance: Instance, cluster: str) -> NodeSpec:
    """Everything that the head node of this stack needs in order to boot.

    Raises KeyError when the stack is not one of pcluster's.
    """
    text = stored_config(stack)
    config = yaml.safe_load(text)
    return NodeSpec(
        instance_id=instance.id,
        cluster=cluster,
        region=stack.region_name,
        account_id=stack.account_id,
        private_ip=str(instance.private_ip),
        availability_zone=str(instance.placement.zone),
        instance_type=str(instance.instance_type),
        queues=tuple(_queue(section) for section in config["Scheduling"].get("SlurmQueues", [])),
        cluster_config=text,
        file_systems=dict(_file_systems(stack, config.get("SharedStorage") or [])),
        boot_scripts=tuple(boot_scripts(config["HeadNode"])),
        iam_profile=_profile(instance),
    )


def stored_config(stack: Stack) -> str:
    """The cluster configuration in pcluster's artifact bucket."""
    parameters = stack.stack_parameters
    bucket, directory = parameters["ResourcesS3Bucket"], parameters["ArtifactS3RootDirectory"]
    s3 = s3_backends[stack.account_id]["aws"]
    for name in (CONFIG_NAME, SOURCE_NAME):
        stored = s3.get_object(bucket, f"{directory}/configs/{name}")
        if stored is not None:
            return bytes(stored.value).decode()
    raise KeyError(f"no cluster configuration below s3://{bucket}/{directory}/configs")


def boot_scripts(head_node: Section) -> Iterator[BootScript]:
    """The OnNodeConfigured actions, in order: a single script or a sequence of them."""
    action = (head_node.get("CustomActions") or {}).get("OnNodeConfigured") or {}
    scripts = action if isinstance(action, list) else action.get("Sequence") or [action]
    for script in scripts:
        if script.get("Script"):
            yield BootScript(str(script["Script"]), tuple(str(argument) for argument in script.get("Args") or ()))


def _queue(section: Section) -> Queue:
    return Queue(str(section["Name"]), tuple(_compute_resource(one) for one in section["ComputeResources"]))


def _compute_resource(section: Section) -> ComputeResource:
    single = section.get("InstanceType")
    types = (single,) if single else tuple(str(one["InstanceType"]) for one in section["Instances"])
    known = [INSTANCE_TYPES.get(name, UNKNOWN_TYPE) for name in types]
    counted = "DefaultCores" if section.get("DisableSimultaneousMultithreading") else "DefaultVCpus"
    return ComputeResource(
        name=str(section["Name"]),
        instance_types=types,
        vcpus=min(int(one["VCpuInfo"][counted]) for one in known),
        memory_mib=min(int(one["MemoryInfo"]["SizeInMiB"]) for one in known),
        min_count=int(section.get("MinCount") or 0),
        max_count=int(section.get("MaxCount") or 10),
    )


def _file_systems(stack: Stack, shared: list[Section]) -> Iterator[tuple[str, str]]:
    for storage in shared:
        if storage.get("StorageType") != "FsxLustre":
            continue
        existing = (storage.get("FsxLustreSettings") or {}).get("FileSystemId")
        yield str(storage["MountDir"]), str(existing or _created_file_system(stack, str(storage["Name"])))


def _created_file_system(stack: Stack, name: str) -> str:
    for logical_id, definition in stack.template_dict["Resources"].items():
        tags = definition.get("Properties", {}).get("Tags", [])
        if definition["Type"] == "AWS::FSx::FileSystem" and {"Key": "Name", "Value": name} in tags:
            resource: Any = stack.resource_map[logical_id]
            return str(resource.physical_resource_id)
    raise KeyError(f"the stack has no file system named {name}")


def _profile(instance: Instance) -> str | None:
    association = instance.ec2_backend.iam_instance_profile_associations.get(instance.id)
    return str(association.iam_instance_profile.name) if association else None
