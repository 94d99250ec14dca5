"""Launch a workflow: every check first, then the associations, then the clone and the session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from daylily_ec.aws.context import aws_code
from daylily_ec.domain.ids import GitRef
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError, NotFound, Refused
from daylily_ec.headnode import readiness, sessions
from daylily_ec.headnode.launch import ExportTrigger, Launch
from daylily_ec.headnode.remote import Remote
from daylily_ec.workflow.launch_inputs import with_run_tables, with_stage
from daylily_ec.workflow.launch_mounts import LaunchMount, attach, plan_mounts, shown
from daylily_ec.workflow.launch_plan import LaunchPlan, plan_launch
from daylily_ec.workflow.launch_request import LaunchRequest
from daylily_ec.workflow.launch_stage_tables import check_stage_tables
from daylily_ec.workflow.run_on_headnode import open_head_node
from daylily_ec.workflow.services import Services

if TYPE_CHECKING:  # the models load pydantic, which only a launch needs
    from daylily_ec.catalog.models import Catalog


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
    inputs: str
    stage: LaunchMount | None
    run_mounts: tuple[LaunchMount, ...]
    export_trigger: str
    export_destination_s3_uri: str
    replaces_analysis_dir: bool
    warnings: tuple[str, ...] = ()
    commit: str = ""
    exit_code: int | None = None
    markers: Mapping[str, str] = field(default_factory=dict)


def launch_workflow(services: Services, request: LaunchRequest, catalog: Catalog, analysis_root: str) -> LaunchResult:
    """Launch, or with `dry_run` only check: then nothing is changed, on the node or in AWS, and no command runs."""
    plan = plan_launch(request, catalog, analysis_root, services.context.region)
    _check_destination(services, plan.launch)
    if plan.context is not None:
        plan = replace(plan, launch=with_run_tables(services.s3, plan.launch, plan.context))
    remote = open_head_node(services, request.cluster)
    findings = _check_node(services, remote, request.cluster)
    warnings = tuple(f"{one.name}: {one.found}" for one in findings if one.fix)
    plan = _with_override(services, plan, readiness.overrides(findings))
    plan = replace(plan, launch=with_stage(remote, request, plan.launch))
    launch = plan.launch
    services.reporter.step(f"Checking {launch.analysis.path.on_node} and session {launch.session}")
    markers = sessions.check_launch(remote, launch)
    mounts = plan_mounts(services, request, plan)
    if request.command_id and mounts.stage is not None:
        check_stage_tables(services.s3, catalog, request.command_id, launch.inputs.stage_dir, mounts.stage)
    if request.dry_run:
        return replace(_result(plan, markers, *shown(mounts)), dry_run=True, warnings=warnings)
    attached = attach(services, mounts, request.cluster)
    services.reporter.step(f"Cloning {launch.repository} at {launch.git_ref} and starting the session")
    launched = sessions.start(remote, launch)
    return replace(_result(plan, launched.markers, *attached), commit=launched.commit, exit_code=launched.exit_code,
                   warnings=warnings)  # fmt: skip


def _check_destination(services: Services, launch: Launch) -> None:
    """`Refused` unless the export at the end would find its destination empty."""
    if launch.export.trigger is ExportTrigger.NONE:
        return
    destination = S3Prefix.parse(launch.export.destination)
    try:
        found = next(iter(services.s3.objects(destination, limit=1)), None)
    except AwsError as error:
        if aws_code(error) != "NoSuchBucket":
            raise
        raise NotFound(f"There is no bucket {destination.bucket} for the export's destination.") from error
    if found is not None:
        raise Refused(
            f"The export's destination {destination} is not empty: it holds {found.key}.", code="destination_not_empty",
            hint="Choose another --analysis-id or destination, or remove what lies there.",
        )  # fmt: skip


def _check_node(services: Services, remote: Remote, cluster: str) -> tuple[readiness.Finding, ...]:
    """What was found on the node; `Refused` names each failed test without which nothing runs."""
    services.reporter.step(f"Checking the head node of {cluster}")
    return readiness.require(readiness.Readiness(cluster, readiness.check(remote))).findings


def _with_override(services: Services, plan: LaunchPlan, overrides: Mapping[str, str]) -> LaunchPlan:
    """The plan with the version that the node was configured to clone, when the launch asks for no other."""
    launch = plan.launch
    ref = overrides.get(launch.repository)
    if ref is None or not plan.follows_catalog or ref == launch.git_ref:
        return plan
    services.reporter.note(f"{launch.repository} at {ref}: the head node was configured so (--git-tag takes another)")
    return replace(plan, launch=replace(launch, git_ref=GitRef.parse(ref)))


def _result(
    plan: LaunchPlan, markers: Mapping[str, str], stage: LaunchMount | None, runs: tuple[LaunchMount, ...]
) -> LaunchResult:
    launch, repo_path = plan.launch, markers["__DAYLILY_REPO_PATH__"]
    return LaunchResult(
        dry_run=False,
        session_name=launch.session,
        cluster=launch.cluster,
        region=launch.region,
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
        inputs=launch.inputs.kind.value,
        stage=stage,
        run_mounts=runs,
        export_trigger=launch.export.trigger.value,
        export_destination_s3_uri=launch.export.destination,
        replaces_analysis_dir=launch.replace,
        markers=dict(markers),
    )
