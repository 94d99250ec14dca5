"""Contract, section 5: the configuration file, item by item; and a configuration of the reference release as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from daylily_ec.artifacts.answers import final_config_text
from daylily_ec.aws.context import Identity
from daylily_ec.config.models import KEYS, LISTED_KEYS, ClusterConfig, Origin
from daylily_ec.config.resolve import resolve
from daylily_ec.config.resources import resource
from daylily_ec.config.triplets import Triplet, TripletFile, add_missing_keys, load_config, normalise, parse_triplet
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import ValidationError
from daylily_ec.plan.steps import Bindings
from daylily_ec.preflight.template import TOKENS
from daylily_ec.render.renderer import render_final, render_init
from daylily_ec.workflow.create_network import NODE_POLICY, PRIVATE_SUBNET, PUBLIC_SUBNET
from daylily_ec.workflow.create_steps import BOOT_URI
from daylily_ec.workflow.create_values import next_run_text, resolved_text, template_values

DATA = Path(__file__).parent / "data"
ZONE = AvailabilityZone("us-west-2d")
IDENTITY = Identity("123456789012", "arn:aws:iam::123456789012:user/lab/ada")

CONTRACT_KEYS = {
    "cluster_name": "majors-cluster", "reference_s3_uri": "", "control_data_s3_uri": "", "stage_s3_uri": "",
    "export_destination_s3_uri": "", "public_subnet_id": "", "private_subnet_id": "", "iam_policy_arn": "",
    "budget_email": "", "allowed_budget_users": "ubuntu", "budget_amount": "200",
    "global_allowed_budget_users": "ubuntu", "global_budget_amount": "200", "enforce_budget": "skip",
    "cluster_template_yaml": "config/day_cluster/prod_cluster.yaml", "headnode_instance_type": "r7i.2xlarge",
    "fsx_fs_size": "4800", "enable_detailed_monitoring": "false", "delete_local_root": "true",
    "auto_delete_fsx": "Delete", "heartbeat_email": "", "heartbeat_schedule": "rate(60 minutes)",
    "heartbeat_scheduler_role_arn": "", "spot_instance_allocation_strategy": "price-capacity-optimized",
    "max_count_8I": "1", "max_count_128I": "1", "max_count_192I": "1",
}  # fmt: skip
"""The 27 keys and the default value of the operators' template."""

ENCODINGS: list[tuple[object, Triplet]] = [
    ("USESETVALUE", Triplet("USESETVALUE")),
    ("", Triplet("PROMPTUSER")),
    (None, Triplet("PROMPTUSER")),
    (["USESETVALUE"], Triplet("USESETVALUE")),
    (["USESETVALUE", "d"], Triplet("USESETVALUE", "d")),
    (["USESETVALUE", "d", "s", "ignored"], Triplet("USESETVALUE", "d", "s")),
    ({"action": "PROMPTUSER", "default_value": "d", "set_value": "s"}, Triplet("PROMPTUSER", "d", "s")),
    ({"set_value": 0}, Triplet("PROMPTUSER", "", "0")),
    (["USESETVALUE", True, False], Triplet("USESETVALUE", "true", "false")),
    (["ANYTHING", "", 0], Triplet("ANYTHING", "", "0")),
]
NORMAL: list[tuple[object, str]] = [
    ("null", ""), ("None", ""), (None, ""), ("True", "true"), ("TRUE", "true"), ("False", "false"),
    ("FALSE", "false"), (False, "false"), (0, "0"), ("", ""), ("tRuE", "tRuE"), ("text", "text"),
]  # fmt: skip
AUTO_APPLY = [
    (Triplet("USESETVALUE", "d", "s"), True, True),
    (Triplet("USESETVALUE", "d", "s"), False, False),
    (Triplet("PROMPTUSER", "d", "s"), True, True),
    (Triplet("PROMPTUSER", "d", "PROMPTUSER"), True, False),
    (Triplet("USESETVALUE", "d", ""), True, False),
    (Triplet("PROMPTUSER", "d", ""), True, False),
    (Triplet("ANYTHING", "", "0"), True, True),
]


@pytest.mark.weakness("W-23")
@pytest.mark.parametrize(("node", "triplet"), ENCODINGS)
def test_every_way_of_writing_a_triplet(node: object, triplet: Triplet) -> None:
    assert parse_triplet(node) == triplet


