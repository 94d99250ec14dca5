"""The order of the validators, and the gate behind them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from daylily_ec.errors import PreflightFailed, ToolchainError
from daylily_ec.preflight.configuration import ConfigValidator
from daylily_ec.preflight.context import PreflightContext, PreflightOptions, Validator
from daylily_ec.preflight.identity import IdentityValidator
from daylily_ec.preflight.keypair import KeyPairValidator
from daylily_ec.preflight.network import NetworkInspector
from daylily_ec.preflight.permissions import IamValidator
from daylily_ec.preflight.quota import QuotaValidator
from daylily_ec.preflight.report import CheckResult, PreflightReport, Status
from daylily_ec.preflight.storage import StorageSelector, StorageValidator
from daylily_ec.preflight.toolchain import ToolchainValidator
from daylily_ec.util.pool import together
from daylily_ec.util.progress import Reporter

VALIDATORS: tuple[Validator, ...] = (
    ToolchainValidator(),
    IdentityValidator(),
    IamValidator(),
    ConfigValidator(),
    QuotaValidator(),
    StorageSelector(),
    StorageValidator(),
    KeyPairValidator(),
    NetworkInspector(),
)
"""The strict order."""

_ALONE = ("toolchain", "identity")
_AHEAD = {"toolchain": ("sts",), "identity": ("iam", "s3", "ec2", "service-quotas", "cloudformation", "fsx")}
"""Clients made while a group waits for something else, because the next one needs them."""


def inspect(
    context: PreflightContext,
    report: PreflightReport,
    reporter: Reporter,
    validators: tuple[Validator, ...] = VALIDATORS,
) -> PreflightReport:
    """The report with the checks of each validator in order, up to the first failing one unless asked to keep going.

    Machine and identity come first and alone: with the wrong tools or without credentials AWS is asked nothing more.
    The others read side by side; what a validator behind a failing one has read is dropped.
    """
    for group in _groups(validators, context.options):
        reporter.note(f"checking {', '.join(validator.id for validator in group)}")
        for validator, found in zip(group, _run(group, context), strict=True):
            report = replace(report, checks=report.checks + found)
            if validator.id == "identity":
                identity = context.identity
                report = replace(report, account_id=identity.account_id, caller_arn=identity.arn)
            if any(check.status is Status.FAIL for check in found) and not context.options.keep_going:
                return report
    return report


def _run(group: tuple[Validator, ...], context: PreflightContext) -> list[tuple[CheckResult, ...]]:
    ahead = _AHEAD.get(group[0].id, ())
    *found, _ = together(*(partial(validator.run, context) for validator in group),
                         partial(context.reads.context.prepare, *ahead))  # fmt: skip
    return found


def _groups(validators: tuple[Validator, ...], options: PreflightOptions) -> tuple[tuple[Validator, ...], ...]:
    if options.probe_writes:  # nothing is written before everything ahead of it has passed
        return tuple((validator,) for validator in validators)
    alone = tuple((validator,) for validator in validators if validator.id in _ALONE)
    return (*alone, tuple(validator for validator in validators if validator.id not in _ALONE))


def gate(report: PreflightReport, options: PreflightOptions) -> None:
    """Raise unless the report lets a cluster be created: `ToolchainError` or `PreflightFailed`.

    Warnings pass with `pass_on_warn`, or when the person at the terminal accepts them.
    """
    failed, warned = report.having(Status.FAIL), report.having(Status.WARN)
    if failed:
        error = ToolchainError if any(check.id.startswith("toolchain.") for check in failed) else PreflightFailed
        raise error(
            f"Preflight failed: {_named(failed)}",
            details=report.to_json(),
            evidence=report,
            hint="Do what the report says for each FAIL, then repeat.",
        )
    if warned and not options.pass_on_warn and not _accepted(warned, options):
        raise PreflightFailed(
            f"Preflight has warnings: {_named(warned)}",
            code="preflight_warned",
            details=report.to_json(),
            evidence=report,
            hint="Do what the report says for each WARN, or accept them with --pass-on-warn.",
        )


def _accepted(warned: tuple[CheckResult, ...], options: PreflightOptions) -> bool:
    return options.confirm is not None and options.confirm(tuple(map(_told, warned)))


def _named(checks: tuple[CheckResult, ...]) -> str:
    return "; ".join(map(_told, checks))


def _told(check: CheckResult) -> str:
    return f"{check.id}: {check.remediation or check.details.get('error', '')}"
