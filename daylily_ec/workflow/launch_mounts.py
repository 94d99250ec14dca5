"""The associations through which a launch sees its data: planned with reads alone, then adopted or made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NoReturn

from daylily_ec.aws import clusters
from daylily_ec.aws.fsx import Association, AssociationSpec
from daylily_ec.config.settings import config_dir
from daylily_ec.domain.fsxpath import FsxPath
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import MissingInput, Refused
from daylily_ec.fsx.mounts import PlannedMount, covers, ensure_association, plan_associations, summary, wait_available
from daylily_ec.fsx.policy import is_mount
from daylily_ec.fsx.records import record_of
from daylily_ec.fsx.staging import staging_mount
from daylily_ec.headnode.launch import InputKind
from daylily_ec.state.store import StateStore
from daylily_ec.workflow.attach_mount import note
from daylily_ec.workflow.launch_plan import LaunchPlan
from daylily_ec.workflow.launch_request import LaunchRequest
from daylily_ec.workflow.mounts import check_file_system, operator
from daylily_ec.workflow.services import Services


@dataclass(frozen=True, slots=True)
class LaunchMount:
    """What is shown where on the node, and what was done for it; no outcome when nothing was done yet."""

    source_s3_uri: str
    path: str
    outcome: Outcome | None = None
    association_id: str = ""


@dataclass(frozen=True, slots=True)
class MountPlan:
    """The planned associations of a launch: its stage's, if it has one, and those of its runs."""

    stage: PlannedMount | None = None
    runs: tuple[PlannedMount, ...] = ()


def plan_mounts(services: Services, request: LaunchRequest, plan: LaunchPlan) -> MountPlan:
    """What must be attached; any conflict, and any association missing that only `create` makes, is `Refused`."""
    launch = plan.launch
    is_staged = launch.inputs.kind is InputKind.STAGE
    wanted = plan.context.mounts if plan.context is not None else ()
    if not (is_staged or wanted or plan.startup_mounts or launch.replace):
        return MountPlan()
    name = ClusterName.parse(request.cluster)
    file_system = clusters.require(services.clusters, name, services.context.region).file_system_id
    existing = services.fsx.associations(file_system)
    _check_startup(plan.startup_mounts, existing)
    if launch.replace:
        _refuse_attached(launch.analysis.path, existing)
    specs = tuple(mount.spec(file_system, request.cluster, operator()) for mount in wanted)
    stage = _plan_stage(services, request, launch.inputs.stage_dir, file_system, existing) if is_staged else None
    runs = plan_associations(specs, existing)
    if any(one is not None and one.found is None for one in (stage, *runs)):
        check_file_system(services.fsx, file_system)
    return MountPlan(stage, runs)


def _check_startup(paths: tuple[FsxPath, ...], existing: tuple[Association, ...]) -> None:
    for path in paths:
        if not any(covers(one, path) for one in existing):
            raise Refused(f"{path.on_node} is not attached, and the command reads its data there.",
                          code="missing_startup_mount", hint="Look at the mounts with: dyec mounts list")  # fmt: skip


def _refuse_attached(path: FsxPath, existing: tuple[Association, ...]) -> None:
    """A directory that an export works on must not be moved away under it."""
    busy = [one for one in existing if one.path.overlaps(path)]
    if busy:
        raise Refused(
            f"{path.on_node} is attached to {busy[0].source} ({busy[0].id}, {busy[0].lifecycle}); not replaced.",
            code="analysis_dir_attached", hint="Let its export end first: dyec export finishes and detaches it.",
            details={"associations": [summary(one) for one in busy]},
        )  # fmt: skip


def _plan_stage(
    services: Services, request: LaunchRequest, stage_dir: str, file_system: str, existing: tuple[Association, ...]
) -> PlannedMount:
    """The stage's association; without --stage-s3-uri one that shows the directory is taken, whatever its source."""
    path = FsxPath.parse(stage_dir, "stage directory")
    source = _stage_source(services, request, path)
    shown = next((one for one in existing if covers(one, path)), None)
    if source is None or (shown is not None and not (request.stage_s3_uri and shown.path == path)):
        if shown is None:
            _unknown_root(request, path)
        return PlannedMount(_as_spec(shown), shown)
    return plan_associations((staging_mount(path, source).spec(file_system, request.cluster, operator()),), existing)[0]


def _as_spec(found: Association) -> AssociationSpec:
    return AssociationSpec(found.file_system_id, found.path, found.source)


def _unknown_root(request: LaunchRequest, path: FsxPath) -> NoReturn:
    raise MissingInput(
        f"Stage {_name(path)} is not attached to {request.cluster}, and nothing says where in S3 the stages lie.",
        code="unknown_stage_root", hint="Give --stage-s3-uri, the same as for dyec samples stage.",
    )  # fmt: skip


def _stage_source(services: Services, request: LaunchRequest, path: FsxPath) -> S3Prefix | None:
    """Where the stage lies in S3: below --stage-s3-uri, else below the root that the cluster was created with."""
    if request.stage_s3_uri:
        return S3Prefix.parse(request.stage_s3_uri, "--stage-s3-uri").child(_name(path))
    record = StateStore(config_dir()).latest(request.cluster, services.context.region)
    if record is not None and record[1].stage_s3_uri:
        return S3Prefix.parse(record[1].stage_s3_uri, "stage_s3_uri of the state record").child(_name(path))
    return None


def _name(path: FsxPath) -> str:
    return path.value.rstrip("/").rpartition("/")[2]


def shown(plan: MountPlan) -> tuple[LaunchMount | None, tuple[LaunchMount, ...]]:
    """The plan as a dry run shows it: nothing was attached."""
    stage = _planned(plan.stage) if plan.stage is not None else None
    return stage, tuple(_planned(one) for one in plan.runs)


def _planned(mount: PlannedMount) -> LaunchMount:
    if mount.found is None:
        return LaunchMount(str(mount.wanted.source), str(mount.wanted.path.on_node))
    return _attached(mount.found, Outcome.ADOPTED)


def attach(
    services: Services, plan: MountPlan, cluster: str
) -> tuple[LaunchMount | None, tuple[LaunchMount, ...]]:  # fmt: skip
    """Every association of the plan, usable, and noted here.  Safe to repeat: what was made before is found."""
    stage = _ensure(services, plan.stage, cluster) if plan.stage is not None else None
    return stage, tuple(_ensure(services, one, cluster) for one in plan.runs)


def _ensure(services: Services, mount: PlannedMount, cluster: str) -> LaunchMount:
    tools = services.fsx, services.clock, services.reporter
    if mount.found is not None:
        made, outcome = wait_available(*tools, mount.found), Outcome.ADOPTED
    else:
        services.reporter.step(f"Attaching {mount.wanted.source} at {mount.wanted.path.on_node}")
        made, outcome = ensure_association(*tools, mount.wanted)
    if is_mount(made):
        record = record_of(made, cluster=cluster, region=services.context.region, now=services.clock.now())
        note(replace(record, outcome=outcome, profile_hint=services.context.profile or ""))
    return _attached(made, outcome)


def _attached(association: Association, outcome: Outcome) -> LaunchMount:
    return LaunchMount(str(association.source), str(association.path.on_node), outcome, association.id)
