"""One state from exit record, controller and jobs: the whole table."""

from __future__ import annotations

from typing import Any

import pytest

from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.headnode.status import Controller, QueuedJob, SessionFacts, WorkflowState, derive, parse_facts

S = WorkflowState
C = Controller


def state(record: dict[str, Any] | None, controller: Controller, jobs: tuple[QueuedJob, ...] | None, tmux: bool) -> S:
    return derive(SessionFacts("/r/s", tmux, controller, jobs, record))[0]


@pytest.mark.parametrize("jobs", [None, (), (QueuedJob("1", "RUNNING"),)])
@pytest.mark.parametrize("tmux", [True, False])
@pytest.mark.parametrize("controller", list(Controller))
@pytest.mark.parametrize(
    ("code", "phase", "expected"),
    [(0, "finished", S.SUCCEEDED), (1, "finished", S.FAILED), (3, "activating", S.FAILED), (0, "starting", S.FAILED),
     (143, "stopped", S.STOPPED), (0, "stopped", S.STOPPED)],
)  # fmt: skip
def test_an_exit_record_decides_alone(
    code: int, phase: str, expected: S, controller: Controller, tmux: bool, jobs: tuple[QueuedJob, ...] | None
) -> None:
    assert state({"exit_code": code, "phase": phase}, controller, jobs, tmux) is expected


@pytest.mark.parametrize("jobs", [None, (), (QueuedJob("1", "RUNNING"),)])
@pytest.mark.parametrize(
    ("phase", "controller", "tmux", "expected"),
    [("running", C.ALIVE, True, S.RUNNING), ("running", C.ALIVE, False, S.RUNNING),
     ("activating", C.ALIVE, True, S.STARTING), ("starting", C.ALIVE, True, S.STARTING),
     ("running", C.GONE, True, S.STOPPED), ("running", C.GONE, False, S.STOPPED),
     ("running", C.OTHER_BOOT, False, S.STOPPED), ("starting", C.NONE, True, S.STARTING),
     ("starting", C.NONE, False, S.STOPPED)],
)  # fmt: skip
def test_without_one_the_controller_decides_and_never_the_queue(
    phase: str, controller: Controller, tmux: bool, expected: S, jobs: tuple[QueuedJob, ...] | None
) -> None:
    assert state({"exit_code": None, "phase": phase}, controller, jobs, tmux) is expected


@pytest.mark.parametrize("controller", list(Controller))
def test_a_missing_or_damaged_record_is_unknown(controller: Controller) -> None:
    assert state(None, controller, (), False) is S.UNKNOWN


def test_facts_are_read_with_jobs_and_record() -> None:
    text = 'run_dir=/r/s=1\ntmux=alive\ncontroller=alive\njobs=known\njob=7 RUNNING\n--\n{"phase": "running"}\n'
    facts = parse_facts(text)
    assert facts == SessionFacts("/r/s=1", True, C.ALIVE, (QueuedJob("7", "RUNNING"),), {"phase": "running"})


@pytest.mark.parametrize("document", ["", "{", "[]", '{"exit_code": 0, "pha'])
def test_a_cut_record_is_none(document: str) -> None:
    assert parse_facts(f"run_dir=/r\ntmux=none\ncontroller=gone\njobs=unknown\n--\n{document}").record is None


@pytest.mark.parametrize(
    "text", ["", "run_dir=/r\n--\n", "run_dir=/r\ntmux=none\ncontroller=dancing\njobs=known\n--\n"]
)
def test_facts_that_are_not_understood_are_an_error(text: str) -> None:
    with pytest.raises(RemoteCommandFailed):
        parse_facts(text)
