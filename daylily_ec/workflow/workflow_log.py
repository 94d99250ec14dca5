"""The log of a workflow session: its last lines, or all that comes until the session ends."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from daylily_ec.errors import DeadlinePassed, InvalidValue, Throttled, Unreachable
from daylily_ec.headnode import logs
from daylily_ec.headnode.logs import LogPiece, LogPlace
from daylily_ec.headnode.remote import Remote
from daylily_ec.headnode.runs import RunDirectory
from daylily_ec.workflow.run_on_headnode import open_head_node
from daylily_ec.workflow.services import Services
from daylily_ec.workflow.workflow_status import FIRST_POLL_S, StatusRequest, WorkflowStatus, look

_POLL_S = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LogRequest:
    """Which log, how many of its last lines, and the expression that a line has to match."""

    which: StatusRequest
    lines: int = 200
    match: str | None = None

    def filter(self) -> LineFilter:
        """The parsed expression; `InvalidValue` when it is none."""
        try:
            return LineFilter(re.compile(self.match) if self.match is not None else None)
        except re.error as error:
            raise InvalidValue("--match", self.match or "", f"is no regular expression: {error}") from None


class LineFilter:
    """Bytes in, whole matching lines out; without an expression text goes through as it comes."""

    def __init__(self, expression: re.Pattern[str] | None) -> None:
        self._expression = expression
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """The text that can be shown now; with `final` an unfinished last line too."""
        text = self._rest + self._decoder.decode(data, final)
        self._rest = ""
        if self._expression is None:
            return text
        # A line ends with a newline alone: carriage returns of progress bars, form feeds and the like are within it.
        lines = [f"{line}\n" for line in text.split("\n")]
        last = lines.pop()[:-1]
        if final and last:
            lines.append(last)
        elif not final:
            self._rest = last
        return "".join(line for line in lines if self._expression.search(line.rstrip("\r\n")))


@dataclass(frozen=True, slots=True)
class LogTail:
    """The last lines of a session's log, `total_bytes` of it read up to; `exit_code` once it has ended."""

    session_name: str
    total_bytes: int
    exit_code: int | None
    text: str


def workflow_log(services: Services, request: LogRequest) -> LogTail:
    """The last lines of the log, those that match if an expression is given."""
    directory, chosen = request.which.directory(), request.filter()
    remote = open_head_node(services, request.which.cluster)
    text, seen = "", logs.read_log(remote, directory, lines=request.lines)
    while seen.more:
        text += chosen.feed(seen.data)
        seen = logs.read_log(remote, directory, after=seen.place)
    text += chosen.feed(seen.data, final=True)
    # The log knows what was recorded last; whether it was the last controller that recorded it, the status knows.
    code = look(remote, directory).exit_code if seen.exit_code is not None else None
    return LogTail(directory.name, seen.place.offset, code, text)


class LogFollower:
    """Iterates over the new text of a log until the session has ended; `status` is then how it ended."""

    def __init__(self, services: Services, request: LogRequest) -> None:
        self._services = services
        self._directory: RunDirectory = request.which.directory()
        self._filter = request.filter()
        self._lines = request.lines
        self._remote: Remote = open_head_node(services, request.which.cluster)
        self.status: WorkflowStatus | None = None

    def __iter__(self) -> Iterator[str]:
        place: LogPlace | None = None
        pause, maybe_over = FIRST_POLL_S, False
        while True:
            final = maybe_over and self._has_ended()
            piece = self._read(place)
            if piece is None:
                self._services.clock.sleep(_POLL_S)
                continue
            if piece.rotated:
                self._services.reporter.warn("The log was replaced; what follows is the new one from its beginning.")
            place = piece.place
            maybe_over = final or not piece.data or piece.exit_code is not None
            yield self._filter.feed(piece.data)
            if piece.more:
                continue
            if final:
                yield self._filter.feed(b"", final=True)
                return
            pause = FIRST_POLL_S if piece.data else min(pause * 1.5, _POLL_S)
            self._services.clock.sleep(pause)

    def _has_ended(self) -> bool:
        """Asked before the log is read: what a session that has ended wrote is complete then."""
        if self.status is None or not self.status.state.is_final:
            self.status = self._answered(lambda: look(self._remote, self._directory)) or self.status
        return self.status is not None and self.status.state.is_final

    def _read(self, place: LogPlace | None) -> LogPiece | None:
        return self._answered(lambda: logs.read_log(self._remote, self._directory, lines=self._lines, after=place))

    def _answered(self, ask: Callable[[], T]) -> T | None:
        """An answer, or None when the node could not be reached this time: nothing was read, nothing is lost."""
        try:
            return ask()
        except (Throttled, Unreachable, DeadlinePassed) as error:
            self._services.reporter.warn(error.message)
            return None
