"""Validator 8: the optional key pair.  Access is by Session Manager unless the configuration names one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from daylily_ec.preflight.context import Check, PreflightContext, run_checks
from daylily_ec.preflight.report import CheckResult, Status

_ID = "keypair.selection"
_PEM_MODE = 0o400


@dataclass(frozen=True, slots=True)
class KeyPairValidator:
    """ed25519 at EC2, and its PEM here with mode 400."""

    id: str = "keypair"

    def run(self, context: PreflightContext) -> tuple[CheckResult, ...]:
        return run_checks(context, [Check(_ID, partial(_check, context), Status.FAIL)])


def _check(context: PreflightContext) -> CheckResult:
    name = context.config.ssh_key_name
    if name is None:
        return CheckResult.passed(_ID, access="session-manager")
    pem = context.machine.home() / ".ssh" / f"{name}.pem"
    pair = context.reads.ec2.key_pair(name)
    mode = context.machine.file_mode(pem)
    problems = []
    if pair is None:
        problems.append(f"EC2 has no key pair {name} in {context.zone.region}")
    elif pair.kind != "ed25519":
        problems.append(f"the key pair {name} is {pair.kind}, not ed25519")
    if mode is None:
        problems.append(f"{pem} does not exist")
    elif mode != _PEM_MODE:
        problems.append(f"{pem} has mode {mode:o}; run: chmod 400 {pem}")
    details = {"access": "ssh", "key_name": name, "kind": pair.kind if pair else None, "pem": str(pem)}
    if problems:
        return CheckResult.failed(_ID, "; ".join(problems), **details)
    return CheckResult.passed(_ID, **details)
