"""`create`: plan with reads, then network, boot configuration, rendered YAML, ParallelCluster, and the wait for it.

A record is on disk before anything is changed; running the same command again after a crash goes on where it stopped.
"""

from __future__ import annotations

import secrets
import shlex
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from daylily_ec.artifacts.writer import ArtifactWriter
from daylily_ec.aws.clusters import ClusterView, require
from daylily_ec.config.models import ClusterConfig
from daylily_ec.config.resources import locate, resource
from daylily_ec.config.settings import config_dir, stop_after_dry_run
from daylily_ec.domain.ids import GitRef, RepositoryKey
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import ClusterFailed, InvalidValue, Refused
from daylily_ec.pcluster.failure import explain
from daylily_ec.pcluster.monitor import watch_creation
from daylily_ec.plan.executor import PlannedStep, execute, make_plan
from daylily_ec.plan.steps import Bindings, Step
from daylily_ec.preflight.report import PreflightReport, Status
from daylily_ec.render.renderer import InitTemplate, Rendered, render_final, render_init, tag_value
from daylily_ec.render.spot import DEFAULT_BUMP, Bid
from daylily_ec.state.journal import Journal
from daylily_ec.state.locks import cluster_lock
from daylily_ec.state.models import RunRecord, RunStatus
from daylily_ec.state.store import StateStore
from daylily_ec.util.clock import file_stamp, timestamp
from daylily_ec.version import __version__
from daylily_ec.workflow.create_network import NODE_POLICY, PRIVATE_SUBNET, PUBLIC_SUBNET, TEMPLATE, NetworkStep
from daylily_ec.workflow.create_steps import BOOT_FILES, BOOT_URI, BootStep, Claim, ClusterStep
from daylily_ec.workflow.create_values import config_hash, next_run_text, resolved_text, template_values
from daylily_ec.workflow.preflight import PreflightOptions, run_preflight
from daylily_ec.workflow.services import Services

_BOOT_FOLDER = "config/day_cluster"
_INTENDED = {"KeyPairValidator", "InstancesEFAValidator"}
"""Remarks on what the design wants: access by Session Manager without a key pair, and no EFA for single-node jobs."""


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """What the operator asks for; `repo_overrides` are texts of the form `key:ref`."""

    config: ClusterConfig
    zone: AvailabilityZone
    interactive: bool = False
    pass_on_warn: bool = False
    dry_run: bool = False
    rollback_on_failure: bool = True
    repo_overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CreatePlan:
    """What `create` would do; nothing was changed.  Values of steps not carried out yet read `<from step>`."""

    cluster_name: str
    region_az: str
    steps: tuple[PlannedStep, ...]
    bids: tuple[Bid, ...]
    cluster_yaml: str
    preflight_report_path: str


@dataclass(frozen=True, slots=True)
class ClusterCreated:
    """A cluster that runs, or (`status` STOPPED) one whose configuration has passed ParallelCluster's dry run."""

    cluster_name: str
    region: str
    region_az: str
    status: str
    outcome: Outcome | None
    elapsed_s: float
    head_node_instance_id: str
    head_node_ip: str
    fsx_ids: tuple[str, ...]
    warnings: tuple[str, ...]
    state_path: str
    cluster_yaml_path: str
    next_command: str


def create_cluster(services: Services, request: CreateRequest) -> CreatePlan | ClusterCreated:
    """Create a cluster, adopt the one an interrupted run of the same caller began, or show the plan."""
    _check_overrides(request.repo_overrides)
    lock = cluster_lock(config_dir(), request.zone.region, request.config.cluster_name, "create", services.clock)
    with nullcontext() if request.dry_run else lock:
        return _Creation(services, request).run()


def _check_overrides(overrides: tuple[str, ...]) -> None:
    for text in overrides:
        key, colon, ref = text.partition(":")
        if not colon:
            raise InvalidValue("repo-override", text, "must be key:ref, such as daylily-omics-analysis:2.0.26")
        RepositoryKey.parse(key)
        GitRef.parse(ref)
    if overrides:
        raise Refused("--repo-override is not applied by this release, and it is not dropped in silence.",
                      hint="dyec workflow launch takes the git reference of each launch.")  # fmt: skip


