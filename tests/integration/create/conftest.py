"""A local cloud with a prepared account: one for each file, so that no other file's clusters use up its quotas."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daylily_ec.localcloud.daemon import UpOptions
from tests.integration.create.desk import NO_NODES, Operator, operator_at


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Head nodes are only pretended."""
    with operator_at(tmp_path_factory.mktemp("create"), NO_NODES) as one:
        yield one


@pytest.fixture
def boxed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Head nodes are real boxes, in which the boot script really runs."""
    with operator_at(tmp_path_factory.mktemp("boxed"), UpOptions()) as one:
        yield one
