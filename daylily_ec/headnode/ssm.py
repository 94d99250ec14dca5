"""The transport over Systems Manager: for everybody who is not on the head node.

A command is one line of shell: the packed transport script, unpacked and piped into a login shell of the cluster user.
Each call carries a token; the node runs a token once, so a request that was delivered twice does no harm.  A script too
large for a command travels as an object, which the node checks against its SHA-256 before it runs anything.  Output
that does not fit into the answer is fetched in pieces, or through S3 when there are many; lengths and SHA-256 prove
that it is complete.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import math
import secrets
import shlex
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from daylily_ec.aws.ssm import STDOUT_LIMIT, CommandStatus, Invocation, SsmApi
from daylily_ec.errors import AwsError, RemoteCommandFailed, Throttled, Unreachable, ValidationError
from daylily_ec.headnode.remote import CLUSTER_USER, WRONG_USER, RemoteResult, RemoteScript, packed
from daylily_ec.headnode.store import NodeStore
from daylily_ec.util.clock import Clock, wait_until

MAX_COMMAND_CHARS = 60_000
"""Bound of one command: Systems Manager takes documents and parameters of 64 KB."""
INLINE_CHARS = STDOUT_LIMIT - 400
"""Room for packed output in one answer beside the header."""
PIECE_BYTES = 16_000
"""Bytes of one fetched piece: packed and encoded it stays below `INLINE_CHARS`."""
MAX_PIECES = 8
"""More than so many pieces are one object in the cluster's place in S3 instead."""
HANDING_S = 900
MAX_OUTPUT_BYTES = 256 * 1024 * 1024
DELIVERY_S = 60
_HEADER = "DYEC1"


@dataclass(frozen=True, slots=True)
class _Stream:
    """One output as the answer describes it; `inline` is its packed form when it fitted in, else None."""

    name: str
    size: int
    sha256: str
    packed_size: int
    inline: bytes | None


@dataclass(frozen=True, slots=True)
class _Answer:
    """The parsed answer of the transport script."""

    exit_code: int
    streams: tuple[_Stream, _Stream]


class SsmRemote:
    """`Remote` through Run Command on one instance."""

    def __init__(self, api: SsmApi, instance_id: str, clock: Clock, store: NodeStore | None = None) -> None:
        self._api = api
        self._instance = instance_id
        self._clock = clock
        self._store = store

    @cached_property
    def _transport(self) -> str:
        return RemoteScript.packaged("transport").text

    def run(self, script: RemoteScript, env: Mapping[str, str], timeout: float) -> RemoteResult:
        """Run a script; see `Remote.run`."""
        exit_code, stdout, stderr = self._run(script, env, timeout)
        return RemoteResult(exit_code, stdout.decode(errors="replace"), stderr.decode(errors="replace"))

    def _run(self, script: RemoteScript, env: Mapping[str, str], timeout: float) -> tuple[int, bytes, bytes]:
        token = secrets.token_hex(12)
        with self._command(script, env, token) as command:
            invocation = self._execute(script.name, command, timeout)
        answer = _parse(script.name, invocation)
        stdout, stderr = (self._content(script.name, token, stream) for stream in answer.streams)
        return answer.exit_code, stdout, stderr

    @contextmanager
    def _command(self, script: RemoteScript, env: Mapping[str, str], token: str) -> Iterator[str]:
        body = gzip.compress(script.with_parameters(env).encode(), mtime=0)
        command = self._line(token, {"DYEC_SCRIPT": base64.b64encode(body).decode()})
        if len(command) <= MAX_COMMAND_CHARS:
            yield command
            return
        if self._store is None:
            raise ValidationError(
                f"{script.name}: the command has {len(command):,} characters; "
                f"Systems Manager takes {MAX_COMMAND_CHARS:,}, and the cluster has no place in S3 for it.",
                code="payload_too_large", hint="Stage large tables and launch with --stage-dir.",
            )  # fmt: skip
        with self._store.lent(body) as lent:
            yield self._line(token, {"DYEC_OBJECT": lent.uri, "DYEC_SHA256": lent.sha256, "DYEC_REGION": lent.region})

    def _line(self, token: str, given: Mapping[str, str]) -> str:
        fixed = {"DYEC_USER": CLUSTER_USER, "DYEC_TOKEN": token, "DYEC_INLINE": str(INLINE_CHARS)}
        settings = "".join(f"{name}={shlex.quote(value)}\n" for name, value in {**fixed, **given}.items())
        return (
            f"printf %s {packed(settings + self._transport)} | base64 -d | gzip -dc | sudo -iu {CLUSTER_USER} bash -l"
        )

    def _execute(self, name: str, command: str, timeout: float) -> Invocation:
        execution = max(math.ceil(timeout), 1)
        command_id = self._api.send(
            self._instance, command, comment=f"dyec {name}", delivery_s=DELIVERY_S, execution_s=execution
        )
        try:
            seen = wait_until(
                lambda: self._look(command_id),
                done=lambda found: found is not None and found.status.is_final,
                what=f"{name} on {self._instance}",
                deadline=execution + DELIVERY_S,
                first=0.2,
                every=3.0,
                clock=self._clock,
                describe=lambda found: found.status_details if found else "not known to Systems Manager yet",
            )
        except BaseException:
            # A deadline, Ctrl-C, or an answer that will not come: nobody would read the result any more.
            self._cancel(command_id)
            raise
        assert seen is not None
        return seen

    def _look(self, command_id: str) -> Invocation | None:
        try:
            return self._api.invocation(command_id, self._instance)
        except (Throttled, Unreachable):
            return None

    def _cancel(self, command_id: str) -> None:
        try:
            self._api.cancel(command_id, self._instance)
        except AwsError:
            return  # what ended the wait is what the user must hear of

    def _content(self, name: str, token: str, stream: _Stream) -> bytes:
        if stream.size > MAX_OUTPUT_BYTES:
            raise RemoteCommandFailed(
                f"{name}: its {stream.name} has {stream.size:,} bytes, more than {MAX_OUTPUT_BYTES:,}; "
                f"it lies on the head node in /tmp/dyec.{token}/{stream.name} for an hour.",
                code="remote_output_too_large",
            )
        raw = stream.inline if stream.inline is not None else self._fetch(token, stream)
        try:
            content = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as exc:
            raise _damaged(name, stream) from exc
        if len(content) != stream.size or hashlib.sha256(content).hexdigest() != stream.sha256:
            raise _damaged(name, stream)
        return content

    def _fetch(self, token: str, stream: _Stream) -> bytes:
        script = RemoteScript.packaged("fetch_output")
        if self._store is not None and stream.packed_size > MAX_PIECES * PIECE_BYTES:
            return self._handed_over(self._store, script, token, stream)
        pieces = []
        for offset in range(0, stream.packed_size, PIECE_BYTES):
            env = {"DYEC_TOKEN": token, "DYEC_STREAM": stream.name, "DYEC_OFFSET": str(offset),
                   "DYEC_LENGTH": str(PIECE_BYTES)}  # fmt: skip
            exit_code, piece, stderr = self._run(script, env, 60)
            RemoteResult(exit_code, "", stderr.decode(errors="replace")).require_success("Fetching the output")
            pieces.append(piece)
        return b"".join(pieces)

    def _handed_over(self, store: NodeStore, script: RemoteScript, token: str, stream: _Stream) -> bytes:
        with store.handed_over(HANDING_S) as handed, tempfile.TemporaryDirectory(prefix="dyec.") as folder:
            env = {"DYEC_TOKEN": token, "DYEC_STREAM": stream.name, "DYEC_URL": handed.url}
            exit_code, _, stderr = self._run(script, env, HANDING_S)
            RemoteResult(exit_code, "", stderr.decode(errors="replace")).require_success("Fetching the output")
            path = Path(folder, "packed")
            handed.fetch(path)
            return path.read_bytes()


