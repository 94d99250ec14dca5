"""What the patches share in the server process.

moto keeps one account store per process and builds its CloudFormation models from classes, so the extensions cannot be
handed their collaborators one by one; they ask `current()`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from daylily_ec.localcloud.faults import Faults
from daylily_ec.localcloud.layout import Layout
from daylily_ec.localcloud.seams import CommandResult, NodeManager


@dataclass(frozen=True, slots=True)
class BootFailure:
    """A boot that is made to fail: what cfn-signal would say, with the script's last lines."""

    exit_code: int = 1
    reason: str | None = None
    tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BootPlan:
    """How head nodes of a cluster boot; the default is the real thing at once."""

    delay: float = 0.0
    """Seconds before anything happens."""
    fail: BootFailure | None = None


QuotaKey = tuple[str, str]
"""Service code and quota code, for example `("ec2", "L-1216C47A")`."""


@dataclass(slots=True)
class Switches:
    """What the control path can change while the server runs."""

    boot: dict[str | None, BootPlan] = field(default_factory=dict)
    """By cluster name; `None` holds for every other cluster."""
    quotas: dict[QuotaKey, float] = field(default_factory=dict)
    latency: float = 0.0
    """Seconds added to every API call."""
    answer: CommandResult | None = None
    """What every Run Command answers, instead of being run on a head node."""

    def boot_plan(self, cluster: str) -> BootPlan:
        """The plan for one cluster."""
        return self.boot.get(cluster) or self.boot.get(None) or BootPlan()

    def clear(self) -> None:
        """Back to a cloud without accidents."""
        self.boot.clear()
        self.quotas.clear()
        self.latency = 0.0
        self.answer = None


@dataclass(slots=True)
class Runtime:
    """Everything an extension may need."""

    layout: Layout
    endpoint: str
    manager: NodeManager
    switches: Switches = field(default_factory=Switches)
    faults: Faults = field(default_factory=Faults)
    closing: threading.Event = field(default_factory=threading.Event)
    """Set when the account is being emptied or the server stops: background work ends."""
    resets: list[Callable[[], None]] = field(default_factory=list)
    """Called when the account is emptied, in order of registration."""


_runtime: Runtime | None = None


def install(runtime: Runtime) -> None:
    """Make this the runtime of the process."""
    global _runtime
    _runtime = runtime


def current() -> Runtime:
    """The runtime of this process.

    Raises RuntimeError before `install`.
    """
    if _runtime is None:
        raise RuntimeError("the local cloud has not been started in this process")
    return _runtime
