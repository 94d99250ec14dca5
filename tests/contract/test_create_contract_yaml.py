"""Contract, section 15: what the rendered cluster configuration of the stock template says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from daylily_ec.config.resources import resource
from daylily_ec.errors import ValidationError
from daylily_ec.preflight.template import TOKENS
from daylily_ec.render.renderer import render_init
from daylily_ec.version import __version__
from daylily_ec.workflow.create_values import template_values
from tests.contract.test_create_contract_config import IDENTITY, ZONE, bindings, operator_config, rendered

QUEUES = {
    ("i8", "r7gb64"): (["r7i.2xlarge"], 4),
    ("i8", "r6gb64"): (["r6i.2xlarge"], 4),
    ("i128", "c6gb256"): (["c6i.metal", "c6i.32xlarge"], 2),
    ("i128", "m6gb512"): (["m6i.32xlarge", "m6i.metal"], 2),
    ("i128", "r6gb1024r6"): (["r6i.metal", "r6i.32xlarge"], 2),
    ("i192", "all"): (["c7i.48xlarge", "c7i.metal-48xl", "m7i.metal-48xl", "m7i.48xlarge", "r7i.48xlarge",
                       "r7i.metal-48xl"], 3),
    ("i192mem", "all"): (["m7i.metal-48xl", "m7i.48xlarge", "r7i.48xlarge", "r7i.metal-48xl"], 3),
    ("i192bigmem", "all"): (["r7i.48xlarge", "r7i.metal-48xl"], 3),
}  # fmt: skip
STATIC: dict[str, object] = {
    "Image.Os": "ubuntu2204",
    "HeadNode.Networking.ElasticIp": True,
    "HeadNode.DisableSimultaneousMultithreading": False,
    "HeadNode.Dcv.Enabled": False,
    "HeadNode.LocalStorage.RootVolume.Size": 421,
    "HeadNode.LocalStorage.RootVolume.VolumeType": "gp3",
    "HeadNode.LocalStorage.RootVolume.DeleteOnTermination": True,
    "HeadNode.LocalStorage.EphemeralVolume.MountDir": "/head_root",
    "Scheduling.Scheduler": "slurm",
    "Scheduling.SlurmSettings.ScaledownIdletime": 5,
    "Scheduling.SlurmSettings.EnableMemoryBasedScheduling": False,
    "Scheduling.SlurmSettings.QueueUpdateStrategy": "DRAIN",
    "Scheduling.SlurmSettings.Dns.DisableManagedDns": False,
    "Monitoring.DetailedMonitoring": False,
    "Monitoring.Logs.CloudWatch.Enabled": True,
    "Monitoring.Logs.CloudWatch.RetentionInDays": 3,
    "DevSettings.Timeouts.HeadNodeBootstrapTimeout": 3600,
    "DevSettings.Timeouts.ComputeNodeBootstrapTimeout": 3600,
}
TAGS = {
    "aws-parallelcluster-username", "aws-parallelcluster-jobid", "aws-parallelcluster-project",
    "aws-parallelcluster-clustername", "aws-parallelcluster-enforce-budget", "aws-parallelcluster-daylily-git-deets",
    "aws-parallelcluster-monitor-bucket",
}  # fmt: skip
CONTRACT_TOKENS = set(TOKENS) - {"S3_EXPORT_URI"}
POLICY = "arn:aws:iam::123456789012:policy/pclusterTagsAndBudget"
TOKEN_VALUES: dict[str, object] = {
    "REGION": "us-west-2", "PUB_SUBNET": "subnet-0a", "PRIVATE_SUBNET": "subnet-0b", "KEYNAME": "",
    "S3_BUCKET_INIT": "s3://lab-references/runtime_assets/cluster_boot_config/r1", "S3_IAM_POLICY": POLICY,
    "S3_REFERENCE_BUCKET": "lab-references", "S3_CONTROL_DATA_BUCKET": "lab-control",
    "S3_STAGE_BUCKET": "lab-sequencing-data", "S3_EXPORT_BUCKET": "lab-sequencing-data",
    "S3_REFERENCE_URI": "s3://lab-references", "S3_CONTROL_DATA_URI": "s3://lab-control",
    "S3_STAGE_URI": "s3://lab-sequencing-data/staged_external_data", "FSX_SIZE": 7200, "DETAILED_MONITORING": False,
    "DELETE_LOCAL_ROOT": True, "CLUSTER_NAME": "lab-cluster", "USERNAME": "grace-ada",
    "PROJECT": "da-us-west-2d-lab-cluster", "SAVE_FSX": "Retain", "ENFORCE_BUDGET": "enforce",
    "AWS_ACCOUNT_ID": "aws_profile-lab", "ALLOCATION_STRATEGY": "lowest-price",
    "DAYLILY_GIT_DEETS": f"daylily-ec-{__version__}", "MAX_COUNT_8I": 4, "MAX_COUNT_128I": 2, "MAX_COUNT_192I": 0,
    "HEADNODE_INSTANCE_TYPE": "r7i.4xlarge", "HEARTBEAT_EMAIL": "ops@example.org",
    "HEARTBEAT_SCHEDULE": "cron(0 6 * * ? *)", "HEARTBEAT_SCHEDULER_ROLE_ARN": "",
}  # fmt: skip
"""Section 15.1 for the operators' configuration in `data`; PROJECT and DAYLILY_GIT_DEETS as decided since."""


