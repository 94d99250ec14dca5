"""FSx in a world of its own, and FSx in a running local cloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daylily_ec.localcloud.daemon import UpOptions, down, up
from daylily_ec.localcloud.layout import Layout
from tests.integration.localcloud_aws.conftest import FAKE_NODES, Cloud
from tests.integration.localcloud_fsx.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    directory = tmp_path_factory.mktemp("fsx-cloud")
    layout = Layout(directory / "daylily" / "local")
    started = up(layout, UpOptions(manager=FAKE_NODES))
    home = directory / "home"
    home.mkdir()
    yield Cloud(layout, started.endpoint, home)
    down(layout)
