"""The first step of `create`: two tagged subnets; its stack makes the nodes' policy too when there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daylily_ec.aws.cloudformation import Stack, StackRequest, StacksApi
from daylily_ec.aws.ec2 import Ec2Api
from daylily_ec.aws.iam import IamApi
from daylily_ec.config.models import ClusterConfig
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import AwsError, ClusterFailed, Refused
from daylily_ec.plan.steps import Action, Bindings, Observed, Output
from daylily_ec.preflight.network import baseline_stack_name, choose_subnets
from daylily_ec.util.clock import Clock, wait_until
from daylily_ec.util.progress import Reporter

NETWORK = "network"
PUBLIC_SUBNET = Output(NETWORK, "public_subnet_id")
PRIVATE_SUBNET = Output(NETWORK, "private_subnet_id")
NODE_POLICY = Output("node-policy", "iam_policy_arn")
POLICY_NAME = "pclusterTagsAndBudget"
TEMPLATE = "config/day_cluster/pcluster_env.yml"

_DEADLINE_S = 1800.0
_SPELLED = {"1": "one", "2": "two", "3": "three", "4": "four"}


def environment_name(zone: AvailabilityZone) -> str:
    """Prefix of the network's Name tags: the zone with the digits 1 to 4 spelled."""
    return "daylily-cs-" + "".join(_SPELLED.get(letter, letter) for letter in zone)


@dataclass(frozen=True, slots=True)
class NetworkStep:
    """Subnets that exist are used; our own stack is made only when both are absent."""

    zone: AvailabilityZone
    config: ClusterConfig
    template: str
    ec2: Ec2Api
    iam: IamApi
    stacks: StacksApi
    clock: Clock
    reporter: Reporter
    name: str = NETWORK
    needs: tuple[Output, ...] = ()

    @property
    def stack_name(self) -> str:
        """Name of our stack in this zone."""
        return baseline_stack_name(self.zone)

    def describe(self, bindings: Bindings) -> str:
        """The subnets, or the stack that makes them."""
        public, private = bindings.get(PUBLIC_SUBNET), bindings.get(PRIVATE_SUBNET)
        what = f"subnets {public}, {private}" if public and private else f"stack {self.stack_name}"
        return f"Network in {self.zone}: {what}"

    def observe(self, bindings: Bindings) -> Observed:
        """What exists; half a network and an unusable stack of ours are refused."""
        stack = self.stacks.find(self.stack_name)
        if stack is not None and stack.is_in_progress:
            return Observed(Action.ADOPT, f"stack {stack.name} is {stack.status}")
        found = self.ec2.subnets(self.zone)
        choice = choose_subnets(found, self.config.public_subnet_id, self.config.private_subnet_id)
        if choice.problem:
            raise Refused(f"In {self.zone}: {choice.problem}.", code="network",
                          hint="Tag the subnets, or set public_subnet_id and private_subnet_id.")  # fmt: skip
        if choice.public and choice.private:
            public, private = choice.public.subnet_id, choice.private.subnet_id
            outputs = {"public_subnet_id": public, "private_subnet_id": private}
            return Observed(Action.UNCHANGED, f"{public} and {private} exist", outputs)
        if stack is not None:
            raise self._unusable(stack)
        return Observed(Action.CREATE, f"no tagged subnets in {self.zone}")

    def is_done(self, observed: Observed) -> bool:
        """Whether both subnets are known and no stack is on its way."""
        return observed.action is Action.UNCHANGED

    def apply(self, bindings: Bindings, observed: Observed) -> Mapping[str, str]:
        """Create the stack unless it is on its way, wait for it, and read the subnets again."""
        if observed.action is Action.CREATE:
            self.stacks.create(self._request())
        seen = self._wait()
        if not seen.is_usable:
            raise self._unusable(seen)
        again = self.observe(bindings)
        if not self.is_done(again):
            raise AwsError(f"Stack {seen.name} is {seen.status}, but its tagged subnets are not there.")
        return again.outputs

    def _request(self) -> StackRequest:
        create_policy = not (self.config.iam_policy_arn or self.iam.local_policies(POLICY_NAME))
        parameters = {
            "EnvironmentName": environment_name(self.zone),
            "VpcCIDR": "10.0.0.0/16",
            "PublicSubnetCIDR": "10.0.0.0/24",
            "PrivateSubnetCIDR": "10.0.1.0/24",
            "AvailabilityZone": str(self.zone),
            "CreatePolicy": "true" if create_policy else "false",
        }
        return StackRequest(self.stack_name, self.template, parameters, {"dyec:part": "network"})

    def _wait(self) -> Stack:
        name = self.stack_name
        absent = Stack(name, "", "ABSENT")
        return wait_until(
            lambda: self.stacks.find(name) or absent, done=lambda stack: not stack.status.endswith("_IN_PROGRESS"),
            what=f"stack {name}", deadline=_DEADLINE_S, first=1.0, every=10.0, clock=self.clock,
            describe=lambda stack: stack.status,
            observe=lambda stack, elapsed: self.reporter.waiting(f"stack {name}", stack.status, elapsed),
        )  # fmt: skip

    def _unusable(self, stack: Stack) -> ClusterFailed:
        failed = [event for event in self.stacks.events(stack.name) if event.is_failure] if stack.stack_id else []
        lines = [f"Stack {stack.name} is {stack.status}: {stack.reason or 'its network cannot be used'}"]
        lines += [f"  {event}" for event in failed]
        return ClusterFailed(
            "\n".join(lines), code="network_stack_failed", details={"events": failed},
            hint=f"aws cloudformation delete-stack --stack-name {stack.name}, then repeat.",
        )  # fmt: skip
