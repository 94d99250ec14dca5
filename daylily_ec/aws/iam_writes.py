"""IAM as far as something is made: customer managed policies and the role that EventBridge Scheduler assumes.

Mutations: policies and roles have unique names, so creating one a second time is refused by AWS and read as "exists",
and their tags are in the create call; `put_inline` replaces the role's policy of that name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext, Client, aws_code
from daylily_ec.errors import AwsError

_ABSENT = "NoSuchEntity"
_TAKEN = "EntityAlreadyExists"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Role:
    """A role and the policy that says who may assume it."""

    arn: str
    name: str
    trust: Document = field(default_factory=dict)

    def trusts(self, service: str) -> bool:
        """Whether a service principal may assume the role."""
        return any(
            item.get("Effect") == "Allow"
            and "sts:AssumeRole" in listed(item.get("Action"))
            and service in listed(_principal(item).get("Service"))
            for item in statements(self.trust)
        )


class IamWritesApi(Protocol):
    """The calls the product makes."""

    def create_policy(self, name: str, document: Document, tags: Mapping[str, str]) -> str | None:
        """ARN of the new policy, None when the name is taken."""

    def role(self, name: str) -> Role | None:
        """The role, None when IAM says that there is none of that name."""

    def create_role(self, name: str, trust: Document, tags: Mapping[str, str]) -> str | None:
        """ARN of the new role, None when the name is taken."""

    def inline(self, role: str, policy: str) -> Document | None:
        """The role's inline policy of that name, None when it has none."""

    def put_inline(self, role: str, policy: str, document: Document) -> None:
        """Set the role's inline policy of that name."""


class IamWrites:
    """`IamWritesApi` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    @property
    def _client(self) -> Client:
        return self._context.client("iam")

    def create_policy(self, name: str, document: Document, tags: Mapping[str, str]) -> str | None:
        made = self._make("create_policy", PolicyName=name, PolicyDocument=json.dumps(document), Tags=_tags(tags))
        return str(made["Policy"]["Arn"]) if made else None

    def role(self, name: str) -> Role | None:
        found = self._find("get_role", RoleName=name)
        if found is None:
            return None
        role = found["Role"]
        return Role(role["Arn"], role["RoleName"], role.get("AssumeRolePolicyDocument") or {})

    def create_role(self, name: str, trust: Document, tags: Mapping[str, str]) -> str | None:
        made = self._make("create_role", RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), Tags=_tags(tags))
        return str(made["Role"]["Arn"]) if made else None

    def inline(self, role: str, policy: str) -> Document | None:
        found = self._find("get_role_policy", RoleName=role, PolicyName=policy)
        return found["PolicyDocument"] if found else None

    def put_inline(self, role: str, policy: str, document: Document) -> None:
        self._client.call("put_role_policy", RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))

    def _find(self, operation: str, **params: str) -> dict[str, Any] | None:
        return self._unless(_ABSENT, operation, params)

    def _make(self, operation: str, **params: Any) -> dict[str, Any] | None:
        return self._unless(_TAKEN, operation, params)

    def _unless(self, code: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            return self._client.call(operation, **params)
        except AwsError as error:
            if aws_code(error) == code:
                return None
            raise


def statements(document: Document) -> list[dict[str, Any]]:
    """The statements of a policy document, which may hold a single one without a list."""
    found = document.get("Statement", [])
    return list(found) if isinstance(found, list) else [found]


def listed(value: object) -> list[str]:
    """An element of a policy statement, which may be one text or a list of them."""
    return [str(item) for item in value] if isinstance(value, list) else [] if value is None else [str(value)]


def _principal(statement: Document) -> Mapping[str, Any]:
    principal = statement.get("Principal")
    return principal if isinstance(principal, Mapping) else {}


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
