"""What SendCommand takes and refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from moto.ssm.exceptions import SSMException

from daylily_ec.localcloud.ssm.commands import Request
from daylily_ec.localcloud.ssm.documents import RUN_SHELL_SCRIPT, content
from daylily_ec.localcloud.ssm.inventory import ManagedNode, Scope
from daylily_ec.localcloud.ssm.request import MAX_TOTAL_BYTES, read_send

SCOPE = Scope("123456789012", "us-west-2")
NODE = "i-00000000000000001"
ROOM = MAX_TOTAL_BYTES - len(content(RUN_SHELL_SCRIPT).encode()) - len("commands")


class OneNode:
    """An inventory of one node."""

    def nodes(self, scope: Scope) -> list[ManagedNode]:
        now = datetime(2026, 2, 11, tzinfo=UTC)
        return [ManagedNode(NODE, True, "10.0.0.1", "ip-10-0-0-1", now, now, {"Name": "HeadNode"})]

    def find(self, scope: Scope, instance_id: str) -> ManagedNode | None:
        return next((node for node in self.nodes(scope) if node.instance_id == instance_id), None)


def read(parameters: dict[str, list[str]], **more: Any) -> Request:
    query = {"InstanceIds": [NODE], "DocumentName": RUN_SHELL_SCRIPT, "Parameters": parameters, **more}
    return read_send(query, SCOPE, OneNode(), lambda _account, bucket: bucket == "outputs")


def refused(parameters: dict[str, list[str]], **more: Any) -> SSMException:
    with pytest.raises(SSMException) as caught:
        read(parameters, **more)
    return caught.value


def test_defaults() -> None:
    got = read({"commands": ["a", "b"]})
    assert (got.commands, got.delivery_timeout, got.execution_timeout) == (("a", "b"), 3600, 3600)
    assert (got.document_version, got.max_concurrency, got.max_errors) == ("$DEFAULT", "50", "0")


@pytest.mark.parametrize(("given", "seconds"), [("5", 5), ("4", 3600), ("1", 3600), ("172800", 172_800)])
def test_execution_timeout(given: str, seconds: int) -> None:
    assert read({"commands": ["a"], "executionTimeout": [given]}).execution_timeout == seconds


@pytest.mark.parametrize("given", ["0", "172801", "-1", "1.5", "ten"])
def test_bad_execution_timeout(given: str) -> None:
    assert refused({"commands": ["a"], "executionTimeout": [given]}).code == "InvalidParameters"


def test_working_directory_comes_after_the_interpreter_line() -> None:
    enter = "cd -- '/a b' || exit 1"
    assert read({"commands": ["pwd"], "workingDirectory": ["/a b"]}).commands == (enter, "pwd")
    lines = read({"commands": ["#!/bin/bash", "pwd"], "workingDirectory": ["/a b"]}).commands
    assert lines == ("#!/bin/bash", enter, "pwd")


def test_size_limit_counts_bytes() -> None:
    assert read({"commands": ["x" * ROOM]}).commands
    assert refused({"commands": ["x" * (ROOM + 1)]}).code == "MaxDocumentSizeExceeded"
    assert refused({"commands": ["é" * (ROOM // 2 + 1)]}).code == "MaxDocumentSizeExceeded"


def test_comment_of_100_characters() -> None:
    assert read({"commands": ["a"]}, Comment="c" * 100).comment == "c" * 100
    problem = refused({"commands": ["a"]}, Comment="c" * 101)
    assert problem.code == "ValidationException"
    assert "'comment' failed to satisfy constraint: Member must have length less than or equal to 100" in str(problem)


def test_unmanaged_instance_is_named() -> None:
    problem = refused({"commands": ["a"]}, InstanceIds=[NODE, "i-00000000000000009"])
    assert problem.message == "Instances [[i-00000000000000009]] not in a valid state for account 123456789012"


def test_document_by_arn() -> None:
    arn = f"arn:aws:ssm:us-west-2::document/{RUN_SHELL_SCRIPT}"
    assert read({"commands": ["a"]}, DocumentName=arn).document == RUN_SHELL_SCRIPT


def test_targets() -> None:
    query = {"commands": ["a"]}
    assert read(query, InstanceIds=[], Targets=[{"Key": "tag-key", "Values": ["Name"]}]).instance_ids == (NODE,)
    both = [{"Key": "InstanceIds", "Values": [NODE]}, {"Key": "tag:Name", "Values": ["Other"]}]
    assert refused(query, InstanceIds=[], Targets=both).code == "InvalidInstanceId"


def test_bucket_must_exist() -> None:
    assert read({"commands": ["a"]}, OutputS3BucketName="outputs").bucket == "outputs"
    assert refused({"commands": ["a"]}, OutputS3BucketName="other").code == "InvalidOutputFolder"
