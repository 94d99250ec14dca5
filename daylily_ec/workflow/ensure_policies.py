"""Two customer managed policies: what lets EC2 Spot make its linked role, and what cluster nodes may do.

Both have names that are unique in the account; creating one that exists is refused by IAM and read as "exists".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daylily_ec.aws.cloudformation import StacksApi
from daylily_ec.aws.iam import IamApi
from daylily_ec.aws.iam_writes import IamWritesApi
from daylily_ec.config.policies import Place, policy_document
from daylily_ec.errors import AwsError, ValidationError
from daylily_ec.plan.steps import Action, Bindings, Observed, Output
from daylily_ec.workflow.create_network import NODE_POLICY, POLICY_NAME, PRIVATE_SUBNET

SPOT_POLICY = "pcluster-omics-analysis"
TAGS = {"Owner": "Daylily"}


@dataclass(frozen=True, slots=True)
class SpotPolicyStep:
    """`pcluster-omics-analysis`, created when the account has none; safe to repeat by its unique name."""

    iam: IamApi
    writes: IamWritesApi
    place: Place
    name: str = "spot-policy"
    needs: tuple[Output, ...] = ()

    def describe(self, bindings: Bindings) -> str:
        """The policy's name."""
        return f"IAM policy {SPOT_POLICY}"

    def observe(self, bindings: Bindings) -> Observed:
        """Whether the account has it."""
        found = self.iam.local_policies(SPOT_POLICY)
        if found:
            return Observed(Action.UNCHANGED, f"{found[0]} exists", {"arn": found[0]})
        return Observed(Action.CREATE, "lets EC2 Spot make its service-linked role")

    def is_done(self, observed: Observed) -> bool:
        """Whether it exists."""
        return observed.action is Action.UNCHANGED

    def apply(self, bindings: Bindings, observed: Observed) -> Mapping[str, str]:
        """Create it; somebody who was faster made the same."""
        arn = self.writes.create_policy(SPOT_POLICY, policy_document(SPOT_POLICY, self.place), TAGS)
        return {"arn": arn} if arn else {}


@dataclass(frozen=True, slots=True)
class NodePolicyStep:
    """`pclusterTagsAndBudget`: the configured policy, the account's, or the network stack's; else created here.

    Safe to repeat by its unique name.
    """

    configured: str | None
    stack_name: str
    iam: IamApi
    writes: IamWritesApi
    stacks: StacksApi
    place: Place
    name: str = NODE_POLICY.step
    needs: tuple[Output, ...] = ()

    def describe(self, bindings: Bindings) -> str:
        """The policy."""
        return f"IAM policy {bindings.get(NODE_POLICY) or POLICY_NAME} for the nodes"

    def observe(self, bindings: Bindings) -> Observed:
        """The policy that nodes will carry; several of the name and none chosen are refused."""
        arn = self.configured or self._existing()
        if arn:
            return Observed(Action.UNCHANGED, "configured" if self.configured else "exists", {NODE_POLICY.name: arn})
        made_by_stack = bindings.get(PRIVATE_SUBNET) is None
        return Observed(Action.CREATE, f"stack {self.stack_name} makes it" if made_by_stack else "the account has none")

    def is_done(self, observed: Observed) -> bool:
        """Whether its ARN is known."""
        return observed.action is Action.UNCHANGED

    def apply(self, bindings: Bindings, observed: Observed) -> Mapping[str, str]:
        """Create it; when the name is taken meanwhile, use that one."""
        document = policy_document(POLICY_NAME, self.place)
        arn = self.writes.create_policy(POLICY_NAME, document, TAGS) or self._existing()
        if not arn:
            raise AwsError(f"IAM says that {POLICY_NAME} exists, but does not list it.",
                           hint="Repeat in a minute, or set iam_policy_arn in the configuration.")  # fmt: skip
        return {NODE_POLICY.name: arn}

    def _existing(self) -> str | None:
        found = self.iam.local_policies(POLICY_NAME)
        if len(found) == 1:
            return found[0]
        stack = self.stacks.find(self.stack_name)
        made = stack.outputs.get("PclusterPolicy", "") if stack else ""
        # The output holds a sentence instead of an ARN when the stack did not make the policy.
        if made.startswith("arn:"):
            return made
        if found:
            raise ValidationError(
                f"There is more than one IAM policy {POLICY_NAME}.", code="node_policy",
                hint=f"Set iam_policy_arn in the configuration to one of {', '.join(found)}.",
            )  # fmt: skip
        return None
