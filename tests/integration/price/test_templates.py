"""The three cluster templates before the real pcluster, with every validator on."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.integration.create.desk import Operator

pytestmark = pytest.mark.e2e
WITH_FPGA = "us-west-2b"
"""A zone that sells f2.6xlarge."""
TEMPLATES = ("prod_cluster.yaml", "prod_cluster_variant.yaml", "prod_cluster_dragen.yaml")


@pytest.mark.parametrize("name", TEMPLATES)
def test_pcluster_accepts_the_rendered_template(operator: Operator, name: str) -> None:
    cluster = name.removesuffix(".yaml").replace("_", "-")
    values = {"cluster_template_yaml": f"config/day_cluster/{name}"}
    zone = ["--region-az", WITH_FPGA] if "dragen" in name else []
    ended = operator.dyec(*operator.command(cluster, *zone, **values), DAY_BREAK="1")
    assert ended.code == 0, ended.err + ended.out
    assert ended.document["status"] == "STOPPED"
    rendered = Path(ended.document["cluster_yaml_path"])
    said = operator.pcluster("create-cluster", "--cluster-name", cluster, "--cluster-configuration", str(rendered),
                             "--dryrun", "true")  # fmt: skip
    assert said["message"] == "Request would have succeeded, but DryRun flag is set."
    assert all(item["level"] != "ERROR" for item in said.get("validationMessages", []))
    queues = {queue["Name"]: queue for queue in yaml.safe_load(rendered.read_text())["Scheduling"]["SlurmQueues"]}
    on_demand = [item for queue in queues.values() if queue["CapacityType"] == "ONDEMAND"
                 for item in queue["ComputeResources"]]  # fmt: skip
    assert all("SpotPrice" not in item for item in on_demand)


def test_a_zone_without_fpga_instances_is_refused_before_anything_is_made(operator: Operator) -> None:
    operator.mutations()
    ended = operator.dyec(
        *operator.command("no-fpga", "--dry-run", cluster_template_yaml=f"config/day_cluster/{TEMPLATES[2]}")
    )
    assert ended.code == 1
    assert "us-west-2d does not sell f2.6xlarge" in ended.document["error"]["message"]
    assert operator.mutations() == []
