"""`cluster list`, `describe`, `wait`: what AWS says; no `pcluster` process is started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from daylily_ec.aws.clusters import ClusterView, require
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import AwsError, ClusterFailed, NotFound
from daylily_ec.pcluster.monitor import Tolerant
from daylily_ec.util.clock import duration, wait_until
from daylily_ec.util.pool import gather
from daylily_ec.workflow.services import Services

_OWNER_TAG = "dyec:owner"


class WaitTarget(StrEnum):
    """The status that a wait ends with."""

    CREATE_COMPLETE = "CREATE_COMPLETE"
    DELETE_COMPLETE = "DELETE_COMPLETE"


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """One cluster in a list; `ip` is the head node's public address, else its private one."""

    name: str
    region: str
    status: str
    ip: str
    owner: str
    created_at: str


@dataclass(frozen=True, slots=True)
class RegionProblem:
    """A region that could not be asked, and why."""

    region: str
    problem: str


@dataclass(frozen=True, slots=True)
class ClusterList:
    """Every cluster of the regions asked, by region and name."""

    clusters: tuple[ClusterRow, ...]
    problems: tuple[RegionProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class WaitRequest:
    """Which cluster, until when; times in seconds."""

    cluster: ClusterName
    target: WaitTarget
    timeout: float
    poll_interval: float


@dataclass(frozen=True, slots=True)
class Waited:
    """A wait that ended as asked."""

    cluster_name: str
    region: str
    status: str
    elapsed_s: float


def list_clusters(regions: Sequence[Services]) -> ClusterList:
    """The clusters of each region, asked side by side; when every region fails the first error is raised."""
    answers = gather(_region, regions)
    errors = [answer for answer in answers if isinstance(answer, AwsError)]
    if len(errors) == len(answers):
        raise errors[0]
    rows = [row for answer in answers if not isinstance(answer, AwsError) for row in answer]
    problems = [RegionProblem(services.context.region, answer.message)
                for services, answer in zip(regions, answers, strict=True) if isinstance(answer, AwsError)]  # fmt: skip
    return ClusterList(tuple(sorted(rows, key=lambda row: (row.region, row.name))), tuple(problems))


def _region(services: Services) -> tuple[ClusterRow, ...] | AwsError:
    try:
        return tuple(map(_row, services.clusters.every()))
    except AwsError as error:
        return error


def _row(view: ClusterView) -> ClusterRow:
    node = view.head_node
    address = (node.public_ip or node.private_ip) if node else ""
    return ClusterRow(view.name, view.region, view.status, address, view.tags.get(_OWNER_TAG, ""), view.created_at)


def describe_cluster(services: Services, name: ClusterName) -> ClusterView:
    """The cluster, or `NotFound`."""
    return require(services.clusters, name, services.context.region)


def wait_for_cluster(services: Services, request: WaitRequest) -> Waited:
    """Wait until the cluster is complete or gone; only CloudFormation's not-found proves a deletion."""
    name, region = request.cluster, services.context.region
    start = services.clock.monotonic()
    first = ClusterView(name, region, "UNKNOWN", "", "")
    poll = Tolerant[ClusterView | None](lambda: services.clusters.find(name), first, services.reporter,
                                        "run the same command again.")  # fmt: skip
    seen = wait_until(
        poll, done=lambda view: _settled(view, request.target), what=f"cluster {name}", deadline=request.timeout,
        first=min(1.0, request.poll_interval), every=request.poll_interval, clock=services.clock, describe=_status,
        observe=lambda view, elapsed: services.reporter.waiting(f"cluster {name}", _status(view), elapsed),
    )  # fmt: skip
    elapsed = services.clock.monotonic() - start
    if _status(seen) != request.target:
        raise _other_end(seen, request, region, elapsed)
    return Waited(name, region, request.target, round(elapsed, 1))


def _status(view: ClusterView | None) -> str:
    return view.status if view else "DELETE_COMPLETE"


def _settled(view: ClusterView | None, target: WaitTarget) -> bool:
    status = _status(view)
    if target is WaitTarget.DELETE_COMPLETE:
        return status in ("DELETE_COMPLETE", "DELETE_FAILED")
    return status != "UNKNOWN" and status not in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")


def _other_end(view: ClusterView | None, request: WaitRequest, region: str, elapsed: float) -> Exception:
    if view is None:
        return NotFound(f"There is no cluster {request.cluster} in {region}.", code="cluster_not_found",
                        hint=f"dyec cluster list --region {region}")  # fmt: skip
    return ClusterFailed(
        f"Cluster {view.name} is {view.status} after {duration(elapsed)}, not {request.target}: {view.reason}",
        details={"status": view.status, "reason": view.reason},
        hint=f"dyec cluster describe --region {region} --cluster {view.name}",
    )