@pytest.fixture(scope="module")
def stock() -> dict[str, Any]:
    config = operator_config(max_count_192I="3", allowed_budget_users="ubuntu")
    text = rendered(config, resource("config/day_cluster/prod_cluster.yaml"))
    document: dict[str, Any] = YAML(typ="safe").load(text)
    return document


def at(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document[name]
    return document


def test_the_tokens_of_the_contract() -> None:
    assert len(CONTRACT_TOKENS) == 31


@pytest.mark.parametrize("token", sorted(CONTRACT_TOKENS))
def test_value_of_each_token(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "grace")
    values = template_values(operator_config(), ZONE, "lab", IDENTITY, bindings())
    assert values[f"REGSUB_{token}"] == TOKEN_VALUES[token]


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        ("true", "Delete"),
        ("1", "Delete"),
        ("YES", "Delete"),
        ("delete", "Delete"),
        ("Retain", "Retain"),
        ("no", "Retain"),
    ],
)
def test_every_way_of_writing_what_becomes_of_the_file_system(written: str, policy: str) -> None:
    values = template_values(operator_config(auto_delete_fsx=written), ZONE, "lab", IDENTITY, bindings())
    assert values["REGSUB_SAVE_FSX"] == policy


def test_the_enforcement_is_a_text_in_quotes() -> None:
    text = rendered(operator_config(), resource("config/day_cluster/prod_cluster.yaml"))
    assert re.search(r'Key: "?aws-parallelcluster-enforce-budget"?\n\s+Value: "enforce"', text)


@pytest.mark.parametrize("token", ["REGION", "PUB_SUBNET", "PRIVATE_SUBNET", "CLUSTER_NAME"])
def test_four_tokens_must_have_a_value(token: str) -> None:
    values = template_values(operator_config(), ZONE, "lab", IDENTITY, bindings()) | {f"REGSUB_{token}": ""}
    template = resource("config/day_cluster/prod_cluster.yaml")
    with pytest.raises(ValidationError, match=f"REGSUB_{token}"):
        render_init(template.read_text(), str(template), values, {})


@pytest.mark.parametrize("name", ["prod_cluster", "prod_cluster_variant", "prod_cluster_dragen"])
def test_every_template_for_operators_renders_without_a_token_left(name: str) -> None:
    text = rendered(operator_config(max_count_192I="1"), resource(f"config/day_cluster/{name}.yaml"))
    document = YAML(typ="safe").load(text)
    assert document["Region"] == "us-west-2"
    assert not re.search("REGSUB|CALCULATE_MAX_SPOT_PRICE", str(document))


