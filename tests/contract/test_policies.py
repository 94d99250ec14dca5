"""The operator's policies: exactly dyec's own calls, ParallelCluster's, and the network stack's; each with a source."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.config.policies import Place, policy_document
from daylily_ec.localcloud.patches.iam_simulation import ALLOWED, decide
from daylily_ec.preflight.permissions import QUESTIONS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "config" / "aws"
PLACE = Place("aws", "us-west-2", "123456789012")
OPERATOR = ("DaylilyGlobalEClusterPolicy", "DaylilyRegionalEClusterPolicy")
PREFIXES = {"service-quotas": "servicequotas"}
"""Names of clients that IAM spells otherwise."""
SPECIAL: dict[tuple[str, str], tuple[str, ...]] = {
    ("sts", "get_caller_identity"): (),
    ("s3", "head_bucket"): ("s3:ListBucket",),
    ("s3", "list_objects_v2"): ("s3:ListBucket",),
    ("s3", "head_object"): ("s3:GetObject",),
    ("s3", "upload_file"): ("s3:PutObject",),
    ("s3", "copy"): ("s3:GetObject", "s3:PutObject"),
    ("s3", "get_bucket_encryption"): ("s3:GetEncryptionConfiguration",),
    ("service-quotas", "get_aws_default_service_quota"): ("servicequotas:GetAWSDefaultServiceQuota",),
    ("iam", "create_policy"): ("iam:CreatePolicy", "iam:TagPolicy"),
    ("iam", "create_role"): ("iam:CreateRole", "iam:TagRole"),
    ("scheduler", "create_schedule"): ("scheduler:CreateSchedule", "iam:PassRole"),
    ("scheduler", "update_schedule"): ("scheduler:UpdateSchedule", "iam:PassRole"),
    ("fsx", "create_data_repository_association"): ("fsx:CreateDataRepositoryAssociation", "fsx:TagResource"),
}
VERB = re.compile(
    r"(describe|list|get|put|create|update|delete|head|simulate|send|cancel|subscribe|copy|upload)(_[a-z0-9_]+)?"
)


def statements(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = policy_document(name, PLACE)["Statement"]
    return found


def operations() -> set[tuple[str, str]]:
    """Every (client, operation) in the modules of `aws`, from their text: one client per module is the rule."""
    found = set()
    for path in sorted((ROOT / "daylily_ec" / "aws").glob("*.py")):
        tree = ast.parse(path.read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        clients = {
            str(node.args[0].value)
            for node in calls
            if isinstance(node.func, ast.Attribute) and node.func.attr == "client"
            and node.args and isinstance(node.args[0], ast.Constant)
        }  # fmt: skip
        names = {
            arg.value
            for node in calls
            for arg in node.args[:2]
            if isinstance(arg, ast.Constant) and isinstance(arg.value, str) and VERB.fullmatch(arg.value)
        }
        found |= {(client, name) for client in clients for name in names & operations_of(client)}
    return found


def operations_of(client: str) -> set[str]:
    import botocore.session
    from botocore import xform_name

    model = botocore.session.get_session().get_service_model(client)
    return {xform_name(operation) for operation in model.operation_names} | {"copy", "upload_file"}


def actions_of(client: str, name: str) -> tuple[str, ...]:
    if (client, name) in SPECIAL:
        return SPECIAL[client, name]
    if client == "budgets":
        return ("budgets:ViewBudget",) if name.startswith("describe") else ("budgets:ModifyBudget",)
    camel = "".join(part.capitalize() for part in name.split("_"))
    return (f"{PREFIXES.get(client, client)}:{camel}",)


def own() -> set[str]:
    return {
        action
        for name in OPERATOR
        for statement in statements(name)
        if statement["Sid"].startswith("Dyec")
        for action in statement["Action"]
    }


def test_own_statements_allow_exactly_the_calls_of_the_product() -> None:
    found = operations()
    assert len(found) > 60
    called = {action for one in found for action in actions_of(*one)}
    assert called - own() == set(), "missing"
    assert own() - called == set(), "unused"


@pytest.mark.weakness("W-36")
@pytest.mark.parametrize("name", OPERATOR)
def test_no_statement_allows_a_whole_service_and_iam_is_never_open(name: str) -> None:
    for statement in statements(name):
        assert not [action for action in statement["Action"] if action.endswith(":*")]
        changes = [a for a in statement["Action"] if re.match(r"iam:(Create|Put|Attach|Delete|Pass|Add)", a)]
        assert not changes or statement["Resource"] != "*"


@pytest.mark.parametrize("name", OPERATOR)
def test_a_managed_policy_may_have_6144_characters(name: str) -> None:
    longest = Place("aws-us-gov", "ap-southeast-2", "123456789012")
    text = (FOLDER / f"{name}.json").read_text()
    for token, value in (("PARTITION", "aws"), ("REGION", longest.region), ("ACCOUNT_ID", longest.account_id)):
        text = text.replace(f"${{{token}}}", value)
    assert len("".join(text.split())) <= 6144


def test_preflight_is_satisfied_by_the_two_policies() -> None:
    documents = [policy_document(name, PLACE) for name in OPERATOR]
    context = {"aws:requestedregion": ("us-west-2",)}
    place = {"partition": "aws", "region": "us-west-2", "account": PLACE.account_id, "cluster": "majors", "bucket": "r"}
    refused = [
        action
        for resource, actions in QUESTIONS.items()
        for action in actions
        if decide(documents, action, resource.format_map(place), context) != ALLOWED
    ]
    assert refused == []
    assert decide(documents, "ec2:RunInstances", "*", {"aws:requestedregion": ("eu-west-1",)}) != ALLOWED


def test_every_statement_has_its_source_in_the_readme() -> None:
    readme = (FOLDER / "README.md").read_text()
    for path in FOLDER.glob("*.json"):
        assert f"`{path.name}`" in readme
        for statement in policy_document(path.stem, PLACE)["Statement"]:
            assert f"`{statement['Sid']}`" in readme, (path.name, statement["Sid"])


def test_the_linter_of_policies_finds_nothing_serious() -> None:
    import parliament

    for path in sorted(FOLDER.glob("*.json")):
        if path.stem.endswith(".trust"):
            continue
        text = json.dumps(policy_document(path.stem, PLACE))
        found = [parliament.enhance_finding(one) for one in parliament.analyze_policy_string(text).findings]
        assert [str(one) for one in found if one.severity not in ("LOW", "INFO", "MUTE")] == [], path.name
