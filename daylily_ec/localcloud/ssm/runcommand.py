"""Run Command: takes requests, delivers them to nodes, runs them and remembers what became of them.

Status words: https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html.  Response code 137,
the line appended to stderr and the keys of stored outputs follow the public source of the SSM agent.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from daylily_ec.localcloud.seams import CommandResult, NodeManager
from daylily_ec.localcloud.ssm import commands as word
from daylily_ec.localcloud.ssm.commands import Command, Invocation, Request, State
from daylily_ec.localcloud.ssm.inventory import Inventory, Scope
from daylily_ec.localcloud.ssm.moment import Clock, SystemClock
from daylily_ec.localcloud.ssm.objects import PutObject

STOPPED = 137
"""Exit code that the agent reports for a process it had to kill."""
WORKERS = 5
"""Commands that one agent runs at a time (`CommandWorkersLimit` in the agent's README)."""
_log = logging.getLogger("daylily_ec.localcloud")
Spawn = Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: until a new command shows up in reads, between attempts to deliver, and between attempts to cancel."""

    visible_after: float = 0.2
    retry: float = 0.25
    cancel_again: float = 0.2


def in_thread(work: Callable[[], None]) -> None:
    """Do something in the background."""
    threading.Thread(target=work, name="ssm", daemon=True).start()


class Workers:
    """Counts what runs on each instance, so that no agent runs more than `limit` commands."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()

    def take(self, instance_id: str) -> bool:
        """Take a worker of the instance's agent; False when all are busy."""
        with self._lock:
            if self._busy[instance_id] >= self._limit:
                return False
            self._busy[instance_id] += 1
            return True

    def give_back(self, instance_id: str) -> None:
        """Return a worker."""
        with self._lock:
            self._busy[instance_id] -= 1


class RunCommand:
    """Every command of the account; safe from any thread."""

    def __init__(
        self,
        manager: NodeManager,
        inventory: Inventory,
        put_object: PutObject,
        *,
        timing: Timing | None = None,
        clock: Clock | None = None,
        spawn: Spawn = in_thread,
        answer: Callable[[], CommandResult | None] = lambda: None,
    ) -> None:
        self._manager = manager
        self._inventory = inventory
        self._put_object = put_object
        self._timing = timing or Timing()
        self._clock = clock or SystemClock()
        self._spawn = spawn
        self._answer = answer
        self._workers = Workers(WORKERS)
        self._lock = threading.Lock()
        self._commands: dict[str, Command] = {}

    def send(self, request: Request) -> Command:
        """Accept a command and start on it."""
        command_id = str(uuid.uuid4())
        alone = len(request.instance_ids) == 1
        invocations = tuple(
            Invocation(instance_id, command_id if alone else f"{command_id}.{instance_id}")
            for instance_id in request.instance_ids
        )
        command = Command(command_id, request, self._clock.now(), invocations)
        with self._lock:
            self._commands[command_id] = command
        for invocation in invocations:
            self._start(command, invocation)
        return command

    def _start(self, command: Command, invocation: Invocation) -> None:
        self._spawn(lambda: self._execute(command, invocation))

    def get(self, scope: Scope, command_id: str) -> Command | None:
        """A command of one account and region, visible or not."""
        with self._lock:
            found = self._commands.get(command_id)
        return found if found is not None and found.request.scope == scope else None

    def visible(self, scope: Scope) -> list[Command]:
        """The commands that reads already know, the newest first."""
        with self._lock:
            known = list(self._commands.values())
        return [item for item in reversed(known) if item.request.scope == scope and self.is_visible(item)]

    def is_visible(self, command: Command) -> bool:
        """Whether reads know it: the API is eventually consistent."""
        return (self._clock.now() - command.requested).total_seconds() >= self._timing.visible_after

    def cancel(self, command: Command, instance_ids: tuple[str, ...]) -> None:
        """Ask to stop a command on some instances; on all of them when none is named."""
        for invocation in command.invocations:
            wanted = not instance_ids or invocation.instance_id in instance_ids
            if wanted and invocation.cancel(self._clock.now()):
                self._stop(invocation)

    def _stop(self, invocation: Invocation) -> None:
        self._spawn(lambda: self._insist(invocation))

    def _insist(self, invocation: Invocation) -> None:
        # The node manager ignores a command that it has not begun yet, so one request may come too early.
        while not invocation.state.is_final:
            self._manager.cancel(invocation.run_id)
            self._clock.sleep(self._timing.cancel_again)

    def forget(self) -> None:
        """Forget every command; what still waits is cancelled."""
        with self._lock:
            known = list(self._commands.values())
            self._commands.clear()
        for command in known:
            self.cancel(command, ())

    def _execute(self, command: Command, invocation: Invocation) -> None:
        try:
            if self._deliver(command, invocation):
                try:
                    self._run(command, invocation)
                finally:
                    self._workers.give_back(invocation.instance_id)
        except Exception as failure:
            _log.exception("command %s on %s", command.command_id, invocation.instance_id)
            text = f"local cloud: {type(failure).__name__}: {failure}"
            self._end(invocation, State(word.FAILED, word.FAILED, 1, stderr=text.encode()))

    def _deliver(self, command: Command, invocation: Invocation) -> bool:
        """Wait for the agent and one of its workers; whether the command is in progress now."""
        request = command.request
        while True:
            node = self._inventory.find(request.scope, invocation.instance_id)
            if node is None:
                self._end(invocation, State(word.FAILED, word.UNDELIVERABLE))
                return False
            if node.online and self._workers.take(invocation.instance_id):
                return self._begin(invocation)
            if (self._clock.now() - command.requested).total_seconds() >= request.delivery_timeout:
                self._end(invocation, State(word.TIMED_OUT, word.DELIVERY_TIMED_OUT))
                return False
            waiting = word.PENDING if node.online else word.DELAYED
            if not invocation.advance(State(waiting, waiting)):
                return False
            self._clock.sleep(self._timing.retry)

    def _begin(self, invocation: Invocation) -> bool:
        begun = invocation.advance(State(word.IN_PROGRESS, word.IN_PROGRESS, started=self._clock.now()))
        if not begun:
            self._workers.give_back(invocation.instance_id)
        return begun

    def _run(self, command: Command, invocation: Invocation) -> None:
        state = ended(self._answer() or self._on_node(command.request, invocation))
        self._store(command, invocation, state)
        self._end(invocation, state)

    def _on_node(self, request: Request, invocation: Invocation) -> CommandResult:
        reason = self._manager.unavailable()
        if reason is not None:
            text = f"local cloud: head nodes cannot run here: {reason}\n"
            return CommandResult(word.FAILED, 1, b"", text.encode())
        return self._manager.run(
            invocation.instance_id,
            request.commands,
            timeout=float(request.execution_timeout),
            command_id=invocation.run_id,
        )

    def _end(self, invocation: Invocation, state: State) -> None:
        started = invocation.state.started
        invocation.advance(replace(state, started=started, ended=self._clock.now()))

    def _store(self, command: Command, invocation: Invocation, state: State) -> None:
        request = command.request
        for name, content in (("stdout", state.stdout), ("stderr", state.stderr)):
            if request.bucket and content:
                key = output_key(command, invocation, name)
                if not self._put_object(request.scope.account, request.bucket, key, content):
                    _log.warning("output of command %s: no bucket %s", command.command_id, request.bucket)


def ended(result: CommandResult) -> State:
    """The state that a finished run leads to."""
    if result.status == word.SUCCESS:
        return State(word.SUCCESS, word.SUCCESS, result.exit_code, stdout=result.stdout, stderr=result.stderr)
    if result.status == word.TIMED_OUT:
        return State(word.TIMED_OUT, word.EXECUTION_TIMED_OUT, STOPPED, stdout=result.stdout, stderr=result.stderr)
    if result.status == word.CANCELLED:
        return State(word.CANCELLED, word.CANCELLED, STOPPED, stdout=result.stdout, stderr=result.stderr)
    if result.status == word.UNDELIVERABLE:
        return State(word.FAILED, word.UNDELIVERABLE)
    stderr = result.stderr + f"failed to run commands: exit status {result.exit_code}".encode()
    return State(word.FAILED, word.FAILED, result.exit_code, stdout=result.stdout, stderr=stderr)


def output_directory(command: Command, invocation: Invocation) -> str:
    """Key prefix of a command's stored outputs, without the plugin's own directory."""
    parts = (command.request.prefix.strip("/"), command.command_id, invocation.instance_id, "awsrunShellScript")
    return "/".join(part for part in parts if part)


def output_key(command: Command, invocation: Invocation, name: str) -> str:
    """Key of `stdout` or `stderr`."""
    return f"{output_directory(command, invocation)}/0.awsrunShellScript/{name}"
