"""Two local clouds: one with pretended head nodes, and one with a real one and a cluster on it."""

from __future__ import annotations

from tests.integration.create.conftest import operator
from tests.integration.dataplane.conftest import site

__all__ = ["operator", "site"]
