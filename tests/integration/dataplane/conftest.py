"""A cluster with a real head node on a local cloud of its own, made once for each module of tests here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from daylily_ec.localcloud.daemon import UpOptions
from tests.integration.create.account import REGION
from tests.integration.create.desk import Ended, Operator, operator_at

CLUSTER = "day-data"
ONE_EXPORT = {"CreateDataRepositoryAssociation": 1, "CreateDataRepositoryTask": 1}
"""What an export asks FSx to make, however often it is begun."""


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

    def analysis(self, name: str, files: int = 3) -> tuple[str, ...]:
        """An analysis directory on the node; returns the options of its export."""
        root = f"/fsx/analysis_results/ann/{name}"
        self.on_node(
            f"mkdir -p {root}/daylily-omics-analysis/results/empty && cd {root}/daylily-omics-analysis && "
            f"for n in $(seq {files}); do head -c $((n * 1000)) /dev/zero > results/file-$n; done; "
            "printf x > 'results/odd name'; : > zero; ln -s results/file-1 link"
        )
        return (
            "export", "--source-path", root,
            "--destination-s3-uri", f"s3://{self.operator.buckets.results}/derived/ann/{name}/",
            "--output-dir", str(self.operator.home / f"export-{name}"),
        )  # fmt: skip

    def receipt(self, name: str, folder: str = "") -> Any:
        """The receipt of that export on this machine."""
        path = self.operator.home / (folder or f"export-{name}") / "fsx_export.yaml"
        return json.loads(path.read_text())["fsx_export"]

    def tasks(self, name: str) -> list[Any]:
        """Its tasks, as FSx tells them."""
        every = self.operator.client("fsx").describe_data_repository_tasks()["DataRepositoryTasks"]
        return [task for task in every if task["Paths"] == [f"/analysis_results/ann/{name}/"]]

    def links(self) -> list[str]:
        """Where exports are attached now."""
        every = self.operator.client("fsx").describe_data_repository_associations()["Associations"]
        return [link["FileSystemPath"] for link in every if link["FileSystemPath"].startswith("/analysis_results/")]

    def made(self) -> Counter[str]:
        """How many associations and tasks were asked for, by the request log."""
        wanted = ("CreateDataRepositoryAssociation", "CreateDataRepositoryTask")
        return Counter(row["action"] for row in self.operator.rows() if row["action"] in wanted)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with operator_at(tmp_path_factory.mktemp("dataplane"), UpOptions()) as operator:
        made = operator.create(CLUSTER)
        assert made.code == 0, made.err
        yield Site(operator)
