"""One state from exit record, controller and jobs: the whole table."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.headnode.status import Analysis, Controller, QueuedJob, SessionFacts, WorkflowState, derive, parse_facts

S = WorkflowState
C = Controller
LAST = {"boot_id": "boot", "controller_pid": 7, "controller_start": 99}
EARLIER = {"boot_id": "boot", "controller_pid": 6, "controller_start": 50}
OPEN = ("starting", "waiting", "activating", "preparing", "running", "exporting")
ENDS: tuple[tuple[int, str, WorkflowState], ...] = (
    (0, "finished", S.SUCCEEDED), (1, "finished", S.FAILED), (137, "finished", S.FAILED), (3, "activating", S.FAILED),
    (0, "starting", S.FAILED), (0, "running", S.FAILED), (143, "stopped", S.STOPPED), (0, "stopped", S.STOPPED),
)  # fmt: skip
JOBS: tuple[tuple[QueuedJob, ...] | None, ...] = (None, (), (QueuedJob("1", "RUNNING"),))
FLAGS = (False, True)


def facts(record: dict[str, Any] | None, controller: Controller = C.GONE, **more: Any) -> SessionFacts:
    values = {"tmux_alive": False, "jobs": (), "controller_id": "boot 7 99", **more}
    if controller is C.NONE:
        values["controller_id"] = ""
    return SessionFacts("/r/s", controller=controller, record=record, **values)


def others() -> Any:
    """Every combination of what must not decide: the queue, tmux, a command that is left, the analysis directory."""
    for jobs, tmux, command, analysis in itertools.product(JOBS, FLAGS, FLAGS, Analysis):
        yield {"jobs": jobs, "tmux_alive": tmux, "command_alive": command, "analysis": analysis}


@pytest.mark.parametrize("controller", [C.ALIVE, C.GONE, C.OTHER_BOOT])
@pytest.mark.parametrize(("code", "phase", "expected"), ENDS)
def test_an_exit_record_of_the_last_controller_decides_alone(
    code: int, phase: str, expected: S, controller: Controller
) -> None:
    for more in others():
        assert derive(facts({"exit_code": code, "phase": phase, **LAST}, controller, **more))[0] is expected


@pytest.mark.weakness("H3")
@pytest.mark.parametrize("writer", [EARLIER, {}, {**LAST, "boot_id": "another"}, {**LAST, "controller_start": 98}])
@pytest.mark.parametrize(("code", "phase", "expected"), ENDS)
def test_an_exit_record_of_anybody_else_decides_nothing(
    code: int, phase: str, expected: S, writer: dict[str, Any]
) -> None:
    record = {"exit_code": code, "phase": phase, **writer}
    for controller, more in itertools.product(Controller, others()):
        seen = derive(facts(record, controller, **more))[0]
        assert seen is (S.STARTING if controller is C.ALIVE else S.UNKNOWN), (controller, more, expected)


@pytest.mark.parametrize("controller", list(Controller))
@pytest.mark.parametrize("phase", OPEN)
def test_without_one_the_controller_decides_and_never_the_queue(phase: str, controller: Controller) -> None:
    alive = {"running": S.RUNNING, "exporting": S.EXPORTING}.get(phase, S.STARTING)
    for more in others():
        starting = controller is C.NONE and more["tmux_alive"]
        expected = alive if controller is C.ALIVE else S.STARTING if starting else S.STOPPED
        assert derive(facts({"exit_code": None, "phase": phase, **LAST}, controller, **more))[0] is expected


@pytest.mark.parametrize("controller", list(Controller))
def test_a_missing_or_damaged_record_is_unknown(controller: Controller) -> None:
    for more in others():
        assert derive(facts(None, controller, **more))[0] is S.UNKNOWN


@pytest.mark.parametrize("code", [True, False, "0", 0.0, [0]])
def test_an_exit_code_that_is_no_number_is_no_success(code: object) -> None:
    assert derive(facts({"exit_code": code, "phase": "finished", **LAST}))[0] is S.UNKNOWN


def test_a_failed_export_is_a_failed_session_that_keeps_the_workflow_s_own_code() -> None:
    export = {"status": "error", "message": "no dyec"}
    record = {"exit_code": 127, "phase": "finished", "workflow_exit_code": 0, "export": export, **LAST}
    assert derive(facts(record)) == (S.FAILED, "The command ended with exit code 0; its export failed: no dyec")


@pytest.mark.parametrize(
    ("message", "end"), [("no rules.", ", with exit code 13: no rules."), (None, ", with exit code 13.")]
)
def test_a_session_that_ended_early_says_why(message: str | None, end: str) -> None:
    record = {"exit_code": 13, "phase": "preparing", "message": message, **LAST}
    assert derive(facts(record)) == (S.FAILED, f"The session ended while preparing{end}")


def test_reasons_name_who_stopped_it_and_what_is_left() -> None:
    stopped = {"exit_code": 143, "phase": "stopped", "stopped_by": "ada@desk", **LAST}
    assert derive(facts(stopped))[1] == "The session was stopped by ada@desk (exit code 143)."
    running = {"exit_code": None, "phase": "running", **LAST}
    left = derive(facts(running, jobs=(QueuedJob("1", "RUNNING"),), command_alive=True))[1]
    assert "Its command still runs" in left
    assert "1 of its jobs are still in the queue" in left
    assert "could not be asked" in derive(facts(running, jobs=None))[1]


@pytest.mark.parametrize(("code", "phase", "expected"), ENDS)
def test_what_outlives_its_session_is_told_and_changes_no_state(code: int, phase: str, expected: S) -> None:
    record = {"exit_code": code, "phase": phase, **LAST}
    state, reason = derive(facts(record, command_alive=True))
    assert state is expected
    assert reason == f"{derive(facts(record))[1]} What it started still runs; a stop ends it."


@pytest.mark.parametrize("analysis", list(Analysis))
def test_what_became_of_the_analysis_directory_is_read(analysis: Analysis) -> None:
    text = HEAD.replace("analysis=present", f"analysis={analysis}") + "jobs=known\n--\n"
    assert parse_facts(text).analysis is analysis


@pytest.mark.parametrize("state", list(S))
def test_only_what_goes_on_is_waited_for(state: S) -> None:
    assert state.is_final is (state not in (S.STARTING, S.RUNNING, S.EXPORTING))
    assert state.is_success is (state is S.SUCCEEDED)


HEAD = "run_dir=/r/s=1\ntmux=alive\ncontroller=alive\ncommand=alive\ncontroller_id=boot 7 99\nanalysis=present\n"


def test_facts_are_read_with_jobs_record_and_receipt() -> None:
    documents = '{"phase": "running"}\n\n--\n{"fsx_export": {"status": "success"}}\n'
    text = f"{HEAD}jobs=known\njob=7 RUNNING\n--\n{documents}"
    assert parse_facts(text) == SessionFacts(
        "/r/s=1", True, C.ALIVE, (QueuedJob("7", "RUNNING"),), {"phase": "running"}, "boot 7 99", True,
        Analysis.PRESENT, {"status": "success"},
    )  # fmt: skip


@pytest.mark.parametrize("document", ["", "{", "[]", '{"exit_code": 0, "pha', "\n--\n", '{"exit_code": 0, "p\n--\n'])
def test_a_cut_record_is_none(document: str) -> None:
    seen = parse_facts(f"{HEAD}jobs=unknown\n--\n{document}")
    assert (seen.record, seen.receipt, seen.jobs) == (None, None, None)


@pytest.mark.parametrize("text", ["", "run_dir=/r\n--\n", f"{HEAD}--\n", HEAD.replace("ler=a", "ler=d") + "jobs=known"])
def test_facts_that_are_not_understood_are_an_error(text: str) -> None:
    with pytest.raises(RemoteCommandFailed):
        parse_facts(text)
