"""The real `pcluster` 3.13.2, unchanged and with every validator on."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.localcloud_aws.cluster_config import Prerequisites, configuration, prepare
from tests.integration.localcloud_aws.conftest import ROOT, Cloud, eventually

pytestmark = pytest.mark.e2e
FAILURE = {"exit_code": 7, "tail": ["cannot find the reference", "giving up"]}


@pytest.fixture(scope="module")
def given(cloud: Cloud) -> Prerequisites:
    return prepare(cloud.client, "pcluster")


@pytest.fixture(scope="module")
def config(cloud: Cloud, given: Prerequisites) -> Path:
    path = cloud.home / "cluster.yaml"
    path.write_text(yaml.safe_dump(configuration(given)))
    return path


@pytest.fixture(scope="module")
def before(cloud: Cloud, config: Path) -> dict[str, list[str]]:
    return inventory(cloud)


@pytest.fixture(scope="module")
def clusters(cloud: Cloud, config: Path, before: dict[str, list[str]]) -> Iterator[None]:
    """Two clusters: one boots, the other fails and keeps its evidence.

    Asked for one after the other: the first `pcluster` of an account makes the artifact bucket, and two of them racing
    for it are a failure of the second on AWS, too.
    """
    cloud.control("POST", "boot", {"cluster": "broken", "fail": FAILURE})
    for name, *options in (("whole",), ("broken", "--rollback-on-failure", "false")):
        answer = cloud.pcluster("create-cluster", "-n", name, "-c", str(config), *options)
        assert answer.get("cluster", {}).get("clusterStatus") == "CREATE_IN_PROGRESS", answer
    yield
    for name in ("whole", "broken"):
        cloud.client("cloudformation").delete_stack(StackName=name)


def stack(cloud: Cloud, name: str) -> Any:
    return cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]


def settled(cloud: Cloud, name: str) -> Any:
    return eventually(lambda: stack(cloud, name), lambda found: not found["StackStatus"].endswith("IN_PROGRESS"))


def gone(cloud: Cloud, stack_id: str) -> None:
    eventually(lambda: stack(cloud, stack_id)["StackStatus"], lambda found: found == "DELETE_COMPLETE")


def instances(cloud: Cloud) -> list[str]:
    pages = cloud.client("ec2").get_paginator("describe_instances").paginate()
    found = [i for page in pages for r in page["Reservations"] for i in r["Instances"]]
    return [one["InstanceId"] for one in found if one["State"]["Name"] != "terminated"]


def inventory(cloud: Cloud) -> dict[str, list[str]]:
    """Names of everything a cluster makes."""
    ec2, iam, client = cloud.client("ec2"), cloud.client("iam"), cloud.client
    s3 = client("s3")
    return {
        "instances": instances(cloud),
        "volumes": [one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]],
        "interfaces": [one["NetworkInterfaceId"] for one in ec2.describe_network_interfaces()["NetworkInterfaces"]],
        "groups": [one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]],
        "templates": [one["LaunchTemplateName"] for one in ec2.describe_launch_templates()["LaunchTemplates"]],
        "roles": [one["RoleName"] for one in iam.list_roles()["Roles"]],
        "profiles": [one["InstanceProfileName"] for one in iam.list_instance_profiles()["InstanceProfiles"]],
        "tables": client("dynamodb").list_tables()["TableNames"],
        "zones": [one["Name"] for one in client("route53").list_hosted_zones()["HostedZones"]],
        "log groups": [one["logGroupName"] for one in client("logs").describe_log_groups()["logGroups"]],
        "functions": [one["FunctionName"] for one in client("lambda").list_functions()["Functions"]],
        "alarms": [one["AlarmName"] for one in client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "dashboards": [one["DashboardName"] for one in client("cloudwatch").list_dashboards()["DashboardEntries"]],
        "file systems": [one["FileSystemId"] for one in client("fsx").describe_file_systems()["FileSystems"]],
        "buckets": [
            one["Name"] for one in s3.list_buckets()["Buckets"] if not one["Name"].startswith("parallelcluster-")
        ],
    }


def test_installed_pcluster_is_the_published_one() -> None:
    package = distribution("aws-parallelcluster")
    assert package.version == "3.13.2"
    record = package.read_text("RECORD")
    assert record is not None
    changed = []
    for name, fingerprint, _size in csv.reader(io.StringIO(record)):
        if not fingerprint:
            continue
        algorithm, _, wanted = fingerprint.partition("=")
        digest = hashlib.new(algorithm, Path(str(package.locate_file(name))).read_bytes()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != wanted:
            changed.append(name)
    assert changed == []


def test_nobody_suppresses_validators() -> None:
    word = "suppress" + "-validators"
    sources = [*(ROOT / "daylily_ec" / "localcloud").rglob("*.py"), *Path(__file__).parent.glob("*.py")]
    assert [path.name for path in sources if word in path.read_text()] == []


def test_dry_run_passes_every_validator(cloud: Cloud, config: Path) -> None:
    done = cloud.run("pcluster", "create-cluster", "-n", "dry", "-c", str(config), "--dryrun", "true")
    answer = json.loads(done.stdout)
    assert answer["message"] == "Request would have succeeded, but DryRun flag is set."
    assert {one["level"] for one in answer["validationMessages"]} <= {"INFO", "WARNING"}


def test_missing_policy_yields_pclusters_own_message(cloud: Cloud, given: Prerequisites) -> None:
    broken = configuration(given)
    missing = "arn:aws:iam::123456789012:policy/nobody-made-me"
    broken["HeadNode"]["Iam"]["AdditionalIamPolicies"].append({"Policy": missing})
    path = cloud.home / "missing-policy.yaml"
    path.write_text(yaml.safe_dump(broken))
    answer = cloud.pcluster("create-cluster", "-n", "dry", "-c", str(path), "--dryrun", "true")
    errors = [one for one in answer["configurationValidationErrors"] if one["level"] == "ERROR"]
    assert [one["type"] for one in errors] == ["AdditionalIamPolicyValidator"]
    assert missing in errors[0]["message"]


def test_cluster_comes_up(cloud: Cloud, clusters: None) -> None:
    assert settled(cloud, "whole")["StackStatus"] == "CREATE_COMPLETE"
    shown = cloud.pcluster("describe-cluster", "-n", "whole")
    assert (shown["clusterStatus"], shown["computeFleetStatus"]) == ("CREATE_COMPLETE", "RUNNING")
    assert shown["headNode"]["state"] == "running"
    assert shown["headNode"]["publicIpAddress"]
    tags = {tag["key"]: tag["value"] for tag in shown["tags"]}
    assert tags["parallelcluster:version"] == "3.13.2"
    assert tags["parallelcluster:cluster-name"] == "whole"
    assert tags["aws-parallelcluster-project"] == "omics"


def test_head_node_is_specified_by_the_clusters_own_configuration(
    cloud: Cloud, clusters: None, given: Prerequisites
) -> None:
    settled(cloud, "whole")
    spec = json.loads((cloud.layout.root / "specs" / "whole.json").read_text())
    systems = cloud.client("fsx").describe_file_systems()["FileSystems"]
    owners = {tag["Value"]: one["FileSystemId"] for one in systems for tag in one["Tags"]}
    assert spec["file_systems"] == {"/fsx": owners["whole"]}
    assert spec["boot_scripts"] == [
        {"uri": f"s3://{given.bucket}/boot/one.sh", "args": ["us-west-2", given.bucket]},
        {"uri": f"s3://{given.bucket}/boot/two.sh", "args": []},
    ]
    assert spec["availability_zone"] == "us-west-2c"
    assert spec["iam_profile"].startswith("whole-")
    assert [queue["name"] for queue in spec["queues"]] == ["i8", "i128", "i192"]
    sizes = [(one["vcpus"], one["memory_mib"]) for queue in spec["queues"] for one in queue["compute_resources"]]
    assert sizes == [(8, 65536), (128, 262144), (192, 393216)]


def test_list_instances_logs_and_events(cloud: Cloud, clusters: None) -> None:
    settled(cloud, "whole")
    listed = [one["clusterName"] for one in cloud.pcluster("list-clusters")["clusters"]]
    assert sorted(listed) == ["broken", "whole"]
    nodes = cloud.pcluster("describe-cluster-instances", "-n", "whole")["instances"]
    assert [node["nodeType"] for node in nodes] == ["HeadNode"]
    streams = cloud.pcluster("list-cluster-log-streams", "-n", "whole")["logStreams"]
    assert {one["logStreamName"].rpartition(".")[2] for one in streams} == {"cfn-init", "cloud-init-output"}
    events = cloud.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName="whole")
    rows = [event for page in events for event in page["StackEvents"]]
    assert rows[0]["ResourceStatus"] == "CREATE_COMPLETE"
    assert rows[0]["ResourceType"] == "AWS::CloudFormation::Stack"
    assert [row["Timestamp"] for row in rows] == sorted((row["Timestamp"] for row in rows), reverse=True)
    assert cloud.pcluster("get-cluster-stack-events", "-n", "whole")["events"][0]["stackName"] == "whole"


def test_alarms_dashboard_and_zone_exist_while_the_cluster_does(cloud: Cloud, clusters: None) -> None:
    settled(cloud, "whole")
    found = inventory(cloud)
    assert [name for name in found["alarms"] if name.startswith("whole")]
    assert [name for name in found["dashboards"] if name.startswith("whole")]
    assert "whole.pcluster." in found["zones"]


def test_compute_fleet_stops_on_request(cloud: Cloud, clusters: None) -> None:
    settled(cloud, "whole")
    asked = cloud.pcluster("update-compute-fleet", "-n", "whole", "--status", "STOP_REQUESTED")
    # pcluster writes the request, then reads the record again: the head node may have begun by then.
    assert asked["status"] in ("STOP_REQUESTED", "STOPPING")
    table = cloud.client("dynamodb")

    def fleet() -> Any:
        item = table.get_item(TableName="parallelcluster-whole", Key={"Id": {"S": "COMPUTE_FLEET"}})["Item"]
        return item["Data"]["M"]["status"]["S"]

    eventually(fleet, lambda status: status == "STOPPED")
    assert cloud.pcluster("describe-compute-fleet", "-n", "whole")["status"] == "STOPPED"


def test_queues_launch_templates_start_spot_nodes(cloud: Cloud, clusters: None) -> None:
    """As Slurm's resume program does it: an instant fleet over the instance types of the compute resource."""
    settled(cloud, "whole")
    types = [{"InstanceType": "c6i.32xlarge"}, {"InstanceType": "m6i.32xlarge"}]
    template = {"LaunchTemplateName": "whole-i128-i128cr", "Version": "$Latest"}
    fleet = cloud.client("ec2").create_fleet(
        Type="instant",
        LaunchTemplateConfigs=[{"LaunchTemplateSpecification": template, "Overrides": types}],
        TargetCapacitySpecification={"TotalTargetCapacity": 2, "DefaultTargetCapacityType": "spot"},
        SpotOptions={"AllocationStrategy": "price-capacity-optimized"},
    )
    started = sorted(one for group in fleet["Instances"] for one in group["InstanceIds"])
    shown = cloud.pcluster("describe-cluster-instances", "-n", "whole", "--node-type", "ComputeNode")["instances"]
    assert sorted(one["instanceId"] for one in shown) == started
    assert {(one["queueName"], one["instanceType"]) for one in shown} == {("i128", "c6i.32xlarge")}


