"""Validator 5: service quotas, Spot vCPUs against what the cluster may really use at full scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from daylily_ec.preflight.context import Check, PreflightContext, run_checks
from daylily_ec.preflight.report import CheckResult, Status


@dataclass(frozen=True, slots=True)
class QuotaRule:
    """One quota and the least that operating clusters comfortably needs."""

    id: str
    service: str
    code: str
    recommended: int


RULES = (
    QuotaRule("quota.ondemand_vcpu", "ec2", "L-1216C47A", 20),
    QuotaRule("quota.spot_vcpu", "ec2", "L-34B43A08", 192),
    QuotaRule("quota.vpcs", "vpc", "L-F678F1CE", 5),
    QuotaRule("quota.elastic_ips", "ec2", "L-0263D0A3", 5),
    QuotaRule("quota.nat_gateways", "vpc", "L-FE5A380F", 5),
    QuotaRule("quota.internet_gateways", "vpc", "L-A4707A72", 5),
)


@dataclass(frozen=True, slots=True)
class QuotaValidator:
    """Six quotas side by side; one that cannot be read is a WARN."""

    id: str = "quota"

    def run(self, context: PreflightContext) -> tuple[CheckResult, ...]:
        return run_checks(context, [Check(rule.id, partial(_check, context, rule)) for rule in RULES])


def _check(context: PreflightContext, rule: QuotaRule) -> CheckResult:
    quota = context.reads.quotas.quota(rule.service, rule.code)
    demand = context.config.spot_vcpu_ceiling if rule.id == "quota.spot_vcpu" else None
    details = {
        "quota_code": rule.code,
        "service_code": rule.service,
        "recommended_min": rule.recommended,
        "current_value": quota.value,
        "source": "applied" if quota.applied else "default",
    }
    if demand is not None:
        details["tot_vcpu_demand"] = demand
    status = _status(quota.value, rule.recommended, demand, context.options.interactive)
    details["evaluation"] = status.value
    return CheckResult(rule.id, status, details, "" if status is Status.PASS else _remedy(rule, context, demand))


def _status(value: float, recommended: int, demand: int | None, interactive: bool) -> Status:
    if demand is not None and demand >= value:
        return Status.WARN if interactive else Status.FAIL
    return Status.WARN if value < recommended else Status.PASS


def _remedy(rule: QuotaRule, context: PreflightContext, demand: int | None) -> str:
    needed = max(rule.recommended, (demand or 0) + 1)
    less = " or lower max_count_8I, max_count_128I, max_count_192I" if demand is not None else ""
    return (
        f"Ask for {needed} (aws service-quotas request-service-quota-increase --service-code {rule.service} "
        f"--quota-code {rule.code} --desired-value {needed} --region {context.zone.region}){less}."
    )
