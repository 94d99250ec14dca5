"""Policies and the scheduler's role: found, made, made together, and repaired for another region."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from ruamel.yaml import YAML

from daylily_ec.aws.cloudformation import Stack
from daylily_ec.aws.iam import Denial, IamApi
from daylily_ec.aws.iam_writes import IamWritesApi, Role
from daylily_ec.config.policies import Place, policy_document
from daylily_ec.config.resources import resource
from daylily_ec.errors import AwsError, ValidationError
from daylily_ec.plan.steps import Action, Bindings, Step
from daylily_ec.util.clock import Clock
from daylily_ec.workflow.create_network import NODE_POLICY
from daylily_ec.workflow.ensure_policies import NodePolicyStep, SpotPolicyStep
from daylily_ec.workflow.ensure_scheduler_role import INLINE_POLICY, Configured, SchedulerRoleStep
from tests.unit.ensure.fakes import ACCOUNT, PLACE, FakeIamWrites, Listing
from tests.unit.fsx.fakes import Faults, Faulty, Killed
from tests.unit.pcluster.fakes import ScriptedStacks
from tests.unit.workflow_create.fakes import POLICY

STACK = "pcluster-vpc-stack-2d"
ROLE = "eventbridge-scheduler-to-sns"
EAST = Place("aws", "us-east-1", ACCOUNT)
TRUST = {"Statement": {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"},
                       "Action": "sts:AssumeRole"}}  # fmt: skip


def spot(writes: Any, listing: Any = None) -> SpotPolicyStep:
    return SpotPolicyStep(cast("IamApi", listing or Listing(writes)), cast("IamWritesApi", writes), PLACE)


def node(
    writes: FakeIamWrites, stack: Stack | None = None, configured: str | None = None, listing: Any = None
) -> NodePolicyStep:
    return NodePolicyStep(
        configured, STACK, cast("IamApi", listing or Listing(writes)), writes, ScriptedStacks([stack]), PLACE
    )


def role(
    writes: Any, clock: Clock, place: Place = PLACE, configured: Configured | None = None, denied: tuple[Any, ...] = ()
) -> SchedulerRoleStep:
    topic = f"arn:aws:sns:{place.region}:{ACCOUNT}:daylily-majors-heartbeat"
    iam = cast("IamApi", Listing(writes, denied))
    return SchedulerRoleStep(configured, topic, iam, cast("IamWritesApi", writes), place, clock)


def run(step: Step) -> tuple[Action, dict[str, str]]:
    observed = step.observe(Bindings())
    done = step.is_done(observed)
    return observed.action, dict(observed.outputs if done else step.apply(Bindings(), observed))


def test_the_spot_policy_is_made_once_with_its_tags() -> None:
    writes = FakeIamWrites()
    assert run(spot(writes))[0] is Action.CREATE
    assert run(spot(writes))[0] is Action.UNCHANGED
    assert writes.writes == ["create_policy pcluster-omics-analysis"]
    assert writes.tags["pcluster-omics-analysis"] == {"Owner": "Daylily"}
    (statement,) = cast("Any", writes.policies["pcluster-omics-analysis"])["Statement"]
    assert statement["Action"] == "iam:CreateServiceLinkedRole"
    assert statement["Condition"] == {"StringLike": {"iam:AWSServiceName": "spot.amazonaws.com"}}


def test_somebody_faster_made_the_same_policy() -> None:
    class Late(Listing):
        def local_policies(self, name: str) -> tuple[str, ...]:
            return ()

    writes = FakeIamWrites()
    run(spot(writes))
    assert run(spot(writes, Late(writes)))[0] is Action.CREATE
    assert len(writes.writes) == 1


def test_the_node_policy_of_the_configuration_wins() -> None:
    writes = FakeIamWrites()
    assert run(node(writes, configured=POLICY)) == (Action.UNCHANGED, {NODE_POLICY.name: POLICY})
    assert writes.writes == []


def test_an_account_s_node_policy_is_used() -> None:
    writes = FakeIamWrites()
    writes.create_policy("pclusterTagsAndBudget", {}, {})
    assert run(node(writes))[0] is Action.UNCHANGED


@pytest.mark.weakness("W-14")
@pytest.mark.parametrize("output", ["Policy already exists, not created", ""])
def test_the_sentence_of_a_stack_is_never_an_arn_and_a_missing_policy_is_made(output: str) -> None:
    writes = FakeIamWrites()
    stack = Stack(STACK, "arn", "CREATE_COMPLETE", outputs={"PclusterPolicy": output})
    action, outputs = run(node(writes, stack))
    assert action is Action.CREATE
    assert outputs == {NODE_POLICY.name: f"arn:aws:iam::{ACCOUNT}:policy/pclusterTagsAndBudget"}
    assert writes.tags["pclusterTagsAndBudget"] == {"Owner": "Daylily"}


def test_several_node_policies_are_refused_unless_the_stack_says_which() -> None:
    class Two(Listing):
        def local_policies(self, name: str) -> tuple[str, ...]:
            return (f"arn:aws:iam::1:policy/a/{name}", f"arn:aws:iam::1:policy/b/{name}")

    writes = FakeIamWrites()
    with pytest.raises(ValidationError, match="more than one"):
        node(writes, listing=Two(writes)).observe(Bindings())
    stack = Stack(STACK, "arn", "CREATE_COMPLETE", outputs={"PclusterPolicy": POLICY})
    assert run(node(writes, stack, listing=Two(writes)))[1][NODE_POLICY.name] == POLICY


def test_the_policy_file_says_what_the_network_stack_says() -> None:
    path = resource("config/day_cluster/pcluster_env.yml")
    yaml = YAML(typ="safe")
    for tag in ("!Sub", "!Ref", "!Equals", "!GetAtt", "!Select", "!If", "!GetAZs", "!Join"):
        yaml.constructor.add_constructor(tag, lambda loader, node: getattr(node, "value", None))
    stack = yaml.load(Path(path))["Resources"]["PclusterTagsAndBudget"]["Properties"]["PolicyDocument"]
    document = json.loads(json.dumps(policy_document("pclusterTagsAndBudget", Place("${AWS::Partition}", "", ""))))
    assert document == json.loads(json.dumps(stack))


def test_a_role_is_made_with_trust_tags_and_policy(clock: Clock) -> None:
    writes = FakeIamWrites()
    action, outputs = run(role(writes, clock))
    assert action is Action.CREATE
    assert outputs == {"role_arn": f"arn:aws:iam::{ACCOUNT}:role/{ROLE}", "source": "created"}
    assert writes.roles[ROLE].trusts("scheduler.amazonaws.com")
    assert writes.tags[ROLE] == {"Owner": "Daylily", "Purpose": "SchedulerToSNS"}
    assert topics(writes) == [f"arn:aws:sns:us-west-2:{ACCOUNT}:daylily-*-heartbeat"]
    assert run(role(writes, clock)) == (Action.UNCHANGED, {**outputs, "source": f"existing_role:{ROLE}"})


def topics(writes: FakeIamWrites, name: str = ROLE) -> list[str]:
    document = cast("Any", writes.inlines[name, INLINE_POLICY])
    return [topic for item in document["Statement"] for topic in item["Resource"] if "sns" in topic]


@pytest.mark.weakness("W-37")
def test_the_regions_of_the_role_add_up(clock: Clock) -> None:
    writes = FakeIamWrites()
    run(role(writes, clock))
    action, _ = run(role(writes, clock, EAST))
    assert action is Action.UPDATE
    assert topics(writes) == [
        f"arn:aws:sns:us-west-2:{ACCOUNT}:daylily-*-heartbeat", f"arn:aws:sns:us-east-1:{ACCOUNT}:daylily-*-heartbeat"
    ]  # fmt: skip
    assert run(role(writes, clock))[0] is Action.UNCHANGED


@pytest.mark.weakness("W-37")
def test_two_regions_at_once_both_end_up_in_the_policy(clock: Clock) -> None:
    class Racing(FakeIamWrites):
        raced = False

        def put_inline(self, role: str, policy: str, document: Any) -> None:
            super().put_inline(role, policy, document)
            if not self.raced:
                self.raced = True
                super().put_inline(role, policy, policy_document(ROLE, EAST))

    writes = Racing()
    run(role(writes, clock))
    assert len(topics(writes)) == 2


def test_statements_of_others_in_the_policy_stay(clock: Clock) -> None:
    writes = FakeIamWrites()
    writes.create_role(ROLE, TRUST, {})
    foreign = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    writes.put_inline(ROLE, INLINE_POLICY, {"Version": "2012-10-17", "Statement": foreign})
    run(role(writes, clock))
    assert cast("Any", writes.inlines[ROLE, INLINE_POLICY])["Statement"][0] == foreign
    assert run(role(writes, clock))[0] is Action.UNCHANGED


def test_the_second_name_is_used_when_the_first_does_not_trust_the_scheduler(clock: Clock) -> None:
    writes = FakeIamWrites()
    writes.create_role(ROLE, {"Statement": []}, {})
    writes.create_role("daylily-eventbridge-scheduler", TRUST, {})
    action, outputs = run(role(writes, clock))
    assert (action, outputs["source"]) == (Action.UPDATE, "existing_role:daylily-eventbridge-scheduler")


ARN = f"arn:aws:iam::{ACCOUNT}:role/path/mine"


@pytest.mark.parametrize(
    ("found", "denied", "why"),
    [
        (None, (), "does not exist"),
        (Role(f"arn:aws:iam::{ACCOUNT}:role/mine", "mine", TRUST), (), "does not exist"),
        (Role(ARN, "mine", {}), (), "does not let scheduler.amazonaws.com"),
        (Role(ARN, "mine", TRUST), (Denial("sns:Publish", "allowed by no policy"),), "may not publish"),
    ],
)
def test_a_configured_role_is_checked_and_never_changed(
    clock: Clock, found: Role | None, denied: tuple[Denial, ...], why: str
) -> None:
    writes = FakeIamWrites()
    if found is not None:
        writes.roles["mine"] = found
    with pytest.raises(ValidationError, match=why):
        role(writes, clock, configured=Configured(ARN, "preconfigured"), denied=denied).observe(Bindings())
    assert writes.writes == []


def test_a_configured_role_that_works_is_used(clock: Clock) -> None:
    writes = FakeIamWrites()
    writes.roles["mine"] = Role(ARN, "mine", TRUST)
    chosen = Configured(ARN, "env:DAY_HEARTBEAT_ROLE_ARN")
    assert run(role(writes, clock, configured=chosen)) == (
        Action.UNCHANGED, {"role_arn": ARN, "source": "env:DAY_HEARTBEAT_ROLE_ARN"}
    )  # fmt: skip


@pytest.mark.weakness("W-01")
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [Killed(), AwsError("500")])
def test_killed_at_any_call_the_role_still_becomes_whole(clock: Clock, after: bool, error: BaseException) -> None:
    counting = Faults()
    run(role(Faulty(FakeIamWrites(), counting), clock))
    for at in range(1, len(counting.names) + 1):
        writes = FakeIamWrites()
        with pytest.raises(type(error)):
            run(role(Faulty(writes, Faults(at, after=after, error=error)), clock))
        run(role(writes, clock))
        assert writes.roles[ROLE].trusts("scheduler.amazonaws.com"), at
        assert len(topics(writes)) == 1, at
        assert writes.writes.count(f"create_role {ROLE}") == 1
