"""vCPU quotas: what the rendered template may start at full scale, against what the quota leaves beside what runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from daylily_ec.aws.capacity import Running
from daylily_ec.aws.quotas import Quota
from daylily_ec.domain.fleet import Purchase
from daylily_ec.preflight.context import PreflightContext
from daylily_ec.preflight.report import CheckResult, Status
from daylily_ec.render.ceiling import Ceiling, Family, ceiling, family, instance_types
from daylily_ec.util.pool import together


@dataclass(frozen=True, slots=True)
class VcpuRule:
    """One vCPU quota of EC2; codes are AWS's, https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html."""

    id: str
    code: str
    purchase: Purchase
    family: Family = Family.STANDARD
    recommended: int = 0


STANDARD = (
    VcpuRule("quota.ondemand_vcpu", "L-1216C47A", Purchase.ONDEMAND, recommended=20),
    VcpuRule("quota.spot_vcpu", "L-34B43A08", Purchase.SPOT, recommended=192),
)
_SPECIAL = {
    Family.F: ("L-74FC7D96", "L-88CF9481"),
    Family.G: ("L-DB2E81BA", "L-3819A6DF"),
    Family.P: ("L-417A185B", "L-7212CCBC"),
    Family.X: ("L-7295265B", "L-E3A00192"),
    Family.INF: ("L-1945791B", "L-B5D1601B"),
    Family.TRN: ("L-2C3B7624", "L-6B0D517C"),
    Family.DL: ("L-6E869C2A", "L-85EED4F7"),
}
"""Quota codes on demand and spot of the families that only some templates use."""


def rules(context: PreflightContext) -> Iterator[VcpuRule]:
    """The two standard quotas, then those of other families that the template uses."""
    yield from STANDARD
    used = {(fleet.purchase, family(name)) for fleet in context.fleets() for name in fleet.instance_types}
    for purchase, group in sorted(used):
        if group in _SPECIAL and purchase is not Purchase.CAPACITY_BLOCK:
            spot = purchase is Purchase.SPOT
            yield VcpuRule(f"quota.{'spot' if spot else 'ondemand'}_vcpu.{group}", _SPECIAL[group][spot],
                           purchase, group)  # fmt: skip


@dataclass(frozen=True, slots=True)
class VcpuUse:
    """Demand of the cluster at full scale and what other instances use, in vCPUs per quota."""

    demand: Ceiling
    running: Mapping[tuple[Purchase, Family], int]


def vcpu_use(context: PreflightContext) -> VcpuUse:
    """What the cluster may start and what runs already; nodes of the cluster itself are no competitors."""
    reads, document = context.reads.capacity, context.draft()
    names = set(instance_types(document)) if document else set()
    running: Running
    running, counts = together(lambda: reads.running(besides=context.config.cluster_name), lambda: reads.vcpus(names))
    others = {*running.on_demand, *running.spot} - names
    counts = {**counts, **(reads.vcpus(others) if others else {})}
    used: dict[tuple[Purchase, Family], int] = {}
    for purchase, instances in ((Purchase.ONDEMAND, running.on_demand), (Purchase.SPOT, running.spot)):
        for name, number in instances.items():
            key = (purchase, family(name))
            used[key] = used.get(key, 0) + number * counts.get(name, 0)
    return VcpuUse(ceiling(document or {}, counts), used)


def check_vcpus(context: PreflightContext, rule: VcpuRule) -> CheckResult:
    """One vCPU quota."""
    quota: Quota
    use: VcpuUse
    quota, use = together(
        lambda: context.reads.quotas.quota("ec2", rule.code),
        lambda: context.once("vcpu use", lambda: vcpu_use(context)),
    )
    demand = use.demand.vcpus(rule.purchase, rule.family)
    running = use.running.get((rule.purchase, rule.family), 0)
    status = _status(quota.value, running, demand, rule, interactive=context.options.interactive)
    details = {
        "quota_code": rule.code,
        "service_code": "ec2",
        "recommended_min": rule.recommended,
        "current_value": quota.value,
        "source": "applied" if quota.applied else "default",
        "tot_vcpu_demand": demand,
        "in_use": running,
        "available": quota.value - running,
        "unknown_types": list(use.demand.unknown),
        "evaluation": status.value,
    }
    return CheckResult(rule.id, status, details, _remedy(rule, context, demand, running, status))


def _status(value: float, running: int, demand: int, rule: VcpuRule, *, interactive: bool) -> Status:
    left = value - running
    short = demand >= left if rule.purchase is Purchase.SPOT else demand > left
    if demand and short:
        return Status.WARN if interactive else Status.FAIL
    return Status.WARN if value < rule.recommended else Status.PASS


def _remedy(rule: VcpuRule, context: PreflightContext, demand: int, running: int, status: Status) -> str:
    if status is Status.PASS:
        return ""
    needed = max(rule.recommended, demand + running + 1)
    return (
        f"At full scale the template starts {demand} vCPUs and {running} run already; ask for {needed} "
        f"(aws service-quotas request-service-quota-increase --service-code ec2 --quota-code {rule.code} "
        f"--desired-value {needed} --region {context.zone.region}) or lower max_count_8I, max_count_128I, "
        "max_count_192I."
    )
