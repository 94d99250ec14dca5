"""Scripts on the head node: exact output, parameters that are never executed, what happens when something fails."""

from __future__ import annotations

import base64
import gzip
import os
import random
import time
from pathlib import Path

import pytest

from daylily_ec.errors import AccessDenied, DeadlinePassed, RemoteCommandFailed, ValidationError
from daylily_ec.headnode.remote import MAX_VALUES_BYTES, Remote, RemoteScript
from daylily_ec.headnode.ssm import INLINE_CHARS, MAX_COMMAND_CHARS, SsmRemote
from daylily_ec.headnode.store import NodeStore
from tests.conftest import FakeClock
from tests.integration.headnode.node import FakeLending, FakeSsm, Node

ECHO = RemoteScript("echo", 'printf %s "$DYEC_VALUE"\n')
HOSTILE = [
    "$(touch PWNED)", "`touch PWNED`", "'; touch PWNED; '", '"; touch PWNED; "', "a\nb\n\n", "\n", " lead and trail ",
    "$HOME", "${PATH}", "\\", "\\n", "!!", "*", "~", "-n", "--", "|| touch PWNED", "&& touch PWNED", "> PWNED",
    "é ü 漢字 🧬", "\t", "%s%n", "#", "' \" ` $ \\ ! * ? [ ] { } ( ) < > | & ; ~ # \n", "", "a" * 70_000,
    "EOF\ntouch PWNED\n", "\r\n",
]  # fmt: skip


def noise(size: int) -> str:
    """Text that does not get small when it is packed."""
    return "".join(random.Random(size).choices("abcdefghijklmnopqrstuvwxyz0123456789+/\n", k=size))


@pytest.fixture(params=["ssm", "local"])
def remote(request: pytest.FixtureRequest, node: Node, over_ssm: SsmRemote) -> Remote:
    return over_ssm if request.param == "ssm" else node.remote


@pytest.mark.parametrize("value", HOSTILE)
def test_values_arrive_byte_for_byte_and_are_never_executed(remote: Remote, node: Node, value: str) -> None:
    assert remote.run(ECHO, {"DYEC_VALUE": value}, 30).stdout == value
    assert list(node.root.rglob("PWNED")) == []
    assert not Path("PWNED").exists()


@pytest.mark.parametrize("words", [HOSTILE[:12], HOSTILE[12:24], ["-c", "exit 9"], ["$(touch PWNED)"]])
def test_every_word_of_a_command_stays_one_word(remote: Remote, node: Node, words: list[str]) -> None:
    argv = ["printf", "%s\\0", *words]
    env = {"DYEC_ARGC": str(len(argv)), **{f"DYEC_ARG_{number}": word for number, word in enumerate(argv)}}
    result = remote.run(RemoteScript.packaged("run_command"), env, 30)
    assert result.stdout.split("\0")[:-1] == words
    assert list(node.root.rglob("PWNED")) == []


def test_a_number_of_words_is_never_an_expression(remote: Remote, node: Node) -> None:
    result = remote.run(RemoteScript.packaged("run_command"), {"DYEC_ARGC": "a[$(touch PWNED)]"}, 30)
    assert result.exit_code == 64
    assert list(node.root.rglob("PWNED")) == []
    assert not Path("PWNED").exists()


@pytest.mark.parametrize("size", [0, 1, 2_499, 2_500, 2_501, 7_999, 8_000, 8_001, 23_999, 24_000, 24_001, 300_000])
def test_output_of_any_length_is_exact(remote: Remote, size: int) -> None:
    # Not compressible, so that the longer ones do not fit into one answer.
    script = RemoteScript("noise", f"base64 -w 0 /dev/urandom | head -c {size} | tee /dev/stderr\n")
    result = remote.run(script, {}, 30)
    assert len(result.stdout) == size
    assert result.stdout == result.stderr


