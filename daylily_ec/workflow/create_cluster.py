"""`create`: plan with reads, then network, boot configuration, rendered YAML, ParallelCluster, and the wait for it.

A record is on disk before anything is changed; running the same command again after a crash goes on where it stopped.
"""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from daylily_ec.artifacts.writer import ArtifactWriter
from daylily_ec.aws.clusters import ClusterView, require
from daylily_ec.config.resources import locate, resource
from daylily_ec.config.settings import config_dir, stop_after_dry_run
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.errors import ClusterFailed
from daylily_ec.plan.executor import PlannedStep, execute, make_plan
from daylily_ec.plan.steps import Action, Bindings, Step
from daylily_ec.preflight.network import baseline_stack_name
from daylily_ec.preflight.report import PreflightReport, Status
from daylily_ec.render.renderer import tag_value
from daylily_ec.render.spot import remarks
from daylily_ec.state.locks import cluster_lock
from daylily_ec.state.models import RunStatus
from daylily_ec.state.store import StateStore
from daylily_ec.version import __version__
from daylily_ec.workflow.configure_headnode import configure_created
from daylily_ec.workflow.create_files import Draft
from daylily_ec.workflow.create_network import (
    NETWORK,
    NODE_POLICY,
    PRIVATE_SUBNET,
    PUBLIC_SUBNET,
    TEMPLATE,
    NetworkStep,
)
from daylily_ec.workflow.create_record import Applicant, Beginning, RunBook, begin
from daylily_ec.workflow.create_request import ClusterCreated, CreateRequest, resume_command
from daylily_ec.workflow.create_steps import ADOPTED, BOOT, BOOT_FILES, BOOT_URI, BootStep, Claim, ClusterStep, judge
from daylily_ec.workflow.create_values import config_hash
from daylily_ec.workflow.create_wait import Patience, await_cluster, resumable
from daylily_ec.workflow.ensure_steps import (
    attempt,
    budget_names,
    budget_steps,
    heartbeat_record,
    heartbeat_steps,
    plan_leniently,
    policy_steps,
)
from daylily_ec.workflow.plan_create import CreatePlan, Target, price_plan
from daylily_ec.workflow.preflight import PreflightOptions, run_preflight
from daylily_ec.workflow.repo_overrides import parse_overrides
from daylily_ec.workflow.services import Services

_BOOT_FOLDER = "config/day_cluster"
_RECORDED = {
    "public_subnet_id": PUBLIC_SUBNET,
    "private_subnet_id": PRIVATE_SUBNET,
    "policy_arn": NODE_POLICY,
    "boot_uri": BOOT_URI,
}
_INTENDED = {"KeyPairValidator", "InstancesEFAValidator"}
"""Remarks on what the design wants: access by Session Manager without a key pair, and no EFA for single-node jobs."""


