"""Which ensurers a cluster needs: those it cannot be created without, and those that only tell about it afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from daylily_ec.aws.heartbeat import heartbeat_name
from daylily_ec.config.models import SCHEDULER_ROLE_VARIABLES, ClusterConfig, Origin
from daylily_ec.config.policies import Place
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import CredentialsExpired, DyecError, NoCredentials
from daylily_ec.plan.executor import JournalSink, PlannedStep, execute, make_plan
from daylily_ec.plan.steps import Action, Bindings, Output, Step
from daylily_ec.util.clock import timestamp
from daylily_ec.util.progress import Reporter
from daylily_ec.workflow.ensure_budgets import BudgetStep, cluster_wish, global_wish
from daylily_ec.workflow.ensure_heartbeat import (
    SCHEDULE,
    TOPIC_ARN,
    TTL_NOTICE,
    ScheduleStep,
    SubscriptionStep,
    TopicStep,
    at_expression,
    expiry,
    heartbeat_text,
    ttl_schedule_name,
    ttl_text,
)
from daylily_ec.workflow.ensure_policies import NodePolicyStep, SpotPolicyStep
from daylily_ec.workflow.ensure_projects import ProjectsStep, projects_of
from daylily_ec.workflow.ensure_scheduler_role import ROLE_ARN, Configured, SchedulerRoleStep
from daylily_ec.workflow.services import Services

_ROLE_KEY = "heartbeat_scheduler_role_arn"


def place_of(services: Services) -> Place:
    """Where the caller works."""
    identity = services.context.identity()
    return Place.of(identity.arn, identity.account_id, services.context.region)


def policy_steps(services: Services, config: ClusterConfig, stack_name: str) -> tuple[Step, ...]:
    """The two policies; after the network, whose stack may have made the nodes' one."""
    place = place_of(services)
    return (
        NodePolicyStep(
            config.iam_policy_arn, stack_name, services.iam, services.iam_writes, services.stacks, place
        ),
        SpotPolicyStep(services.iam, services.iam_writes, place),
    )  # fmt: skip


def budget_steps(services: Services, config: ClusterConfig, zone: AvailabilityZone) -> tuple[Step, ...]:
    """The cluster's budget, the global one, and the table of projects: before anything costs money."""
    return (
        BudgetStep("budget-cluster", cluster_wish(config, zone), services.budgets, services.clock),
        BudgetStep("budget-global", global_wish(config, zone), services.budgets, services.clock),
        ProjectsStep(services.s3, config.reference_s3_uri, projects_of(config, zone), services.clock),
    )


def heartbeat_steps(
    services: Services, config: ClusterConfig, zone: AvailabilityZone, run_id: str, created_at: str = ""
) -> tuple[Step, ...]:
    """Role, topic, subscription, schedule, and the notice at the end of the time to live.

    `created_at` is the cluster's own time of creation, so that a run that goes on later wants the same schedule; a
    plan has none and counts from now.  A time to live that is over needs no notice any more.
    """
    cluster, topics, schedules, clock = config.cluster_name, services.topics, services.schedules, services.clock
    steps: list[Step] = [
        SchedulerRoleStep(
            _configured(config), topics.arn(cluster), services.iam, services.iam_writes, place_of(services), clock
        ),
        TopicStep(cluster, topics),
        SubscriptionStep(cluster, config.heartbeat_email, topics),
        ScheduleStep(
            SCHEDULE, heartbeat_name(cluster), config.heartbeat_schedule, heartbeat_text(cluster, zone), run_id,
            schedules, clock,
        ),
    ]  # fmt: skip
    if config.ttl_hours is not None:
        end = expiry(created_at or timestamp(clock.now()), config.ttl_hours)
        if end > clock.now():
            text = ttl_text(cluster, zone, config.ttl_hours)
            name = ttl_schedule_name(cluster)
            steps.append(ScheduleStep(TTL_NOTICE, name, at_expression(end), text, run_id, schedules, clock, once=True))
    return tuple(steps)


def _configured(config: ClusterConfig) -> Configured | None:
    if not config.heartbeat_scheduler_role_arn:
        return None
    if config.origins.get(_ROLE_KEY) is not Origin.ENVIRONMENT:
        return Configured(config.heartbeat_scheduler_role_arn, "preconfigured")
    named = (name for name in SCHEDULER_ROLE_VARIABLES if os.environ.get(name) == config.heartbeat_scheduler_role_arn)
    return Configured(config.heartbeat_scheduler_role_arn, f"env:{next(named, 'unknown')}")


def plan_leniently(steps: Iterable[Step], bindings: Bindings) -> tuple[PlannedStep, ...]:
    """The plan of steps whose failure does not matter: what cannot be observed says why."""
    planned: list[PlannedStep] = []
    for step in steps:
        try:
            planned += make_plan((step,), bindings)
        except (CredentialsExpired, NoCredentials):
            raise
        except DyecError as error:
            planned.append(PlannedStep(step.name, Action.UNCHANGED, step.describe(bindings), f"not made: {error}"))
    return tuple(planned)


def attempt(
    steps: Iterable[Step], bindings: Bindings, journal: JournalSink, reporter: Reporter
) -> tuple[str, ...]:  # fmt: skip
    """Carry out steps of which none may fail the run; returns a warning for each that could not be done.

    Lost credentials do end it: the same command goes on from here after the next login.
    """
    warnings = []
    for step in steps:
        lacking = [need.step for need in step.needs if bindings.get(need) is None]
        if lacking:
            warnings.append(f"{step.name} was not made: it needs {', '.join(dict.fromkeys(lacking))}.")
            continue
        try:
            execute((step,), bindings, journal, reporter)
        except (CredentialsExpired, NoCredentials):
            raise
        except DyecError as error:
            warnings.append(f"{step.name} was not made: {error.message} {error.hint}".rstrip())
    for text in warnings:
        journal.append("warning", text=text)
        reporter.warn(text)
    return tuple(warnings)


def budget_names(config: ClusterConfig, zone: AvailabilityZone) -> Mapping[str, str]:
    """What the run's record says of the budgets, before they are made."""
    return {
        "global_budget_name": global_wish(config, zone).name,
        "cluster_budget_name": cluster_wish(config, zone).name,
    }


def heartbeat_record(bindings: Bindings) -> Mapping[str, str]:
    """What the run's record says of the heartbeat: only what is really there."""
    return {
        "heartbeat_topic_arn": bindings.get(TOPIC_ARN) or "",
        "heartbeat_role_arn": bindings.get(ROLE_ARN) or "",
        "heartbeat_schedule_name": bindings.get(Output(SCHEDULE, "schedule_name")) or "",
        "ttl_schedule_name": bindings.get(Output(TTL_NOTICE, "schedule_name")) or "",
    }
