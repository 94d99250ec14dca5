"""Statements of a bucket policy that do not concern the caller.

moto denies when the Condition of a `Deny` is *not* met, and applies statements for AWS services to users; so the policy
that pcluster puts on its own bucket (deny without TLS, allow the log service) locks pcluster out.  Traffic on the
loopback interface counts as secure transport.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from typing import Any

from moto.iam.access_control import IAMPolicyStatement, PermissionResult

from daylily_ec.localcloud.linked_roles import linked_roles
from daylily_ec.localcloud.patches.patching import replace


def install() -> None:
    """Let such statements be neutral."""

    def judging(original: Any) -> Any:
        def is_action_permitted(self: Any, *args: Any, **kwargs: Any) -> PermissionResult:
            if _for_services(self._statement) or _only_without_tls(self._statement):
                return PermissionResult.NEUTRAL
            verdict: PermissionResult = original(self, *args, **kwargs)
            return verdict

        return is_action_permitted

    replace(IAMPolicyStatement, "is_action_permitted", judging)


def _for_services(statement: dict[str, Any]) -> bool:
    principal = statement.get("Principal")
    return (isinstance(principal, dict) and set(principal) == {"Service"}) or bool(linked_roles(statement))


def _only_without_tls(statement: dict[str, Any]) -> bool:
    if statement.get("Effect") != "Deny":
        return False
    flags = {key.lower(): str(value).lower() for key, value in statement.get("Condition", {}).get("Bool", {}).items()}
    return flags.get("aws:securetransport") == "false"
