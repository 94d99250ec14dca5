"""Quotas count what runs already, file systems that exist, and what the zone sells."""

from __future__ import annotations

from pathlib import Path

import pytest

from daylily_ec.aws.capacity import ScratchFileSystem
from daylily_ec.aws.ec2 import Subnet
from daylily_ec.config.resources import resource
from daylily_ec.preflight.context import PreflightOptions
from daylily_ec.preflight.quota import QuotaValidator
from daylily_ec.preflight.report import CheckResult
from tests.unit.preflight.fakes import World, config_of
from tests.unit.preflight.test_validators import occupy

SPOT, ON_DEMAND = "L-34B43A08", "L-1216C47A"
STOCK_SPOT = 16 + 384 + 576


def run(world: World) -> dict[str, CheckResult]:
    return {check.id: check for check in QuotaValidator().run(world.context())}


@pytest.mark.weakness("W-18")
def test_running_spot_instances_leave_less_of_the_quota(world: World) -> None:
    world.reads.quotas.values[SPOT] = STOCK_SPOT + 193.0
    world.reads.capacity.spot = {"c7i.48xlarge": 1, "g5.48xlarge": 3}
    check = run(world)["quota.spot_vcpu"]
    assert (check.status.value, check.details["in_use"], check.details["available"]) == ("PASS", 192, STOCK_SPOT + 1)
    world.reads.capacity.spot = {"c7i.48xlarge": 1, "r7i.2xlarge": 1}
    check = run(world)["quota.spot_vcpu"]
    assert (check.status.value, check.details["in_use"]) == ("FAIL", 200)
    assert f"{STOCK_SPOT} vCPUs and 200 run already" in check.remediation


def test_the_head_node_needs_on_demand_vcpus(world: World) -> None:
    world.reads.quotas.values[ON_DEMAND] = 20.0
    world.reads.capacity.on_demand = {"r7i.2xlarge": 1}
    check = run(world)["quota.ondemand_vcpu"]
    assert (check.status.value, check.details["tot_vcpu_demand"], check.details["in_use"]) == ("PASS", 8, 8)
    world.reads.capacity.on_demand = {"r7i.2xlarge": 2}
    assert run(world)["quota.ondemand_vcpu"].status.value == "FAIL"


def test_nodes_of_the_cluster_itself_are_not_in_its_way(world: World) -> None:
    run(world)
    assert world.reads.capacity.besides == ["day-demo"]


def test_interactive_callers_may_decide_about_a_short_spot_quota(world: World) -> None:
    world.reads.quotas.values[SPOT] = float(STOCK_SPOT)
    world.options = PreflightOptions(confirm=lambda _: False)
    assert run(world)["quota.spot_vcpu"].status.value == "WARN"


def test_other_families_have_their_own_quotas(world: World, tmp_path: Path) -> None:
    template = tmp_path / "dragen.yaml"
    first = "  SlurmQueues:\n"
    extra = """    - Name: dragen
      CapacityType: ONDEMAND
      ComputeResources: [{Name: f2, InstanceType: f2.6xlarge, MaxCount: "${REGSUB_MAX_COUNT_192I}"}]
"""
    template.write_text(resource("config/day_cluster/prod_cluster.yaml").read_text().replace(first, first + extra))
    world.config = config_of(cluster_template_yaml=str(template), max_count_192I="2")
    checks = run(world)
    assert checks["quota.ondemand_vcpu.f"].details["quota_code"] == "L-74FC7D96"
    assert checks["quota.ondemand_vcpu.f"].details["tot_vcpu_demand"] == 48
    assert checks["quota.ondemand_vcpu"].details["tot_vcpu_demand"] == 8


