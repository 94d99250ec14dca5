"""The operator's policies: exactly dyec's own calls, ParallelCluster's, and the network stack's; each with a source."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path

import pytest

from daylily_ec.config.policies import Place, policy_document
from daylily_ec.localcloud.patches.iam_simulation import ALLOWED, decide
from daylily_ec.preflight.permissions import QUESTIONS
from tests.permissions.operations import OPERATOR, PLACE, granted, permissions, statements
from tests.permissions.published import LEFT_OUT, STATEMENTS
from tests.permissions.recording import VARIABLE, Witness, load
from tests.permissions.resource_types import HANDLERS, POLICY

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "config" / "aws"
SESSIONS = "Connect"
"""Statements for the AWS command line and its Session Manager plugin, which `headnode connect` starts."""


def test_own_statements_allow_exactly_the_recorded_calls() -> None:
    recorded = load().dyec
    assert len(recorded) > 60
    called = {action for operation in recorded for action in permissions(operation)}
    assert called - granted() == set(), "missing"
    assert granted() - called == set(), "unused"


def test_every_recorded_call_names_the_commands_that_made_it() -> None:
    recorded = load()
    assert all(recorded.dyec.values())
    commands = {command for made in recorded.dyec.values() for command in made}
    assert commands >= {
        "preflight", "preflight --probe-writes", "plan", "create", "create --dry-run", "cluster list",
        "cluster describe", "headnode run", "headnode info", "samples stage", "mounts create", "mounts list",
        "workflow launch", "workflow status", "workflow logs", "export", "delete", "delete --dry-run",
    }  # fmt: skip


def test_a_witness_refuses_a_call_that_nobody_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    known, new = (
        {"number": number, "service": "s3", "action": action, "client": "dyec", "caller": "x"}
        for number, action in ((1, "HeadBucket"), (2, "ListBuckets"))
    )
    Witness().look([known], ["preflight"])
    with pytest.raises(AssertionError, match=r"s3:ListBuckets is not recorded.*needs s3:ListBuckets"):
        Witness().look([known, new], ["preflight"])


def allowed(action: str, resource: str) -> bool:
    documents = [policy_document(name, PLACE) for name in OPERATOR]
    context = {
        "aws:requestedregion": (PLACE.region,),
        "iam:policyarn": (POLICY,),
        "iam:awsservicename": ("s3.data-source.lustre.fsx.amazonaws.com",),
    }
    return decide(documents, action, resource, context) == ALLOWED


def everything() -> list[tuple[str, str]]:
    """Every (statement, action) of the operator's policies."""
    return [(one["Sid"], action) for name in OPERATOR for one in statements(name) for action in one["Action"]]


def test_calls_that_the_real_pcluster_made_are_allowed() -> None:
    actions = [action for _, action in everything()]
    called = {action for operation in load().pcluster for action in permissions(operation)}
    assert len(called) > 15
    assert [one for one in sorted(called) if not any(fnmatch.fnmatchcase(one, action) for action in actions)] == []


def test_every_synthesised_resource_type_can_be_created_and_deleted() -> None:
    synthesised = {kind for kinds in load().types.values() for kind in kinds}
    assert len(load().types) == 4, "three cluster templates and the network"
    assert synthesised == set(HANDLERS)
    needed = {(kind, action, on) for kind in HANDLERS for action, on in HANDLERS[kind].needed().items()}
    assert [(kind, action) for kind, action, on in sorted(needed) if not allowed(action, on)] == []


def test_what_a_type_does_not_need_is_in_its_schema() -> None:
    for kind, handlers in HANDLERS.items():
        unneeded = {action for actions in handlers.unneeded.values() for action in actions.split()}
        assert unneeded <= handlers.listed(), kind


def test_what_parallelcluster_publishes_is_granted_or_left_out_with_a_reason() -> None:
    published = {action for actions in STATEMENTS.values() for action in actions.split()}
    ours = {action for _, action in everything()}
    assert published - ours == set(LEFT_OUT)


def test_statements_for_clusters_hold_nothing_but_published_and_needed_actions() -> None:
    published = {action for actions in STATEMENTS.values() for action in actions.split()}
    needed = {action for handlers in HANDLERS.values() for action in handlers.needed()}
    assert [
        (sid, action) for sid, action in everything()
        if not sid.startswith(("Dyec", SESSIONS))
        and not any(fnmatch.fnmatchcase(action, one) for one in published | needed)
    ] == []  # fmt: skip


def test_every_named_source_of_a_statement_exists() -> None:
    readme = (FOLDER / "README.md").read_text()
    rows = [line for line in readme.splitlines() if "published (" in line]
    named = {name for line in rows for name in re.findall(r"`(\w+)`", line.split("published (")[1])}
    assert len(rows) > 15
    assert named <= set(STATEMENTS)


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


@pytest.mark.parametrize("name", ["DaylilyGlobalEClusterPolicy", "pclusterTagsAndBudget"])
def test_keys_are_used_through_s3_alone(name: str) -> None:
    documents, key = [policy_document(name, PLACE)], "arn:aws:kms:us-west-2:123456789012:key/0"
    through = {"kms:viaservice": ("s3.us-west-2.amazonaws.com",)}
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert decide(documents, action, key, through) == ALLOWED
        for other in ({}, {"kms:viaservice": ("ec2.us-west-2.amazonaws.com",)}):
            assert decide(documents, action, key, other) != ALLOWED


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
