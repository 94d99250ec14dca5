"""The three cluster templates before the real pcluster, with every validator on."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.integration.create.desk import Operator

pytestmark = pytest.mark.e2e
TEMPLATES = ("prod_cluster.yaml", "prod_cluster_variant.yaml", "prod_cluster_dragen.yaml")


@pytest.mark.parametrize("name", TEMPLATES)
def test_pcluster_accepts_the_rendered_template(operator: Operator, name: str) -> None:
    cluster = name.removesuffix(".yaml").replace("_", "-")
    values = {"cluster_template_yaml": f"config/day_cluster/{name}"}
    if "dragen" in name:
        # An account gets FPGA instances on request only.
        operator.control("POST", "quota", {"service": "ec2", "code": "L-74FC7D96", "value": 96})
    ended = operator.dyec(*operator.command(cluster, **values), DAY_BREAK="1")
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
