"""A world where preflight passes."""

from __future__ import annotations

import pytest

from tests.conftest import FakeClock
from tests.unit.preflight.fakes import FakeReads, World


@pytest.fixture
def world(clock: FakeClock) -> World:
    return World(FakeReads(clock))
