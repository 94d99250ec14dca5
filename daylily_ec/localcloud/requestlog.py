"""Names and records every API call: which service, which action, by whom, with what answer."""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from botocore.exceptions import UnknownServiceError
from botocore.session import Session

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]

CALL = "dyec.call"
"""Key of the WSGI environment under which the recorded `Incoming` travels."""
INTERNAL_KEY = "AKIADYECINTERNAL0000"
"""Access key with which the cloud calls itself; such calls are nobody's and are not recorded."""

_SIGNING_NAMES = {
    "monitoring": "cloudwatch",
    "elasticfilesystem": "efs",
    "servicequotas": "service-quotas",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
"""Name in the credential scope -> name of the botocore client, where they differ."""


@dataclass(frozen=True, slots=True)
class Call:
    """One API call; `time` is seconds since the epoch, `status` the HTTP status (0: the connection was cut).

    `caller` is an access key id, `client` the program as `client_of` tells it.
    """

    number: int
    time: float
    service: str
    action: str
    status: int
    caller: str
    client: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call that is about to be answered."""

    number: int
    service: str
    action: str
    caller: str
    client: str


class RequestLog:
    """The calls in the order in which they were answered, in memory and as JSON lines on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._started = 0

    def next_number(self) -> int:
        """The number of a call that starts now (1, 2, ...)."""
        with self._lock:
            self._started += 1
            return self._started

    def record(self, call: Call) -> None:
        """Append one call."""
        line = json.dumps(asdict(call))
        with self._lock:
            self._lines.append(line)
            with self._path.open("a", encoding="utf-8") as out:
                out.write(line + "\n")

    def text(self) -> str:
        """All calls, one JSON object per line."""
        with self._lock:
            return "".join(line + "\n" for line in self._lines)

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._lines.clear()
            self._path.unlink(missing_ok=True)


def identify(environ: Environ) -> tuple[str, str, str]:
    """Service, action and caller of a request; the service is `s3` when the request is unsigned (a presigned URL).

    Raises:
        Truncated: the client went away before it had said which action it wants.
    """
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    credential = _credential(environ.get("HTTP_AUTHORIZATION", "")) or query.get("X-Amz-Credential", ["////"])[0]
    caller, _, _, scope, _ = [*credential.split("/"), "", "", "", ""][:5]
    service = _SIGNING_NAMES.get(scope.lower(), scope.lower()) or "s3"
    return service, _action(service, environ, query), caller or "anonymous"


def client_of(environ: Environ) -> str:
    """`dyec` when the user agent carries that word, else its first program (`boto3`, `aws-cli`)."""
    words = str(environ.get("HTTP_USER_AGENT", "")).split()
    if any(word.partition("/")[0] == "dyec" for word in words):
        return "dyec"
    return words[0].partition("/")[0].lower() if words else ""


def _credential(authorization: str) -> str:
    found = re.search(r"Credential=([^,\s]+)", authorization)
    return found[1] if found else ""


def _action(service: str, environ: Environ, query: dict[str, list[str]]) -> str:
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if target:
        return target.rpartition(".")[2]
    path = str(environ.get("PATH_INFO", "/"))
    operation = re.fullmatch(r"/service/[^/]+/operation/([^/]+)", path)
    if operation:
        return str(operation[1])
    form = parse_qs(_form(environ))
    if "Action" in form:
        return form["Action"][0]
    return _rest_action(service, environ, path, query)


def _form(environ: Environ) -> str:
    if not environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return ""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = environ["wsgi.input"].read(length)
    if len(body) < length:
        raise Truncated
    environ["wsgi.input"] = io.BytesIO(body)
    return body.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class _Route:
    action: str
    method: str
    path: re.Pattern[str]
    query: frozenset[str]
    headers: frozenset[str]

    def score(self, method: str, path: str, query: Iterable[str], environ: Environ) -> int:
        """How specifically this route describes the request; -1 if it does not."""
        if method != self.method or not self.path.fullmatch(path):
            return -1
        if not self.query <= set(query) or not all(header in environ for header in self.headers):
            return -1
        return 2 * len(self.query) + len(self.headers)


def _rest_action(service: str, environ: Environ, path: str, query: dict[str, list[str]]) -> str:
    method = environ.get("REQUEST_METHOD", "GET")
    best, action = -1, f"{method} {path}"
    for route in _routes(service):
        score = route.score(method, path, query, environ)
        if score > best:
            best, action = score, route.action
    return action


@cache
def _routes(service: str) -> tuple[_Route, ...]:
    """Requests of a REST service as botocore's own model describes them; none for any other service."""
    try:
        session: Any = Session
        model = session().get_service_model(service)
    except UnknownServiceError:
        return ()
    if not model.metadata["protocol"].startswith("rest"):
        return ()
    return tuple(_route(model.operation_model(name)) for name in model.operation_names)


def _route(operation: Any) -> _Route:
    uri, _, fixed = operation.http["requestUri"].partition("?")
    pattern = re.sub(r"\\\{[^}]*?\\\}", "[^/]+", re.sub(r"\\\{[^}]*?\\\+\\\}", ".+", re.escape(uri)))
    query = {item.partition("=")[0] for item in fixed.split("&") if item}
    headers = set()
    shape = operation.input_shape
    for name in shape.required_members if shape else ():
        where = shape.members[name].serialization
        if where.get("location") == "querystring":
            query.add(where["name"])
        elif where.get("location") == "header":
            headers.add("HTTP_" + where["name"].upper().replace("-", "_"))
    return _Route(
        operation.name, operation.http["method"], re.compile(pattern + "/?"), frozenset(query), frozenset(headers)
    )


class Recorder:
    """WSGI middleware: passes each call through `before` hooks, then to moto, then into the log.

    A hook gets the number, service and action of the call and may sleep or raise `Interference` to answer in moto's
    place; so may the application, which finds the call under `CALL`.
    """

    def __init__(self, app: WsgiApp, log: RequestLog, before: tuple[Callable[[int, str, str], None], ...]) -> None:
        self._app = app
        self._log = log
        self._before = before

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        try:
            service, action, caller = identify(environ)
        except Truncated as refused:
            yield from refused.send(start_response)
            return
        if caller == INTERNAL_KEY:
            yield from self._app(environ, start_response)
            return
        number, began, seen = self._log.next_number(), time.time(), [0]
        client = client_of(environ)
        environ[CALL] = Incoming(number, service, action, caller, client)

        def watched(status: str, *rest: Any) -> Any:
            seen[0] = int(status.split()[0])
            return start_response(status, *rest)

        try:
            for hook in self._before:
                hook(number, service, action)
            body = list(self._app(environ, watched))
        except Interference as answer:
            body = answer.send(watched)
        finally:
            self._log.record(Call(number, began, service, action, seen[0], caller, client))
        yield from body


class Interference(Exception):
    """An answer given instead of the service's own."""

    def __init__(self, status: str, body: bytes, content_type: str) -> None:
        super().__init__(status)
        self.status, self.body, self.content_type = status, body, content_type

    def send(self, start_response: StartResponse) -> list[bytes]:
        """Answer the request."""
        start_response(self.status, [("Content-Type", self.content_type), ("Content-Length", str(len(self.body)))])
        return [self.body]


class Truncated(Interference):
    """A request without its end, as a killed client leaves one: nothing was asked, so nothing is done or recorded."""

    def __init__(self) -> None:
        super().__init__("400 Bad Request", b"The request is shorter than its Content-Length.\n", "text/plain")