def test_long_output_comes_in_pieces_that_fit(ssm: FakeSsm, over_ssm: SsmRemote) -> None:
    script = RemoteScript("noise", "head -c 60000 /dev/urandom | base64 -w 0\n")
    assert len(over_ssm.run(script, {}, 30).stdout) == 80_000
    assert len(ssm.commands) > 3
    assert all(len(ssm._ended[key].stdout) < INLINE_CHARS + 400 for key in ssm._ended)


def test_characters_outside_ascii_survive_the_seam_between_pieces(over_ssm: SsmRemote) -> None:
    script = RemoteScript("unicode", "for ((i = 0; i < 12000; i++)); do printf 'é漢🧬%s' $RANDOM; done\n")
    text = over_ssm.run(script, {}, 30).stdout
    assert "�" not in text
    assert text.count("é漢🧬") == 12_000


@pytest.mark.weakness("H10")
def test_the_exit_code_and_stderr_are_kept(remote: Remote) -> None:
    result = remote.run(RemoteScript("fails", "echo out; echo why >&2; exit 7\n"), {}, 30)
    assert (result.exit_code, result.stdout, result.stderr) == (7, "out\n", "why\n")
    with pytest.raises(
        RemoteCommandFailed, match=r"(?s)^Doing it failed on the head node with exit code 7:\nwhy$"
    ) as info:
        result.require_success("Doing it")
    assert info.value.details["stdout"] == "out\n"


def test_a_script_cannot_read_the_transport(remote: Remote) -> None:
    assert remote.run(RemoteScript("reads", "cat; echo end\n"), {}, 30).stdout == "end\n"


def test_background_processes_do_not_keep_the_answer_waiting(remote: Remote) -> None:
    result = remote.run(RemoteScript("background", "sleep 20 & echo started $!\n"), {}, 10)
    pid = result.stdout.split()[1]
    remote.run(RemoteScript("kill", f"kill {pid}\n"), {}, 10)
    assert result.exit_code == 0


def test_a_command_delivered_twice_runs_once(ssm: FakeSsm, over_ssm: SsmRemote, node: Node) -> None:
    ssm.deliveries = 2
    result = over_ssm.run(RemoteScript("once", 'echo run >> "$HOME/runs"; wc -l < "$HOME/runs"\n'), {}, 30)
    assert result.stdout == "1\n"
    assert (node.home / "runs").read_text() == "run\n"


@pytest.mark.parametrize("place", ["absent", "/sys/kernel", "a-file"])
def test_a_node_without_room_for_the_call_says_so_at_once(
    ssm: FakeSsm, over_ssm: SsmRemote, node: Node, place: str
) -> None:
    (node.root / "a-file").touch()
    # A directory that is absent, one in which nobody may write, and none at all.
    node.env["TMPDIR"] = str(node.root / place)
    began = time.monotonic()
    with pytest.raises(RemoteCommandFailed, match=r"mkdir: cannot create directory(.|\n)*Nothing was run") as info:
        over_ssm.run(RemoteScript("once", 'echo ran >> "$HOME/ran"\n'), {}, 30)
    assert info.value.details["exit_code"] == 71
    assert not (node.home / "ran").exists()
    assert time.monotonic() - began < 20


def test_another_user_is_refused_with_64(ssm: FakeSsm, node: Node, over_ssm: SsmRemote) -> None:
    ssm.env = {**node.env, "FAKE_USER": "root"}
    with pytest.raises(RemoteCommandFailed, match=r"wrong user.*must run as ubuntu, not as root"):
        over_ssm.run(ECHO, {"DYEC_VALUE": ""}, 30)
    assert ssm._ended["command-0"].exit_code == 64


def test_without_an_answer_the_nodes_own_words_are_shown(ssm: FakeSsm, node: Node, over_ssm: SsmRemote) -> None:
    node.program("sudo", "#!/bin/sh\necho 'unknown user ubuntu' >&2; exit 1\n")
    with pytest.raises(RemoteCommandFailed, match=r"(?s)gave no answer.*exit code 1.*unknown user ubuntu"):
        over_ssm.run(ECHO, {"DYEC_VALUE": ""}, 30)


