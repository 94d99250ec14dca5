"""A local cloud with a prepared account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daylily_ec.localcloud.daemon import UpOptions, down, up
from daylily_ec.localcloud.layout import Layout
from tests.integration.create.account import Buckets, prepare_account
from tests.integration.create.desk import Operator

NODES = UpOptions(manager="tests.integration.localcloud_aws.fake_nodes:create_manager")


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Head nodes are only pretended: nothing here boots."""
    directory: Path = tmp_path_factory.mktemp("price")
    layout = Layout(directory / "daylily" / "local")
    started = up(layout, NODES)
    home = directory / "home"
    home.mkdir()
    one = Operator(layout, started.endpoint, home, Buckets("", "", "", ""))
    yield Operator(layout, started.endpoint, home, prepare_account(one.client))
    down(layout)