def _parse(name: str, invocation: Invocation) -> _Answer:
    """The answer in an ended invocation; `RemoteCommandFailed` when the transport script did not get to its end."""
    start = invocation.stdout.find(_HEADER + " ")
    try:
        head, *packed_streams = invocation.stdout[start:].splitlines()
        _, exit_code, out_size, out_sum, err_size, err_sum = head.split()
        out, err = packed_streams[:2]
        streams = (_stream("stdout", out_size, out_sum, out), _stream("stderr", err_size, err_sum, err))
        return _Answer(int(exit_code), streams)
    except ValueError as exc:
        raise _undelivered(name, invocation) from exc


def _stream(name: str, size: str, sha256: str, body: str) -> _Stream:
    if body.startswith("="):
        return _Stream(name, int(size), sha256, 0, base64.b64decode(body[1:], validate=True))
    return _Stream(name, int(size), sha256, int(body.removeprefix(">")), None)


def _undelivered(name: str, seen: Invocation) -> RemoteCommandFailed:
    shown = "\n".join((seen.stderr.strip() or seen.stdout.strip()).splitlines()[-12:])
    state = f"{seen.status_details}, exit code {seen.exit_code}"
    if seen.status is CommandStatus.TIMED_OUT:
        text = f"{name} did not end in time on the head node ({state})."
    elif seen.exit_code == WRONG_USER:
        text = f"{name} ran as the wrong user on the head node: {shown}"
    else:
        text = f"{name} gave no answer on the head node ({state})" + (f":\n{shown}" if shown else ".")
    details = {"command_id": seen.command_id, "status": seen.status_details, "exit_code": seen.exit_code,
               "stdout": seen.stdout, "stderr": seen.stderr}  # fmt: skip
    return RemoteCommandFailed(text, details=details)


def _damaged(name: str, stream: _Stream) -> RemoteCommandFailed:
    return RemoteCommandFailed(
        f"{name}: its {stream.name} came back damaged ({stream.size:,} bytes with SHA-256 {stream.sha256} expected).",
        code="remote_output_damaged", hint="Run the command again.",
    )  # fmt: skip
