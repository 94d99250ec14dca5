"""The stock template, rendered: facts that clusters rely on, bids, tags, startup associations."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from daylily_ec.config.resources import resource
from daylily_ec.errors import ValidationError
from daylily_ec.render.renderer import render_final, render_init, tag_value
from daylily_ec.render.spot import fill_bids, spot_types
from daylily_ec.render.substitutions import Scalar

STOCK = resource("config/day_cluster/prod_cluster.yaml").read_text()
_TOKENS: dict[str, Scalar] = {
    "REGION": "us-west-2", "PUB_SUBNET": "subnet-1", "PRIVATE_SUBNET": "subnet-2",
    "S3_BUCKET_INIT": "s3://ref/runtime_assets/cluster_boot_config/1-abc", "S3_IAM_POLICY": "arn:aws:iam::1:policy/p",
    "S3_REFERENCE_BUCKET": "ref", "S3_CONTROL_DATA_BUCKET": "ctl", "S3_STAGE_BUCKET": "stg", "S3_EXPORT_BUCKET": "out",
    "S3_REFERENCE_URI": "s3://ref", "S3_CONTROL_DATA_URI": "s3://ctl/data", "FSX_SIZE": 4800,
    "DETAILED_MONITORING": False, "DELETE_LOCAL_ROOT": True, "CLUSTER_NAME": "majors", "USERNAME": "ann-ops",
    "PROJECT": "majors", "SAVE_FSX": "Delete", "ENFORCE_BUDGET": "skip", "AWS_ACCOUNT_ID": "aws_profile-day",
    "ALLOCATION_STRATEGY": "price-capacity-optimized", "DAYLILY_GIT_DEETS": "none", "MAX_COUNT_8I": 1,
    "MAX_COUNT_128I": 2, "MAX_COUNT_192I": 3, "HEADNODE_INSTANCE_TYPE": "r7i.2xlarge",
}  # fmt: skip
VALUES = {f"REGSUB_{name}": value for name, value in _TOKENS.items()}
QUEUES = {
    ("i8", "r7gb64"): (1, ["r7i.2xlarge"]),
    ("i8", "r6gb64"): (1, ["r6i.2xlarge"]),
    ("i128", "c6gb256"): (2, ["c6i.metal", "c6i.32xlarge"]),
    ("i128", "m6gb512"): (2, ["m6i.32xlarge", "m6i.metal"]),
    ("i128", "r6gb1024r6"): (2, ["r6i.metal", "r6i.32xlarge"]),
    ("i192", "all"): (3, ["c7i.48xlarge", "c7i.metal-48xl", "m7i.metal-48xl", "m7i.48xlarge", "r7i.48xlarge",
                          "r7i.metal-48xl"]),
    ("i192mem", "all"): (3, ["m7i.metal-48xl", "m7i.48xlarge", "r7i.48xlarge", "r7i.metal-48xl"]),
    ("i192bigmem", "all"): (3, ["r7i.48xlarge", "r7i.metal-48xl"]),
}  # fmt: skip


def stock(template: str = STOCK, **tags: str) -> dict[str, Any]:
    init = render_init(template, "prod_cluster.yaml", VALUES, tags)
    prices = dict.fromkeys(init.spot_types, 1.0)
    document: dict[str, Any] = yaml.safe_load(render_final(init, prices, 4.14, "us-west-2d").text)
    return document


def test_queues_compute_resources_and_instances_are_the_contract_s() -> None:
    found = {
        (queue["Name"], resource["Name"]): (
            resource["MaxCount"],
            [item["InstanceType"] for item in resource["Instances"]],
        )
        for queue in stock()["Scheduling"]["SlurmQueues"]
        for resource in queue["ComputeResources"]
    }
    assert found == QUEUES


def test_every_queue_carries_the_boot_script_the_buckets_and_the_policies() -> None:
    document = stock()
    head = document["HeadNode"]
    script = head["CustomActions"]["OnNodeConfigured"]
    assert script["Script"] == "s3://ref/runtime_assets/cluster_boot_config/1-abc/post_install_ubuntu_combined.sh"
    assert script["Args"] == ["us-west-2", "s3://ref/runtime_assets/cluster_boot_config/1-abc"]
    writable = {entry["BucketName"]: entry["EnableWriteAccess"] for entry in head["Iam"]["S3Access"]}
    assert writable == {"ref": False, "ctl": False, "stg": False, "out": True}
    for queue in document["Scheduling"]["SlurmQueues"]:
        assert queue["CustomActions"] == head["CustomActions"]
        assert queue["Iam"] == head["Iam"]
        assert queue["Networking"]["SubnetIds"] == ["subnet-2"]


@pytest.mark.weakness("W-45")
def test_reference_and_control_data_are_the_startup_associations() -> None:
    (storage,) = stock()["SharedStorage"]
    settings = storage["FsxLustreSettings"]
    assert (storage["MountDir"], storage["Name"], settings["DeploymentType"]) == ("/fsx", "fsx-majors", "SCRATCH_2")
    assert settings["StorageCapacity"] == 4800
    pairs = [(item["Name"], item["FileSystemPath"], item["DataRepositoryPath"])
             for item in settings["DataRepositoryAssociations"]]  # fmt: skip
    assert pairs == [
        ("reference-data", "/references/", "s3://ref/"),
        ("control-data", "/control_data/", "s3://ctl/data/"),
    ]


@pytest.mark.parametrize("broken", ["/references/", "/control_data/"])
def test_other_startup_associations_are_refused(broken: str) -> None:
    with pytest.raises(ValidationError, match="startup data repository associations must be"):
        stock(STOCK.replace(f"FileSystemPath: {broken}", "FileSystemPath: /elsewhere/"))


def test_tags_of_the_run_are_added_and_may_not_be_taken() -> None:
    tags = {tag["Key"]: tag["Value"] for tag in stock(**{"dyec:run-id": "r1"})["Tags"]}
    assert tags["dyec:run-id"] == "r1"
    assert tags["aws-parallelcluster-clustername"] == "majors"
    with pytest.raises(ValidationError, match="dyec:run-id"):
        stock(STOCK.replace("Key: aws-parallelcluster-project", "Key: dyec:run-id"), **{"dyec:run-id": "r1"})


def test_a_key_pair_is_rendered_only_when_there_is_one() -> None:
    assert "Ssh" not in stock()["HeadNode"]
    init = render_init(STOCK, "t", VALUES, {}, "omics-key")
    assert yaml.safe_load(init.text)["HeadNode"]["Ssh"] == {"KeyName": "omics-key"}


def test_a_bid_is_the_median_of_its_own_types_plus_the_bump() -> None:
    document: dict[str, Any] = {"Scheduling": {"SlurmQueues": [
        {"Name": "q", "CapacityType": "SPOT", "ComputeResources": [
            {"Name": "one", "Instances": [{"InstanceType": "a"}]},
            {"Name": "even", "Instances": [{"InstanceType": "a"}, {"InstanceType": "b"}]},
            {"Name": "odd", "Instances": [{"InstanceType": "a"}, {"InstanceType": "b"}, {"InstanceType": "c"}]},
            {"Name": "gap", "Instances": [{"InstanceType": "c"}, {"InstanceType": "unsold"}]}]},
        {"Name": "od", "CapacityType": "ONDEMAND", "ComputeResources": [
            {"Name": "x", "InstanceType": "z", "SpotPrice": "CALCULATE_MAX_SPOT_PRICE"}]},
    ]}}  # fmt: skip
    assert spot_types(document) == ("a", "b", "c", "unsold")
    bids = fill_bids(document, {"a": 0.2, "b": 1.0, "c": 9.0}, 4.14, "us-west-2d")
    assert {bid.compute_resource: bid.price for bid in bids} == {"one": 4.34, "even": 4.74, "odd": 5.14, "gap": 13.14}
    assert bids[3].unpriced == ("unsold",)
    assert document["Scheduling"]["SlurmQueues"][0]["ComputeResources"][1]["SpotPrice"] == 4.74
    untouched = document["Scheduling"]["SlurmQueues"][1]["ComputeResources"][0]
    assert untouched["SpotPrice"] == "CALCULATE_MAX_SPOT_PRICE"


@pytest.mark.weakness("W-59")
def test_a_resource_without_any_price_is_an_error_that_names_it() -> None:
    init = render_init(STOCK, "t", VALUES, {})
    prices = dict.fromkeys(set(init.spot_types) - {"r6i.2xlarge"}, 1.0)
    with pytest.raises(ValidationError, match=r"us-west-2d for i8/r6gb64 \(r6i\.2xlarge\)"):
        render_final(init, prices, 4.14, "us-west-2d")


@pytest.mark.parametrize(
    ("text", "value"),
    [("ann-ops", "ann-ops"), ("a,b;c#d", "a-b-c-d"), ("x" * 300, "x" * 256), ("", "none"), ("a@b.org", "a@b.org")],
)
def test_tag_values_are_valid_for_aws(text: str, value: str) -> None:
    assert tag_value(text) == value
