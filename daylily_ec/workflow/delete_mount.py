"""Detach a mount: refused while somebody uses it, or when nobody can tell; the files stay on the file system."""

from __future__ import annotations

from dataclasses import dataclass, replace

from daylily_ec.aws.clusters import ClusterView
from daylily_ec.aws.fsx import Association
from daylily_ec.config.settings import config_dir
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.errors import CredentialsExpired, DyecError, InvalidValue, NoCredentials, NotFound, Refused
from daylily_ec.fsx import mount_use, policy
from daylily_ec.fsx.mount_use import MountUse
from daylily_ec.fsx.mounts import detach
from daylily_ec.fsx.records import DELETED, LEAVING, MountRecord, forget, known_projection
from daylily_ec.util.clock import timestamp
from daylily_ec.workflow.attach_mount import note
from daylily_ec.workflow.mounts import CLUSTER_TAG, FileSystemTarget, MountName, choose
from daylily_ec.workflow.services import Services

IN_USE_FLAG = "--in-use-ok"
UNKNOWN_FLAG = "--node-unreachable-ok"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class DeleteMount:
    """Which mount; `in_use_ok` and `node_unreachable_ok` acknowledge exactly what their flags say."""

    target: FileSystemTarget
    name: MountName
    wait: bool = True
    timeout: float = 900.0
    in_use_ok: bool = False
    node_unreachable_ok: bool = False


def delete_mount(services: Services, request: DeleteMount) -> MountRecord:
    """Detach it and note that it is gone; one that is gone already is a success.

    Safe to repeat at any moment: FSx is asked what is there, and a deletion under way is waited for.
    """
    file_system_id = request.target.resolve(services)
    found = choose(services, services.fsx.associations(file_system_id), request.name, request.target.cluster)
    if found is None:
        return _gone_already(services, request, file_system_id)
    association, record = found
    record = replace(record, profile_hint=services.context.profile or "")
    if policy.is_startup(association):
        raise Refused(f"{association.path.on_node} is a root that every workflow of the cluster reads; not detached.",
                      code="startup_mount", hint="It goes with the cluster: dyec delete")  # fmt: skip
    warnings: tuple[str, ...] = ()
    if not association.lifecycle.is_leaving:
        warnings = _require_unused(services, request, association)
    services.reporter.step(f"Detaching {association.path.on_node} from {association.source}")
    if not request.wait:
        services.fsx.delete_association(association.id)
        leaving = replace(record, lifecycle=LEAVING, updated_at=timestamp(services.clock.now()))
        return replace(note(leaving), warnings=warnings)
    detach(services.fsx, services.clock, services.reporter, association.id, request.timeout)
    gone = replace(record, outcome=DELETED, updated_at=timestamp(services.clock.now()))
    return replace(forget(config_dir(), gone), warnings=warnings)


def _gone_already(services: Services, request: DeleteMount, file_system_id: str) -> MountRecord:
    """The record of a mount that FSx does not know; `NotFound` when this machine never knew the name either."""
    known = None
    if request.name.mount_id is not None:
        owners = (_cluster_name(services, request.target, file_system_id), file_system_id)
        known = known_projection(config_dir(), services.context.region, owners, request.name.mount_id)
    if known is None:
        raise NotFound(f"There is no mount {request.name} on {file_system_id}, and no record of one here.",
                       code="mount_not_found", hint="dyec mounts list shows all of them.")  # fmt: skip
    updated = known.updated_at if known.lifecycle == DELETED else timestamp(services.clock.now())
    return forget(config_dir(), replace(known, outcome=Outcome.UNCHANGED, warnings=(), updated_at=updated))


def _require_unused(services: Services, request: DeleteMount, association: Association) -> tuple[str, ...]:
    """`Refused` while it is used, or nobody can tell, unless the flag for just that was given; what to mention."""
    use = find_use(services, request.target, association)
    gates = []
    if use.used_by and not request.in_use_ok:
        gates.append({"fact": f"it is used: {_some(use.used_by)}", "flag": IN_USE_FLAG})
    if use.unknown and not request.node_unreachable_ok:
        gates.append({"fact": f"whether it is used is not known: {_some(use.unknown)}", "flag": UNKNOWN_FLAG})
    if gates:
        raise Refused(
            f"{association.path.on_node} is not detached: {'; '.join(gate['fact'] for gate in gates)}.",
            code="mount_in_use" if use.used_by and not request.in_use_ok else "mount_use_unknown",
            hint=f"Wait until that is over; or, if it may fail: {' '.join(gate['flag'] for gate in gates)}",
            details={"gates": gates, "used_by": list(use.used_by), "unknown": list(use.unknown)},
        )  # fmt: skip
    links = (f"{path} links into it: its workflow cannot be resumed without the mount." for path in use.links)
    unexported = f"New files below {association.path.on_node} are not written to {association.source} any more."
    return (*links, *((unexported,) if association.auto_export else ()))


def _some(facts: tuple[str, ...]) -> str:
    more = f"; and {len(facts) - _SHOWN} more" if len(facts) > _SHOWN else ""
    return "; ".join(facts[:_SHOWN]) + more


def find_use(services: Services, target: FileSystemTarget, association: Association) -> MountUse:
    """Who uses it, as the head node of the file system's cluster tells; whatever prevents that is unknown."""
    try:
        view = _cluster(services, target, association.file_system_id)
        return mount_use.ask(services.headnodes.connect(view), association.path.on_node)
    except (CredentialsExpired, NoCredentials):
        raise  # nothing can be done for this caller, whatever the node would say
    except DyecError as error:
        return MountUse(unknown=(error.message,))


def _cluster_name(services: Services, target: FileSystemTarget, file_system_id: str) -> str | None:
    if target.cluster is not None:
        return target.cluster
    system = services.fsx.file_system(file_system_id)
    return system.tags.get(CLUSTER_TAG) if system is not None else None


def _cluster(services: Services, target: FileSystemTarget, file_system_id: str) -> ClusterView:
    name = _cluster_name(services, target, file_system_id)
    if name is None:
        raise NotFound(f"no cluster is known that has {file_system_id} mounted")
    view = services.clusters.find(ClusterName.parse(name))
    if view is None:
        raise NotFound(f"there is no cluster {name} whose head node could be asked")
    if file_system_id not in view.file_system_ids:
        raise InvalidValue("cluster", name, f"has not {file_system_id} mounted, so its head node cannot tell")
    return view