@pytest.mark.parametrize(("value", "text"), NORMAL)
def test_normal_texts(value: object, text: str) -> None:
    assert normalise(value) == text


@pytest.mark.parametrize(("triplet", "auto_select", "applies"), AUTO_APPLY)
def test_when_a_set_value_is_used_without_asking(triplet: Triplet, auto_select: bool, applies: bool) -> None:
    assert triplet.applies(auto_select=auto_select) is applies


def test_the_27_keys_and_their_defaults_in_the_template_for_operators() -> None:
    file = load_config(resource("config/daylily_ephemeral_cluster_template.yaml"))
    assert tuple(CONTRACT_KEYS) == LISTED_KEYS
    assert {key: file.triplets[key].default_value for key in CONTRACT_KEYS} == CONTRACT_KEYS
    assert file.template_defaults["fsx_fs_size"] == "7200"
    assert {"ssh_key_name", "ttl_hours"} <= {key.name for key in KEYS if not key.listed}


@pytest.mark.weakness("W-24")
@pytest.mark.parametrize("key", [key for key in CONTRACT_KEYS if key != "cluster_name"])
def test_built_in_defaults_are_those_of_the_template(key: str) -> None:
    assert {item.name: item.default for item in KEYS}[key] == CONTRACT_KEYS[key]


def operator_config(**overrides: str) -> ClusterConfig:
    found = resolve(load_config(DATA / "operator_config.yaml"), overrides, {})
    assert found.values is not None, (found.problems, found.missing)
    return found.values


def bindings() -> Bindings:
    known = Bindings()
    for output, value in ((PUBLIC_SUBNET, "subnet-0a"), (PRIVATE_SUBNET, "subnet-0b"),
                          (NODE_POLICY, "arn:aws:iam::123456789012:policy/pclusterTagsAndBudget"),
                          (BOOT_URI, "s3://lab-references/runtime_assets/cluster_boot_config/r1")):  # fmt: skip
        known.add(output.step, {output.name: value})
    return known


def rendered(config: ClusterConfig, template: Path = DATA / "operator_template.yaml") -> str:
    values = template_values(config, ZONE, "lab", IDENTITY, bindings())
    init = render_init(template.read_text(), str(template), values, {})
    return render_final(init, dict.fromkeys(init.spot_types, 1.0), 4.14, ZONE).text


def test_a_configuration_of_the_reference_release_works_unchanged() -> None:
    config = operator_config()
    wanted = {
        "cluster_name": "lab-cluster", "reference_s3_uri": "lab-references/", "budget_amount": "350",
        "allowed_budget_users": "ubuntu,ada", "enforce_budget": "enforce", "headnode_instance_type": "r7i.4xlarge",
        "fsx_fs_size": "7200", "enable_detailed_monitoring": "false", "delete_local_root": "true",
        "auto_delete_fsx": "Retain", "heartbeat_schedule": "cron(0 6 * * ? *)", "max_count_8I": "4",
        "max_count_192I": "0", "heartbeat_email": "ops@example.org", "global_budget_amount": "200",
    }  # fmt: skip
    assert {key: config.texts[key] for key in wanted} == wanted
    assert {config.origins[key] for key in wanted} == {Origin.FILE}
    assert str(config.reference_s3_uri) == "s3://lab-references/"


def test_a_template_with_the_tokens_of_the_reference_release_renders() -> None:
    document = YAML(typ="safe").load(rendered(operator_config()))
    assert "REGSUB" not in rendered(operator_config())
    head, (small, reserve) = document["HeadNode"], document["Scheduling"]["SlurmQueues"]
    assert (head["InstanceType"], head["Networking"]["SubnetId"]) == ("r7i.4xlarge", "subnet-0a")
    assert head["LocalStorage"]["RootVolume"]["DeleteOnTermination"] is True
    assert [item["MaxCount"] for item in small["ComputeResources"]] == [4, 2]
    assert small["ComputeResources"][0]["SpotPrice"] == 5.14
    assert "SpotPrice" not in reserve["ComputeResources"][0]
    (storage,) = document["SharedStorage"]
    assert storage["FsxLustreSettings"]["StorageCapacity"] == 7200
    assert storage["FsxLustreSettings"]["DeletionPolicy"] == "Retain"
    (association,) = storage["FsxLustreSettings"]["DataRepositoryAssociations"]
    assert association["DataRepositoryPath"] == "s3://lab-references/"
    tags = {tag["Key"]: tag["Value"] for tag in document["Tags"]}
    assert tags["aws-parallelcluster-enforce-budget"] == "enforce"
    assert tags["aws-parallelcluster-jobid"] == "aws_profile-lab"


