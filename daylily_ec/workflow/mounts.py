"""Which mounts a file system has: by list, by name; and which file system is meant."""

from __future__ import annotations

import getpass
import re
from collections.abc import Sequence
from dataclasses import dataclass

from daylily_ec.aws import clusters
from daylily_ec.aws.fsx import Association, FileSystem, FsxApi
from daylily_ec.config.settings import config_dir
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import InvalidValue, MissingInput, NotFound, Refused, ValidationError
from daylily_ec.fsx import policy
from daylily_ec.fsx.records import MountRecord, purposes, record_of, with_projection
from daylily_ec.fsx.slots import MAX_ASSOCIATIONS, Slot, slots_of
from daylily_ec.workflow.services import Services

CLUSTER_TAG = "parallelcluster:cluster-name"


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
class MountList:
    """What is mounted; `slot_report` has every association of the file system, FAILED ones and exports too."""

    mounts: tuple[MountRecord, ...]
    slots_used: int
    slots: int = MAX_ASSOCIATIONS
    slot_report: tuple[Slot, ...] = ()


def parse_file_system_id(text: str) -> str:
    """FSx's id of a file system, or `InvalidValue`."""
    if not re.fullmatch(r"fs-[0-9a-f]{8,17}", text):
        raise InvalidValue("file system id", text, "must look like fs-0123456789abcdef0")
    return text


def parse_association_id(text: str) -> str:
    """FSx's id of an association, or `InvalidValue`."""
    if not re.fullmatch(r"dra-[0-9a-f]{8,17}", text):
        raise InvalidValue("association id", text, "must look like dra-0123456789abcdef0")
    return text


def check_file_system(fsx: FsxApi, file_system_id: str) -> FileSystem:
    """The file system; `ValidationError` unless associations can be made on it."""
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
    return system


def operator() -> str:
    """Name of the person at this machine."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def list_mounts(services: Services, target: FileSystemTarget, purpose: policy.Purpose | None = None) -> MountList:
    """Every mount of the file system, and who uses its slots; associations of exports are no mounts."""
    associations = services.fsx.associations(target.resolve(services))
    records = _records(services, associations, target.cluster)
    return MountList(purposes(records, purpose), len(associations), slot_report=slots_of(associations))


def _records(
    services: Services, associations: Sequence[Association], cluster: str | None
) -> tuple[MountRecord, ...]:  # fmt: skip
    now, region = services.clock.now(), services.context.region
    return tuple(
        with_projection(config_dir(), record_of(one, cluster=cluster, region=region, now=now))
        for one in associations
        if policy.is_mount(one)
    )


@dataclass(frozen=True, slots=True)
class MountName:
    """One mount, by its id or by that of its association: exactly one of the two."""

    mount_id: str | None = None
    association_id: str | None = None

    def __post_init__(self) -> None:
        if (self.mount_id is None) == (self.association_id is None):
            raise MissingInput("Exactly one of --mount-id and --association-id is needed.")
        if self.association_id is not None:
            parse_association_id(self.association_id)

    def __str__(self) -> str:
        return self.mount_id or self.association_id or ""


def choose(
    services: Services, associations: Sequence[Association], name: MountName, cluster: str | None
) -> tuple[Association, MountRecord] | None:
    """The mount of that name among the associations, None without; `Refused` when it is of another kind."""
    for one in associations:
        if one.id == name.association_id and not policy.is_mount(one):
            raise _no_mount(one)
    found = [one for one in associations if policy.is_mount(one) and _is_called(one, name)]
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise ValidationError(f"{len(found)} mounts are called {name}: {ids}.", hint="Give --association-id.")
    return (found[0], _records(services, found, cluster)[0]) if found else None


def _is_called(association: Association, name: MountName) -> bool:
    if name.association_id is not None:
        return association.id == name.association_id
    return policy.mount_id_of(association) == name.mount_id


def _no_mount(association: Association) -> Refused:
    if policy.is_of_export(association):
        hint = "Exports have commands of their own: dyec exports list, dyec exports detach"
        return Refused(f"{association.id} belongs to an export, not to a mount.", code="not_a_mount", hint=hint)
    return Refused(f"{association.id} shows the cluster's own data at {association.path.on_node}; it is no mount.",
                   code="not_a_mount", hint="It comes and goes with the cluster.")  # fmt: skip


def describe_mount(
    services: Services, target: FileSystemTarget, *, mount_id: str | None, association_id: str | None
) -> MountRecord:
    """One mount by its id or its association's id."""
    name = MountName(mount_id, association_id)
    found = choose(services, services.fsx.associations(target.resolve(services)), name, target.cluster)
    if found is None:
        raise NotFound(f"There is no mount {name}.", hint="dyec mounts list shows all of them.")
    return found[1]
