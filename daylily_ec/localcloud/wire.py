"""Errors in the words and the format of each AWS protocol, for answers given in a service's place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from daylily_ec.localcloud.requestlog import Environ, Incoming

_CBOR_TEXT, _CBOR_MAP = 0x60, 0xA0


@dataclass(frozen=True, slots=True)
class Failure:
    """One error: its code in query, JSON, EC2 and S3 spelling; an empty message is AWS's refusal of an action."""

    query: str
    json: str
    ec2: str
    s3: str
    status: int
    message: str


def error_answer(failure: Failure, call: Incoming, environ: Environ) -> tuple[str, bytes, str]:
    """Status line, body and content type of the error as the service of `call` would write it."""
    message = failure.message or (
        f"User: {call.caller} is not authorized to perform: {call.service}:{call.action} "
        "because no identity-based policy allows the action"
    )
    if environ.get("HTTP_X_AMZ_TARGET"):
        return _json(failure, message, "application/x-amz-json-1.1")
    if str(environ.get("PATH_INFO", "")).startswith("/service/"):
        body = _cbor_map({"__type": failure.json, "message": message})
        return _status(_json_status(failure)), body, "application/cbor"
    if call.service == "ec2":
        return (
            _status(503 if failure.ec2 == "RequestLimitExceeded" else failure.status),
            _ec2(failure.ec2, message),
            _XML,
        )
    if call.service == "s3":
        return _status(503 if failure.s3 == "SlowDown" else failure.status), _s3(failure.s3, message), _XML
    if str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
        return _status(failure.status), _query(failure.query, message), _XML
    return _json(failure, message, "application/json")


_XML = "text/xml"


def _status(number: int) -> str:
    return {400: "400 Bad Request", 403: "403 Forbidden", 500: "500 Internal Server Error"}.get(number, "503 Slow Down")


def _json_status(failure: Failure) -> int:
    return 500 if failure.status == 500 else 400


def _json(failure: Failure, message: str, content_type: str) -> tuple[str, bytes, str]:
    # REST services name the error in a header; botocore reads `__type` and `code` of the body when it is absent.
    document = {"__type": failure.json, "code": failure.json, "message": message}
    return _status(_json_status(failure)), json.dumps(document).encode(), content_type


def _query(code: str, message: str) -> bytes:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return f"<ErrorResponse>{error}<RequestId>fault</RequestId></ErrorResponse>".encode()


def _ec2(code: str, message: str) -> bytes:
    error = f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
    return f"<Response>{error}<RequestID>fault</RequestID></Response>".encode()


def _s3(code: str, message: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>fault</RequestId></Error>".encode()


def _cbor_map(values: dict[str, Any]) -> bytes:
    pairs = b"".join(_cbor_text(key) + _cbor_text(str(value)) for key, value in values.items())
    return bytes([_CBOR_MAP | len(values)]) + pairs


def _cbor_text(text: str) -> bytes:
    raw = text.encode()
    if len(raw) < 24:
        return bytes([_CBOR_TEXT | len(raw)]) + raw
    return bytes([_CBOR_TEXT | 25]) + len(raw).to_bytes(2, "big") + raw