def test_every_token_is_known_before_anything_is_resolved() -> None:
    values = template_values(operator_config(), ZONE, "lab", IDENTITY, bindings())
    assert {name.removeprefix("REGSUB_") for name in values} == set(TOKENS)


NEXT = {"public_subnet_id": "subnet-0a", "private_subnet_id": "subnet-0b",
        "iam_policy_arn": "arn:aws:iam::123456789012:policy/pclusterTagsAndBudget"}  # fmt: skip


def next_run(config: ClusterConfig, directory: Path) -> TripletFile:
    path = directory / "next.yaml"
    path.write_text(next_run_text(config, NEXT))
    return load_config(path)


@pytest.mark.weakness("W-09")
def test_the_next_run_file_holds_every_answer_and_renders_the_same_bytes(tmp_path: Path) -> None:
    answers = {"fsx_fs_size": "2400", "max_count_128I": "0", "heartbeat_schedule": "rate(2 hours)", "ttl_hours": "48",
               "budget_email": "flag@example.org", "ssh_key_name": "omics-key"}  # fmt: skip
    first = operator_config(**answers)
    file = next_run(first, tmp_path)
    assert list(file.triplets) == [key.name for key in KEYS]
    assert {file.triplets[key.name].action for key in KEYS} == {"USESETVALUE"}
    found = resolve(file, {}, {})
    assert found.questions == ()
    again = found.values
    assert again is not None
    assert {**again.texts} == {**first.texts, **NEXT}
    assert rendered(again) == rendered(first)
    assert next_run_text(again, NEXT) == next_run_text(first, NEXT)


def test_a_next_run_file_survives_another_environment(tmp_path: Path) -> None:
    base = load_config(DATA / "operator_config.yaml")
    open_mail = TripletFile(base.path, {**base.triplets, "budget_email": Triplet()}, base.template_defaults)
    first = resolve(open_mail, {}, {"DAY_CONTACT_EMAIL": "env@example.org"}).values
    assert first is not None
    again = resolve(next_run(first, tmp_path), {}, {"DAY_CONTACT_EMAIL": "other@example.org"}).values
    assert again is not None
    assert again.budget_email == again.heartbeat_email == "env@example.org"


def test_resolved_and_final_artifacts_hold_every_answer() -> None:
    config = operator_config(max_count_8I="9")
    read: Any = YAML(typ="safe").load(resolved_text(config, ZONE, NEXT))
    assert list(read["settings"]) == [key.name for key in KEYS]
    assert read["settings"]["max_count_8I"] == {"value": "9", "from": "flag"}
    assert read["settings"]["public_subnet_id"] == {"value": "subnet-0a", "from": "aws"}
    final: Any = YAML(typ="safe").load(final_config_text(config, NEXT))
    assert final["ephemeral_cluster"]["final"] == {**config.texts, **NEXT}


def test_missing_keys_are_written_back_and_nothing_else_changes(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    text = (DATA / "operator_config.yaml").read_text()
    path.write_text(re.sub(r"    (max_count_8I|iam_policy_arn): .*\n", "", text, count=2))
    assert add_missing_keys(path, LISTED_KEYS) == ("iam_policy_arn", "max_count_8I")
    added = [line for line in path.read_text().splitlines() if line not in text.splitlines()]
    assert sorted(added) == [
        '    iam_policy_arn: [PROMPTUSER, "", ""]', '    max_count_8I: [PROMPTUSER, "", ""]',
    ]  # fmt: skip
    assert path.read_text().startswith(text.splitlines()[0])
    assert add_missing_keys(path, LISTED_KEYS) == ()


@pytest.mark.weakness("W-44")
@pytest.mark.parametrize("token", ["${REGSUB_S3_BUCKET_NAME}", "${REGSUB_UNHEARD_OF}"])
def test_unknown_tokens_are_errors_that_name_them(tmp_path: Path, token: str) -> None:
    template = tmp_path / "t.yaml"
    template.write_text((DATA / "operator_template.yaml").read_text().replace("ubuntu2204", token))
    with pytest.raises(ValidationError, match=token[2:-1]):
        rendered(operator_config(), template)
