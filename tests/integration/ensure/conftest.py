"""A local cloud, and the product's services on it."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest

from daylily_ec.aws.context import AwsContext
from daylily_ec.localcloud.daemon import UpOptions, down, up
from daylily_ec.localcloud.layout import Layout
from daylily_ec.localcloud.profile import environment
from daylily_ec.workflow.services import Services
from tests.conftest import FakeClock

NODES = UpOptions(manager="tests.integration.localcloud_aws.fake_nodes:create_manager")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    layout = Layout(tmp_path_factory.mktemp("cloud") / "daylily" / "local")
    up(layout, NODES)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(layout).items():
            patch.setenv(name, value)
        place = {"LocationConstraint": "us-west-2"}
        session = boto3.Session(profile_name="daylily-local", region_name="us-west-2")
        session.client("s3").create_bucket(Bucket="refs", CreateBucketConfiguration=place)
        yield layout
    down(layout)


@pytest.fixture
def services(cloud: Layout, clock: FakeClock) -> Services:
    return Services(AwsContext("daylily-local", "us-west-2"), clock=clock)
