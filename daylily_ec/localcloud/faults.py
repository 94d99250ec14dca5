"""Faults at the n-th call of one client, worded as AWS words them.

Codes and HTTP statuses: "Common Error Types" of each API reference, and for S3
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from daylily_ec.localcloud.requestlog import CALL, Environ, Incoming, Interference, StartResponse, WsgiApp
from daylily_ec.localcloud.wire import Failure, error_answer


class Kind(StrEnum):
    """What goes wrong.  LOST: the call takes effect, and its answer never arrives."""

    THROTTLE = "throttle"
    ERROR = "500"
    RESET = "reset"
    TIMEOUT = "timeout"
    LOST = "lost"
    DENIED = "denied"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Fault:
    """At call `call` (1, 2, …) of `client`, counted from when the fault was set; `action` counts its calls alone.

    `for_good`: from then on DENIED refuses that call's action always, every other kind meets every later call.
    `seconds` is how long a TIMEOUT is silent before it hangs up.
    """

    kind: Kind
    call: int
    client: str = "dyec"
    for_good: bool = False
    seconds: float = 30.0
    action: str = ""


@dataclass(frozen=True, slots=True)
class FaultReport:
    """What became of the fault: calls of its client so far, and the action that met it first (empty: none yet)."""

    calls: int
    hit: str
    hits: int


class Faults:
    """The one fault that is set, with its count; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._calls, self._hits, self._hit = 0, 0, ""

    def set(self, fault: Fault | None) -> None:
        """Replace the fault and begin to count anew."""
        with self._lock:
            self._fault, self._calls, self._hits, self._hit = fault, 0, 0, ""

    def report(self) -> FaultReport:
        """The count so far."""
        with self._lock:
            return FaultReport(self._calls, self._hit, self._hits)

    def meet(self, call: Incoming) -> Fault | None:
        """Count a call; the fault when it is this call's."""
        with self._lock:
            fault = self._fault
            if fault is None or fault.client not in (call.client, call.caller):
                return None
            name = f"{call.service}:{call.action}"
            if fault.action not in ("", name):
                return None
            self._calls += 1
            if not self._is_met(fault, name):
                return None
            self._hit, self._hits = self._hit or name, self._hits + 1
            return fault

    def _is_met(self, fault: Fault, name: str) -> bool:
        if self._calls == fault.call:
            return True
        later = fault.for_good and self._calls > fault.call
        return later and (fault.kind is not Kind.DENIED or name == self._hit)


class FaultGate:
    """WSGI application between the recorder and moto: lets calls pass, or answers as the fault says."""

    def __init__(self, app: WsgiApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        call: Incoming | None = environ.get(CALL)
        fault = self._faults.meet(call) if call else None
        if call is None or fault is None:
            return self._app(environ, start_response)
        if fault.kind is Kind.LOST:
            b"".join(self._app(environ, lambda *_: None))
        if fault.kind is Kind.TIMEOUT:
            time.sleep(fault.seconds)
        if fault.kind in (Kind.RESET, Kind.TIMEOUT, Kind.LOST):
            raise _hung_up(environ)
        raise Interference(*error_answer(_FAILURES[fault.kind], call, environ))


def _hung_up(environ: Environ) -> ConnectionResetError:
    """Cut the connection: the client sees it end without an answer."""
    line: Any = environ.get("werkzeug.socket")
    if line is not None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.shutdown(socket.SHUT_RDWR)
    return ConnectionResetError("fault injected")


_FAILURES = {
    Kind.THROTTLE: Failure("Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown", 400,
                           "Rate exceeded"),
    Kind.ERROR: Failure("InternalFailure", "InternalServerException", "InternalError", "InternalError", 500,
                        "An internal error has occurred"),
    Kind.DENIED: Failure("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccessDenied", 403, ""),
    Kind.EXPIRED: Failure("ExpiredToken", "ExpiredTokenException", "RequestExpired", "ExpiredToken", 403,
                          "The security token included in the request is expired"),
}  # fmt: skip
