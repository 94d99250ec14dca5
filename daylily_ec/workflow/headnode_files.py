"""Single files to the head node and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from daylily_ec.aws import clusters
from daylily_ec.domain.ids import ClusterName
from daylily_ec.headnode import files
from daylily_ec.headnode.files import NodePath, Transferred
from daylily_ec.headnode.remote import Remote
from daylily_ec.headnode.store import NodeStore
from daylily_ec.workflow.services import Services


@dataclass(frozen=True, slots=True)
class Upload:
    """A local file for the head node; without `target` it keeps its name in the cluster user's home."""

    cluster: str
    source: Path
    target: str | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Download:
    """A file of the head node; without `target` it keeps its name in the current directory."""

    cluster: str
    source: str
    target: Path | None = None
    force: bool = False


def upload_file(services: Services, request: Upload) -> Transferred:
    """Put the file at its target; see `headnode.files.upload`."""
    target = NodePath.parse(request.target or f"~/{request.source.name}")
    remote, store = _reach(services, request.cluster)
    services.reporter.step(f"Upload of {request.source} to {target.value} on {request.cluster}")
    return files.upload(remote, store, request.source, target, force=request.force)


def download_file(services: Services, request: Download) -> Transferred:
    """Put the file at its target; see `headnode.files.download`."""
    source = NodePath.parse(request.source)
    remote, store = _reach(services, request.cluster)
    target = request.target or Path(source.name)
    services.reporter.step(f"Download of {source.value} on {request.cluster} to {target}")
    return files.download(remote, store, source, target, force=request.force)


def _reach(services: Services, cluster: str) -> tuple[Remote, NodeStore | None]:
    name = ClusterName.parse(cluster)
    here = services.headnodes.here(name)
    if here is not None:
        return here, None
    view = clusters.require(services.clusters, name, services.context.region)
    store = None
    if view.artifacts is not None:
        store = NodeStore(lambda: services.lending, view.artifacts, view.region, services.reporter.warn)
    return services.headnodes.connect(view), store
