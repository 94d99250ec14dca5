"""Attach S3 prefixes to a cluster's file system, and show what is attached."""

from __future__ import annotations

import getpass
import re
from dataclasses import dataclass, replace

from daylily_ec.aws import clusters
from daylily_ec.aws.fsx import FsxApi
from daylily_ec.config.settings import config_dir
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import InvalidValue, MissingInput, NotFound, ValidationError
from daylily_ec.fsx import policy
from daylily_ec.fsx.mounts import MAX_ASSOCIATIONS, ensure_association
from daylily_ec.fsx.records import MountRecord, project, purposes, record_of, with_projection
from daylily_ec.workflow.services import Services

_NEARLY_FULL = 6


@dataclass(frozen=True, slots=True)
class FileSystemTarget:
    """Which file system: a cluster's, or one by id (which wins)."""

    cluster: str | None = None
    file_system_id: str | None = None

    def resolve(self, services: Services) -> str:
        """The file system id."""
        name = ClusterName.parse(self.cluster) if self.cluster else None
        if self.file_system_id:
            return parse_file_system_id(self.file_system_id)
        if name is None:
            raise MissingInput("Neither a cluster nor a file system was named.",
                               hint="Give --cluster or --fsx-file-system-id.")  # fmt: skip
        return clusters.require(services.clusters, name, services.context.region).file_system_id


@dataclass(frozen=True, slots=True)
class CreateMount:
    """A mount to be made, and how long to wait for it (seconds)."""

    target: FileSystemTarget
    mount: policy.MountRequest
    allow_writeback_admin: bool = False
    wait: bool = True
    timeout: float = 900.0


@dataclass(frozen=True, slots=True)
class MountList:
    """What is mounted; `slots_used` counts every association of the file system, FAILED ones too."""

    mounts: tuple[MountRecord, ...]
    slots_used: int
    slots: int = MAX_ASSOCIATIONS


def parse_file_system_id(text: str) -> str:
    """FSx's id of a file system, or `InvalidValue`."""
    if not re.fullmatch(r"fs-[0-9a-f]{8,17}", text):
        raise InvalidValue("file system id", text, "must look like fs-0123456789abcdef0")
    return text


def check_file_system(fsx: FsxApi, file_system_id: str) -> None:
    """`ValidationError` unless associations can be made on it."""
    system = fsx.file_system(file_system_id)
    if system is None:
        raise NotFound(f"There is no file system {file_system_id}.")
    problems = [
        text
        for wrong, text in (
            (system.kind != "LUSTRE", f"it is a {system.kind} file system"),
            (system.lifecycle != "AVAILABLE", f"it is {system.lifecycle}"),
            (system.deployment == "SCRATCH_1", "SCRATCH_1 has no associations"),
            (system.legacy_link, "it has a data repository from before associations"),
        )
        if wrong
    ]
    if problems:
        raise ValidationError(f"{file_system_id} cannot take an association: {'; '.join(problems)}.")


def operator() -> str:
    """Name of the person at this machine."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def create_mount(services: Services, request: CreateMount) -> MountRecord:
    """Make the mount, or adopt the equal one that exists; write its local projection."""
    policy.check_writeback(request.mount, admin=request.allow_writeback_admin)
    warnings: list[str] = []
    if not request.mount.is_read_only:
        warnings.append(f"Write-back permitted by {policy.writeback_marker(services.s3, request.mount.source)}.")
    file_system_id = request.target.resolve(services)
    check_file_system(services.fsx, file_system_id)
    used = len(services.fsx.associations(file_system_id))
    if used >= _NEARLY_FULL:
        warnings.append(f"{used} of {MAX_ASSOCIATIONS} association slots of {file_system_id} were taken before.")
    spec = request.mount.spec(file_system_id, request.target.cluster or "", operator())
    services.reporter.step(f"Attaching {spec.source} at {spec.path.on_node}")
    association, outcome = ensure_association(
        services.fsx, services.clock, services.reporter, spec, wait=request.wait, deadline=request.timeout
    )
    record = record_of(association, cluster=request.target.cluster, region=services.context.region,
                       now=services.clock.now())  # fmt: skip
    record = replace(record, mount_id=str(request.mount.mount_id), profile_hint=services.context.profile or "",
                     warnings=tuple(warnings), outcome=outcome)  # fmt: skip
    return project(config_dir(), record)


def list_mounts(services: Services, target: FileSystemTarget, purpose: policy.Purpose | None = None) -> MountList:
    """Every mount of the file system; associations of running exports are none."""
    associations = services.fsx.associations(target.resolve(services))
    now, region = services.clock.now(), services.context.region
    records = tuple(
        with_projection(config_dir(), record_of(one, cluster=target.cluster, region=region, now=now))
        for one in associations
        if policy.is_mount(one)
    )
    return MountList(purposes(records, purpose), len(associations))


def describe_mount(
    services: Services, target: FileSystemTarget, *, mount_id: str | None, association_id: str | None
) -> MountRecord:
    """One mount by its id or its association's id."""
    if (mount_id is None) == (association_id is None):
        raise MissingInput("Exactly one of --mount-id and --association-id is needed.")
    found = [
        record
        for record in list_mounts(services, target).mounts
        if record.mount_id == mount_id or record.association_id == association_id
    ]
    if not found:
        raise NotFound(f"There is no mount {mount_id or association_id}.", hint="dyec mounts list shows all of them.")
    if len(found) > 1:
        ids = ", ".join(record.association_id for record in found)
        raise ValidationError(f"{len(found)} mounts are called {mount_id}: {ids}.", hint="Give --association-id.")
    return found[0]
