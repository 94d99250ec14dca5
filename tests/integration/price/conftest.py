"""A local cloud with a prepared account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.create.desk import NO_NODES, Operator, operator_at


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Head nodes are only pretended: nothing here boots."""
    with operator_at(tmp_path_factory.mktemp("price"), NO_NODES) as one:
        yield one