@pytest.mark.parametrize("path", STATIC)
def test_static_settings(stock: dict[str, Any], path: str) -> None:
    assert at(stock, path) == STATIC[path]


@pytest.mark.parametrize(("queue", "resource_name"), QUEUES)
def test_queues_and_compute_resources(stock: dict[str, Any], queue: str, resource_name: str) -> None:
    (found,) = [item for item in stock["Scheduling"]["SlurmQueues"] if item["Name"] == queue]
    (compute,) = [item for item in found["ComputeResources"] if item["Name"] == resource_name]
    types, count = QUEUES[queue, resource_name]
    assert [item["InstanceType"] for item in compute["Instances"]] == types
    assert (compute["MinCount"], compute["MaxCount"], compute["Efa"]["Enabled"]) == (0, count, False)
    assert (found["CapacityType"], found["AllocationStrategy"]) == ("SPOT", "lowest-price")
    assert found["Networking"] == {"SubnetIds": ["subnet-0b"], "PlacementGroup": {"Enabled": False}}
    assert compute["SpotPrice"] == 5.14


def test_there_are_no_other_queues(stock: dict[str, Any]) -> None:
    found = [(queue["Name"], item["Name"]) for queue in stock["Scheduling"]["SlurmQueues"]
             for item in queue["ComputeResources"]]  # fmt: skip
    assert found == list(QUEUES)


def test_head_node_and_every_queue_have_the_same_permissions_and_boot_script(stock: dict[str, Any]) -> None:
    nodes = [stock["HeadNode"], *stock["Scheduling"]["SlurmQueues"]]
    boot = "s3://lab-references/runtime_assets/cluster_boot_config/r1"
    for node in nodes:
        script = node["CustomActions"]["OnNodeConfigured"]
        assert script == {"Script": f"{boot}/post_install_ubuntu_combined.sh", "Args": ["us-west-2", boot]}
        access = {(item["BucketName"], item.get("EnableWriteAccess", False)) for item in node["Iam"]["S3Access"]}
        assert access == {("lab-references", False), ("lab-control", False), ("lab-sequencing-data", False),
                          ("lab-sequencing-data", True)}  # fmt: skip
        policies = [item["Policy"] for item in node["Iam"]["AdditionalIamPolicies"]]
        assert policies == [
            "arn:aws:iam::123456789012:policy/pclusterTagsAndBudget",
            "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
        ]


def test_file_system(stock: dict[str, Any]) -> None:
    (storage,) = stock["SharedStorage"]
    settings = storage["FsxLustreSettings"]
    assert (storage["MountDir"], storage["Name"], storage["StorageType"]) == ("/fsx", "fsx-lab-cluster", "FsxLustre")
    assert (settings["DeploymentType"], settings["StorageCapacity"], settings["DeletionPolicy"]) == (
        "SCRATCH_2", 7200, "Retain",
    )  # fmt: skip
    first = settings["DataRepositoryAssociations"][0]
    assert first == {
        "Name": "reference-data", "FileSystemPath": "/references/", "DataRepositoryPath": "s3://lab-references/",
        "BatchImportMetaDataOnCreate": True, "AutoImportPolicy": ["NEW", "CHANGED", "DELETED"],
    }  # fmt: skip


@pytest.mark.weakness("W-41")
def test_tags(stock: dict[str, Any]) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in stock["Tags"]}
    assert set(tags) == TAGS
    assert tags["aws-parallelcluster-project"] == "da-us-west-2d-lab-cluster"
    assert tags["aws-parallelcluster-clustername"] == "lab-cluster"
    assert tags["aws-parallelcluster-jobid"] == "aws_profile-lab"
    assert tags["aws-parallelcluster-daylily-git-deets"] != "none"


def test_no_key_pair_is_rendered_for_session_manager(stock: dict[str, Any]) -> None:
    assert "Ssh" not in stock["HeadNode"]