def create_cluster(services: Services, request: CreateRequest) -> CreatePlan | ClusterCreated:
    """Create a cluster, adopt the one an interrupted run of the same caller began, or show the plan."""
    request = replace(request, repo_overrides=parse_overrides(request.repo_overrides))
    lock = cluster_lock(config_dir(), request.zone.region, request.config.cluster_name, "create", services.clock)
    with nullcontext() if request.dry_run else lock:
        return _Creation(services, request).run()


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
        self.warnings: list[str] = []
        identity = services.context.identity()
        self.applicant = Applicant(
            services.context.profile or "", identity.account_id, tag_value(identity.arn),
            config_hash(self.config, self.template, self.zone),
        )  # fmt: skip

    def run(self) -> CreatePlan | ClusterCreated:
        services, who = self.services, self.applicant
        store = StateStore(config_dir())
        beginning = begin(store, self.config, self.zone, who, services.clock)
        self.claim = Claim(beginning.record.run_id, who.owner, who.config_hash, beginning.finished_run)
        report = self._preflight()
        before, cluster = self._steps()
        plan = make_plan((*before, cluster), self.bindings)
        finished = beginning.finished if plan[-1].action is Action.UNCHANGED else None
        if finished:
            before, plan = _looked_after(before), _looked_after(plan)
        if self.request.dry_run:
            later = heartbeat_steps(services, self.config, self.zone, self.claim.run_id)
            return self._show((*plan, *plan_leniently(later, self.bindings)), report)
        self._open(store, finished or beginning)
        with resumable(self.book):
            if finished:
                return self._look_after(before)
            self._remember(report)
            return self._carry_out(before, cluster)

    def _open(self, store: StateStore, beginning: Beginning) -> None:
        if beginning.path is not None:
            run = f"run {beginning.record.run_id}, begun {beginning.record.started_at}"
            done = beginning.record.status is RunStatus.COMPLETE
            self.services.reporter.note(f"The cluster of {run}, is complete." if done else f"Going on with {run}.")
        self.book = RunBook(store, beginning, self.services.clock)

    def _remember(self, report: PreflightReport) -> None:
        """What is known before anything is changed."""
        resume = resume_command(self.request, self.services.context.profile)
        self.book.save(
            pcluster_version=_pcluster_version(report), cfn_stack_name=baseline_stack_name(self.zone),
            repo_overrides=self.request.repo_overrides, **budget_names(self.config, self.zone),
            preflight_report_path=str(report.report_path or ""), warnings=tuple(self.warnings),
            rollback_on_failure="yes" if self.request.rollback_on_failure else "no",
            resume_command=resume, next_command=resume,
        )  # fmt: skip

    def _carry_out(self, before: tuple[Step, ...], cluster: ClusterStep) -> ClusterCreated:
        execute(before, self.bindings, self.book.journal, self.services.reporter)
        found = {name: self.bindings.require(output) for name, output in _RECORDED.items()}
        self.book.save(**found)
        return self._create(cluster)

    def _look_after(self, around: tuple[Step, ...]) -> ClusterCreated:
        """The cluster is complete: what belongs around it is ensured again, itself it is not touched.

        Its head node is configured again when that did not succeed before, or when overrides are given.
        """
        is_lacking = bool(self.request.repo_overrides or self.book.record.post_create_warnings)
        self.book.save(repo_overrides=self.request.repo_overrides or self.book.record.repo_overrides)
        execute(around, self.bindings, self.book.journal, self.services.reporter)
        view = require(self.services.clusters, self.config.cluster_name, self.zone.region)
        outcome = judge(view, self.claim, self.zone.region).action.outcome
        self._equip(view, configure=is_lacking)
        return self._result(view, view.status, outcome)

    def _preflight(self) -> PreflightReport:
        options = PreflightOptions(
            confirm=self.request.confirm, pass_on_warn=self.request.pass_on_warn, allow_existing=True
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
        cluster = ClusterStep(
            config.cluster_name, self.zone.region, self.claim, services.clusters, services.pcluster
        )  # fmt: skip
        boot = BootStep(services.s3, config.reference_s3_uri, __version__, files)
        policies = policy_steps(services, config, network.stack_name)
        return (network, *policies, boot, *budget_steps(services, config, self.zone)), cluster

    def _show(self, plan: tuple[PlannedStep, ...], report: PreflightReport) -> CreatePlan:
        rendered, price = price_plan(self.services, Target(self.config, self.zone), self._draft().init())
        found = tuple(remark for bid in rendered.bids for remark in remarks(bid, self.zone))
        return CreatePlan(self.config.cluster_name, self.zone, plan, rendered.bids, price, found, rendered.text,
                          str(report.report_path or ""))  # fmt: skip

    def _create(self, cluster: ClusterStep) -> ClusterCreated:
        observed = cluster.observe(self.bindings)
        if not cluster.is_done(observed):
            yaml = self._write_artifacts()
            try:
                self._dry_run(yaml)
            except ClusterFailed:
                # A pcluster that outlived its run, or another machine, was faster: judged like any cluster that exists.
                observed = cluster.observe(self.bindings)
                if not cluster.is_done(observed):
                    raise
            else:
                if stop_after_dry_run():
                    self.book.save(status=RunStatus.STOPPED)
                    return self._result(None, "STOPPED", None)
            cluster = replace(cluster, config=yaml)
        (result,) = execute((cluster,), self.bindings, self.book.journal, self.services.reporter)
        self.book.save(status=RunStatus.SUBMITTED, cluster_stack_id=result.outputs.get("stack_id", ""))
        faster = result.outputs.get(ADOPTED) or (observed.detail if result.outcome is Outcome.ADOPTED else "")
        if faster:
            self.services.reporter.note(f"Going on with the cluster that exists: {faster}")
        view = self._wait()
        self._equip(view, configure=True)
        return self._result(view, "CREATE_COMPLETE", Outcome.ADOPTED if faster else result.outcome)

    def _equip(self, view: ClusterView, *, configure: bool) -> None:
        """Heartbeat and head node.  Nothing in here fails the run: what could not be done is recorded and said."""
        steps = heartbeat_steps(self.services, self.config, self.zone, self.claim.run_id, view.created_at)
        warnings = attempt(steps, self.bindings, self.book.journal, self.services.reporter)
        made = {name: value for name, value in heartbeat_record(self.bindings).items() if value}
        self.book.save(**made)
        overrides = self.book.record.repo_overrides
        found = configure_created(self.services, view, overrides, self.book.journal) if configure else ()
        self.book.save(post_create_warnings=(*warnings, *found))

    def _draft(self) -> Draft:
        return Draft(self.services, self.config, self.zone, self.template, str(self.template_path), self.claim,
                     self.bindings)  # fmt: skip

    def _write_artifacts(self) -> Path:
        self.services.reporter.step("Rendering the cluster configuration")
        writer = ArtifactWriter(config_dir(), self.config.cluster_name, self.book.record.stamp)
        rendered, paths = self._draft().write(writer)
        for remark in (remark for bid in rendered.bids for remark in remarks(bid, self.zone)):
            self._warn(remark)
        self.book.journal.append("rendered", cluster_yaml=paths["cluster_yaml_path"])
        self.book.save(**paths)
        return Path(paths["cluster_yaml_path"])

    def _dry_run(self, yaml: Path) -> None:
        self.services.reporter.step("ParallelCluster checks the configuration (dry run)")
        findings = self.services.pcluster.dry_run(self.config.cluster_name, yaml)
        for finding in findings:
            if finding.level == "WARNING" and finding.kind not in _INTENDED:
                self._warn(f"pcluster {finding.kind}: {finding.message}")
        self.book.save(warnings=tuple(self.warnings))
        self.book.journal.append("dry-run-passed", findings=[str(finding) for finding in findings])

    def _wait(self) -> ClusterView:
        self.services.reporter.step(f"Waiting for cluster {self.config.cluster_name}")
        left = self.request.deadline - (self.services.clock.monotonic() - self.started)
        patience = Patience(max(left, 0.0), self.request.rollback_on_failure)
        return await_cluster(self.services, self.book, self.config.cluster_name, patience)

    def _result(self, view: ClusterView | None, status: str, outcome: Outcome | None) -> ClusterCreated:
        node = view.head_node if view else None
        profile = self.services.context.profile
        words = ["dyec", "headnode", "connect", *(["--profile", profile] if profile else []),
                 "--region", self.zone.region, "--cluster", self.config.cluster_name]  # fmt: skip
        if view is not None:
            self.book.save(
                status=RunStatus.COMPLETE, cluster_stack_id=view.stack_id, fsx_ids=view.file_system_ids,
                association_ids=self._associations(view), head_node_instance_id=node.instance_id if node else "",
                head_node_ip=node.public_ip or node.private_ip if node else "", next_command=shlex.join(words),
            )  # fmt: skip
        self.book.journal.append("ended", status=status)
        record = self.book.record
        return ClusterCreated(
            record.cluster_name, record.region, record.region_az, status, outcome,
            round(self.services.clock.monotonic() - self.started, 1), record.head_node_instance_id,
            record.head_node_ip, record.fsx_ids, record.warnings, str(self.book.path), record.cluster_yaml_path,
            record.next_command, record.post_create_warnings,
        )  # fmt: skip

    def _associations(self, view: ClusterView) -> tuple[str, ...]:
        return tuple(
            sorted(item.id for system in view.file_system_ids
                   for item in self.services.fsx.associations(system))
        )  # fmt: skip

    def _warn(self, text: str) -> None:
        self.services.reporter.warn(text)
        self.warnings.append(text)


_T = TypeVar("_T", Step, PlannedStep)


def _looked_after(steps: tuple[_T, ...]) -> tuple[_T, ...]:
    """Steps that concern a complete cluster: its network and boot files stay those that it was made with."""
    return tuple(step for step in steps if step.name not in (NETWORK, BOOT))


def _pcluster_version(report: PreflightReport) -> str:
    check = report.check("toolchain.pcluster")
    return str(check.details.get("current") or "") if check else ""
