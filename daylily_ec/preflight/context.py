"""What validators look at, and how the checks of one validator are run side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Protocol, TypeVar

from daylily_ec.aws.buckets import BucketsApi
from daylily_ec.aws.capacity import CapacityApi
from daylily_ec.aws.cloudformation import Stack
from daylily_ec.aws.clusters import ClustersApi, ClusterView
from daylily_ec.aws.context import AwsContext, Identity
from daylily_ec.aws.ec2 import Ec2Api, Subnet
from daylily_ec.aws.iam import IamApi, Principal
from daylily_ec.aws.quotas import QuotasApi
from daylily_ec.aws.s3 import S3Api
from daylily_ec.config.models import ClusterConfig
from daylily_ec.domain.fleet import Fleet
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import AwsError, CredentialsExpired, DyecError, NoCredentials, NotFound, ValidationError
from daylily_ec.preflight.machine import Machine
from daylily_ec.preflight.report import CheckResult, Status
from daylily_ec.preflight.roles import StorageRole
from daylily_ec.preflight.template import draft
from daylily_ec.render.ceiling import fleets
from daylily_ec.util.clock import Clock
from daylily_ec.util.pool import gather

T = TypeVar("T")
Confirm = Callable[[tuple[str, ...]], bool]
"""Asks the person at the terminal whether these warnings are acceptable."""


class StackReads(Protocol):
    """The one question about stacks that preflight asks."""

    def find(self, name: str) -> Stack | None:
        """The stack, None when there is none of that name."""


class Reads(Protocol):
    """The services preflight reads from; the product's `Services` fits."""

    @property
    def context(self) -> AwsContext: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def iam(self) -> IamApi: ...
    @property
    def quotas(self) -> QuotasApi: ...
    @property
    def s3(self) -> S3Api: ...
    @property
    def buckets(self) -> BucketsApi: ...
    @property
    def capacity(self) -> CapacityApi: ...
    @property
    def ec2(self) -> Ec2Api: ...
    @property
    def clusters(self) -> ClustersApi: ...
    @property
    def stacks(self) -> StackReads: ...


@dataclass(frozen=True, slots=True)
class PreflightOptions:
    """`confirm`: None when nobody is there.  `allow_existing`: a live cluster of the name is the caller's business."""

    confirm: Confirm | None = None
    pass_on_warn: bool = False
    keep_going: bool = False
    probe_writes: bool = False
    allow_existing: bool = False

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked: what they may know better is a WARN then, not a FAIL."""
        return self.confirm is not None


class Answers:
    """Answers that several checks need, each asked for once; a failure is everybody's failure."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._futures: dict[str, Future[Any]] = {}

    def once(self, name: str, ask: Callable[[], T]) -> T:
        """The answer of that name; the first who wants it asks, the others wait."""
        with self._lock:
            first = name not in self._futures
            future: Future[T] = self._futures.setdefault(name, Future())
        if first:
            try:
                future.set_result(ask())
            except BaseException as error:
                future.set_exception(error)
        return future.result()


@dataclass(frozen=True, slots=True)
class PreflightContext:
    """Everything a check may look at."""

    reads: Reads
    config: ClusterConfig
    zone: AvailabilityZone
    options: PreflightOptions
    machine: Machine
    roles: tuple[StorageRole, ...]
    answers: Answers = field(default_factory=Answers, compare=False)

    def once(self, name: str, ask: Callable[[], T]) -> T:
        """An answer that several checks need."""
        return self.answers.once(name, ask)

    def subnets(self) -> tuple[Subnet, ...]:
        """Every subnet of the zone."""
        return self.once("subnets", lambda: self.reads.ec2.subnets(self.zone))

    def namesake(self) -> Stack | None:
        """The stack of the configured name, whoever made it."""
        return self.once("namesake", lambda: self.reads.stacks.find(self.config.cluster_name))

    def existing(self) -> ClusterView | None:
        """The cluster of the configured name, if there is one; without a stack nothing more is asked."""
        if self.namesake() is None:
            return None
        return self.once("cluster", lambda: self.reads.clusters.find(self.config.cluster_name))

    def draft(self) -> dict[str, Any] | None:
        """The cluster template filled in as far as preflight knows; None when it is unusable, which one check says."""
        try:
            return self.once("template", lambda: draft(self.config))
        except (NotFound, ValidationError):
            return None

    def fleets(self) -> tuple[Fleet, ...]:
        """The machines of the cluster at full scale."""
        document = self.draft()
        return self.once("fleets", lambda: fleets(document)) if document is not None else ()

    @property
    def identity(self) -> Identity:
        """The caller; asked once."""
        return self.reads.context.identity()

    @property
    def principal(self) -> Principal:
        """The IAM entity behind the caller."""
        return Principal.of(self.identity.arn)


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `run` answers; an AWS error in it ends with status `on_error` (None: ends the run) and is shown."""

    id: str
    run: Callable[[], CheckResult]
    on_error: Status | None = Status.WARN


class Validator(Protocol):
    """A group of checks about one subject."""

    @property
    def id(self) -> str:
        """Name of the subject."""

    def run(self, context: PreflightContext) -> tuple[CheckResult, ...]:
        """Every finding, in a stable order."""


def run_checks(context: PreflightContext, checks: Sequence[Check]) -> tuple[CheckResult, ...]:
    """The checks side by side, each timed; results in the order given.  Lost credentials end everything."""

    def timed(check: Check) -> CheckResult:
        clock = context.reads.clock
        start = clock.monotonic()
        result = _guarded(check)
        return replace(result, seconds=round(clock.monotonic() - start, 3))

    return tuple(gather(timed, checks))


def _guarded(check: Check) -> CheckResult:
    try:
        return check.run()
    except (CredentialsExpired, NoCredentials):
        raise
    except AwsError as error:
        if check.on_error is None:
            raise
        return CheckResult(check.id, check.on_error, {"error": error.message, "note": "could not be read"}, _try(error))


def _try(error: DyecError) -> str:
    return error.hint or "Repeat; if it stays, ask the account's administrator."
