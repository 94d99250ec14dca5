"""Validator 5: service quotas against what the cluster needs and what the account uses already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from daylily_ec.aws.quotas import Quota
from daylily_ec.domain.fleet import Fleet
from daylily_ec.preflight.context import Check, PreflightContext, run_checks
from daylily_ec.preflight.network import wanted_subnets
from daylily_ec.preflight.report import CheckResult, Status
from daylily_ec.preflight.storage_quota import STORAGE_QUOTAS, check_storage
from daylily_ec.preflight.template import has_elastic_ip
from daylily_ec.preflight.vcpus import check_vcpus, rules
from daylily_ec.util.pool import together

_OFFERINGS = "quota.instance_type_offerings"


@dataclass(frozen=True, slots=True)
class QuotaRule:
    """One quota of networks, the least that operating clusters comfortably needs, and who counts what is in use."""

    id: str
    service: str
    code: str
    in_use: Callable[[PreflightContext], int]
    recommended: int = 5


def _nat_gateways(context: PreflightContext) -> int:
    subnets = {subnet.subnet_id for subnet in context.subnets()}
    return context.reads.capacity.nat_gateways(subnets)


RULES = (
    QuotaRule("quota.vpcs", "vpc", "L-F678F1CE", lambda context: context.reads.capacity.vpcs()),
    QuotaRule("quota.elastic_ips", "ec2", "L-0263D0A3", lambda context: context.reads.capacity.elastic_ips()),
    QuotaRule("quota.nat_gateways", "vpc", "L-FE5A380F", _nat_gateways),
    QuotaRule(
        "quota.internet_gateways", "vpc", "L-A4707A72", lambda context: context.reads.capacity.internet_gateways()
    ),
)


@dataclass(frozen=True, slots=True)
class QuotaValidator:
    """Quotas and offerings side by side; one that cannot be read is a WARN."""

    id: str = "quota"

    def run(self, context: PreflightContext) -> tuple[CheckResult, ...]:
        return run_checks(
            context,
            [
                *(Check(rule.id, partial(check_vcpus, context, rule)) for rule in rules(context)),
                *(Check(rule.id, partial(_check, context, rule)) for rule in RULES),
                *(Check(rule.id, partial(check_storage, context, rule)) for rule in STORAGE_QUOTAS),
                Check(_OFFERINGS, partial(_offerings, context)),
            ],
        )


def _check(context: PreflightContext, rule: QuotaRule) -> CheckResult:
    quota: Quota
    quota, used, needed = together(
        lambda: context.reads.quotas.quota(rule.service, rule.code),
        lambda: rule.in_use(context),
        lambda: _needed(context, rule),
    )
    short = used + needed > quota.value
    status = Status.FAIL if short else Status.WARN if quota.value < rule.recommended else Status.PASS
    details = {
        "quota_code": rule.code,
        "service_code": rule.service,
        "recommended_min": rule.recommended,
        "current_value": quota.value,
        "source": "applied" if quota.applied else "default",
        "in_use": used,
        "needed": needed,
        "evaluation": status.value,
    }
    return CheckResult(rule.id, status, details, _remedy(rule, context, used + needed, status))


def _needed(context: PreflightContext, rule: QuotaRule) -> int:
    """What this create adds: one of each for a new network, and the head node's own address."""
    existing, choice = together(context.existing, lambda: wanted_subnets(context))
    if existing is not None:
        return 0
    network = 1 if choice.to_create else 0
    document = context.draft()
    own = rule.id == "quota.elastic_ips" and document is not None and has_elastic_ip(document)
    return network + own


def _remedy(rule: QuotaRule, context: PreflightContext, total: int, status: Status) -> str:
    if status is Status.PASS:
        return ""
    wanted = max(rule.recommended, total)
    return (
        f"Release what is not used, or ask for {wanted} (aws service-quotas request-service-quota-increase "
        f"--service-code {rule.service} --quota-code {rule.code} --desired-value {wanted} "
        f"--region {context.zone.region})."
    )


def _offerings(context: PreflightContext) -> CheckResult:
    fleets = context.fleets()
    types = sorted({name for fleet in fleets for name in fleet.instance_types})
    offered = context.reads.capacity.offered(context.zone, types) if types else frozenset()
    hopeless = [fleet.name for fleet in fleets if not _can_start(fleet, offered)]
    missing = [name for name in types if name not in offered]
    details = {"zone": context.zone, "instance_types": types, "not_offered": missing, "compute_resources": hopeless}
    if hopeless:
        remedy = (
            f"{context.zone} does not sell {', '.join(missing)}, so {', '.join(hopeless)} could not start: choose "
            "another --region-az, or other instance types in the cluster template."
        )
        return CheckResult.failed(_OFFERINGS, remedy, **details)
    note = f"not sold in {context.zone}: {', '.join(missing)}; other types of their resources are" if missing else ""
    return CheckResult.passed(_OFFERINGS, **details, note=note)


def _can_start(fleet: Fleet, offered: frozenset[str]) -> bool:
    return not fleet.instance_types or not fleet.count or any(name in offered for name in fleet.instance_types)
