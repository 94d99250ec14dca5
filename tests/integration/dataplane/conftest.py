"""A cluster with a real head node on a local cloud of its own, made once for each module of tests here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from daylily_ec.localcloud.daemon import UpOptions
from tests.integration.create.account import REGION
from tests.integration.create.desk import Ended, Operator, operator_at

CLUSTER = "day-data"


@dataclass(frozen=True)
class Site:
    """An operator and the cluster that exists."""

    operator: Operator

    def dyec(self, *arguments: str) -> Ended:
        """A command on the cluster."""
        return self.operator.dyec(*arguments, "--region", REGION, "--cluster", CLUSTER)

    def on_node(self, script: str) -> str:
        """What a script prints on the head node."""
        target = ("--region", REGION, "--cluster", CLUSTER)
        done = self.operator.dyec("headnode", "run", *target, "--", "bash", "-c", script)
        assert done.code == 0, done.err
        return done.out


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with operator_at(tmp_path_factory.mktemp("dataplane"), UpOptions()) as operator:
        made = operator.create(CLUSTER)
        assert made.code == 0, made.err
        yield Site(operator)