@pytest.mark.parametrize(
    ("id", "use", "limit", "status"),
    [
        ("quota.vpcs", "vpcs", 5, "FAIL"),
        ("quota.vpcs", "vpcs", 6, "PASS"),
        ("quota.internet_gateways", "internet_gateways", 5, "FAIL"),
        ("quota.nat_gateways", "nat_gateways", 5, "FAIL"),
        ("quota.elastic_ips", "elastic_ips", 6, "FAIL"),
        ("quota.elastic_ips", "elastic_ips", 7, "PASS"),
    ],
)
def test_a_new_network_needs_one_of_each_and_the_head_node_an_address(
    world: World, id: str, use: str, limit: int, status: str
) -> None:
    codes = {"vpcs": "L-F678F1CE", "elastic_ips": "L-0263D0A3", "nat_gateways": "L-FE5A380F",
             "internet_gateways": "L-A4707A72"}  # fmt: skip
    world.reads.quotas.values[codes[use]] = float(limit)
    world.reads.capacity.used[use] = 5
    assert run(world)[id].status.value == status


def test_nothing_new_is_needed_with_a_network_or_with_the_cluster_there(world: World) -> None:
    world.reads.quotas.values["L-F678F1CE"] = 5.0
    world.reads.capacity.used["vpcs"] = 5
    world.reads.ec2.found = (
        Subnet("subnet-0a", "vpc-1", "a Public Subnet"), Subnet("subnet-0b", "vpc-1", "a Private Subnet"),
    )  # fmt: skip
    assert run(world)["quota.vpcs"].details["needed"] == 0
    assert run(world)["quota.elastic_ips"].details["needed"] == 1
    world.reads.ec2.found = ()
    assert run(world)["quota.vpcs"].status.value == "FAIL"
    occupy(world, "CREATE_COMPLETE")
    assert run(world)["quota.vpcs"].status.value == "PASS"


@pytest.mark.weakness("W-60")
def test_existing_file_systems_leave_less_storage(world: World) -> None:
    world.reads.capacity.systems = (
        ScratchFileSystem("fs-1", "AVAILABLE", 96_000, "other"),
        ScratchFileSystem("fs-2", "AVAILABLE", 4_800, "day-demo"),
    )
    check = run(world)["quota.fsx.lustre_scratch_storage"]
    assert (check.status.value, check.details["in_use"], check.details["needed"]) == ("PASS", 96_000, 4_800)
    world.config = config_of(fsx_fs_size="7200")
    check = run(world)["quota.fsx.lustre_scratch_storage"]
    assert check.status.value == "FAIL"
    assert "fs-1 96000 GiB AVAILABLE other" in check.details["existing"]
    assert "lower fsx_fs_size" in check.remediation


def test_a_quota_that_fsx_does_not_list_is_said_and_not_invented(world: World) -> None:
    world.reads.quotas.scratch = None
    check = run(world)["quota.fsx.lustre_scratch_storage"]
    assert (check.status.value, check.details["current_value"]) == ("PASS", None)
    assert "no quota of that name" in check.details["note"]


@pytest.mark.weakness("W-60")
def test_a_compute_resource_that_the_zone_cannot_start_fails(world: World) -> None:
    world.reads.capacity.not_offered = frozenset({"c6i.metal"})
    check = run(world)["quota.instance_type_offerings"]
    assert (check.status.value, check.details["not_offered"]) == ("PASS", ["c6i.metal"])
    assert "c6i.metal" in check.details["note"]
    world.reads.capacity.not_offered = frozenset({"c6i.metal", "c6i.32xlarge", "r7i.2xlarge"})
    check = run(world)["quota.instance_type_offerings"]
    assert check.status.value == "FAIL"
    assert check.details["compute_resources"] == ["head node", "i8/r7gb64", "i128/c6gb256"]


def test_resources_without_nodes_need_no_offer(world: World) -> None:
    world.config = config_of(max_count_128I="0")
    world.reads.capacity.not_offered = frozenset({"c6i.metal", "c6i.32xlarge"})
    assert run(world)["quota.instance_type_offerings"].status.value == "PASS"