def test_failed_boot_script_is_reported_and_its_evidence_kept(cloud: Cloud, clusters: None) -> None:
    found = settled(cloud, "broken")
    assert found["StackStatus"] == "CREATE_FAILED"
    shown = cloud.pcluster("describe-cluster", "-n", "broken")
    assert shown["clusterStatus"] == "CREATE_FAILED"
    assert shown["failures"][0]["failureCode"] == "OnNodeConfiguredExecutionFailure"
    assert shown["headNode"]["state"] == "running"
    events = cloud.client("cloudformation").describe_stack_events(StackName="broken")["StackEvents"]
    failed = [one for one in events if one["ResourceStatus"] == "CREATE_FAILED"]
    assert failed[-1]["ResourceType"] == "AWS::CloudFormation::WaitCondition"
    assert "return code: 7" in failed[-1]["ResourceStatusReason"]
    logs = cloud.client("logs")
    group = next(
        one["logGroupName"] for one in logs.describe_log_groups()["logGroups"] if "broken" in one["logGroupName"]
    )
    lines = [one["message"] for one in logs.filter_log_events(logGroupName=group)["events"]]
    assert "cannot find the reference" in lines


def test_delete_leaves_nothing(cloud: Cloud, clusters: None, before: dict[str, list[str]]) -> None:
    identifiers = {name: settled(cloud, name)["StackId"] for name in ("whole", "broken")}
    for name in identifiers:
        answer = cloud.pcluster("delete-cluster", "-n", name)
        assert answer["cluster"]["clusterStatus"] == "DELETE_IN_PROGRESS"
    for stack_id in identifiers.values():
        gone(cloud, stack_id)
    assert inventory(cloud) == before
    assert cloud.pcluster("list-clusters")["clusters"] == []
    missing = cloud.pcluster("describe-cluster", "-n", "whole")["message"]
    assert missing.startswith("Cluster 'whole' does not exist")
    s3 = cloud.client("s3")
    artifacts = next(one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].startswith("parallelcluster-"))
    versions = s3.list_object_versions(Bucket=artifacts)
    assert {one["Key"] for one in versions["Versions"]} == {"parallelcluster/.bootstrapped"}