@pytest.mark.parametrize("program", ["base64", "gzip"])
def test_an_empty_answer_is_not_success(node: Node, over_ssm: SsmRemote, program: str) -> None:
    node.program(program, "#!/bin/sh\nexit 0\n")
    with pytest.raises(RemoteCommandFailed):
        over_ssm.run(ECHO, {"DYEC_VALUE": "x"}, 30)


def test_damaged_output_is_refused(ssm: FakeSsm, node: Node, over_ssm: SsmRemote) -> None:
    node.program("sha256sum", "#!/bin/sh\necho '0000  -'\n")
    with pytest.raises(RemoteCommandFailed) as info:
        over_ssm.run(ECHO, {"DYEC_VALUE": "x"}, 30)
    assert info.value.code == "remote_output_damaged"


def test_both_timeouts_are_set_and_the_comment_fits(ssm: FakeSsm, over_ssm: SsmRemote) -> None:
    over_ssm.run(ECHO, {"DYEC_VALUE": ""}, 12.5)
    assert ssm.timeouts == [(60, 13)]
    assert ssm.comments == ["dyec echo"]


def test_throttled_and_late_answers_are_waited_for(ssm: FakeSsm, over_ssm: SsmRemote) -> None:
    ssm.throttled_polls, ssm.late_polls = 2, 3
    assert over_ssm.run(ECHO, {"DYEC_VALUE": "x"}, 30).stdout == "x"


@pytest.mark.weakness("M3")
def test_a_command_past_its_deadline_is_cancelled(ssm: FakeSsm, over_ssm: SsmRemote) -> None:
    ssm.never_ends = True
    with pytest.raises(DeadlinePassed, match=r"echo on i-0123456789abcdef0: .*InProgress"):
        over_ssm.run(ECHO, {"DYEC_VALUE": ""}, 30)
    assert ssm.cancelled == ["command-0"]


def test_the_local_transport_stops_a_command_past_its_deadline(node: Node) -> None:
    with pytest.raises(DeadlinePassed):
        node.remote.run(RemoteScript("long", 'echo $$ > "$HOME/pid"; sleep 60\n'), {}, 0.5)
    assert not Path("/proc", (node.home / "pid").read_text().strip()).exists()


def test_without_a_place_in_s3_too_large_a_payload_is_refused_before_anything_is_sent(
    ssm: FakeSsm, clock: FakeClock
) -> None:
    with pytest.raises(ValidationError) as info:
        SsmRemote(ssm, "i-1", clock).run(ECHO, {"DYEC_VALUE": noise(119_000)}, 30)
    assert info.value.code == "payload_too_large"
    with pytest.raises(ValidationError):
        SsmRemote(ssm, "i-1", clock).run(ECHO, {"DYEC_VALUE": "x" * (MAX_VALUES_BYTES + 1)}, 30)
    assert ssm.commands == []


@pytest.mark.weakness("M3")
@pytest.mark.parametrize("size", [30_000, 119_999, 120_000, 120_001, 131_072, 5_000_000])
def test_payloads_over_the_limit_arrive_through_s3_byte_for_byte(
    remote: Remote, node: Node, lending: FakeLending, size: int
) -> None:
    value = noise(size - 1) + "\n"
    script = RemoteScript("keeps", 'printf %s "$DYEC_VALUE" > "$HOME/kept"; /bin/echo done\n')
    assert remote.run(script, {"DYEC_VALUE": value}, 60).stdout == "done\n"
    assert (node.home / "kept").read_text() == value
    assert lending.left == []


def test_many_values_do_not_overflow_the_environment(remote: Remote, node: Node) -> None:
    env = {f"DYEC_VALUE_{number}": noise(100_000) for number in range(30)}
    script = RemoteScript("sums", 'for ((n = 0; n < 30; n++)); do v="DYEC_VALUE_$n"; printf %s "${!v}"; done | wc -c\n')
    assert remote.run(script, env, 60).stdout.strip() == "3000000"


