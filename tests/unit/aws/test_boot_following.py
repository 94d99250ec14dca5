"""The boot log as it grows, and the credentials that must not leave with a support bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daylily_ec.aws.boot import BootLogs, LogPosition
from daylily_ec.aws.context import AwsContext
from tests.unit.aws.test_reads_of_create import Answers, Context

STREAM = "ip-1.i-1.cloud-init-output"


class Growing(Answers):
    """CloudWatch's paging: two events a page; the end answers with the token it was given."""

    def __init__(self, *lines: str) -> None:
        super().__init__(
            describe_log_groups=[{"logGroupName": "/aws/parallelcluster/majors-202602111437"}],
            describe_log_streams=[{"logStreamName": name} for name in ("ip-1.i-1.cfn-init", STREAM, "ip-2.i-2.x")],
        )
        self.lines = list(lines)

    def call(self, operation: str, /, **params: Any) -> Any:
        if operation != "get_log_events":
            return super().call(operation, **params)
        self.asked.append((operation, params))
        start = int(str(params.get("nextToken", "f/0")).removeprefix("f/"))
        page = self.lines[start : start + 2]
        return {"events": [{"message": line} for line in page], "nextForwardToken": f"f/{start + len(page)}"}


def test_each_line_comes_once_as_the_log_grows() -> None:
    client = Growing("one", "two", "three")
    logs = BootLogs(Context(client))
    lines, place = logs.following("majors", "i-1", LogPosition())
    assert lines == ("one", "two", "three")
    assert place.stream == STREAM
    assert logs.following("majors", "i-1", place)[0] == ()
    client.lines += ["four\nfive"]
    assert logs.following("majors", "i-1", place)[0] == ("four", "five")


def test_the_stream_is_looked_for_until_the_node_has_one() -> None:
    logs = BootLogs(Context(Growing("one")))
    assert logs.following("majors", "i-9", LogPosition()) == ((), LogPosition())
    empty = Answers(describe_log_groups=[])
    assert BootLogs(Context(empty)).following("majors", "i-1", LogPosition()) == ((), LogPosition())


def test_one_look_reads_a_bounded_number_of_pages() -> None:
    client = Growing(*map(str, range(100)))
    lines, place = BootLogs(Context(client)).following("majors", "i-1", LogPosition())
    assert len(lines) == 10
    assert BootLogs(Context(client)).following("majors", "i-1", place)[0][0] == "10"


def test_the_credentials_in_use_are_known_to_whoever_must_take_them_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-key")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-token")
    context = AwsContext(None, "us-west-2")
    assert context.secrets() == ()
    context.client("sts")
    assert context.secrets() == ("AKIAEXAMPLE", "secret-key", "session-token")
