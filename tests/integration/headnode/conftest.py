"""A node and the two transports into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daylily_ec.headnode.ssm import SsmRemote
from tests.conftest import FakeClock
from tests.integration.headnode.node import FakeSsm, Node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "node")
    yield made
    made.stop()


@pytest.fixture
def ssm(node: Node) -> FakeSsm:
    return FakeSsm(node.env)


@pytest.fixture
def over_ssm(ssm: FakeSsm, clock: FakeClock) -> SsmRemote:
    return SsmRemote(ssm, "i-0123456789abcdef0", clock)