def test_a_payload_that_was_changed_in_s3_is_never_run(
    ssm: FakeSsm, over_ssm: SsmRemote, node: Node, lending: FakeLending
) -> None:
    lending.damage = True
    script = RemoteScript("touches", 'touch "$HOME/ran"\n')
    with pytest.raises(RemoteCommandFailed, match=r"has SHA-256 [0-9a-f]{64}, not [0-9a-f]{64}; nothing was run"):
        over_ssm.run(script, {"DYEC_VALUE": noise(119_000)}, 30)
    assert not (node.home / "ran").exists()
    assert lending.left == []
    lending.damage = False
    over_ssm.run(script, {"DYEC_VALUE": noise(119_000)}, 30)
    assert (node.home / "ran").exists()


def test_a_payload_that_the_node_cannot_read_says_so_in_its_own_words(node: Node, over_ssm: SsmRemote) -> None:
    node.program("aws", "#!/bin/sh\necho 'fatal error: AccessDenied on GetObject' >&2; exit 1\n")
    with pytest.raises(RemoteCommandFailed, match="AccessDenied on GetObject"):
        over_ssm.run(ECHO, {"DYEC_VALUE": noise(119_000)}, 30)
    assert list((node.root / "tmp").glob("dyec.*")) == []


def test_an_object_that_cannot_be_removed_is_named(
    over_ssm: SsmRemote, lending: FakeLending, warnings: list[str]
) -> None:
    lending.removal = AccessDenied("s3:DeleteObject was denied")
    over_ssm.run(ECHO, {"DYEC_VALUE": noise(119_000)}, 30)
    assert warnings == [
        f"s3://parallelcluster-1/{lending.stored[0]} could not be removed (s3:DeleteObject was denied); "
        f"it goes with the cluster, or: aws s3 rm s3://parallelcluster-1/{lending.stored[0]}"
    ]


@pytest.mark.weakness("M3")
def test_ctrl_c_cancels_the_command_and_leaves_no_object(ssm: FakeSsm, node: Node, store: NodeStore) -> None:
    class Impatient(FakeClock):
        def sleep(self, seconds: float) -> None:
            raise KeyboardInterrupt

    ssm.never_ends = True
    with pytest.raises(KeyboardInterrupt):
        SsmRemote(ssm, "i-1", Impatient(), store).run(ECHO, {"DYEC_VALUE": noise(119_000)}, 30)
    assert ssm.cancelled == ["command-0"]
    assert FakeLending(node.root / "s3").left == []


@pytest.mark.parametrize("value", ["a\0b", "\udcff"])
def test_values_that_no_environment_can_hold_are_refused(remote: Remote, value: str) -> None:
    with pytest.raises(ValidationError):
        remote.run(ECHO, {"DYEC_VALUE": value}, 30)


def test_no_value_is_readable_as_script_text(ssm: FakeSsm, over_ssm: SsmRemote) -> None:
    over_ssm.run(ECHO, {"DYEC_VALUE": "SECRET-LOOKING; rm -rf /"}, 30)
    assert len(ssm.commands[0]) < MAX_COMMAND_CHARS
    call = gzip.decompress(base64.b64decode(ssm.commands[0].split()[2])).decode()
    script = next(line for line in call.splitlines() if line.startswith("DYEC_SCRIPT="))
    assert "SECRET" not in gzip.decompress(base64.b64decode(script.partition("=")[2])).decode()


def test_old_answers_are_swept_and_fresh_ones_kept(node: Node, over_ssm: SsmRemote) -> None:
    # Without the stand-in for find; the node's user is the test's own.
    (node.root / "bin/find").write_text('#!/bin/sh\nexec /usr/bin/find "$1" "$2" "$3" "$4" "$5" "$8" "$9"\n')
    for name, age in (("old", 7200), ("fresh", 60)):
        folder = node.root / "tmp" / f"dyec.{name}"
        folder.mkdir()
        (folder / "exit").write_text("0\n")
        moment = time.time() - age
        os.utime(folder / "exit", (moment, moment))
    over_ssm.run(ECHO, {"DYEC_VALUE": ""}, 30)
    assert not (node.root / "tmp/dyec.old").exists()
    assert (node.root / "tmp/dyec.fresh").exists()
