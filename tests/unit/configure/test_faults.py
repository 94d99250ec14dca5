"""Configure dies beside any of its calls, or a call fails: nothing is damaged, and the next run completes it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest

from daylily_ec.errors import AwsError, DyecError, Throttled
from daylily_ec.headnode.bundle import SUMS
from daylily_ec.workflow.configure_headnode import Configured, ConfigureRequest, configure_head_node
from tests.conftest import FakeClock
from tests.unit.configure.test_configure import Node, Wheels, services
from tests.unit.fsx.fakes import CLUSTER, Faults, Killed
from tests.unit.workflow_create.fakes import FakeS3

OBJECTS = 4
_ONE_BY_ONE = threading.RLock()  # objects are stored side by side, calls are counted


class Flaky:
    """Every call of a fake goes through the faults."""

    def __init__(self, inner: Any, faults: Faults) -> None:
        self._inner, self._faults = inner, faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found
        return lambda *given, **named: self._call(name, found, given, named)

    def _call(self, name: str, call: Any, given: Any, named: Any) -> Any:
        with _ONE_BY_ONE:
            return self._faults.around(name, lambda: self._answer(call, given, named))

    def _answer(self, call: Any, given: Any, named: Any) -> Any:
        answer = call(*given, **named)
        return Flaky(answer, self._faults) if isinstance(answer, Node) else answer


def run(clock: FakeClock, folder: Path, node: Node, s3: FakeS3, faults: Faults) -> Configured:
    made = services(clock, node, Wheels(folder))
    made.headnodes, made.s3 = cast("Any", Flaky(node, faults)), cast("Any", Flaky(s3, faults))
    return configure_head_node(made, ConfigureRequest(CLUSTER))


def calls(folder: Path) -> list[str]:
    faults = Faults()
    run(FakeClock(), folder, Node(), FakeS3(), faults)
    return faults.names


NAMES = ["connect", "run", "head", *["put_if_absent"] * OBJECTS, "run", "run"]


def test_these_are_all_calls(tmp_path: Path) -> None:
    assert calls(tmp_path) == NAMES


@pytest.mark.parametrize("error", [Killed(), Throttled("s3:PutObject was throttled"), AwsError("500")], ids=repr)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, len(NAMES) + 1))
def test_the_next_run_completes_it(tmp_path: Path, at: int, after: bool, error: BaseException) -> None:
    node, s3 = Node(), FakeS3()
    with pytest.raises((Killed, DyecError)):
        run(FakeClock(), tmp_path, node, s3, Faults(at, after=after, error=error))
    published = [key for key in s3.stored if key.endswith(SUMS)]
    assert not published or len(s3.stored) == OBJECTS, "the sums are there before what they speak of"
    before = dict(s3.stored)
    done = run(FakeClock(), tmp_path, node, s3, Faults())
    assert before.items() <= s3.stored.items(), "something published was replaced"
    assert len(s3.stored) == OBJECTS
    assert done.bundle
    assert node.settings is not None
