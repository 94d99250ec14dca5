"""The control path `/_dyec/`: what a test or a demo may ask of the cloud beside the AWS APIs.

| request | effect |
|---|---|
| `GET health` | who answers: pid, root, instance |
| `GET requests`, `DELETE requests` | the request log as JSON lines; forget it |
| `POST boot {"cluster"?, "delay"?, "fail"?: {"exit_code"?, "reason"?, "tail"?}}` | slow or failing boot of head nodes |
| `POST quota {"service", "code", "value"}` | override a service quota (`"value": null` lifts the override) |
| `POST latency {"ms"}` | delay every API call |
| `POST ssm {"answer": {"exit_code"?, "stdout"?, "stderr"?}}` | so answers every Run Command unrun; `null` ends it |
| `POST fault {"kind", "call", "client"?, "for_good"?, "seconds"?, "action"?}` | a client's n-th call fails |
| `GET fault`, `DELETE fault` | what became of it: `{"calls", "hit", "hits"}`; take it away |
| `POST reset` | empty the account and stop all head nodes |
| `GET git/<repository>.git/...` | files below the git directory (a git remote over dumb HTTP) |

An underscore is not allowed in a bucket name, so the path cannot hide an S3 object.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from daylily_ec.localcloud.faults import Fault, Kind
from daylily_ec.localcloud.requestlog import Environ, RequestLog, StartResponse, WsgiApp
from daylily_ec.localcloud.runtime import BootFailure, BootPlan, Runtime
from daylily_ec.localcloud.seams import CommandResult

PREFIX = "/_dyec/"
SPOT_PRICES = "simulated"


@dataclass(frozen=True, slots=True)
class Answer:
    """One response of the control path."""

    status: HTTPStatus
    body: bytes
    content_type: str = "application/json"

    @classmethod
    def document(cls, value: object) -> Answer:
        """200 with a JSON document."""
        return cls(HTTPStatus.OK, json.dumps(value).encode())

    @classmethod
    def error(cls, status: HTTPStatus, message: str) -> Answer:
        """An error with its reason."""
        return cls(status, json.dumps({"error": message}).encode())


class ControlPath:
    """WSGI application for `/_dyec/`; every other path goes to `app`."""

    def __init__(
        self,
        app: WsgiApp,
        runtime: Runtime,
        log: RequestLog,
        identity: Mapping[str, object],
        reset: Callable[[], None],
    ) -> None:
        self._app = app
        self._runtime = runtime
        self._log = log
        self._identity = identity
        self._reset = reset
        self._routes: dict[tuple[str, str], Callable[[dict[str, Any]], Answer]] = {
            ("GET", "health"): self._health,
            ("GET", "requests"): self._requests,
            ("DELETE", "requests"): self._forget,
            ("POST", "boot"): self._boot,
            ("POST", "quota"): self._quota,
            ("POST", "latency"): self._latency,
            ("POST", "ssm"): self._ssm,
            ("POST", "fault"): self._fault,
            ("GET", "fault"): self._met,
            ("DELETE", "fault"): self._no_fault,
            ("POST", "reset"): self._empty,
        }

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        if not path.startswith(PREFIX):
            return self._app(environ, start_response)
        answer = self._answer(str(environ["REQUEST_METHOD"]), path.removeprefix(PREFIX), environ)
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
        start_response(f"{answer.status.value} {answer.status.phrase}", headers)
        return [answer.body]

    def _answer(self, method: str, name: str, environ: Environ) -> Answer:
        if name.startswith("git/"):
            return self._git(name.removeprefix("git/"))
        handler = self._routes.get((method, name))
        if handler is None:
            return Answer.error(HTTPStatus.NOT_FOUND, f"no {method} {PREFIX}{name}")
        try:
            return handler(_document(environ))
        except (KeyError, TypeError, ValueError) as error:
            return Answer.error(HTTPStatus.BAD_REQUEST, f"{type(error).__name__}: {error}")

    def _health(self, _: dict[str, Any]) -> Answer:
        unavailable = self._runtime.manager.unavailable()
        return Answer.document({**self._identity, "head_nodes": unavailable or "available", "spot_prices": SPOT_PRICES})

    def _requests(self, _: dict[str, Any]) -> Answer:
        return Answer(HTTPStatus.OK, self._log.text().encode(), "application/x-ndjson")

    def _forget(self, _: dict[str, Any]) -> Answer:
        self._log.clear()
        return Answer.document({})

    def _boot(self, request: dict[str, Any]) -> Answer:
        fail = request.get("fail")
        failure = None
        if fail is not None:
            failure = BootFailure(
                int(fail.get("exit_code", 1)), fail.get("reason"), tuple(map(str, fail.get("tail", ())))
            )
        self._runtime.switches.boot[request.get("cluster")] = BootPlan(float(request.get("delay", 0)), failure)
        return Answer.document({})

    def _quota(self, request: dict[str, Any]) -> Answer:
        key = (str(request["service"]), str(request["code"]))
        self._runtime.switches.quotas.pop(key, None)
        if request["value"] is not None:
            self._runtime.switches.quotas[key] = float(request["value"])
        return Answer.document({})

    def _latency(self, request: dict[str, Any]) -> Answer:
        self._runtime.switches.latency = float(request["ms"]) / 1000
        return Answer.document({})

    def _ssm(self, request: dict[str, Any]) -> Answer:
        given, result = request["answer"], None
        if given is not None:
            code, out, err = int(given.get("exit_code", 0)), str(given.get("stdout", "")), str(given.get("stderr", ""))
            result = CommandResult("Failed" if code else "Success", code, out.encode(), err.encode())
        self._runtime.switches.answer = result
        return Answer.document({})

    def _fault(self, request: dict[str, Any]) -> Answer:
        wanted = {**request, "kind": Kind(request["kind"]), "call": int(request["call"])}
        self._runtime.faults.set(Fault(**wanted))
        return Answer.document({})

    def _met(self, _: dict[str, Any]) -> Answer:
        return Answer.document(asdict(self._runtime.faults.report()))

    def _no_fault(self, _: dict[str, Any]) -> Answer:
        self._runtime.faults.set(None)
        return Answer.document({})

    def _empty(self, _: dict[str, Any]) -> Answer:
        self._reset()
        return Answer.document({})

    def _git(self, name: str) -> Answer:
        base = self._runtime.layout.git.resolve()
        target = (base / name).resolve()
        repository = Path(name).parts[0] if Path(name).parts else ""
        if not repository.endswith(".git") or not target.is_relative_to(base) or not target.is_file():
            return Answer.error(HTTPStatus.NOT_FOUND, f"no file {name}")
        return Answer(
            HTTPStatus.OK, target.read_bytes(), mimetypes.guess_type(target.name)[0] or "application/octet-stream"
        )


def _document(environ: Environ) -> dict[str, Any]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    value = json.loads(environ["wsgi.input"].read(length)) if length else {}
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")
    return value
