"""One prepared cloud for all tests of this directory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.world import World, world


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("faults")) as made:
        yield made
