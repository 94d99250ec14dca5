"""Single faults during a command, point by point: P1 and P2 (killed), P3 (a call fails once), P4 (for good)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.faults.child import Ended
from tests.faults.client_hook import Counter
from tests.faults.results import Point
from tests.faults.scenario import FOR_GOOD, KILLED, ONCE
from tests.faults.world import World

KINDS = {
    KILLED: ("before", "after"),
    ONCE: ("throttle", "500", "reset", "timeout", "lost"),
    FOR_GOOD: ("denied", "expired"),
}
PROMISES = {"P1": KILLED, "P2": KILLED, "P3": ONCE, "P4": FOR_GOOD}
READ_TIMEOUT_S = 6.0
"""Given up after so long when the fault is silence, in place of a minute; a loaded machine answers within it."""
SILENCE_S = 7.0


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A run without faults: its calls counted twice, and what it leaves behind."""

    client: tuple[str, ...]
    server: tuple[str, ...]
    inventory: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Aim:
    """One point of a sweep."""

    promise: str
    kind: str
    call: int


def undisturbed(world: World) -> Undisturbed:
    """Run the command once without a fault."""
    world.fresh()
    log = world.base / "calls"
    log.unlink(missing_ok=True)
    ended = world.run(Counter(log=log))
    assert ended.code == 0, ended.err + ended.out
    return Undisturbed(tuple(log.read_text().split()), tuple(world.calls()), world.inventory())


def aims(promise: str, calls: int) -> Iterator[Aim]:
    """Every point of a promise's sweep."""
    for call in range(1, calls + 1):
        for kind in KINDS[PROMISES[promise]]:
            yield Aim(promise, kind, call)


def strike(world: World, aim: Aim, baseline: Undisturbed) -> Point:
    """Run one point on an untouched account."""
    world.fresh()
    checks: dict[str, Callable[[World, Aim, Undisturbed], Point]]
    checks = {KILLED: _killed, ONCE: _once, FOR_GOOD: _for_good}
    return checks[PROMISES[aim.promise]](world, aim, baseline)


def _point(aim: Aim, action: str, outcome: str, problem: str = "") -> Point:
    return Point(aim.promise, aim.kind, aim.call, action, outcome, problem)


def _killed(world: World, aim: Aim, baseline: Undisturbed) -> Point:
    log = world.base / "calls"
    log.unlink(missing_ok=True)
    ended = world.run(Counter(aim.call, aim.kind, log))
    calls = log.read_text().split()
    action = calls[aim.call - 1] if len(calls) >= aim.call else ""
    if not ended.killed:
        return _point(aim, action, "not reached", _said(ended) if ended.code else "")
    return _point(aim, action, "converged", _converges(world, baseline))


def _once(world: World, aim: Aim, baseline: Undisturbed) -> Point:
    world.fault(aim.kind, aim.call, seconds=SILENCE_S)
    ended = world.run(read_timeout=READ_TIMEOUT_S if aim.kind == "timeout" else 0.0)
    met = world.met()
    if not met["hits"]:
        return _point(aim, "", "not reached")
    return _point(aim, met["hit"], "exit 0", _problem(world, ended, baseline))


_PERMISSIONS = {"GetBucketEncryption": "GetEncryptionConfiguration"}
"""Operations whose permission, which a warning must name, is called otherwise."""


def _for_good(world: World, aim: Aim, baseline: Undisturbed) -> Point:
    world.fault(aim.kind, aim.call, for_good=True)
    ended = world.run()
    met = world.met()
    if not met["hits"]:
        return _point(aim, "", "not reached")
    if ended.code == 0:
        operation = met["hit"].partition(":")[2]
        told = _PERMISSIONS.get(operation, operation) in ended.err + ended.out
        problem = _problem(world, ended, baseline, complete=False)
        return _point(aim, met["hit"], "went on, with a warning", problem or ("" if told else "went on in silence"))
    return _point(aim, met["hit"], "one error, resumed",
                  _unclean(world, ended, met["hit"]) or _converges(world, baseline))  # fmt: skip


def _converges(world: World, baseline: Undisturbed) -> str:
    """Run again without a fault; what is wrong afterwards."""
    ended = world.run()
    if ended.code != 0 and _code(ended) in world.scenario.already:
        return _different(world, baseline)
    return _problem(world, ended, baseline)


def _code(ended: Ended) -> str:
    try:
        return str(json.loads(ended.out)["error"]["code"])
    except (ValueError, KeyError):
        return ""


def _problem(world: World, ended: Ended, baseline: Undisturbed, *, complete: bool = True) -> str:
    if ended.code != 0:
        return _said(ended)
    return world.scenario.complete(world, ended) or (_different(world, baseline) if complete else "")


def _different(world: World, baseline: Undisturbed) -> str:
    found = world.inventory()
    different = {key: (value, found[key]) for key, value in baseline.inventory.items() if found[key] != value}
    return f"other inventory (expected, found): {different}"[:600] if different else ""


def _unclean(world: World, ended: Ended, action: str) -> str:
    """What is wrong with the one error that a lasting fault must give."""
    try:
        error = json.loads(ended.out)["error"]
    except (ValueError, KeyError):
        return f"no error document: {_said(ended)}"
    if "Traceback" in ended.err + ended.out:
        return "a traceback was shown"
    if error["code"] == "internal":
        return f"internal error: {error['message']}"
    if not _names(error, action):
        return f"the error does not name {action}: {error['message']}"
    try:
        world.records()
    except ValueError as damage:
        return f"state is not readable: {damage}"
    return ""


def _names(error: dict[str, Any], action: str) -> bool:
    """Whether the error names the refused action; expired credentials concern all calls: any may be named."""
    if error["code"] == "credentials_expired":
        return ":" in error["details"].get("action", "")
    return action.partition(":")[2] in error["message"] + json.dumps(error["details"])


def _said(ended: Ended) -> str:
    last = (ended.out.strip() or ended.err.strip())[-500:]
    return f"exit {ended.code}: {last}"
