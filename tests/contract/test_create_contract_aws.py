"""Contract, sections 12 to 14, 16 and 17: names, parameters and figures that AWS and operators see."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from daylily_ec.aws.budgets import GLOBAL_BUDGET, cluster_budget_name, tag_filter
from daylily_ec.aws.cloudformation import Stack
from daylily_ec.aws.heartbeat import heartbeat_name
from daylily_ec.config.resources import resource
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.pcluster.runner import DRY_RUN_PASSED
from daylily_ec.preflight.network import baseline_stack_name
from daylily_ec.render.spot import DEFAULT_BUMP, fill_bids
from daylily_ec.workflow.create_network import environment_name
from daylily_ec.workflow.ensure_budgets import CLUSTER_THRESHOLDS, GLOBAL_THRESHOLDS
from daylily_ec.workflow.ensure_projects import row

ZONE = AvailabilityZone("us-west-2d")


def stack_template() -> dict[str, Any]:
    yaml = YAML(typ="safe")
    for tag in ("!Ref", "!Sub", "!Equals", "!If", "!GetAtt", "!Select", "!GetAZs", "!Join", "!Not", "!And"):
        yaml.constructor.add_constructor(tag, _plain)
    document: dict[str, Any] = yaml.load(resource("config/day_cluster/pcluster_env.yml").read_text())
    return document


def _plain(constructor: Any, node: Any) -> Any:
    return constructor.construct_sequence(node) if isinstance(node.value, list) else node.value


@pytest.mark.weakness("W-38")
@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("us-west-2d", "pcluster-vpc-stack-2d"),
        ("eu-central-1a", "pcluster-vpc-stack-1a"),
        ("us-gov-west-1a", "pcluster-vpc-stack-1a"),
        ("us-gov-west-1b", "pcluster-vpc-stack-1b"),
    ],
)
def test_stack_name(zone: str, name: str) -> None:
    assert baseline_stack_name(AvailabilityZone(zone)) == name


@pytest.mark.parametrize(
    ("zone", "name"), [("us-west-2d", "daylily-cs-us-west-twod"), ("eu-west-3a", "daylily-cs-eu-west-threea")]
)
def test_environment_name(zone: str, name: str) -> None:
    assert environment_name(AvailabilityZone(zone)) == name


@pytest.mark.parametrize(
    ("name", "default"),
    [("EnvironmentName", None), ("VpcCIDR", "10.0.0.0/16"), ("PublicSubnetCIDR", "10.0.0.0/24"),
     ("PrivateSubnetCIDR", "10.0.1.0/24"), ("AvailabilityZone", None), ("CreatePolicy", "true")],
)  # fmt: skip
def test_stack_parameters(name: str, default: str | None) -> None:
    assert stack_template()["Parameters"][name].get("Default") == default


def test_stack_outputs() -> None:
    assert {"VPC", "PublicSubnets", "PrivateSubnet", "PclusterPolicy"} <= set(stack_template()["Outputs"])


@pytest.mark.weakness("W-39")
@pytest.mark.parametrize(
    ("kind", "number"),
    [("AWS::EC2::VPC", 1), ("AWS::EC2::InternetGateway", 1), ("AWS::EC2::VPCGatewayAttachment", 1),
     ("AWS::EC2::Subnet", 2), ("AWS::EC2::EIP", 1), ("AWS::EC2::NatGateway", 1), ("AWS::EC2::RouteTable", 2),
     ("AWS::EC2::SubnetRouteTableAssociation", 2), ("AWS::EC2::Route", 2), ("AWS::EC2::VPCEndpoint", 1),
     ("AWS::IAM::ManagedPolicy", 1)],
)  # fmt: skip
def test_stack_resources(kind: str, number: int) -> None:
    kinds = [item["Type"] for item in stack_template()["Resources"].values()]
    assert kinds.count(kind) == number


DETAILS: list[tuple[str, str, object]] = [
    ("AWS::EC2::VPC", "EnableDnsSupport", [True]),
    ("AWS::EC2::VPC", "EnableDnsHostnames", [True]),
    ("AWS::EC2::VPC", "CidrBlock", ["VpcCIDR"]),
    ("AWS::EC2::Subnet", "CidrBlock", ["PublicSubnetCIDR", "PrivateSubnetCIDR"]),
    ("AWS::EC2::Subnet", "MapPublicIpOnLaunch", [True, False]),
    ("AWS::EC2::EIP", "Domain", ["vpc"]),
    ("AWS::EC2::Route", "DestinationCidrBlock", ["0.0.0.0/0", "0.0.0.0/0"]),
]
NAMES = {
    "AWS::EC2::VPC": [""], "AWS::EC2::Subnet": [" Public Subnet", " Private Subnet"],
    "AWS::EC2::RouteTable": [" Public Routes", " Private Routes"],
}  # fmt: skip


def properties(kind: str) -> list[dict[str, Any]]:
    return [item["Properties"] for item in stack_template()["Resources"].values() if item["Type"] == kind]


@pytest.mark.parametrize(("kind", "name", "values"), DETAILS)
def test_what_the_stack_s_resources_are_like(kind: str, name: str, values: list[object]) -> None:
    assert [item[name] for item in properties(kind)] == values


@pytest.mark.parametrize("kind", NAMES)
def test_name_tags_of_the_stack_s_resources(kind: str) -> None:
    found = [{tag["Key"]: tag["Value"] for tag in item["Tags"]}["Name"] for item in properties(kind)]
    assert [re.sub(r"^(\$\{EnvironmentName\}|EnvironmentName)", "", name) for name in found] == NAMES[kind]


def test_the_way_out_of_each_subnet() -> None:
    public, private = properties("AWS::EC2::Route")
    assert ("GatewayId" in public, "NatGatewayId" in private) == (True, True)
    (nat,) = properties("AWS::EC2::NatGateway")
    subnets = [name for name, item in stack_template()["Resources"].items() if item["Type"] == "AWS::EC2::Subnet"]
    assert nat["SubnetId"] == subnets[0]


@pytest.mark.weakness("W-15")
@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_stacks_that_can_be_used(status: str) -> None:
    assert Stack("s", "id", status).is_usable


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"])
def test_stacks_that_are_waited_for(status: str) -> None:
    assert Stack("s", "id", status).is_in_progress
    assert not Stack("s", "id", status).is_usable


@pytest.mark.weakness("W-15")
@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS",
                                    "DELETE_FAILED", "ROLLBACK_FAILED"])  # fmt: skip
def test_stacks_that_are_neither(status: str) -> None:
    stack = Stack("s", "id", status)
    assert (stack.is_usable, stack.is_in_progress) == (False, False)


def test_budget_names_thresholds_and_filters() -> None:
    assert GLOBAL_BUDGET == "daylily-global"
    assert cluster_budget_name(ZONE, "lab-cluster") == "da-us-west-2d-lab-cluster"
    assert GLOBAL_THRESHOLDS == (25, 50, 75, 99)
    assert CLUSTER_THRESHOLDS == (75,)
    assert tag_filter("aws-parallelcluster-project", "x") == "user:aws-parallelcluster-project$x"


@pytest.mark.parametrize(
    ("users", "line"),
    [((), "b\tubuntu"), (("ada",), "b\tubuntu,ada"), (("ada", "ubuntu", "ada"), "b\tubuntu,ada")],
)
def test_table_of_projects(users: tuple[str, ...], line: str) -> None:
    assert row("b", users) == line


def test_heartbeat_name() -> None:
    assert heartbeat_name("lab-cluster") == "daylily-lab-cluster-heartbeat"
    assert len(heartbeat_name("a" * 25)) <= 64


BID_CASES = [
    (["r7i.2xlarge"], {"r7i.2xlarge": 0.2}, 4.34),
    (["a", "b"], {"a": 1.0, "b": 2.0}, 5.64),
    (["a", "b", "c"], {"a": 1.0, "b": 2.0, "c": 9.0}, 6.14),
]


@pytest.mark.parametrize(("types", "prices", "bid"), BID_CASES)
def test_a_bid_is_the_median_plus_the_bump(types: list[str], prices: dict[str, float], bid: float) -> None:
    assert DEFAULT_BUMP == 4.14
    resource_: dict[str, Any] = {"Name": "all", "Instances": [{"InstanceType": name} for name in types]}
    document: dict[str, Any] = {"Scheduling": {"SlurmQueues": [
        {"Name": "q", "CapacityType": "SPOT", "ComputeResources": [resource_]},
        {"Name": "o", "CapacityType": "ONDEMAND", "ComputeResources": [{"Name": "x", "InstanceType": "a"}]},
    ]}}  # fmt: skip
    fill_bids(document, prices, DEFAULT_BUMP, ZONE)
    assert resource_["SpotPrice"] == bid
    assert "SpotPrice" not in document["Scheduling"]["SlurmQueues"][1]["ComputeResources"][0]


def test_message_of_a_passing_dry_run() -> None:
    assert DRY_RUN_PASSED == "Request would have succeeded, but DryRun flag is set."
