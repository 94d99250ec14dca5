"""Effective values: precedence, questions, and every fault at once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from daylily_ec.config.models import KEYS, LISTED_KEYS, BudgetEnforcement, ClusterConfig, DeletionPolicy, Origin
from daylily_ec.config.resolve import Resolution, resolve
from daylily_ec.config.triplets import Triplet, TripletFile, load_config
from daylily_ec.domain.s3uri import S3Prefix

GOOD = {
    "cluster_name": "day-demo",
    "reference_s3_uri": "s3://refs/",
    "control_data_s3_uri": "s3://control",
    "stage_s3_uri": "s3://lab/staged_external_data",
    "export_destination_s3_uri": "s3://lab/derived/",
    "budget_email": "ops@example.org",
}
TEMPLATE = Path(__file__).parents[3] / "config" / "daylily_ephemeral_cluster_template.yaml"


def file_of(**values: str) -> TripletFile:
    triplets = {key: Triplet("USESETVALUE", "", value) for key, value in {**GOOD, **values}.items()}
    return TripletFile(Path("c.yaml"), triplets, {})


def values_of(found: Resolution) -> ClusterConfig:
    assert found.values is not None, (found.missing, found.problems)
    return found.values


def test_a_good_file_gives_typed_values_and_the_built_in_defaults() -> None:
    config = values_of(resolve(file_of(), {}, {}))
    assert config.reference_s3_uri == S3Prefix("refs")
    assert config.storage["staging"] == S3Prefix("lab", "staged_external_data/")
    assert (config.budget_amount, config.global_budget_amount) == (Decimal(200), Decimal(200))
    assert config.enforce_budget is BudgetEnforcement.SKIP
    assert config.auto_delete_fsx is DeletionPolicy.DELETE
    assert (config.enable_detailed_monitoring, config.delete_local_root) == (False, True)
    assert (config.max_count_8I, config.max_count_128I, config.max_count_192I) == (1, 1, 1)
    assert config.allowed_budget_users == ("ubuntu",)
    assert (config.public_subnet_id, config.ssh_key_name, config.ttl_hours) == (None, None, None)
    assert config.heartbeat_email == "ops@example.org"


@pytest.mark.weakness("W-24")
def test_every_built_in_default_obeys_its_own_rule() -> None:
    for key in KEYS:
        if key.default:
            key.parse(key.default)


def test_precedence_is_flag_answer_file_environment_default() -> None:
    env = {"DAY_CONTACT_EMAIL": "env@example.org"}
    bare = TripletFile(Path("c.yaml"), {**file_of().triplets, "budget_email": Triplet("PROMPTUSER")}, {})
    in_file = file_of(budget_email="file@example.org")
    flag, answer = {"budget_email": "flag@example.org"}, {"budget_email": "answer@example.org"}
    cases = [
        (resolve(in_file, flag, env, answer), "flag@example.org", Origin.FLAG),
        (resolve(in_file, {}, env, answer), "answer@example.org", Origin.ANSWER),
        (resolve(in_file, {}, env), "file@example.org", Origin.FILE),
        (resolve(bare, {}, env), "env@example.org", Origin.ENVIRONMENT),
    ]
    for found, value, origin in cases:
        config = values_of(found)
        assert (config.budget_email, config.origins["budget_email"]) == (value, origin)
    assert values_of(resolve(in_file, {}, {})).origins["fsx_fs_size"] is Origin.DEFAULT


def test_set_value_then_default_value_then_template_default() -> None:
    triplets = {**file_of().triplets, "fsx_fs_size": Triplet("USESETVALUE", "2400", "1200")}
    defaults = {"fsx_fs_size": "7200"}
    sizes = []
    for triplet in (triplets["fsx_fs_size"], Triplet("USESETVALUE", "2400", ""), Triplet("USESETVALUE")):
        file = TripletFile(Path("c.yaml"), {**triplets, "fsx_fs_size": triplet}, defaults)
        sizes.append(values_of(resolve(file, {}, {})).fsx_fs_size)
    assert sizes == [1200, 2400, 7200]


@pytest.mark.parametrize("setting", ["1", "0", "yes"])
def test_any_text_in_day_disable_auto_select_ignores_set_values(setting: str) -> None:
    file = file_of(fsx_fs_size="1200")
    config = resolve(file, {}, {"DAY_DISABLE_AUTO_SELECT": setting})
    assert [question.key for question in config.missing] == list(GOOD)
    assert config.effective["fsx_fs_size"].text == "4800"
    assert values_of(resolve(file, {}, {"DAY_DISABLE_AUTO_SELECT": ""})).fsx_fs_size == 1200


def test_an_empty_file_misses_exactly_the_required_keys() -> None:
    found = resolve(TripletFile(Path("c.yaml"), {}, {}), {}, {})
    assert found.values is None
    assert [question.key for question in found.missing] == list(GOOD)


def test_only_keys_without_any_value_are_asked() -> None:
    triplets = {key: Triplet() for key in LISTED_KEYS}
    triplets["cluster_name"] = Triplet("PROMPTUSER", "majors-cluster")
    found = resolve(TripletFile(Path("c.yaml"), triplets, {}), {}, {"DAY_CONTACT_EMAIL": "ops@example.org"})
    assert [question.key for question in found.questions] == [
        "reference_s3_uri", "control_data_s3_uri", "stage_s3_uri", "export_destination_s3_uri",
    ]  # fmt: skip
    assert found.missing == found.questions


def test_with_day_disable_auto_select_every_key_of_the_file_is_confirmed() -> None:
    triplets = {**file_of().triplets, "fsx_fs_size": Triplet("USESETVALUE", "7200"), "public_subnet_id": Triplet()}
    env = {"DAY_DISABLE_AUTO_SELECT": "1"}
    found = resolve(TripletFile(Path("c.yaml"), triplets, {}), {}, env)
    assert [(question.key, question.default) for question in found.questions] == [
        *((key, "") for key in GOOD), ("fsx_fs_size", "7200"),
    ]  # fmt: skip
    again = resolve(TripletFile(Path("c.yaml"), triplets, {}), {}, env, {**GOOD, "fsx_fs_size": "2400"})
    assert (values_of(again).fsx_fs_size, again.questions) == (2400, ())


@pytest.mark.weakness("W-08")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cluster_name", "abcdefghijklmnopqrstuvwxyz"),
        ("cluster_name", "prod"),
        ("cluster_name", "1cluster"),
        ("reference_s3_uri", "https://refs/x"),
        ("stage_s3_uri", "s3://UPPER/x"),
        ("budget_email", "nobody"),
        ("heartbeat_email", "a@b"),
        ("heartbeat_schedule", "every hour"),
        ("budget_amount", "0"),
        ("budget_amount", "NaN"),
        ("global_budget_amount", "-1"),
        ("allowed_budget_users", "a, b c"),
        ("enforce_budget", "true"),
        ("headnode_instance_type", "t3.micro"),
        ("fsx_fs_size", "1000"),
        ("fsx_fs_size", "3600"),
        ("fsx_fs_size", "0"),
        ("enable_detailed_monitoring", "maybe"),
        ("auto_delete_fsx", "Snapshot"),
        ("spot_instance_allocation_strategy", "cheapest"),
        ("max_count_8I", "-1"),
        ("max_count_128I", "1.5"),
        ("public_subnet_id", "vpc-1"),
        ("iam_policy_arn", "Policy already exists, not created"),
        ("heartbeat_scheduler_role_arn", "arn:aws:iam::1:role/x"),
        ("ttl_hours", "0"),
    ],
)
def test_every_rule_is_checked_before_aws_is_asked(key: str, value: str) -> None:
    found = resolve(file_of(**{key: value}), {}, {})
    assert found.values is None
    assert [(problem.key, problem.value) for problem in found.problems] == [(key, value)]
    assert key in str(found.problems[0])


def test_all_problems_come_at_once() -> None:
    found = resolve(file_of(fsx_fs_size="5", budget_amount="x", max_count_8I="many"), {}, {})
    assert [problem.key for problem in found.problems] == ["budget_amount", "fsx_fs_size", "max_count_8I"]


@pytest.mark.parametrize(
    ("stage", "export"), [("s3://bkt/", "s3://bkt/x"), ("s3://bkt/x", "s3://bkt/x/y"), ("s3://bkt", "s3://bkt")]
)
def test_roles_may_not_contain_one_another(stage: str, export: str) -> None:
    found = resolve(file_of(stage_s3_uri=stage, export_destination_s3_uri=export), {}, {})
    assert [problem.key for problem in found.problems] == ["export_destination_s3_uri"]
    assert "overlaps stage_s3_uri" in found.problems[0].rule


def test_neighbours_with_a_common_beginning_do_not_overlap() -> None:
    assert resolve(file_of(stage_s3_uri="s3://bkt/run", export_destination_s3_uri="s3://bkt/run2"), {}, {}).values


@pytest.mark.parametrize("text", ["ubuntu,ada", "ubuntu, ada", "ubuntu,ada,", " ubuntu ,ada "])
def test_users_may_be_written_loosely(text: str) -> None:
    assert values_of(resolve(file_of(allowed_budget_users=text), {}, {})).allowed_budget_users == ("ubuntu", "ada")


@pytest.mark.parametrize("text", [",", "ubuntu,,ada"])
def test_a_user_without_a_name_is_refused(text: str) -> None:
    assert [problem.key for problem in resolve(file_of(allowed_budget_users=text), {}, {}).problems] == [
        "allowed_budget_users"
    ]


def test_zero_nodes_is_a_count() -> None:
    assert values_of(resolve(file_of(max_count_192I="0"), {}, {})).max_count_192I == 0


def test_the_shipped_template_has_every_key_and_only_misses_what_nobody_can_know() -> None:
    file = load_config(TEMPLATE)
    assert set(LISTED_KEYS) <= set(file.triplets)
    assert set(file.triplets) == {key.name for key in KEYS}
    found = resolve(file, {}, {})
    assert [question.key for question in found.missing] == list(GOOD)[1:]
    assert found.problems == ()
    filled = values_of(resolve(file, {}, {}, GOOD))
    assert {key.name: filled.texts[key.name] for key in KEYS if key.default} == {
        key.name: key.default for key in KEYS if key.default
    }
    assert len(LISTED_KEYS) == 27
