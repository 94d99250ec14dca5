"""The log of a session, read in pieces whose place is known to the byte: nothing is lost, nothing comes twice."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.headnode.remote import Remote
from daylily_ec.headnode.runs import RunDirectory, existing, session_script

PIECE_BYTES = 1_000_000
"""Bytes of one piece; the transport carries any length, but each piece has to arrive in time."""
READ_S = 120


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a reader is: file number, bytes read, and the hash of its first bytes, which tells a new file apart."""

    inode: str
    offset: int
    head: str


@dataclass(frozen=True, slots=True)
class LogPiece:
    """Bytes of a log and the place after them.

    `more` says that more can be read at once, `rotated` that the file read before is gone and a new one begins,
    `exit_code` is the session's once it has ended: the log was complete when that was read.
    """

    data: bytes
    place: LogPlace
    start: int
    more: bool
    rotated: bool
    exit_code: int | None


def read_log(remote: Remote, run: RunDirectory, *, lines: int = 200, after: LogPlace | None = None) -> LogPiece:
    """The last `lines` lines, or what came after a place; at most `PIECE_BYTES` bytes."""
    place = after or LogPlace("", 0, "")
    env = {
        **run.parameters, "DYEC_LINES": str(lines), "DYEC_BYTES": str(PIECE_BYTES), "DYEC_INODE": place.inode,
        "DYEC_OFFSET": str(place.offset), "DYEC_HEAD": place.head,
    }  # fmt: skip
    result = existing(remote.run(session_script("workflow_logs"), env, READ_S), "Reading the log")
    return _piece(result.stdout)


def _piece(text: str) -> LogPiece:
    header, _, body = text.partition("\n")
    try:
        inode, start, end, more, rotated, ended, head = header.split()
        data = base64.b64decode(body, validate=True)
        if len(data) != int(end) - int(start):
            raise ValueError(f"{len(data)} bytes instead of {int(end) - int(start)}")
        return LogPiece(
            data, LogPlace(inode, int(end), head), int(start), more == "1", rotated == "1",
            None if ended == "-" else int(ended),
        )  # fmt: skip
    except (ValueError, binascii.Error) as error:
        raise RemoteCommandFailed(f"The piece of the log is not understood: {error}",
                                  details={"stdout": text[:500]}) from error  # fmt: skip
