"""Logging in: the session preferences, and the terminal before, during and after."""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
import termios
from collections.abc import Iterator

import pytest

from daylily_ec.aws.session_documents import SessionPreferences, parse_preferences
from daylily_ec.errors import AwsError, Refused
from daylily_ec.headnode.login import PROFILE, hold_session, problems, require

GOOD = SessionPreferences(True, "ubuntu", PROFILE)


@pytest.mark.parametrize(
    "profile",
    [PROFILE, "cd ~ && exec bash -l", "cd /home/ubuntu; . ~/.bash_profile", "cd $HOME && exec bash --login",
     'cd "${HOME}"; stty -ixon; source ~/.config/daylily/daylily-headnode-bootstrap.sh'],
)  # fmt: skip
def test_a_login_of_ubuntu_at_home_is_accepted(profile: str) -> None:
    assert problems(SessionPreferences(True, "ubuntu", profile)) == ()
    require(GOOD, "us-west-2")


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (None, "nobody has set"),
        (SessionPreferences(False, "ubuntu", PROFILE), "runAsEnabled"),
        (SessionPreferences(True, "", PROFILE), "runAsDefaultUser"),
        (SessionPreferences(True, "ssm-user", PROFILE), "sessions run as ssm-user, not as ubuntu"),
        (SessionPreferences(True, "ubuntu", "cd ~"), "no login shell"),
        (SessionPreferences(True, "ubuntu", "exec bash -l"), "does not enter the home"),
        (SessionPreferences(True, "ubuntu", "cd ~root && exec bash -l"), "does not enter the home"),
        (SessionPreferences(True, "ubuntu", "cd /home/ubuntu2 && exec bash -l"), "does not enter the home"),
        (SessionPreferences(True, "ubuntu", ""), "no login shell"),
    ],
)  # fmt: skip
def test_every_other_preference_is_named_with_what_to_set(found: SessionPreferences | None, named: str) -> None:
    with pytest.raises(Refused, match=named) as info:
        require(found, "us-west-2")
    assert info.value.code == "session_preferences"
    assert PROFILE in info.value.hint


def test_the_document_is_read_as_session_manager_writes_it() -> None:
    inputs = {"runAsEnabled": True, "runAsDefaultUser": "ubuntu", "shellProfile": {"linux": PROFILE, "windows": ""}}
    assert parse_preferences(json.dumps({"schemaVersion": "1.0", "inputs": inputs})) == GOOD
    assert parse_preferences('{"inputs": {}}') == SessionPreferences(False, "", "")
    assert not parse_preferences('{"inputs": {"runAsEnabled": "yes"}}').run_as


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"inputs": []}', "no json"])
def test_a_document_that_is_not_understood_is_no_permission(content: str) -> None:
    with pytest.raises(AwsError):
        parse_preferences(content)


@pytest.fixture
def terminal() -> Iterator[int]:
    main, other = pty.openpty()
    settings = termios.tcgetattr(other)
    settings[0] |= termios.IXON
    termios.tcsetattr(other, termios.TCSANOW, settings)
    yield other
    os.close(main)
    os.close(other)


def flow_control(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[0] & (termios.IXON | termios.IXOFF))


ASK = """
import sys, termios
with open(sys.argv[1]) as terminal:
    sys.exit(40 + bool(termios.tcgetattr(terminal)[0] & (termios.IXON | termios.IXOFF)))
"""


@pytest.mark.weakness("L4")
def test_flow_control_is_off_in_the_session_and_as_before_after_it(terminal: int) -> None:
    argv = [sys.executable, "-c", ASK, os.ttyname(terminal)]
    assert hold_session(argv, None) == 41
    assert hold_session(argv, terminal) == 40
    assert flow_control(terminal)


def test_the_terminal_is_restored_when_the_session_cannot_start(terminal: int) -> None:
    with pytest.raises(FileNotFoundError):
        hold_session(["/no/such/program"], terminal)
    assert flow_control(terminal)


def test_ctrl_c_belongs_to_the_session(terminal: int) -> None:
    program = (
        "import os, signal, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(9)); "
        "os.kill(os.getppid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGINT); sys.exit(1)"
    )
    before = signal.getsignal(signal.SIGINT)
    assert hold_session([sys.executable, "-c", program], terminal) == 9
    assert signal.getsignal(signal.SIGINT) is before


def test_a_killed_session_has_the_code_of_a_shell(terminal: int) -> None:
    assert hold_session([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], terminal) == 137
