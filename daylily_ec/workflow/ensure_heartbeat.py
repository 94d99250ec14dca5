"""The heartbeat: a topic, an address that listens, and schedules that write to it.

Topic and schedules have names made from the cluster's, so nothing is made twice; schedules carry a client token too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from daylily_ec.aws.budgets import cluster_budget_name
from daylily_ec.aws.context import aws_code
from daylily_ec.aws.heartbeat import TopicsApi, heartbeat_name
from daylily_ec.aws.scheduler import Schedule, SchedulesApi
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import AwsError, DyecError
from daylily_ec.plan.steps import Action, Bindings, Observed, Output
from daylily_ec.util.clock import Clock
from daylily_ec.workflow.ensure_scheduler_role import ROLE_ARN

TOPIC = "heartbeat-topic"
SUBSCRIPTION = "heartbeat-subscription"
SCHEDULE = "heartbeat-schedule"
TTL_NOTICE = "ttl-notice"
TOPIC_ARN = Output(TOPIC, "topic_arn")

_ROLE_DEADLINE_S = 60.0
_ROLE_PAUSE_S = 5.0


def ttl_schedule_name(cluster: str) -> str:
    """Name of the one-time schedule: `daylily-<cluster>-ttl`."""
    return f"daylily-{cluster}-ttl"[:64]


def expiry(created_at: str, ttl_hours: int) -> datetime:
    """When a cluster has lived as long as it was meant to."""
    return datetime.fromisoformat(created_at.replace("Z", "+00:00")).astimezone(UTC) + timedelta(hours=ttl_hours)


def at_expression(moment: datetime) -> str:
    """`at(yyyy-mm-ddThh:mm:ss)` in UTC."""
    return f"at({moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S})"


def heartbeat_text(cluster: str, zone: AvailabilityZone) -> str:
    """The mail of every heartbeat.  EventBridge Scheduler fills in the words in angle brackets when it fires."""
    return (
        f"Cluster {cluster} in {zone} was not deleted by <aws.scheduler.scheduled-time>: it may still cost money.\n\n"
        f"{_where(cluster, zone)}\n"
        "Sent by <aws.scheduler.schedule-arn>, execution <aws.scheduler.execution-id>, "
        "attempt <aws.scheduler.attempt-number>.\n"
    )


def ttl_text(cluster: str, zone: AvailabilityZone, ttl_hours: int) -> str:
    """The mail at the end of the time to live."""
    return (
        f"Cluster {cluster} in {zone} was made to live {ttl_hours} hours, which ended at "
        "<aws.scheduler.scheduled-time>. Nothing is deleted by itself.\n\n"
        f"{_where(cluster, zone)}\n"
        "Sent once by <aws.scheduler.schedule-arn>, execution <aws.scheduler.execution-id>.\n"
    )


def _where(cluster: str, zone: AvailabilityZone) -> str:
    place = f"--region {zone.region} --cluster {cluster}"
    console = f"https://{zone.region}.console.aws.amazon.com/cloudformation/home?region={zone.region}#/stacks"
    return (
        f"State:  dyec cluster describe {place}\n"
        f"        {console}?filteringText={cluster}\n"
        f"Cost:   budget {cluster_budget_name(zone, cluster)}, https://console.aws.amazon.com/billing/home#/budgets\n"
        f"Delete: dyec delete {place}\n"
        "        (also when the cluster is gone already and only these mails are left)\n"
    )


@dataclass(frozen=True, slots=True)
class TopicStep:
    """The topic; safe to repeat by its name, for which CreateTopic always gives the same topic."""

    cluster: str
    topics: TopicsApi
    name: str = TOPIC
    needs: tuple[Output, ...] = ()

    def describe(self, bindings: Bindings) -> str:
        """The topic's name."""
        return f"Topic {heartbeat_name(self.cluster)}"

    def observe(self, bindings: Bindings) -> Observed:
        """Whether it is there."""
        arn = self.topics.arn(self.cluster)
        if self.topics.exists(arn):
            return Observed(Action.UNCHANGED, "exists", {TOPIC_ARN.name: arn})
        return Observed(Action.CREATE, "there is none")

    def is_done(self, observed: Observed) -> bool:
        """Whether it exists."""
        return observed.action is Action.UNCHANGED

    def apply(self, bindings: Bindings, observed: Observed) -> Mapping[str, str]:
        """Create it."""
        return {TOPIC_ARN.name: self.topics.create(heartbeat_name(self.cluster))}


