"""IAM: who the caller is, what is attached to it, what it may do, which policies the account has; read only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext, Client
from daylily_ec.util.pool import gather, together


class PrincipalKind(StrEnum):
    """What kind of caller an ARN names."""

    ROOT = "root"
    USER = "user"
    ROLE = "role"
    FEDERATED = "federated"


@dataclass(frozen=True, slots=True)
class Principal:
    """The IAM entity behind a caller: a user, or the role that a session (SSO too) has assumed."""

    kind: PrincipalKind
    name: str
    caller_arn: str

    @classmethod
    def of(cls, caller_arn: str) -> Principal:
        """The principal of the ARN that STS returned; a path in a user's ARN is no part of its name."""
        resource = caller_arn.split(":", 5)[-1]
        kind, _, rest = resource.partition("/")
        if kind == "user":
            return cls(PrincipalKind.USER, rest.rsplit("/", 1)[-1], caller_arn)
        if kind == "assumed-role":
            return cls(PrincipalKind.ROLE, rest.split("/", 1)[0], caller_arn)
        if resource == "root":
            return cls(PrincipalKind.ROOT, "root", caller_arn)
        return cls(PrincipalKind.FEDERATED, rest or resource, caller_arn)


@dataclass(frozen=True, slots=True)
class AttachedPolicy:
    """A managed policy and the entity that it is attached to, such as `group operators`."""

    name: str
    arn: str
    via: str


@dataclass(frozen=True, slots=True)
class Entity:
    """The user or role itself: its ARN with the path, and the ARN of its permissions boundary if it has one."""

    arn: str
    boundary: str = ""


@dataclass(frozen=True, slots=True)
class Denial:
    """An action that the simulation did not allow, and why."""

    action: str
    decision: str


class IamApi(Protocol):
    """The calls the product makes."""

    def attached_policies(self, principal: Principal) -> tuple[AttachedPolicy, ...]:
        """Managed policies of a user, its groups, or a role; errors raise, they are never "nothing attached"."""

    def entity(self, principal: Principal) -> Entity:
        """The user or role itself; its path (SSO roles have one) is only known to IAM."""

    def denials(self, arn: str, actions: Sequence[str], resources: Sequence[str]) -> tuple[Denial, ...]:
        """Actions that a policy simulation of the entity does not allow on the resources."""

    def local_policies(self, name: str) -> tuple[str, ...]:
        """ARNs of the account's own managed policies of that name (paths may differ)."""


class Iam:
    """`IamApi` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    @property
    def _client(self) -> Client:
        return self._context.client("iam")

    def attached_policies(self, principal: Principal) -> tuple[AttachedPolicy, ...]:
        if principal.kind is PrincipalKind.USER:
            return tuple(self._of_user(principal.name))
        if principal.kind is PrincipalKind.ROLE:
            return tuple(self._attached("list_attached_role_policies", "role", RoleName=principal.name))
        return ()

    def _of_user(self, name: str) -> list[AttachedPolicy]:
        own, groups = together(
            lambda: list(self._attached("list_attached_user_policies", "user", UserName=name)),
            lambda: [
                group["GroupName"] for group in self._client.pages("list_groups_for_user", "Groups", UserName=name)
            ],
        )
        return [*own, *(policy for policies in gather(self._of_group, groups) for policy in policies)]

    def _of_group(self, name: str) -> list[AttachedPolicy]:
        return list(self._attached("list_attached_group_policies", "group", GroupName=name))

    def _attached(self, operation: str, kind: str, **entity: str) -> Iterator[AttachedPolicy]:
        via = f"{kind} {next(iter(entity.values()))}"
        for item in self._client.pages(operation, "AttachedPolicies", **entity):
            yield AttachedPolicy(item["PolicyName"], item["PolicyArn"], via)

    def entity(self, principal: Principal) -> Entity:
        if principal.kind is PrincipalKind.ROLE:
            found = self._client.call("get_role", RoleName=principal.name)["Role"]
        else:
            found = self._client.call("get_user", UserName=principal.name)["User"]
        return Entity(found["Arn"], (found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn", ""))

    def denials(self, arn: str, actions: Sequence[str], resources: Sequence[str]) -> tuple[Denial, ...]:
        results = self._client.pages(
            "simulate_principal_policy",
            "EvaluationResults",
            PolicySourceArn=arn,
            ActionNames=list(actions),
            ResourceArns=list(resources),
            # The simulator knows no call, so it must be told where the calls would go.
            ContextEntries=[
                {
                    "ContextKeyName": "aws:RequestedRegion",
                    "ContextKeyValues": [self._context.region],
                    "ContextKeyType": "string",
                }
            ],
        )
        refused = [
            Denial(item["EvalActionName"], _reason(item)) for item in results if item["EvalDecision"] != "allowed"
        ]
        return tuple(sorted(refused, key=lambda denial: denial.action))

    def local_policies(self, name: str) -> tuple[str, ...]:
        found = self._client.pages("list_policies", "Policies", Scope="Local")
        return tuple(policy["Arn"] for policy in found if policy["PolicyName"] == name)


def _reason(result: dict[str, Any]) -> str:
    if not result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True):
        return "denied by an organization policy"
    if not result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True):
        return "denied by the permissions boundary"
    return "denied by a policy" if result["EvalDecision"] == "explicitDeny" else "allowed by no policy"
