"""Output on either side of every limit is exact: each length from 2,499 to 24,001 characters, through AWS's cut."""

from __future__ import annotations

import base64
import gzip
import hashlib
import random
from dataclasses import dataclass, field

import pytest

from daylily_ec.aws.ssm import STDERR_LIMIT, STDOUT_LIMIT, CommandStatus, Invocation
from daylily_ec.headnode.remote import Remote, RemoteScript
from daylily_ec.headnode.ssm import SsmRemote
from tests.conftest import FakeClock
from tests.integration.headnode.node import Node

FIRST, LAST = 2_499, 24_001
NOISE = base64.b64encode(random.Random(12).randbytes(24_000)).decode()[:LAST]


@dataclass
class Pretending:
    """An `SsmApi` that answers as the transport script does, from Python, and cuts as AWS does."""

    out: str = ""
    err: str = ""
    answers: int = 0
    sent: list[str] = field(default_factory=list)

    def ping(self, instance_id: str) -> str:
        return "Online"

    def send(self, instance_id: str, command: str, *, comment: str, delivery_s: int, execution_s: int) -> str:
        self.sent.append(gzip.decompress(base64.b64decode(command.split()[2])).decode())
        return str(len(self.sent) - 1)

    def cancel(self, command_id: str, instance_id: str) -> None:
        raise AssertionError("nothing to cancel")

    def invocation(self, command_id: str, instance_id: str) -> Invocation:
        self.answers += 1
        text = self._answer(self.sent[int(command_id)])
        return Invocation(command_id, CommandStatus.SUCCESS, "Success", 0, text[:STDOUT_LIMIT], "e" * STDERR_LIMIT)

    def _answer(self, call: str) -> str:
        encoded = next(line for line in call.splitlines() if line.startswith("DYEC_SCRIPT=")).partition("=")[2]
        script = gzip.decompress(base64.b64decode(encoded.strip("'"))).decode()
        room = int(next(line for line in call.splitlines() if line.startswith("DYEC_INLINE=")).partition("=")[2])
        streams = [self.out.encode(), self.err.encode()]
        if "DYEC_OFFSET" in script:
            given = dict(_parameters(script))
            whole = gzip.compress(streams[given["DYEC_STREAM"] == "stderr"], mtime=0)
            at = int(given["DYEC_OFFSET"])
            streams = [whole[at : at + int(given["DYEC_LENGTH"])], b""]
        return _as_the_script(streams, room)


def _parameters(script: str) -> list[tuple[str, str]]:
    lines = [line for line in script.splitlines() if line.startswith("DYEC_") and "base64 -d" in line]
    return [(line.partition("=")[0], base64.b64decode(line.split()[2]).decode()[:-1]) for line in lines]


def _as_the_script(streams: list[bytes], room: int) -> str:
    sums = " ".join(f"{len(raw)} {hashlib.sha256(raw).hexdigest()}" for raw in streams)
    lines = [f"DYEC1 0 {sums}"]
    for raw in streams:
        packed = gzip.compress(raw, mtime=0)
        text = base64.b64encode(packed).decode()
        if len(text) <= room:
            lines.append(f"={text}")
            room -= len(text)
        else:
            lines.append(f">{len(packed)}")
    return "\n".join(lines) + "\n"


@pytest.mark.weakness("M3")
def test_every_length_is_exact_through_the_cut(clock: FakeClock) -> None:
    proved = 0
    for size in range(FIRST, LAST + 1):
        # Both outputs count against the same answer, so the sum of what is read crosses the limit twice.
        api = Pretending(NOISE[:size], NOISE[LAST - size // 3 :])
        result = SsmRemote(api, "i-1", clock).run(RemoteScript("noise", "true\n"), {}, 30)
        assert result.stdout == api.out, size
        assert result.stderr == api.err, size
        proved += 1
    print(f"P12: {proved} lengths exact")
    assert proved == 21_503


@pytest.mark.parametrize("size", [*range(2_499, 24_001, 1_531), 23_999, 24_000, 24_001])
def test_a_sample_of_lengths_is_exact_through_the_real_script(node: Node, over_ssm: SsmRemote, size: int) -> None:
    text = NOISE[: size - 2] + "é"
    (node.home / "text").write_text(text)
    remote: Remote = over_ssm
    result = remote.run(RemoteScript("noise", 'cat "$HOME/text"; cat "$HOME/text" >&2\n'), {}, 30)
    assert (result.stdout, result.stderr) == (text, text)
