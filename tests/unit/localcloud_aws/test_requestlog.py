"""Names of calls, and answers in the service's place."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.localcloud.requestlog import INTERNAL_KEY, Interference, Recorder, RequestLog, identify

KEY = "AKIALOCALDAYLILY2026"


def request(service: str = "s3", method: str = "GET", path: str = "/", query: str = "", **more: str) -> dict[str, Any]:
    body = more.pop("body", "")
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-west-2/{service}/aws4_request",
        "wsgi.input": io.BytesIO(body.encode()),
        "CONTENT_LENGTH": str(len(body)),
        **more,
    }


@pytest.mark.parametrize(
    ("environ", "action"),
    [
        (request(), "ListBuckets"),
        (request(method="HEAD", path="/bucket"), "HeadBucket"),
        (request(path="/bucket", query="list-type=2&prefix=a"), "ListObjectsV2"),
        (request(path="/bucket", query="policy"), "GetBucketPolicy"),
        (request(method="PUT", path="/bucket/a/b", query="partNumber=1&uploadId=u"), "UploadPart"),
        (request(method="PUT", path="/bucket/a/b", HTTP_X_AMZ_COPY_SOURCE="x"), "CopyObject"),
        (request(method="PUT", path="/bucket/a/b"), "PutObject"),
        (request(method="POST", path="/bucket/a", query="uploads"), "CreateMultipartUpload"),
        (request("lambda", path="/2015-03-31/functions/"), "ListFunctions"),
        (
            request("fsx", "POST", HTTP_X_AMZ_TARGET="AWSSimbaAPIService_v20180301.DescribeFileSystems"),
            "DescribeFileSystems",
        ),
        (
            request(
                "ec2",
                "POST",
                CONTENT_TYPE="application/x-www-form-urlencoded; charset=utf-8",
                body="Action=RunInstances",
            ),
            "RunInstances",
        ),
        (
            request("monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData"),
            "PutMetricData",
        ),
        (request("unheard-of", path="/x"), "GET /x"),
        (request("iam", "POST"), "POST /"),
    ],
)
def test_action_of_a_request(environ: dict[str, Any], action: str) -> None:
    assert identify(environ)[1:] == (action, KEY)


def test_names_of_services_are_those_of_clients() -> None:
    assert identify(request("monitoring", "POST"))[0] == "cloudwatch"
    assert identify(request("servicequotas", "POST"))[0] == "service-quotas"
    assert identify({"REQUEST_METHOD": "GET", "PATH_INFO": "/b/k"}) == ("s3", "GetObject", "anonymous")


def test_reading_the_form_leaves_it_for_the_service() -> None:
    environ = request("sts", "POST", CONTENT_TYPE="application/x-www-form-urlencoded", body="Action=GetCallerIdentity")
    identify(environ)
    assert environ["wsgi.input"].read() == b"Action=GetCallerIdentity"


class Service:
    """A WSGI application that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.calls += 1
        start_response("200 OK", [])
        return [b"answer"]


def ask(recorder: Recorder, environ: dict[str, Any]) -> tuple[str, bytes]:
    seen: list[str] = []
    body = b"".join(recorder(environ, lambda status, headers: seen.append(status)))
    return seen[0], body


def test_calls_are_logged_in_order_and_own_calls_are_not(tmp_path: Path) -> None:
    log, service = RequestLog(tmp_path / "log"), Service()
    recorder = Recorder(service, log, ())
    ask(recorder, request())
    own = request()
    own["HTTP_AUTHORIZATION"] = own["HTTP_AUTHORIZATION"].replace(KEY, INTERNAL_KEY)
    assert ask(recorder, own) == ("200 OK", b"answer")
    ask(recorder, request(path="/bucket"))
    rows = [json.loads(line) for line in log.text().splitlines()]
    assert [(row["number"], row["action"], row["status"]) for row in rows] == [
        (1, "ListBuckets", 200),
        (2, "ListObjects", 200),
    ]
    log.clear()
    assert log.text() == ""


def test_a_hook_can_answer_the_second_call_instead_of_the_service(tmp_path: Path) -> None:
    def fail_second(number: int, service: str, action: str) -> None:
        if number == 2:
            raise Interference("503 Slow Down", b"<Error/>", "text/xml")

    service = Service()
    recorder = Recorder(service, RequestLog(tmp_path / "log"), (fail_second,))
    answers = [ask(recorder, request()) for _ in range(3)]
    assert [status for status, _ in answers] == ["200 OK", "503 Slow Down", "200 OK"]
    assert service.calls == 2


@pytest.mark.parametrize("body", ["", "Action=GetUs"])
def test_a_request_that_ends_too_early_is_neither_carried_out_nor_recorded(body: str, tmp_path: Path) -> None:
    service, log = Service(), RequestLog(tmp_path / "log")
    cut = request("iam", "POST", CONTENT_TYPE="application/x-www-form-urlencoded", body=body, CONTENT_LENGTH="33")
    assert ask(Recorder(service, log, ()), cut)[0] == "400 Bad Request"
    assert (service.calls, log.text()) == (0, "")
