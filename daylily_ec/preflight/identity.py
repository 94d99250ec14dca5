"""Validator 2: the credentials work, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from daylily_ec.preflight.context import Check, PreflightContext, run_checks
from daylily_ec.preflight.report import CheckResult


@dataclass(frozen=True, slots=True)
class IdentityValidator:
    """`sts:GetCallerIdentity`; without credentials there is nothing to report, the error itself is the answer."""

    id: str = "identity"

    def run(self, context: PreflightContext) -> tuple[CheckResult, ...]:
        return run_checks(context, [Check("identity.caller", partial(_caller, context), on_error=None)])


def _caller(context: PreflightContext) -> CheckResult:
    identity = context.identity
    return CheckResult.passed(
        "identity.caller",
        account_id=identity.account_id,
        caller_arn=identity.arn,
        user=identity.user,
        kind=context.principal.kind.value,
    )
