"""`dyec cluster`."""

from __future__ import annotations

from typing import Annotated

import typer

from daylily_ec.aws.clusters import ClusterView
from daylily_ec.cli.frame import App
from daylily_ec.cli.options import Cluster, Profile, Region
from daylily_ec.cli.render import emit, pairs, table, text
from daylily_ec.cli.session import services
from daylily_ec.domain.ids import ClusterName
from daylily_ec.util.clock import duration
from daylily_ec.workflow.clusters import (
    ClusterList,
    Waited,
    WaitRequest,
    WaitTarget,
    describe_cluster,
    list_clusters,
    wait_for_cluster,
)

app = App("List, describe and wait for clusters.")

Regions = Annotated[
    list[str], typer.Option("--region", envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="AWS region; repeatable.")
]
Target = Annotated[WaitTarget, typer.Option("--status", help="Status to wait for.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0, help="Seconds after which the wait ends with status 2.")]
PollInterval = Annotated[float, typer.Option("--poll-interval", min=0.1, help="Longest pause between polls, seconds.")]


@text.register
def _(result: ClusterList) -> str:
    rows = [[row.name, row.region, row.status, row.ip, row.owner, row.created_at] for row in result.clusters]
    shown = table(["NAME", "REGION", "STATUS", "IP", "OWNER", "CREATED"], rows) if rows else "No clusters.\n"
    return shown + "".join(f"Not asked: {item.region}: {item.problem}\n" for item in result.problems)


@text.register
def _(result: ClusterView) -> str:
    node = result.head_node
    return pairs({
        "name": result.name, "region": result.region, "status": result.status, "reason": result.reason,
        "created": result.created_at, "head node": f"{node.instance_id} ({node.state})" if node else "none",
        "head node type": node.instance_type if node else "", "public IP": node.public_ip if node else "",
        "private IP": node.private_ip if node else "", "file systems": result.file_system_ids,
        "stack": result.stack_id, **{f"tag {key}": value for key, value in sorted(result.tags.items())},
    })  # fmt: skip


@text.register
def _(result: Waited) -> str:
    return f"{result.cluster_name} in {result.region}: {result.status} after {duration(result.elapsed_s)}"


@app.command("list")
def list_(region: Regions, profile: Profile = None) -> None:
    """List the clusters of one or more regions."""
    emit(list_clusters([services(profile, name) for name in region]))


@app.command("describe")
def describe(cluster: Cluster, region: Region, profile: Profile = None) -> None:
    """Show what AWS knows of a cluster."""
    emit(describe_cluster(services(profile, region), ClusterName.parse(cluster)))


@app.command("wait")
def wait(
    cluster: Cluster,
    region: Region,
    status: Target = WaitTarget.CREATE_COMPLETE,
    timeout: Timeout = 7200,
    poll_interval: PollInterval = 15,
    profile: Profile = None,
) -> None:
    """Wait until a cluster is complete or gone."""
    request = WaitRequest(ClusterName.parse(cluster), status, timeout, poll_interval)
    emit(wait_for_cluster(services(profile, region), request))
