"""Reading and following a log: no byte lost, none twice, an end with the session."""

from __future__ import annotations

import re

import pytest

from daylily_ec.cli.workflow_sessions import _follow
from daylily_ec.errors import InvalidValue, RemoteCommandFailed, Throttled, Unreachable
from daylily_ec.headnode.remote import RemoteResult
from daylily_ec.headnode.status import WorkflowState
from daylily_ec.workflow.services import Services
from daylily_ec.workflow.workflow_log import LineFilter, LogFollower, LogRequest, workflow_log
from daylily_ec.workflow.workflow_status import StatusRequest, workflow_status
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, World
from tests.unit.launch.fakes import Node, log, status

WHICH = StatusRequest(CLUSTER, session="s1")


def services(clock: FakeClock, node: Node) -> Services:
    made = World(clock).services()
    made.headnodes = node
    return made


def request(lines: int = 10, match: str | None = None) -> LogRequest:
    return LogRequest(WHICH, lines, match)


def test_the_tail_is_read_to_its_end_and_says_how_it_ended(clock: FakeClock) -> None:
    node = Node(answers=[log(100, b"a\nb", more=True), log(103, b"c\n", ended="3"), status("finished", 3, "gone")])
    tail = workflow_log(services(clock, node), request(2))
    assert (tail.text, tail.total_bytes, tail.exit_code) == ("a\nbc\n", 105, 3)
    assert [env["DYEC_OFFSET"] for name, env in node.asked if name == "workflow_logs"] == ["0", "103"]


def test_the_tail_gives_no_exit_code_that_another_controller_recorded(clock: FakeClock) -> None:
    node = Node(answers=[log(0, b"a\n", ended="0"), status("finished", 0, "gone", controller_pid=8)])
    assert workflow_log(services(clock, node), request(2)).exit_code is None


@pytest.mark.parametrize("answer", ["", "x", "11 0 3 0 0 -\nYWJj", "11 0 4 0 0 - 3:a\nYWJj", "11 0 3 0 0 - 3:a\nYW!"])
def test_an_answer_that_is_cut_is_refused(clock: FakeClock, answer: str) -> None:
    with pytest.raises(RemoteCommandFailed):
        workflow_log(services(clock, Node(answers=[RemoteResult(0, answer, "")])), request())


def test_following_joins_pieces_by_their_place_and_ends_with_the_session(clock: FakeClock) -> None:
    node = Node(answers=[
        log(0, b"1\n\xc3"), log(3, b"\xbc\n", more=True), log(5, b"2\n"), log(7, b""), status(), log(7, b"3\n"),
        log(9, b"4", ended="3"), status("finished", 3, "gone"), log(10, b"5", ended="3"),
    ])  # fmt: skip
    follower = LogFollower(services(clock, node), request())
    assert "".join(follower) == "1\nü\n2\n3\n45"
    assert follower.status is not None
    assert (follower.status.state, follower.status.exit_code) == (WorkflowState.FAILED, 3)
    asked = [env["DYEC_OFFSET"] for name, env in node.asked if name == "workflow_logs"]
    assert asked == ["0", "3", "5", "7", "7", "9", "10"]


def test_following_ends_when_the_controller_is_gone(clock: FakeClock) -> None:
    node = Node(answers=[log(0, b"1\n"), log(2, b""), status(controller="gone"), log(2, b"last\n")])
    assert "".join(LogFollower(services(clock, node), request())) == "1\nlast\n"


def test_an_answer_that_does_not_come_is_asked_for_again_from_the_same_place(clock: FakeClock) -> None:
    node = Node(answers=[
        log(0, b"1\n"), Unreachable("gone"), log(2, b"2\n", ended="0"), Throttled("slow"), log(4, b""),
        status("finished", 0, "gone"), log(4, b"3\n"),
    ])  # fmt: skip
    assert "".join(LogFollower(services(clock, node), request())) == "1\n2\n3\n"


def test_only_matching_lines_are_shown_and_pieces_do_not_cut_them(clock: FakeClock) -> None:
    node = Node(answers=[
        log(0, b"error one\nfine\nerr", more=True), log(18, b"or two\nfine\nlast err", ended="0"),
        status("finished", 0, "gone"), log(40, b"or"),
    ])  # fmt: skip
    assert "".join(LogFollower(services(clock, node), request(match="error"))) == "error one\nerror two\nlast error"


OTHER = {"controller_pid": 8}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (status("finished", 3, "gone"), 3), (status("stopped", 143, "gone"), 143), (status("stopped", 0, "gone"), 2),
        (status("activating", 0, "gone"), 2), (status("finished", 0, "gone", **OTHER), 2),
        (status("finished", 3, "gone", **OTHER), 2), (status(controller="gone"), 2),
    ],
)  # fmt: skip
def test_following_ends_with_0_only_after_a_success(clock: FakeClock, answer: RemoteResult, code: int) -> None:
    follower = LogFollower(services(clock, Node(answers=[log(0, b"", ended="0"), answer, log(0, b"")])), request())
    with pytest.raises((SystemExit, RemoteCommandFailed)) as ended:
        _follow(follower, "s1")
    assert getattr(ended.value, "exit_code", getattr(ended.value, "code", None)) == code


def test_a_status_gives_no_exit_code_that_another_controller_recorded(clock: FakeClock) -> None:
    node = Node(answers=[status("finished", 0, "gone", **OTHER)])
    seen = workflow_status(services(clock, node), WHICH)
    assert (seen.state, seen.exit_code) == (WorkflowState.UNKNOWN, None)


@pytest.mark.parametrize("sign", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_only_a_newline_ends_a_line(sign: str, size: int) -> None:
    text = f"one{sign}two\nthree{sign}\none two"
    chosen, raw, seen = LineFilter(re.compile(f"one{sign}two|three")), text.encode(), ""
    for at in range(0, len(raw), size):
        seen += chosen.feed(raw[at : at + size])
    assert seen + chosen.feed(b"", final=True) == text.removesuffix("one two")


def test_a_bad_expression_asks_nobody(clock: FakeClock) -> None:
    node = Node()
    for use in (lambda: workflow_log(services(clock, node), request(match="(")),
                lambda: LogFollower(services(clock, node), request(match="("))):  # fmt: skip
        with pytest.raises(InvalidValue, match="regular expression"):
            use()
    assert node.asked == []
