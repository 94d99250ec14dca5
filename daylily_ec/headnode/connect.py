"""Finds the way to a head node: here, or over Systems Manager."""

from __future__ import annotations

from collections.abc import Callable

from daylily_ec.aws.clusters import ClusterView
from daylily_ec.aws.lending import LendingApi
from daylily_ec.aws.ssm import SsmApi
from daylily_ec.domain.ids import ClusterName
from daylily_ec.headnode.local import LocalRemote, ThisNode, this_head_node
from daylily_ec.headnode.remote import Remote
from daylily_ec.headnode.ssm import SsmRemote
from daylily_ec.headnode.store import NodeStore
from daylily_ec.util.clock import Clock, wait_until
from daylily_ec.util.progress import Reporter

ONLINE_WAIT_S = 120
"""How long a running head node may take until its agent is online."""


class HeadNodes:
    """`Remotes`: knows whether this machine is the head node, else asks Systems Manager."""

    def __init__(
        self,
        api: Callable[[], SsmApi],
        clock: Clock,
        reporter: Reporter,
        node: Callable[[], ThisNode | None] = this_head_node,
        lending: Callable[[], LendingApi] | None = None,
    ) -> None:
        self._api = api
        self._clock = clock
        self._reporter = reporter
        self._node = node
        self._lending = lending

    def here(self, name: ClusterName) -> Remote | None:
        """The head node when this machine is it; no call to AWS is made."""
        node = self._node()
        return LocalRemote() if node is not None and node.cluster == name else None

    def connect(self, cluster: ClusterView) -> Remote:
        """The head node of a cluster, once its agent is online."""
        local = self.here(ClusterName(cluster.name))
        if local is not None:
            return local
        instance = cluster.running_head_node.instance_id
        api = self._api()
        wait_until(
            lambda: api.ping(instance),
            done=lambda status: status == "Online",
            what=f"Systems Manager agent of {instance}",
            deadline=ONLINE_WAIT_S,
            first=1.0,
            every=10.0,
            clock=self._clock,
            describe=lambda status: status or "not registered",
            observe=lambda status, elapsed: self._tell(status, elapsed),
        )
        return SsmRemote(api, instance, self._clock, self._store(cluster))

    def _store(self, cluster: ClusterView) -> NodeStore | None:
        if self._lending is None or cluster.artifacts is None:
            return None
        return NodeStore(self._lending, cluster.artifacts, cluster.region, self._reporter.warn)

    def _tell(self, status: str, elapsed: float) -> None:
        if status != "Online":
            self._reporter.waiting("head node agent", status or "not registered", elapsed)
