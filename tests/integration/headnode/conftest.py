"""A node and the two transports into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.headnode.launch import Launch
from daylily_ec.headnode.ssm import SsmRemote
from daylily_ec.headnode.store import NodeStore
from tests.conftest import FakeClock
from tests.integration.headnode.node import FakeLending, FakeSsm, Node
from tests.integration.headnode.session_tools import make_launch, make_origin


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "node")
    yield made
    made.stop()


@pytest.fixture
def ssm(node: Node) -> FakeSsm:
    return FakeSsm(node.env)


@pytest.fixture
def lending(node: Node) -> FakeLending:
    return FakeLending(node.root / "s3")


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def store(lending: FakeLending, warnings: list[str]) -> NodeStore:
    return NodeStore(lambda: lending, S3Prefix("parallelcluster-1", "demo/"), "us-west-2", warnings.append)


@pytest.fixture
def over_ssm(ssm: FakeSsm, clock: FakeClock, store: NodeStore) -> SsmRemote:
    return SsmRemote(ssm, "i-0123456789abcdef0", clock, store)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return make_origin(tmp_path / "origin")


@pytest.fixture
def launch(node: Node, origin: Path) -> Launch:
    return make_launch(node, origin)
