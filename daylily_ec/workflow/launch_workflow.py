"""Launch a workflow: checks, the association of its stage, the clone and the session, in this order."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from daylily_ec.aws import clusters
from daylily_ec.aws.fsx import Association
from daylily_ec.config.settings import config_dir
from daylily_ec.domain.fsxpath import STAGING_ROOT, FsxPath
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import MissingInput
from daylily_ec.fsx.mounts import ensure_association, wait_available
from daylily_ec.fsx.staging import staging_mount
from daylily_ec.headnode import sessions
from daylily_ec.headnode.sessions import InputKind, Launch
from daylily_ec.state.store import StateStore
from daylily_ec.workflow.launch_plan import LaunchRequest, plan_launch, stage_path
from daylily_ec.workflow.run_on_headnode import open_head_node
from daylily_ec.workflow.services import Services

if TYPE_CHECKING:  # the models load pydantic, which only a launch needs
    from daylily_ec.catalog.models import Catalog


@dataclass(frozen=True, slots=True)
class StageMount:
    """The association through which the stage appears, and what was done for it."""

    source_s3_uri: str
    path: str
    outcome: Outcome | None = None
    association_id: str = ""


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """A launched session, or with `dry_run` the one that would be; `exit_code` when it has ended already."""

    dry_run: bool
    session_name: str
    cluster: str
    region: str
    analysis_id: str
    executing_entity: str
    analysis_dir: str
    run_dir: str
    repo_path: str
    repository: str
    repository_url: str
    git_ref: str
    command: str
    genome: str
    stage: StageMount | None
    replaces_analysis_dir: bool
    commit: str = ""
    exit_code: int | None = None
    markers: Mapping[str, str] = field(default_factory=dict)


def launch_workflow(services: Services, request: LaunchRequest, catalog: Catalog, analysis_root: str) -> LaunchResult:
    """Launch, or with `dry_run` only check: then nothing is changed, on the node or in AWS."""
    launch = plan_launch(request, catalog, analysis_root)
    remote = open_head_node(services, request.cluster)
    services.reporter.step(f"Checking {launch.analysis.path.on_node} and session {launch.session}")
    markers = sessions.check_launch(remote, launch)
    stage = _stage(services, request, launch)
    if request.dry_run:
        return _result(services, request, launch, stage, markers)
    services.reporter.step(f"Cloning {launch.repository} at {launch.git_ref} and starting the session")
    launched = sessions.start(remote, launch)
    return _result(
        services, request, launch, stage, launched.markers, commit=launched.commit, exit_code=launched.exit_code
    )


def _result(
    services: Services,
    request: LaunchRequest,
    launch: Launch,
    stage: StageMount | None,
    markers: Mapping[str, str],
    commit: str = "",
    exit_code: int | None = None,
) -> LaunchResult:
    repo_path = markers["__DAYLILY_REPO_PATH__"]
    return LaunchResult(
        dry_run=request.dry_run,
        session_name=launch.session,
        cluster=request.cluster,
        region=services.context.region,
        analysis_id=launch.analysis.analysis_id,
        executing_entity=launch.analysis.entity,
        analysis_dir=repo_path.rpartition("/")[0],
        run_dir=markers["__DAYLILY_RUN_DIR__"],
        repo_path=repo_path,
        repository=launch.repository,
        repository_url=launch.repository_url,
        git_ref=launch.git_ref,
        command=launch.command,
        genome=launch.genome,
        stage=stage,
        replaces_analysis_dir=launch.replace,
        commit=commit,
        exit_code=exit_code,
        markers=dict(markers),
    )


def _stage(services: Services, request: LaunchRequest, launch: Launch) -> StageMount | None:
    """The stage's association: found, or made unless this is a dry run; None when the launch has no stage."""
    if launch.inputs.kind is not InputKind.STAGE:
        return None
    path = stage_path(launch.inputs.stage_dir)
    name = ClusterName.parse(request.cluster)
    file_system = clusters.require(services.clusters, name, services.context.region).file_system_id
    found = _covering(services.fsx.associations(file_system), path, request.stage_s3_uri)
    if found is not None:
        if not request.dry_run:
            found = wait_available(services.fsx, services.clock, services.reporter, found)
        return StageMount(str(found.source), str(found.path.on_node), Outcome.ADOPTED, found.id)
    wanted = staging_mount(path, _stage_source(services, request, path))
    if request.dry_run:
        return StageMount(str(wanted.source), str(path.on_node))
    services.reporter.step(f"Attaching {wanted.source} at {path.on_node}")
    spec = wanted.spec(file_system, request.cluster, getpass.getuser())
    made, outcome = ensure_association(services.fsx, services.clock, services.reporter, spec)
    return StageMount(str(made.source), str(made.path.on_node), outcome, made.id)


def _stage_name(path: FsxPath) -> str:
    return path.value.removeprefix(STAGING_ROOT).strip("/")


def _covering(associations: tuple[Association, ...], path: FsxPath, root: str | None) -> Association | None:
    """The association that shows the stage already, at itself or above; not one that contradicts the root given."""
    for one in associations:
        if one.lifecycle.is_failed or one.lifecycle.is_leaving or not path.value.startswith(one.path.value):
            continue
        elsewhere = root and one.source != S3Prefix.parse(root, "--stage-s3-uri").child(_stage_name(path))
        if not (one.path == path and elsewhere):
            return one
    return None


def _stage_source(services: Services, request: LaunchRequest, path: FsxPath) -> S3Prefix:
    """Where the stage lies in S3: below --stage-s3-uri, else below the root that the cluster was created with."""
    stage = _stage_name(path)
    if request.stage_s3_uri:
        return S3Prefix.parse(request.stage_s3_uri, "--stage-s3-uri").child(stage)
    record = StateStore(config_dir()).latest(request.cluster, services.context.region)
    if record is not None and record[1].stage_s3_uri:
        return S3Prefix.parse(record[1].stage_s3_uri, "stage_s3_uri of the state record").child(stage)
    raise MissingInput(
        f"Stage {stage} is not attached to {request.cluster}, and nothing says where in S3 the stages lie.",
        code="unknown_stage_root", hint="Give --stage-s3-uri, the same as for dyec samples stage.",
    )  # fmt: skip
