"""One local cloud for the tests of Systems Manager, with one running instance."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest

from daylily_ec.localcloud.daemon import UpOptions, down, up
from daylily_ec.localcloud.layout import Layout
from tests.integration.localcloud_aws.shapes import check_answer

NODES = UpOptions(manager="tests.integration.localcloud_ssm.shell_nodes:create_manager")
FINAL = {"Success", "Failed", "TimedOut", "Cancelled"}


@dataclass(frozen=True)
class Cloud:
    """A running local cloud."""

    layout: Layout

    def client(self, service: str) -> Any:
        """A boto3 client that refuses answers of the wrong shape."""
        core = botocore.session.Session(profile="daylily-local")
        core.set_config_variable("config_file", str(self.layout.aws_config))
        core.set_config_variable("credentials_file", str(self.layout.aws_credentials))
        made = boto3.Session(botocore_session=core, region_name="us-west-2").client(service)
        made.meta.events.register("after-call.*", check_answer)
        return made


@dataclass(frozen=True)
class Node:
    """One instance with the clients that talk to it."""

    ssm: Any
    s3: Any
    ec2: Any
    instance_id: str
    root: Path

    def send(self, *lines: str, **more: Any) -> str:
        """Send lines; the command id."""
        parameters = {"commands": list(lines), **more.pop("Parameters", {})}
        answer = self.ssm.send_command(
            InstanceIds=[self.instance_id], DocumentName="AWS-RunShellScript", Parameters=parameters, **more
        )
        return str(answer["Command"]["CommandId"])

    def look(self, command_id: str) -> dict[str, Any] | None:
        """The invocation, None while reads do not know it."""
        try:
            seen: dict[str, Any] = self.ssm.get_command_invocation(CommandId=command_id, InstanceId=self.instance_id)
        except self.ssm.exceptions.InvocationDoesNotExist:
            return None
        return seen

    def wait(self, command_id: str, done: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, Any]:
        """Poll until the invocation has ended, or until `done`."""
        ended = done or (lambda seen: seen["Status"] in FINAL)
        deadline = time.monotonic() + 20
        while (seen := self.look(command_id)) is None or not ended(seen):
            assert time.monotonic() < deadline, seen
            time.sleep(0.05)
        return seen

    def run(self, *lines: str, **more: Any) -> dict[str, Any]:
        """Send lines and wait for the end."""
        return self.wait(self.send(*lines, **more))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    layout = Layout(tmp_path_factory.mktemp("ssm") / "local")
    up(layout, NODES)
    yield Cloud(layout)
    down(layout)


@pytest.fixture(scope="module")
def running(cloud: Cloud) -> Node:
    ec2, s3 = cloud.client("ec2"), cloud.client("s3")
    s3.create_bucket(Bucket="outputs", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return Node(cloud.client("ssm"), s3, ec2, start_head_node(ec2), cloud.layout.root)


def start_head_node(ec2: Any) -> str:
    """Run an instance that is tagged as a head node; its id."""
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    tags = [{"Key": "Name", "Value": "HeadNode"}, {"Key": "parallelcluster:node-type", "Value": "HeadNode"}]
    made = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}]
    )
    return str(made["Instances"][0]["InstanceId"])


@pytest.fixture
def node(running: Node) -> Iterator[Node]:
    yield running
    for name in ("offline", "unavailable"):
        (running.root / name).unlink(missing_ok=True)
