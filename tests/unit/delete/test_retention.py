from __future__ import annotations

import json
from typing import Any

import pytest

from daylily_ec.aws.context import AwsContext, Client
from daylily_ec.aws.retention import Retention

FS = "fs-0123456789abcdef0"
YAML = """\
Resources:
  FSX1:
    DeletionPolicy: Retain
    Type: AWS::FSx::FileSystem
"""


class Templates(AwsContext):
    """A context whose CloudFormation has one stack."""

    def __init__(self, body: Any) -> None:
        super().__init__(None, "us-west-2")
        self.body = body

    def client(self, service: str, region: str | None = None) -> Client:
        body = self.body

        class Canned(Client):
            def call(self, operation: str, /, **params: Any) -> dict[str, Any]:
                return {"TemplateBody": body}

            def pages(self, operation: str, key: str, /, **params: Any) -> Any:
                yield {
                    "LogicalResourceId": "Sg",
                    "PhysicalResourceId": "sg-1",
                    "ResourceType": "AWS::EC2::SecurityGroup",
                }
                yield {"LogicalResourceId": "FSX1", "PhysicalResourceId": FS, "ResourceType": "AWS::FSx::FileSystem"}

        return Canned(service, None)


@pytest.mark.parametrize(
    ("body", "policy"),
    [
        (YAML, "Retain"),
        (YAML.replace("Retain", "Delete"), "Delete"),
        (json.dumps({"Resources": {"FSX1": {"Type": "AWS::FSx::FileSystem"}}}), "Delete"),
        ({"Resources": {"FSX1": {"DeletionPolicy": "RetainExceptOnCreate"}}}, "RetainExceptOnCreate"),
        ("Resources: {FSX1: !Odd {a: 1}}", "unknown"),
        ("Resources: {Other: {}}", "unknown"),
        ("[1, 2", "unknown"),
        ("just text", "unknown"),
    ],
)
def test_policies_are_read_from_json_and_yaml_and_never_guessed(body: Any, policy: str) -> None:
    assert Retention(Templates(body)).policies("day-demo")[FS] == policy
