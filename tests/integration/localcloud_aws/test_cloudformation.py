"""CloudFormation: the product's own network, and what happens when something fails."""

from __future__ import annotations

import json
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.localcloud_aws.conftest import ROOT, Cloud, eventually

NETWORK = (ROOT / "config" / "day_cluster" / "pcluster_env.yml").read_text()
ZONE = {"EnvironmentName": "daylily-cs-us-west-2b", "AvailabilityZone": "us-west-2b"}
HANDLE = "AWS::CloudFormation::WaitConditionHandle"
GROUP = "AWS::Logs::LogGroup"


def parameters(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


def template(**resources: dict[str, Any]) -> str:
    return json.dumps({"Resources": resources})


def status(cloud: Cloud, name: str) -> str:
    return str(cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def settled(cloud: Cloud, name: str) -> str:
    return str(eventually(lambda: status(cloud, name), lambda found: not found.endswith("IN_PROGRESS")))


def events(cloud: Cloud, name: str) -> list[tuple[str, str]]:
    rows = cloud.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return [(row["LogicalResourceId"], row["ResourceStatus"]) for row in reversed(rows)]


def removed(cloud: Cloud, stack_id: str) -> None:
    cloud.client("cloudformation").delete_stack(StackName=stack_id)
    eventually(lambda: status(cloud, stack_id), lambda found: found == "DELETE_COMPLETE")


def test_one_of_many_creations_of_a_name_is_accepted_however_long_the_template_takes_to_read(cloud: Cloud) -> None:
    """The size of ParallelCluster's templates: reading them takes longer than the gap between two requests."""
    chain: dict[str, dict[str, Any]] = {"R0": {"Type": HANDLE}}
    for number in range(1, 300):
        chain[f"R{number}"] = {"Type": HANDLE, "DependsOn": f"R{number - 1}"}
    cfn, line = cloud.client("cloudformation"), threading.Barrier(8)

    def start(_: int) -> str:
        line.wait(60)
        try:
            return str(cfn.create_stack(StackName="one-name", TemplateBody=template(**chain))["StackId"])
        except cfn.exceptions.AlreadyExistsException:
            return ""

    with ThreadPoolExecutor(8) as pool:
        (accepted,) = filter(None, pool.map(start, range(8)))
    assert cfn.describe_stacks(StackName="one-name")["Stacks"][0]["StackId"] == accepted
    removed(cloud, accepted)


def test_network_stack_comes_and_goes(cloud: Cloud) -> None:
    cfn, ec2 = cloud.client("cloudformation"), cloud.client("ec2")
    before = len(ec2.describe_vpcs()["Vpcs"])
    created = cfn.create_stack(
        StackName="network", TemplateBody=NETWORK, Parameters=parameters(ZONE), Capabilities=["CAPABILITY_NAMED_IAM"],
        Tags=[{"Key": "owner", "Value": "ops"}],
    )  # fmt: skip
    assert settled(cloud, "network") == "CREATE_COMPLETE"
    stack = cfn.describe_stacks(StackName="network")["Stacks"][0]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    subnets = ec2.describe_subnets(SubnetIds=[outputs["PublicSubnets"], outputs["PrivateSubnet"]])["Subnets"]
    assert {one["AvailabilityZone"] for one in subnets} == {"us-west-2b"}
    assert sorted(one["MapPublicIpOnLaunch"] for one in subnets) == [False, True]
    tags = {tag["Key"]: tag["Value"] for tag in subnets[0]["Tags"]}
    assert (tags["owner"], tags["aws:cloudformation:stack-name"]) == ("ops", "network")
    for flag in ("enableDnsSupport", "enableDnsHostnames"):
        answer = ec2.describe_vpc_attribute(VpcId=outputs["VPC"], Attribute=flag)
        assert answer[flag[0].upper() + flag[1:]]["Value"] is True
    assert outputs["PclusterPolicy"].startswith("arn:aws:iam::123456789012:policy/")
    here = [{"Name": "vpc-id", "Values": [outputs["VPC"]]}]
    tables = ec2.describe_route_tables(Filters=here)["RouteTables"]
    targets = {
        next(iter({"GatewayId", "NatGatewayId"} & set(route)))
        for table in tables
        for route in table["Routes"]
        if route.get("DestinationCidrBlock") == "0.0.0.0/0"
    }
    assert targets == {"GatewayId", "NatGatewayId"}
    endpoint = ec2.describe_vpc_endpoints(Filters=here)["VpcEndpoints"][0]
    assert (endpoint["VpcEndpointType"], len(endpoint["RouteTableIds"])) == ("Gateway", 2)
    resources = cfn.describe_stack_resources(StackName="network")["StackResources"]
    assert {one["ResourceStatus"] for one in resources} == {"CREATE_COMPLETE"}
    assert all(one["PhysicalResourceId"] for one in resources)
    listed = cfn.get_paginator("list_stack_resources").paginate(StackName="network")
    assert len(resources) == sum(len(page["StackResourceSummaries"]) for page in listed) == 15
    removed(cloud, created["StackId"])
    assert len(ec2.describe_vpcs()["Vpcs"]) == before
    assert [one for one in ec2.describe_nat_gateways()["NatGateways"] if one["State"] != "deleted"
            and one["VpcId"] == outputs["VPC"]] == []  # fmt: skip
    assert ec2.describe_addresses(Filters=[{"Name": "tag:owner", "Values": ["ops"]}])["Addresses"] == []
    policies = [one["PolicyName"] for one in cloud.client("iam").list_policies(Scope="Local")["Policies"]]
    assert "pclusterTagsAndBudget" in policies  # retained by its deletion policy


def test_condition_leaves_a_resource_out(cloud: Cloud) -> None:
    cfn = cloud.client("cloudformation")
    values = {**ZONE, "CreatePolicy": "false"}
    created = cfn.create_stack(StackName="no-policy", TemplateBody=NETWORK, Parameters=parameters(values))
    assert settled(cloud, "no-policy") == "CREATE_COMPLETE"
    names = {one["LogicalResourceId"] for one in cfn.describe_stack_resources(StackName="no-policy")["StackResources"]}
    assert "PclusterTagsAndBudget" not in names
    assert len(names) == 14
    removed(cloud, created["StackId"])


def test_resources_are_deleted_in_reverse_order(cloud: Cloud) -> None:
    cfn = cloud.client("cloudformation")
    body = template(
        Second={"Type": GROUP, "DependsOn": ["First"]},
        First={"Type": GROUP},
        Third={"Type": GROUP, "Properties": {"LogGroupName": {"Fn::Sub": "after-${Second}"}}},
    )
    stack_id = cfn.create_stack(StackName="ordered", TemplateBody=body)["StackId"]
    assert settled(cloud, "ordered") == "CREATE_COMPLETE"
    removed(cloud, stack_id)
    seen = events(cloud, stack_id)
    assert [name for name, state in seen if state == "CREATE_COMPLETE" and name != "ordered"] == [
        "First",
        "Second",
        "Third",
    ]
    assert [name for name, state in seen if state == "DELETE_COMPLETE" and name != "ordered"] == [
        "Third",
        "Second",
        "First",
    ]


def waiting(timeout: int = 60) -> str:
    return template(
        Kept={"Type": GROUP},
        Handle={"Type": "AWS::CloudFormation::WaitConditionHandle"},
        Ready={
            "Type": "AWS::CloudFormation::WaitCondition",
            "DependsOn": "Kept",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": str(timeout)},
        },
    )


def signal(cloud: Cloud, name: str, document: dict[str, str]) -> None:
    """Do what cfn-signal does: PUT to the presigned URL."""
    cfn = cloud.client("cloudformation")

    def handle() -> Any:
        rows = cfn.describe_stack_resources(StackName=name)["StackResources"]
        return next((row.get("PhysicalResourceId") for row in rows if row["LogicalResourceId"] == "Handle"), None)

    url = eventually(handle, bool)
    request = urllib.request.Request(url, json.dumps(document).encode(), {"Content-Type": ""}, method="PUT")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def test_wait_condition_waits_for_the_signal(cloud: Cloud) -> None:
    stack_id = cloud.client("cloudformation").create_stack(StackName="waiting", TemplateBody=waiting())["StackId"]
    eventually(lambda: events(cloud, stack_id), lambda seen: ("Ready", "CREATE_IN_PROGRESS") in seen)
    assert status(cloud, stack_id) == "CREATE_IN_PROGRESS"
    signal(cloud, "waiting", {"Status": "SUCCESS", "UniqueId": "i-1", "Data": "", "Reason": "done"})
    assert settled(cloud, stack_id) == "CREATE_COMPLETE"
    removed(cloud, stack_id)


@pytest.mark.parametrize(
    ("options", "ends", "survivors"),
    [
        ({}, "ROLLBACK_COMPLETE", False),
        ({"DisableRollback": True}, "CREATE_FAILED", True),
        ({"OnFailure": "DO_NOTHING"}, "CREATE_FAILED", True),
        ({"OnFailure": "DELETE"}, "DELETE_COMPLETE", False),
    ],
)
def test_failed_signal_ends_as_the_operator_wished(
    cloud: Cloud, options: dict[str, Any], ends: str, survivors: bool
) -> None:
    cfn = cloud.client("cloudformation")
    stack_id = cfn.create_stack(StackName="failing", TemplateBody=waiting(), **options)["StackId"]
    signal(cloud, "failing", {"Status": "FAILURE", "UniqueId": "i-1", "Data": "", "Reason": "script exited 7"})
    eventually(lambda: status(cloud, stack_id), lambda found: found == ends)
    rows = cfn.describe_stack_events(StackName=stack_id)["StackEvents"]
    reason = next(row["ResourceStatusReason"] for row in rows if row["ResourceStatus"] == "CREATE_FAILED"
                  and row["LogicalResourceId"] == "Ready")  # fmt: skip
    assert reason == "WaitCondition received failed message: 'script exited 7' for uniqueId: i-1"
    resources = {
        row["LogicalResourceId"]: row["ResourceStatus"]
        for row in cfn.describe_stack_resources(StackName=stack_id)["StackResources"]
    }
    assert resources["Kept"] == ("CREATE_COMPLETE" if survivors else "DELETE_COMPLETE")
    if ends != "DELETE_COMPLETE":
        removed(cloud, stack_id)


def test_wait_condition_times_out(cloud: Cloud) -> None:
    cfn = cloud.client("cloudformation")
    stack_id = cfn.create_stack(StackName="late", TemplateBody=waiting(1), DisableRollback=True)["StackId"]
    assert settled(cloud, stack_id) == "CREATE_FAILED"
    rows = cfn.describe_stack_events(StackName=stack_id)["StackEvents"]
    reasons = [row.get("ResourceStatusReason", "") for row in rows]
    assert "WaitCondition timed out. Received 0 conditions when expecting 1" in reasons
    removed(cloud, stack_id)


def test_deleting_a_stack_that_is_still_being_created(cloud: Cloud) -> None:
    stack_id = cloud.client("cloudformation").create_stack(StackName="hasty", TemplateBody=waiting())["StackId"]
    eventually(lambda: events(cloud, stack_id), lambda seen: ("Ready", "CREATE_IN_PROGRESS") in seen)
    removed(cloud, stack_id)
    rows = cloud.client("cloudformation").describe_stack_events(StackName=stack_id)["StackEvents"]
    assert "Resource creation cancelled" in [row.get("ResourceStatusReason") for row in rows]


def test_one_name_one_stack(cloud: Cloud) -> None:
    cfn = cloud.client("cloudformation")
    body = template(Only={"Type": GROUP})
    stack_id = cfn.create_stack(StackName="single", TemplateBody=body, ClientRequestToken="t1")["StackId"]
    assert cfn.create_stack(StackName="single", TemplateBody=body, ClientRequestToken="t1")["StackId"] == stack_id
    with pytest.raises(cfn.exceptions.AlreadyExistsException):
        cfn.create_stack(StackName="single", TemplateBody=body)
    settled(cloud, "single")
    cfn.update_termination_protection(StackName="single", EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection"):
        cfn.delete_stack(StackName="single")
    cfn.update_termination_protection(StackName="single", EnableTerminationProtection=False)
    removed(cloud, stack_id)
    with pytest.raises(ClientError, match="does not exist"):
        cfn.describe_stacks(StackName="single")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (template(A={"Type": GROUP, "Properties": {"LogGroupName": {"Ref": "Nobody"}}}), "Unresolved resource"),
        (
            template(A={"Type": GROUP, "DependsOn": "B"}, B={"Type": GROUP, "DependsOn": "A"}),
            r"Circular dependency between resources: \[A, B\]",
        ),
    ],
)
def test_unsound_template_is_refused_at_once(cloud: Cloud, body: str, says: str) -> None:
    with pytest.raises(ClientError, match=says):
        cloud.client("cloudformation").create_stack(StackName="unsound", TemplateBody=body)
    with pytest.raises(ClientError, match="does not exist"):
        status(cloud, "unsound")


def test_update_adds_changes_and_removes(cloud: Cloud) -> None:
    cfn = cloud.client("cloudformation")
    first = template(Old={"Type": GROUP}, Both={"Type": GROUP, "Properties": {"RetentionInDays": 1}})
    second = template(New={"Type": GROUP}, Both={"Type": GROUP, "Properties": {"RetentionInDays": 1}})
    stack_id = cfn.create_stack(StackName="changing", TemplateBody=first)["StackId"]
    settled(cloud, "changing")
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cfn.update_stack(StackName="changing", TemplateBody=first)
    cfn.update_stack(StackName="changing", TemplateBody=second)
    assert settled(cloud, "changing") == "UPDATE_COMPLETE"
    rows = cfn.describe_stack_resources(StackName="changing")["StackResources"]
    assert {row["LogicalResourceId"]: row["ResourceStatus"] for row in rows} == {
        "Old": "DELETE_COMPLETE",
        "Both": "CREATE_COMPLETE",
        "New": "CREATE_COMPLETE",
    }
    removed(cloud, stack_id)


def test_change_set_creates_a_stack(cloud: Cloud) -> None:
    done = cloud.run(
        "aws", "cloudformation", "deploy", "--stack-name", "deployed", "--no-fail-on-empty-changeset",
        "--template-file", str(_file(cloud, template(Only={"Type": GROUP}))),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert status(cloud, "deployed") == "CREATE_COMPLETE"
    removed(cloud, cloud.client("cloudformation").describe_stacks(StackName="deployed")["Stacks"][0]["StackId"])


def _file(cloud: Cloud, text: str) -> Any:
    path = cloud.home / "template.json"
    path.write_text(text)
    return path