class _Creation:
    """One run of the command: what it knows so far, and its record."""

    def __init__(self, services: Services, request: CreateRequest) -> None:
        self.services = services
        self.request = request
        self.config = request.config
        self.zone = request.zone
        self.bindings = Bindings()
        self.started = services.clock.monotonic()
        self.template_path = locate(self.config.cluster_template_yaml)
        self.template = self.template_path.read_text(encoding="utf-8")
        self.store = StateStore(config_dir())
        self.warnings: list[str] = []

    def run(self) -> CreatePlan | ClusterCreated:
        owner = tag_value(self.services.context.identity().arn)
        digest = config_hash(self.config, self.template, self.zone)
        previous = self.store.latest(self.config.cluster_name, self.zone.region)
        record = self._resumable(previous[1] if previous else None, owner, digest) or self._new_record(owner, digest)
        finished = previous[1].run_id if previous and previous[1].status is RunStatus.COMPLETE else ""
        self.claim = Claim(record.run_id, owner, digest, finished)
        report = self._preflight()
        before, cluster = self._steps()
        plan = make_plan((*before, cluster), self.bindings)
        if self.request.dry_run:
            return self._show(plan, report)
        self._open(record, previous[0] if previous and previous[1].run_id == record.run_id else None, report)
        execute(before, self.bindings, self.journal, self.services.reporter)
        self._save(public_subnet_id=self.bindings.require(PUBLIC_SUBNET),
                   private_subnet_id=self.bindings.require(PRIVATE_SUBNET),
                   policy_arn=self.bindings.require(NODE_POLICY), boot_uri=self.bindings.require(BOOT_URI))  # fmt: skip
        return self._create(cluster)

    def _resumable(self, record: RunRecord | None, owner: str, digest: str) -> RunRecord | None:
        if record is None or not record.status.is_unfinished:
            return None
        same = (record.owner, record.config_hash, record.region_az) == (owner, digest, str(self.zone))
        if same and not self.request.dry_run:
            self.services.reporter.note(f"Going on with run {record.run_id}, begun {record.started_at}.")
        return record if same else None

    def _new_record(self, owner: str, digest: str) -> RunRecord:
        clock, config = self.services.clock, self.config
        now = timestamp(clock.now())
        return RunRecord(
            run_id=secrets.token_hex(8), cluster_name=config.cluster_name, region=self.zone.region,
            region_az=self.zone, aws_profile=self.services.context.profile or "",
            account_id=self.services.context.identity().account_id, owner=owner, config_hash=digest,
            stamp=file_stamp(clock.local()), started_at=now, updated_at=now, dyec_version=__version__,
            bucket=config.reference_s3_uri.bucket, reference_s3_uri=str(config.reference_s3_uri),
            control_data_s3_uri=str(config.control_data_s3_uri), stage_s3_uri=str(config.stage_s3_uri),
            export_destination_s3_uri=str(config.export_destination_s3_uri), keypair=config.ssh_key_name or "",
            heartbeat_email=config.heartbeat_email, heartbeat_schedule_expression=config.heartbeat_schedule,
        )  # fmt: skip

    def _preflight(self) -> PreflightReport:
        options = PreflightOptions(
            interactive=self.request.interactive, pass_on_warn=self.request.pass_on_warn, allow_existing=True
        )
        report = run_preflight(self.services, self.config, self.zone, options)
        self.warnings += [f"{check.id}: {check.remediation}" for check in report.having(Status.WARN)]
        return report

    def _steps(self) -> tuple[tuple[Step, ...], ClusterStep]:
        services, config = self.services, self.config
        files = {name: resource(f"{_BOOT_FOLDER}/{name}").read_bytes() for name in BOOT_FILES}
        network = NetworkStep(
            self.zone, config, resource(TEMPLATE).read_text(encoding="utf-8"), services.ec2, services.iam,
            services.stacks, services.clock, services.reporter,
        )  # fmt: skip
        self.network_stack = network.stack_name
        cluster = ClusterStep(
            config.cluster_name, self.zone.region, self.claim, services.clusters, services.pcluster,
            self.request.rollback_on_failure,
        )  # fmt: skip
        return (network, BootStep(services.s3, config.reference_s3_uri, __version__, files)), cluster

    def _show(self, plan: tuple[PlannedStep, ...], report: PreflightReport) -> CreatePlan:
        _, rendered = self._render()
        return CreatePlan(self.config.cluster_name, self.zone, plan, rendered.bids, rendered.text,
                          str(report.report_path or ""))  # fmt: skip

    def _open(self, record: RunRecord, path: Path | None, report: PreflightReport) -> None:
        """The record is on disk from here on."""
        self.record = replace(
            record, pcluster_version=_pcluster_version(report), preflight_report_path=str(report.report_path or ""),
            cfn_stack_name=self.network_stack, warnings=tuple(self.warnings),
        )  # fmt: skip
        self.path = path or self.store.create(self.record)
        self.journal = Journal(journal_path(self.path), self.services.clock)
        self.journal.append("resumed" if path else "started", run_id=record.run_id, owner=record.owner)
        self._save()

    def _save(self, **changes: object) -> None:
        now = timestamp(self.services.clock.now())
        changed: RunRecord = replace(self.record, updated_at=now, warnings=tuple(self.warnings), **changes)  # type: ignore[arg-type]
        self.record = changed
        self.store.save(self.path, changed)

    def _create(self, cluster: ClusterStep) -> ClusterCreated:
        observed = cluster.observe(self.bindings)
        if not cluster.is_done(observed):
            yaml = self._write_artifacts()
            self._dry_run(yaml)
            if stop_after_dry_run():
                self._save(status=RunStatus.STOPPED)
                return self._result(None, "STOPPED", None)
            cluster = replace(cluster, config=yaml)
        (result,) = execute((cluster,), self.bindings, self.journal, self.services.reporter)
        self._save(status=RunStatus.SUBMITTED, cluster_stack_id=result.outputs.get("stack_id", ""))
        return self._result(self._wait(), "CREATE_COMPLETE", result.outcome)

    def _render(self) -> tuple[InitTemplate, Rendered]:
        services = self.services
        values = template_values(self.config, self.zone, services.context.profile, services.context.identity(),
                                 self.bindings)  # fmt: skip
        init = render_init(self.template, str(self.template_path), values, self.claim.tags, self.config.ssh_key_name)
        prices = services.pricing.spot_prices(self.zone, init.spot_types, services.clock.now())
        rendered = render_final(init, prices, DEFAULT_BUMP, self.zone)
        for bid in rendered.bids:
            if bid.unpriced:
                self._warn(f"No spot price history in {self.zone} for {', '.join(bid.unpriced)} "
                           f"({bid.queue}/{bid.compute_resource}); the bid leaves them out.")  # fmt: skip
        return init, rendered

    def _write_artifacts(self) -> Path:
        self.services.reporter.step("Rendering the cluster configuration")
        init, rendered = self._render()
        found = {name: self.bindings.require(output) for name, output in
                 (("public_subnet_id", PUBLIC_SUBNET), ("private_subnet_id", PRIVATE_SUBNET),
                  ("iam_policy_arn", NODE_POLICY))}  # fmt: skip
        writer = ArtifactWriter(config_dir(), self.config.cluster_name, self.record.stamp)
        writer.template_copy(self.template)
        init_path = writer.init_template(init.text)
        yaml = writer.cluster_yaml(rendered.text)
        next_run = writer.next_run(next_run_text(self.config, found))
        resolved = writer.resolved_cli(resolved_text(self.config, self.zone, found))
        self.journal.append("rendered", cluster_yaml=str(yaml))
        self._save(init_template_path=str(init_path), cluster_yaml_path=str(yaml), next_run_path=str(next_run),
                   resolved_cli_config_path=str(resolved))  # fmt: skip
        return yaml

    def _dry_run(self, yaml: Path) -> None:
        self.services.reporter.step("ParallelCluster checks the configuration (dry run)")
        findings = self.services.pcluster.dry_run(self.config.cluster_name, yaml)
        for finding in findings:
            if finding.level == "WARNING" and finding.kind not in _INTENDED:
                self._warn(f"pcluster {finding.kind}: {finding.message}")
        self.journal.append("dry-run-passed", findings=[str(finding) for finding in findings])

    def _wait(self) -> ClusterView:
        services, name = self.services, self.config.cluster_name
        services.reporter.step(f"Waiting for cluster {name}")
        ended = watch_creation(services.stacks, name, clock=services.clock, reporter=services.reporter)
        if ended.succeeded:
            return require(services.clusters, name, self.zone.region)
        scripts = {"OnNodeConfigured": f"{self.record.boot_uri}/{BOOT_FILES[0]}"}
        error = explain(ended, name, self.zone.region, scripts, services.boot_logs, services.pcluster, services.clock)
        self._fail(error)
        raise error

    def _fail(self, error: ClusterFailed) -> None:
        self.journal.append("failed", error=error.message)
        self._save(status=RunStatus.FAILED, failure=error.message)
        error.details["state_path"] = str(self.path)
        if not self.request.rollback_on_failure:
            error.hint = f"The failed cluster was kept for inspection and costs money until you run: {error.hint}"

    def _result(self, view: ClusterView | None, status: str, outcome: Outcome | None) -> ClusterCreated:
        node = view.head_node if view else None
        profile = self.services.context.profile
        words = ["dyec", "headnode", "connect", *(["--profile", profile] if profile else []),
                 "--region", self.zone.region, "--cluster", self.config.cluster_name]  # fmt: skip
        if view is not None:
            self._save(
                status=RunStatus.COMPLETE, cluster_stack_id=view.stack_id, fsx_ids=view.file_system_ids,
                association_ids=self._associations(view), head_node_instance_id=node.instance_id if node else "",
                head_node_ip=node.public_ip or node.private_ip if node else "", next_command=shlex.join(words),
            )  # fmt: skip
        self.journal.append("ended", status=status)
        record = self.record
        return ClusterCreated(
            record.cluster_name, record.region, record.region_az, status, outcome,
            round(self.services.clock.monotonic() - self.started, 1), record.head_node_instance_id,
            record.head_node_ip, record.fsx_ids, record.warnings, str(self.path), record.cluster_yaml_path,
            record.next_command,
        )  # fmt: skip

    def _associations(self, view: ClusterView) -> tuple[str, ...]:
        return tuple(
            sorted(item.id for system in view.file_system_ids
                   for item in self.services.fsx.associations(system))
        )  # fmt: skip

    def _warn(self, text: str) -> None:
        self.services.reporter.warn(text)
        self.warnings.append(text)


def journal_path(state_path: Path) -> Path:
    """The journal that belongs to a record file."""
    return state_path.with_name(state_path.name.replace("state_", "journal_", 1)).with_suffix(".jsonl")


def _pcluster_version(report: PreflightReport) -> str:
    check = report.check("toolchain.pcluster")
    return str(check.details.get("current") or "") if check else ""
