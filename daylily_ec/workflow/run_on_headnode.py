"""Commands on the head node, its queue, and the way to log in."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from daylily_ec.aws import clusters
from daylily_ec.aws.clusters import HeadNode
from daylily_ec.aws.session_documents import SESSION_DOCUMENT
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import MissingInput, ValidationError
from daylily_ec.headnode import login, readiness, slurm
from daylily_ec.headnode.readiness import Readiness
from daylily_ec.headnode.remote import MAX_EXPORTED_BYTES, Remote, RemoteResult, RemoteScript
from daylily_ec.headnode.slurm import SlurmJob
from daylily_ec.headnode.usage import Usage, read_usage
from daylily_ec.workflow.services import Services

PLUGIN = "session-manager-plugin"


def open_head_node(services: Services, cluster: str) -> Remote:
    """The head node of the cluster of that name; on the head node itself no call to AWS is made."""
    name = ClusterName.parse(cluster)
    here = services.headnodes.here(name)
    if here is not None:
        return here
    return services.headnodes.connect(clusters.require(services.clusters, name, services.context.region))


@dataclass(frozen=True, slots=True)
class RunCommand:
    """One command and its arguments; no shell reads them.  `timeout` in seconds."""

    cluster: str
    argv: tuple[str, ...]
    timeout: float = 300.0


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How the command ended on the head node."""

    command: str
    exit_code: int
    stdout: str
    stderr: str


def run_command(services: Services, request: RunCommand) -> CommandResult:
    """Run a command as the cluster user in a login environment; any exit code is a result."""
    if not request.argv:
        raise MissingInput("No command was given.", hint="dyec headnode run --cluster NAME -- sinfo")
    if any(len(word.encode()) > MAX_EXPORTED_BYTES for word in request.argv):
        raise ValidationError(f"A word of the command has more than {MAX_EXPORTED_BYTES:,} bytes, which Linux refuses.",
                              code="payload_too_large", hint="Send a file with: dyec headnode upload")  # fmt: skip
    env = {f"DYEC_ARG_{number}": word for number, word in enumerate(request.argv)}
    env["DYEC_ARGC"] = str(len(request.argv))
    remote = open_head_node(services, request.cluster)
    result = remote.run(RemoteScript.packaged("run_command"), env, request.timeout)
    return CommandResult(shlex.join(request.argv), result.exit_code, result.stdout, result.stderr)


def require_success(result: CommandResult) -> None:
    """`RemoteCommandFailed` unless the command ended with 0."""
    RemoteResult(result.exit_code, result.stdout, result.stderr).require_success(result.command)


@dataclass(frozen=True, slots=True)
class HeadNodeInfo:
    """The head node as EC2 and Systems Manager see it; `agent` is the ping status of its agent."""

    cluster: str
    region: str
    cluster_status: str
    head_node: HeadNode | None
    agent: str
    file_system_ids: tuple[str, ...]


def describe_head_node(services: Services, cluster: str) -> HeadNodeInfo:
    """What AWS says of the head node; a stopped or missing one is an answer, not an error."""
    view = clusters.require(services.clusters, ClusterName.parse(cluster), services.context.region)
    running = view.head_node is not None and view.head_node.state == "running"
    agent = services.ssm.ping(view.running_head_node.instance_id) if running else ""
    return HeadNodeInfo(
        cluster=view.name,
        region=view.region,
        cluster_status=view.status,
        head_node=view.head_node,
        agent=agent or "not registered",
        file_system_ids=view.file_system_ids,
    )


@dataclass(frozen=True, slots=True)
class Queue:
    """Slurm's queue on the head node."""

    cluster: str
    jobs: tuple[SlurmJob, ...]


def list_queue(services: Services, cluster: str) -> Queue:
    """Every job of the cluster's queue; a Slurm that does not answer is an error, never an empty queue."""
    return Queue(cluster, slurm.list_jobs(open_head_node(services, cluster)))


def check_head_node(services: Services, cluster: str) -> Readiness:
    """Every readiness test of the head node; `Refused` names those without which nothing can be launched."""
    return readiness.require(Readiness(cluster, readiness.check(open_head_node(services, cluster))))


@dataclass(frozen=True, slots=True)
class FsxUsage:
    """How full the shared file system of a cluster is."""

    cluster: str
    usage: Usage


def fsx_usage(services: Services, cluster: str) -> FsxUsage:
    """Ask the head node; warns of what is nearly full."""
    usage = read_usage(open_head_node(services, cluster))
    for space in usage.nearly_full:
        services.reporter.warn(f"{space.name} is {space.share:.0%} full.")
    return FsxUsage(cluster, usage)


@dataclass(frozen=True, slots=True)
class ConnectCommand:
    """The command that opens a login on the head node."""

    cluster: str
    instance_id: str
    argv: tuple[str, ...]

    @property
    def line(self) -> str:
        """The command as one would type it."""
        return shlex.join(self.argv)

    def to_json(self) -> dict[str, object]:
        """Its fields and the line."""
        return {
            "cluster": self.cluster,
            "instance_id": self.instance_id,
            "argv": list(self.argv),
            "command": self.line,
        }


def connect_command(services: Services, cluster: str) -> ConnectCommand:
    """How to log in to the running head node of a cluster with Session Manager."""
    context = services.context
    view = clusters.require(services.clusters, ClusterName.parse(cluster), context.region)
    instance = view.running_head_node.instance_id
    profile = ("--profile", context.profile) if context.profile else ()
    argv = ("aws", "ssm", "start-session", *profile, "--region", context.region, "--target", instance,
            "--document-name", SESSION_DOCUMENT)  # fmt: skip
    return ConnectCommand(view.name, instance, argv)


def prepare_connect(services: Services, cluster: str) -> ConnectCommand:
    """The login command, once the node answers and the session preferences would open a login of the cluster user."""
    name = ClusterName.parse(cluster)
    if services.headnodes.here(name) is not None:
        raise ValidationError(f"This is the head node of {name}.", hint="Work right here.")
    view = clusters.require(services.clusters, name, services.context.region)
    services.headnodes.connect(view)
    login.require(services.session_documents.preferences(), services.context.region)
    return connect_command(services, cluster)
