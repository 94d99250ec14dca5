"""The three cluster templates: the contract's facts, bids, and what they can start."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from daylily_ec.config.resources import resource
from daylily_ec.domain.fleet import Purchase
from daylily_ec.render.ceiling import Family, ceiling
from daylily_ec.render.renderer import render_final, render_init
from daylily_ec.render.shape import shape
from tests.unit.render.test_renderer import STOCK, VALUES

TEMPLATES = ("prod_cluster.yaml", "prod_cluster_variant.yaml", "prod_cluster_dragen.yaml")


def rendered(name: str) -> str:
    init = render_init(resource(f"config/day_cluster/{name}").read_text(encoding="utf-8"), name, VALUES, {})
    return render_final(init, dict.fromkeys(init.spot_types, 1.0), 4.14, "us-west-2d").text


def queues(text: str) -> dict[str, Any]:
    return {queue["Name"]: queue for queue in yaml.safe_load(text)["Scheduling"]["SlurmQueues"]}


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_spot_resource_has_a_bid_and_no_other(name: str) -> None:
    text = rendered(name)
    assert not {"REGSUB", "CALCULATE"} & set(re.findall("REGSUB|CALCULATE", str(yaml.safe_load(text))))
    for queue in queues(text).values():
        for item in queue["ComputeResources"]:
            assert ("SpotPrice" in item) == (queue["CapacityType"] == "SPOT")
            assert (item["MinCount"], item["Efa"]) == (0, {"Enabled": False})
        assert queue["Networking"]["SubnetIds"] == ["subnet-2"]
        assert queue["Iam"] == yaml.safe_load(text)["HeadNode"]["Iam"]
        assert queue["CustomActions"] == yaml.safe_load(text)["HeadNode"]["CustomActions"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_everything_but_the_queues_is_the_same(name: str) -> None:
    document, stock = yaml.safe_load(rendered(name)), yaml.safe_load(rendered("prod_cluster.yaml"))
    document.pop("Scheduling")["SlurmQueues"]
    stock.pop("Scheduling")
    assert document == stock


def test_dragen_is_the_stock_cluster_with_an_on_demand_queue_of_f2() -> None:
    text = rendered("prod_cluster_dragen.yaml")
    found = queues(text)
    dragen = found.pop("dragen")
    assert found == queues(rendered("prod_cluster.yaml"))
    assert dragen["CapacityType"] == "ONDEMAND"
    (item,) = dragen["ComputeResources"]
    assert (item["Instances"], item["MaxCount"]) == ([{"InstanceType": "f2.6xlarge"}], 3)
    assert ceiling(text, {"f2.6xlarge": 24}).vcpus(Purchase.ONDEMAND, Family.F) == 72


def test_the_variant_has_counts_of_its_own_more_resources_and_an_on_demand_way_out() -> None:
    source = resource("config/day_cluster/prod_cluster_variant.yaml").read_text(encoding="utf-8")
    assert "MAX_COUNT" not in source
    found, stock = queues(rendered("prod_cluster_variant.yaml")), queues(rendered("prod_cluster.yaml"))
    assert stock.keys() < found.keys()

    def number(queues: dict[str, Any]) -> int:
        return sum(len(queue["ComputeResources"]) for queue in queues.values())

    assert number(found) > number(stock)
    assert [name for name, queue in found.items() if queue["CapacityType"] == "ONDEMAND"] == ["od192"]


def test_the_billable_shape_of_the_stock_cluster() -> None:
    found = shape(rendered("prod_cluster.yaml"))
    assert found.head_root is not None
    assert (found.head_root.kind, found.head_root.gib, found.elastic_ip) == ("gp3", 421, True)
    (system,) = found.file_systems
    assert (system.name, system.deployment, system.gib) == ("fsx-majors", "SCRATCH_2", 4800)
    assert [fleet.count for fleet in found.fleets] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert all(fleet.spot_price == 5.14 for fleet in found.fleets if fleet.queue)


def test_an_existing_file_system_and_other_storage_are_not_priced_as_new() -> None:
    text = STOCK.replace("      DeploymentType: SCRATCH_2\n", "      FileSystemId: fs-1\n").replace(
        "SharedStorage:\n", "SharedStorage:\n  - {Name: home, StorageType: Efs, MountDir: /h}\n"
    )
    found = shape(text.replace("${REGSUB_MAX_COUNT_8I}", "1").replace("${REGSUB_MAX_COUNT_128I}", "1")
                  .replace("${REGSUB_MAX_COUNT_192I}", "1"))  # fmt: skip
    assert found.file_systems == ()
    assert "shared storage home (Efs)" in found.unpriced
