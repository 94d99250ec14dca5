"""What a sweep breaks: a command line, the account and node it finds, and when it has converged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.faults.child import Ended
from tests.faults.inventory import inventory
from tests.integration.create.account import ZONE

if TYPE_CHECKING:
    from tests.faults.world import World

NO_NODES = "tests.integration.localcloud_aws.fake_nodes:create_manager"
KILLED, ONCE, FOR_GOOD = "killed", "once", "for good"


@dataclass(frozen=True)
class Scenario:
    """One verb.

    `prepare` runs once, before copies of the account are handed out.  `complete` says what is wrong with a run that
    ended with 0, apart from what `inventory` shows.  `already` are the codes by which a repeated run may refuse
    because the interrupted one has done its work: then the inventory alone decides.
    """

    verb: str
    title: str
    promises: dict[str, str]
    """Promise -> what is done to the calls."""
    command: Callable[[World], list[str]]
    complete: Callable[[World, Ended], str] = lambda _place, _ended: ""
    inventory: Callable[[World], dict[str, Any]] = lambda place: inventory(place.client)
    prepare: Callable[[World], None] | None = None
    manager: str = NO_NODES
    already: frozenset[str] = frozenset()


def after_create(killed: str = "P2") -> dict[str, str]:
    """The promises of every verb but `create`."""
    return {killed: KILLED, "P3": ONCE, "P4": FOR_GOOD}


def _create(place: World) -> list[str]:
    return ["create", "--region-az", ZONE, "--config", str(place.config), "--non-interactive", "--pass-on-warn",
            "--json"]  # fmt: skip


def _created(place: World, ended: Ended) -> str:
    status = json.loads(ended.out).get("status")
    if status != "CREATE_COMPLETE":
        return f"status {status}"
    records = [record["status"] for record in place.records()]
    return "" if records.count("COMPLETE") == 1 else f"records {records}"


CREATE = Scenario("create", "create", after_create("P1"), _create, _created)
