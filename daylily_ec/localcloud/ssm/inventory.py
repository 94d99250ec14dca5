"""Managed nodes: running instances whose agent has registered."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from moto.ec2.models import ec2_backends

from daylily_ec.localcloud.seams import NodeManager
from daylily_ec.localcloud.ssm.moment import Clock, SystemClock

HEAD_NODE_TAG = ("parallelcluster:node-type", "HeadNode")


@dataclass(frozen=True, slots=True)
class Scope:
    """One account in one region."""

    account: str
    region: str


@dataclass(frozen=True, slots=True)
class ManagedNode:
    """One managed node; `last_ping` is when its agent was heard last."""

    instance_id: str
    online: bool
    private_ip: str
    computer_name: str
    registered: datetime
    last_ping: datetime
    tags: Mapping[str, str] = field(default_factory=dict)


class Inventory(Protocol):
    """Finds managed nodes."""

    def nodes(self, scope: Scope) -> list[ManagedNode]:
        """Every registered node whose instance runs."""

    def find(self, scope: Scope, instance_id: str) -> ManagedNode | None:
        """One of them."""


@dataclass(slots=True)
class _Sighting:
    first: datetime
    last: datetime


class Ec2Inventory:
    """The instances of moto's EC2 whose agent the node manager has.

    An agent registers when it is first seen online, and stays registered until its instance is gone.  Where head nodes
    cannot be run, every head node counts as online: its commands then fail with the reason.
    """

    def __init__(self, manager: NodeManager, clock: Clock | None = None) -> None:
        self._manager = manager
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._sightings: dict[str, _Sighting] = {}

    def nodes(self, scope: Scope) -> list[ManagedNode]:
        instances = ec2_backends[scope.account][scope.region].all_instances()
        found = [self._managed(instance) for instance in instances if instance.state == "running"]
        return [node for node in found if node is not None]

    def find(self, scope: Scope, instance_id: str) -> ManagedNode | None:
        return next((node for node in self.nodes(scope) if node.instance_id == instance_id), None)

    def forget(self) -> None:
        """Forget all registrations."""
        with self._lock:
            self._sightings.clear()

    def _managed(self, instance: Any) -> ManagedNode | None:
        tags = {str(tag["key"]): str(tag["value"]) for tag in instance.get_tags()}
        online = self._online(instance.id, tags)
        sighting = self._sighting(instance.id, online)
        if sighting is None:
            return None
        ip, name = str(instance.private_ip), str(instance.private_dns_name)
        return ManagedNode(instance.id, online, ip, name, sighting.first, sighting.last, tags)

    def _online(self, instance_id: str, tags: Mapping[str, str]) -> bool:
        key, value = HEAD_NODE_TAG
        if tags.get(key) == value and self._manager.unavailable() is not None:
            return True
        return self._manager.is_online(instance_id)

    def _sighting(self, instance_id: str, online: bool) -> _Sighting | None:
        now = self._clock.now()
        with self._lock:
            if online:
                self._sightings.setdefault(instance_id, _Sighting(now, now)).last = now
            return self._sightings.get(instance_id)
