"""The network step: both subnets exist, both are absent, or the step refuses."""

from __future__ import annotations

import pytest

from daylily_ec.aws.cloudformation import Stack
from daylily_ec.aws.ec2 import Subnet
from daylily_ec.errors import ClusterFailed, Refused
from daylily_ec.plan.steps import Action, Bindings
from daylily_ec.util.clock import Clock
from daylily_ec.util.progress import Silent
from daylily_ec.workflow.create_network import NetworkStep, environment_name
from tests.unit.pcluster.fakes import ScriptedStacks, event
from tests.unit.workflow_create.fakes import POLICY, ZONE, FakeEc2, FakeIam, config

PUBLIC = Subnet("subnet-1", "vpc-1", "x Public Subnet")
PRIVATE = Subnet("subnet-2", "vpc-1", "x Private Subnet")
NAME = "pcluster-vpc-stack-2d"


class Growing(FakeEc2):
    """Subnets that appear once the stack has been created."""

    def __init__(self, stacks: ScriptedStacks) -> None:
        super().__init__()
        self.stacks = stacks

    def subnets(self, zone: str) -> tuple[Subnet, ...]:
        return (PUBLIC, PRIVATE) if self.stacks.created else ()


def step(clock: Clock, stacks: ScriptedStacks, ec2: FakeEc2, iam: FakeIam | None = None, **values: str) -> NetworkStep:
    return NetworkStep(ZONE, config(**values), "template", ec2, iam or FakeIam(), stacks, clock, Silent())


@pytest.mark.weakness("W-13")
def test_tagged_subnets_are_used_and_no_stack_is_made(clock: Clock) -> None:
    network = step(clock, ScriptedStacks([None]), FakeEc2((PUBLIC, PRIVATE)))
    observed = network.observe(Bindings())
    assert network.is_done(observed)
    assert observed.outputs == {"public_subnet_id": "subnet-1", "private_subnet_id": "subnet-2"}


def test_absent_subnets_are_made_by_one_stack_with_the_contract_s_parameters(clock: Clock) -> None:
    stacks = ScriptedStacks([None, Stack(NAME, "arn", "CREATE_IN_PROGRESS"), Stack(NAME, "arn", "CREATE_COMPLETE")])
    network = step(clock, stacks, Growing(stacks))
    observed = network.observe(Bindings())
    assert observed.action is Action.CREATE
    assert network.apply(Bindings(), observed)["private_subnet_id"] == "subnet-2"
    (request,) = stacks.created
    assert request.name == NAME
    assert request.parameters == {
        "EnvironmentName": "daylily-cs-us-west-twod", "VpcCIDR": "10.0.0.0/16", "PublicSubnetCIDR": "10.0.0.0/24",
        "PrivateSubnetCIDR": "10.0.1.0/24", "AvailabilityZone": "us-west-2d", "CreatePolicy": "false",
    }  # fmt: skip


def test_the_policy_is_made_with_the_stack_when_the_account_has_none(clock: Clock) -> None:
    done = Stack(NAME, "arn", "CREATE_COMPLETE", outputs={"PclusterPolicy": POLICY})
    stacks = ScriptedStacks([None, done])
    network = step(clock, stacks, Growing(stacks), FakeIam(()))
    network.apply(Bindings(), network.observe(Bindings()))
    assert stacks.created[0].parameters["CreatePolicy"] == "true"


@pytest.mark.parametrize("found", [(PUBLIC,), (PRIVATE,)])
def test_half_a_network_is_refused(clock: Clock, found: tuple[Subnet, ...]) -> None:
    stacks = ScriptedStacks([None])
    with pytest.raises(Refused, match="both or neither"):
        step(clock, stacks, FakeEc2(found)).observe(Bindings())
    assert not stacks.created


def test_a_stack_on_its_way_is_waited_for_even_when_its_subnets_are_there(clock: Clock) -> None:
    stacks = ScriptedStacks([Stack(NAME, "arn", "CREATE_IN_PROGRESS"), Stack(NAME, "arn", "CREATE_IN_PROGRESS"),
                             Stack(NAME, "arn", "CREATE_COMPLETE")])  # fmt: skip
    network = step(clock, stacks, FakeEc2((PUBLIC, PRIVATE)))
    observed = network.observe(Bindings())
    assert observed.action is Action.ADOPT
    assert not network.is_done(observed)
    assert network.apply(Bindings(), observed)["public_subnet_id"] == "subnet-1"
    assert not stacks.created
    assert clock.monotonic() > 0


@pytest.mark.weakness("W-15")
@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_FAILED"])
def test_an_unusable_stack_is_explained_by_its_failed_resources(clock: Clock, status: str) -> None:
    history = [event(1, "NatGateway", "CREATE_FAILED", "The maximum number of addresses has been reached"),
               event(2, "Vpc", "CREATE_FAILED", "Resource creation cancelled")]  # fmt: skip
    network = step(clock, ScriptedStacks([Stack(NAME, "arn", status)], history), FakeEc2())
    with pytest.raises(ClusterFailed, match="maximum number of addresses") as caught:
        network.observe(Bindings())
    assert status in caught.value.message
    assert "cancelled" not in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.weakness("W-26")
def test_a_configured_subnet_outside_the_zone_is_refused(clock: Clock) -> None:
    network = step(clock, ScriptedStacks([None]), FakeEc2((PUBLIC, PRIVATE)), public_subnet_id="subnet-9")
    with pytest.raises(Refused, match="subnet-9"):
        network.observe(Bindings())


@pytest.mark.parametrize(
    ("zone", "name"), [("us-west-2d", "daylily-cs-us-west-twod"), ("eu-central-1a", "daylily-cs-eu-central-onea")]
)
def test_the_environment_s_name_spells_the_digits(zone: str, name: str) -> None:
    assert environment_name(type(ZONE)(zone)) == name