@dataclass(frozen=True, slots=True)
class SubscriptionStep:
    """The address that gets the mails; safe to repeat, an address is subscribed once."""

    cluster: str
    email: str
    topics: TopicsApi
    name: str = SUBSCRIPTION
    needs: tuple[Output, ...] = (TOPIC_ARN,)

    def describe(self, bindings: Bindings) -> str:
        """The address."""
        return f"Subscription of {self.email} (AWS asks it for a confirmation by e-mail)"

    def observe(self, bindings: Bindings) -> Observed:
        """Whether the address is among the subscribers; asking again would send another confirmation mail."""
        arn = bindings.get(TOPIC_ARN) or self.topics.arn(self.cluster)
        known = {address.lower() for address in self.topics.addresses(arn)}
        if self.email.lower() in known:
            return Observed(Action.UNCHANGED, "is subscribed")
        return Observed(Action.CREATE, "is not subscribed")

    def is_done(self, observed: Observed) -> bool:
        """Whether it is subscribed."""
        return observed.action is Action.UNCHANGED

    def apply(self, bindings: Bindings, observed: Observed) -> Mapping[str, str]:
        """Subscribe it."""
        self.topics.subscribe(bindings.require(TOPIC_ARN), self.email)
        return {"email": self.email}


@dataclass(frozen=True, slots=True)
class ScheduleStep:
    """One schedule; safe to repeat by its unique name and a client token that holds its content and the run."""

    name: str
    schedule_name: str
    expression: str
    message: str
    run_id: str
    schedules: SchedulesApi
    clock: Clock
    once: bool = False
    needs: tuple[Output, ...] = (TOPIC_ARN, ROLE_ARN)

    def describe(self, bindings: Bindings) -> str:
        """Name and time."""
        return f"Schedule {self.schedule_name}: {self.expression}"

    def observe(self, bindings: Bindings) -> Observed:
        """Whether it exists and fires as wanted."""
        found = self.schedules.find(self.schedule_name)
        outputs = {"schedule_name": self.schedule_name}
        if found is None:
            return Observed(Action.CREATE, "there is none", outputs)
        if found == self._wanted(bindings):
            return Observed(Action.UNCHANGED, "as wanted", outputs)
        return Observed(Action.UPDATE, f"{found.expression or 'disabled'} becomes {self.expression}", outputs)

    def is_done(self, observed: Observed) -> bool:
        """Whether nothing differs."""
        return observed.action is Action.UNCHANGED

    def apply(self, bindings: Bindings, observed: Observed) -> Mapping[str, str]:
        """Create it, or replace the one that has its name; a role made just now takes IAM some seconds."""
        wanted = self._wanted(bindings)
        start = self.clock.monotonic()
        while True:
            try:
                # A create call repeated with its token changes nothing, so what exists is always replaced.
                if observed.action is Action.UPDATE or not self.schedules.create(wanted, self.run_id):
                    self.schedules.update(wanted)
                return observed.outputs
            except AwsError as error:
                if not _role_is_new(error) or self.clock.monotonic() - start >= _ROLE_DEADLINE_S:
                    raise
                self.clock.sleep(_ROLE_PAUSE_S)

    def _wanted(self, bindings: Bindings) -> Schedule:
        return Schedule(self.schedule_name, self.expression, bindings.show(TOPIC_ARN), bindings.show(ROLE_ARN),
                        self.message, self.once)  # fmt: skip


def _role_is_new(error: AwsError) -> bool:
    return aws_code(error) == "ValidationException" and "assume the role" in str(error.details.get("aws_message"))


def remove_heartbeat(topics: TopicsApi, schedules: SchedulesApi, cluster: str) -> tuple[str, ...]:
    """Remove schedules and topic of a cluster, each whether or not the others can be; returns what went wrong.

    Safe to repeat: removing what is absent changes nothing.
    """
    removals: dict[str, Callable[[], None]] = {
        f"schedule {heartbeat_name(cluster)}": lambda: schedules.delete(heartbeat_name(cluster)),
        f"schedule {ttl_schedule_name(cluster)}": lambda: schedules.delete(ttl_schedule_name(cluster)),
        f"topic {heartbeat_name(cluster)}": lambda: topics.delete(topics.arn(cluster)),
    }
    warnings = []
    for what, remove in removals.items():
        try:
            remove()
        except DyecError as error:
            warnings.append(f"{what} was not removed: {error.message}")
    return tuple(warnings)
