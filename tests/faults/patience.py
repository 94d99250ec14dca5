"""Services that answer a poll when its work has ended: an undisturbed run then makes the same calls every time.

The work itself runs beside the requests as ever, so a process that dies meanwhile leaves it running.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import daylily_ec.localcloud.fsx.service
import daylily_ec.localcloud.ssm
from daylily_ec.localcloud.fsx.model import Document, Pace
from daylily_ec.localcloud.fsx.service import FsxService
from daylily_ec.localcloud.ssm.commands import Command
from daylily_ec.localcloud.ssm.inventory import Scope
from daylily_ec.localcloud.ssm.runcommand import RunCommand

LIMIT_S = 50.0
"""Below the time after which clients give a silent server up."""
MOVING = ("CREATING", "UPDATING", "DELETING")
WORKING = ("PENDING", "EXECUTING", "CANCELING")


def settled(done: Callable[[], bool]) -> None:
    """Wait until it is done, or for a while."""
    deadline = time.monotonic() + LIMIT_S
    while not done() and time.monotonic() < deadline:
        time.sleep(0.01)


class PatientCommands(RunCommand):
    """Run Command whose reads wait for the end of the command."""

    def get(self, scope: Scope, command_id: str) -> Command | None:
        found = super().get(scope, command_id)
        if found is not None:
            settled(lambda: all(one.state.is_final for one in found.invocations))
        return found

    def is_visible(self, command: Command) -> bool:
        return True


class PatientFileSystems(FsxService):
    """FSx whose descriptions wait for the end of what moves; its work can rest during a fork.

    The first description that shows a task at work waits for nothing: a task that is still running is met once.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._met: set[str] = set()

    def describe_associations(self, **query: Any) -> Document:
        settled(lambda: not any(one["Lifecycle"] in MOVING for one in self._associations(query)))
        return super().describe_associations(**query)

    def _associations(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super().describe_associations(**query)["Associations"]
        return found

    def describe_tasks(self, **query: Any) -> Document:
        working = self._working(query)
        if working <= self._met:
            settled(lambda: not self._working(query))
        self._met |= working
        return super().describe_tasks(**query)

    def _working(self, query: dict[str, Any]) -> set[str]:
        found: list[dict[str, Any]] = super().describe_tasks(**query)["DataRepositoryTasks"]
        return {one["TaskId"] for one in found if one["Lifecycle"] in WORKING}

    def rest(self) -> None:
        """No thread works any more."""
        self._closed.set()
        for worker in self._workers:
            worker.join()
        self._workers.clear()

    def go_on(self) -> None:
        """Work again, in this process."""
        self._closed = threading.Event()
        for identity in list(self.context.file_systems):
            self._start_worker(identity)


def install() -> None:
    """For the services of this process; call before the server is made."""
    commands: Any = daylily_ec.localcloud.ssm
    commands.RunCommand = PatientCommands
    file_systems: Any = daylily_ec.localcloud.fsx.service
    file_systems.FsxService = PatientFileSystems
    file_systems.Pace = partial(Pace, association=0.1, association_deletion=0.1)


def services() -> list[PatientFileSystems]:
    """Every FSx service of the process."""
    known = daylily_ec.localcloud.fsx.service._services.values()
    return [one for one in known if isinstance(one, PatientFileSystems)]
