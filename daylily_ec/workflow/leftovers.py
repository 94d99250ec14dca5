"""What of a cluster costs money, or would go on doing so: everything by its tags and names, each with its price."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from daylily_ec.aws.heartbeat import heartbeat_name
from daylily_ec.aws.holdings import S3_USD_PER_GB_MONTH, Holding, monthly
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import CredentialsExpired, DyecError, NoCredentials
from daylily_ec.util.pool import gather
from daylily_ec.workflow.ensure_heartbeat import ttl_schedule_name
from daylily_ec.workflow.services import Services

_HOURS_PER_DAY = 24.0
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Item:
    """One resource; `usd_per_day` is None when nobody tells its price, and `problem` says why."""

    kind: str
    id: str
    state: str
    size: str
    usd_per_day: float | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What was found; `problems` names what could not be looked for: then nothing is said about it."""

    items: tuple[Item, ...]
    problems: tuple[str, ...] = ()

    @property
    def usd_per_day(self) -> float:
        """The sum of the known prices."""
        return round(sum(item.usd_per_day or 0.0 for item in self.items), _DIGITS)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Ids of what has no known price."""
        return tuple(item.id for item in self.items if item.usd_per_day is None)

    def to_json(self) -> dict[str, object]:
        """With its sums."""
        return {"items": self.items, "usd_per_day": self.usd_per_day, "unpriced": self.unpriced,
                "problems": self.problems}  # fmt: skip


def look_for(services: Services, cluster: ClusterName, artifacts: S3Prefix | None, stack_id: str) -> Holdings:
    """Everything of the cluster; a question that AWS does not answer becomes a problem, never an empty answer."""
    questions: dict[str, Callable[[], tuple[Holding, ...]]] = {
        **services.holdings.questions(cluster, stack_id),
        "tagged resources": lambda: services.holdings.tagged(cluster),
        "schedules": lambda: _schedules(services, cluster),
        "heartbeat topic": lambda: _topic(services, cluster),
        "budgets": lambda: _budgets(services, cluster),
        "S3 objects": lambda: _objects(services, artifacts),
    }
    answers = gather(lambda one: _asked(*one), questions.items())
    found = [item for answer in answers if not isinstance(answer, str) for item in answer]
    problems = tuple(answer for answer in answers if isinstance(answer, str))
    return Holdings(_priced(services, found), problems)


def _asked(what: str, ask: Callable[[], tuple[Holding, ...]]) -> tuple[Holding, ...] | str:
    try:
        return ask()
    except DyecError as error:
        return f"{what}: {error.message}"


def _priced(services: Services, found: Iterable[Holding]) -> tuple[Item, ...]:
    every = sorted(found, key=lambda one: (one.kind, one.id))
    try:
        prices = services.price_list.prices([one.query for one in every if one.query is not None])
    except (CredentialsExpired, NoCredentials) as error:
        return tuple(Item(one.kind, one.id, one.state, one.size, None, error.message) for one in every)
    items = []
    for one in every:
        usd, problem = one.usd_per_hour, "" if one.usd_per_hour is not None else "its price is not known"
        if one.query is not None:
            price = prices[one.query]
            usd, problem = (None if price.amount is None else price.amount * one.units), price.problem
        day = None if usd is None else round(usd * _HOURS_PER_DAY, _DIGITS)
        items.append(Item(one.kind, one.id, one.state, one.size, day, problem))
    return tuple(items)


def _schedules(services: Services, cluster: ClusterName) -> tuple[Holding, ...]:
    names = (heartbeat_name(cluster), ttl_schedule_name(cluster))
    return tuple(Holding("schedule", name, usd_per_hour=0.0) for name in names
                 if services.schedules.find(name) is not None)  # fmt: skip


def _topic(services: Services, cluster: ClusterName) -> tuple[Holding, ...]:
    arn = services.topics.arn(cluster)
    return (Holding("topic", arn, usd_per_hour=0.0),) if services.topics.exists(arn) else ()


def _budgets(services: Services, cluster: ClusterName) -> tuple[Holding, ...]:
    mine = re.compile(rf"da-{re.escape(services.context.region)}[a-z]-{re.escape(cluster)}")
    return tuple(Holding("budget", one.name, "stays: costs arrive for a day", usd_per_hour=0.0)
                 for one in services.budgets.every() if mine.fullmatch(one.name))  # fmt: skip


def _objects(services: Services, artifacts: S3Prefix | None) -> tuple[Holding, ...]:
    if artifacts is None:
        return ()
    sizes = [one.size for one in services.s3.objects(artifacts)]
    if not sizes:
        return ()
    size = f"{len(sizes):,} objects, {sum(sizes):,} bytes"
    usd = monthly(sum(sizes) / 1e9, S3_USD_PER_GB_MONTH)
    return (Holding("S3 prefix", str(artifacts), "", size, usd_per_hour=usd),)
