"""What AWS says of clusters: stack, head node, file system.  No `pcluster` process is started for it.

A cluster is the CloudFormation stack of its name with the tag `parallelcluster:version`; its head node and file system
carry `parallelcluster:cluster-name`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext, aws_code
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError, NotFound, ValidationError

_CLUSTER_TAG = "parallelcluster:cluster-name"
_VERSION_TAG = "parallelcluster:version"


@dataclass(frozen=True, slots=True)
class HeadNode:
    """The head node's instance; `state` is EC2's."""

    instance_id: str
    state: str
    instance_type: str
    private_ip: str = ""
    public_ip: str = ""
    launched_at: str = ""


@dataclass(frozen=True, slots=True)
class ClusterView:
    """One cluster as AWS shows it now; `status` is the status of its stack.

    `artifacts` is where ParallelCluster keeps the cluster's own files, which the head node may read.
    """

    name: str
    region: str
    status: str
    stack_id: str
    created_at: str
    reason: str = ""
    head_node: HeadNode | None = None
    file_system_ids: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: S3Prefix | None = None

    @property
    def file_system_id(self) -> str:
        """The one FSx file system; `ValidationError` when there is none or more than one."""
        if len(self.file_system_ids) != 1:
            found = ", ".join(self.file_system_ids) or "none"
            raise ValidationError(f"Cluster {self.name} has no single FSx file system (found: {found}).")
        return self.file_system_ids[0]

    @property
    def running_head_node(self) -> HeadNode:
        """The head node; `ValidationError` when it does not run."""
        if self.head_node is None or self.head_node.state != "running":
            state = self.head_node.state if self.head_node else "absent"
            raise ValidationError(f"The head node of {self.name} is {state}; the cluster is {self.status}.")
        return self.head_node


class ClustersApi(Protocol):
    """Read-only look-ups."""

    def find(self, name: ClusterName) -> ClusterView | None:
        """The cluster, None when there is no such stack."""

    def every(self) -> tuple[ClusterView, ...]:
        """Every cluster of the region, by name."""


class Clusters:
    """`ClustersApi` through boto3: two calls for one cluster, three for all of them."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    def find(self, name: ClusterName) -> ClusterView | None:
        try:
            stacks = self._context.client("cloudformation").call("describe_stacks", StackName=str(name))["Stacks"]
        except AwsError as error:
            if aws_code(error) == "ValidationError" and "does not exist" in str(error.details.get("aws_message")):
                return None
            raise
        views = self._complete(stack for stack in stacks if _is_cluster(stack))
        return views[0] if views else None

    def every(self) -> tuple[ClusterView, ...]:
        stacks = self._context.client("cloudformation").pages("describe_stacks", "Stacks")
        return tuple(sorted(self._complete(filter(_is_cluster, stacks)), key=lambda view: view.name))

    def _complete(self, stacks: Iterable[dict[str, Any]]) -> tuple[ClusterView, ...]:
        found = list(stacks)
        if not found:
            return ()
        names = [stack["StackName"] for stack in found]
        nodes = self._head_nodes(names)
        systems = self._file_systems(set(names))
        return tuple(self._view(stack, nodes.get(stack["StackName"]), systems) for stack in found)

    def _view(self, stack: dict[str, Any], node: HeadNode | None, systems: dict[str, list[str]]) -> ClusterView:
        name = stack["StackName"]
        return ClusterView(
            name=name,
            region=self._context.region,
            status=stack["StackStatus"],
            stack_id=stack["StackId"],
            created_at=stack["CreationTime"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            reason=stack.get("StackStatusReason", ""),
            head_node=node,
            file_system_ids=tuple(sorted(systems.get(name, []))),
            tags=_tags(stack),
            artifacts=_artifacts(stack),
        )

    def _head_nodes(self, names: list[str]) -> dict[str, HeadNode]:
        filters = [
            {"Name": "tag:parallelcluster:node-type", "Values": ["HeadNode"]},
            {"Name": f"tag:{_CLUSTER_TAG}", "Values": names[:200]},
            {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
        ]
        pages = self._context.client("ec2").pages("describe_instances", "Reservations", Filters=filters)
        instances = [instance for reservation in pages for instance in reservation["Instances"]]
        return {_tags(instance)[_CLUSTER_TAG]: _head_node(instance) for instance in instances}

    def _file_systems(self, names: set[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for system in self._context.client("fsx").pages("describe_file_systems", "FileSystems"):
            name = _tags(system).get(_CLUSTER_TAG)
            if name in names:
                found.setdefault(name, []).append(system["FileSystemId"])
        return found


def require(clusters: ClustersApi, name: ClusterName, region: str) -> ClusterView:
    """The cluster, or `NotFound` that names the region looked in."""
    view = clusters.find(name)
    if view is None:
        raise NotFound(f"There is no cluster {name} in {region}.", code="cluster_not_found",
                       hint=f"dyec cluster list --region {region}")  # fmt: skip
    return view


def _is_cluster(stack: dict[str, Any]) -> bool:
    return _VERSION_TAG in _tags(stack) and "ParentId" not in stack


def _tags(thing: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags", [])}


def _artifacts(stack: dict[str, Any]) -> S3Prefix | None:
    given = {item["ParameterKey"]: item.get("ParameterValue", "") for item in stack.get("Parameters", [])}
    bucket, directory = given.get("ResourcesS3Bucket"), given.get("ArtifactS3RootDirectory")
    return S3Prefix.parse(f"s3://{bucket}/{directory}") if bucket and directory else None


def _head_node(instance: dict[str, Any]) -> HeadNode:
    return HeadNode(
        instance_id=instance["InstanceId"],
        state=instance["State"]["Name"],
        instance_type=instance.get("InstanceType", ""),
        private_ip=instance.get("PrivateIpAddress", ""),
        public_ip=instance.get("PublicIpAddress", ""),
        launched_at=instance["LaunchTime"].strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
