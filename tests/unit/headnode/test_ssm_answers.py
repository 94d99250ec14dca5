"""Answers of Systems Manager that are not what they should be."""

from __future__ import annotations

import base64
import gzip
import hashlib

import pytest

from daylily_ec.aws.ssm import CommandStatus, Invocation
from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.headnode.remote import RemoteScript
from daylily_ec.headnode.ssm import SsmRemote
from tests.conftest import FakeClock


def packed(raw: bytes) -> str:
    return "=" + base64.b64encode(gzip.compress(raw, mtime=0)).decode()


def header(out: bytes, err: bytes, code: int = 0) -> str:
    sums = [f"{len(raw)} {hashlib.sha256(raw).hexdigest()}" for raw in (out, err)]
    return f"DYEC1 {code} {sums[0]} {sums[1]}"


GOOD = f"{header(b'out', b'err')}\n{packed(b'out')}\n{packed(b'err')}\n"


class Canned:
    """An `SsmApi` with one prepared answer."""

    def __init__(self, stdout: str, status: CommandStatus = CommandStatus.SUCCESS, exit_code: int = 0) -> None:
        self.answer = Invocation("c", status, str(status), exit_code, stdout, "the node's stderr")

    def ping(self, instance_id: str) -> str:
        return "Online"

    def send(self, instance_id: str, command: str, *, comment: str, delivery_s: int, execution_s: int) -> str:
        return "c"

    def invocation(self, command_id: str, instance_id: str) -> Invocation | None:
        return self.answer

    def cancel(self, command_id: str, instance_id: str) -> None:
        raise AssertionError("nothing to cancel")


def run(api: Canned, clock: FakeClock) -> str:
    return SsmRemote(api, "i-1", clock).run(RemoteScript("demo", "true\n"), {}, 10).stdout


def test_talk_of_login_files_before_the_header_is_skipped(clock: FakeClock) -> None:
    assert run(Canned("Welcome to the node\n" + GOOD), clock) == "out"


@pytest.mark.parametrize("cut", range(0, len(GOOD) - 2, 7))
def test_an_answer_cut_anywhere_is_refused(cut: int, clock: FakeClock) -> None:
    with pytest.raises(RemoteCommandFailed):
        run(Canned(GOOD[:cut]), clock)


@pytest.mark.parametrize("body", ["=!!!!", "=", packed(b"other"), "=" + base64.b64encode(b"no gzip").decode(), "x"])
def test_a_damaged_body_is_refused(body: str, clock: FakeClock) -> None:
    with pytest.raises(RemoteCommandFailed):
        run(Canned(f"{header(b'out', b'err')}\n{body}\n{packed(b'err')}\n"), clock)


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [(CommandStatus.TIMED_OUT, -1, "did not end in time"), (CommandStatus.CANCELLED, -1, "Cancelled"),
     (CommandStatus.FAILED, 64, "wrong user"), (CommandStatus.FAILED, 127, "the node's stderr")],
)  # fmt: skip
def test_a_command_without_an_answer_says_why(status: CommandStatus, code: int, text: str, clock: FakeClock) -> None:
    with pytest.raises(RemoteCommandFailed, match=text) as info:
        run(Canned("", status, code), clock)
    assert info.value.details["command_id"] == "c"
