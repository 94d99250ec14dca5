"""Validator 9: zone, subnets, the baseline stack, and whether the cluster's name is free."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from daylily_ec.aws.ec2 import PRIVATE_MARK, PUBLIC_MARK, Subnet, marked
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.preflight.context import Check, PreflightContext, run_checks
from daylily_ec.preflight.report import CheckResult, Status

_SUBNETS = "network.subnets"
_STACK = "network.baseline_stack"


@dataclass(frozen=True, slots=True)
class SubnetChoice:
    """The subnets to use, or why there is no choice; both empty: the baseline stack will make them."""

    public: Subnet | None = None
    private: Subnet | None = None
    problem: str = ""

    @property
    def to_create(self) -> bool:
        """Whether neither subnet exists yet."""
        return self.public is None and self.private is None and not self.problem


@dataclass(frozen=True, slots=True)
class NetworkInspector:
    """Reads only; `create` makes what is missing."""

    id: str = "network"

    def run(self, context: PreflightContext) -> tuple[CheckResult, ...]:
        return run_checks(
            context,
            [
                Check("network.zone", partial(_zone, context), Status.FAIL),
                Check(_SUBNETS, partial(_subnets, context), Status.FAIL),
                Check(_STACK, partial(_stack, context), Status.FAIL),
                Check("cluster.name", partial(_name, context), Status.FAIL),
            ],
        )


def baseline_stack_name(zone: AvailabilityZone) -> str:
    """`pcluster-vpc-stack-2d` for `us-west-2d`: the text after the last hyphen."""
    return f"pcluster-vpc-stack-{zone.rsplit('-', 1)[-1]}"


def choose_subnets(found: tuple[Subnet, ...], public_id: str | None, private_id: str | None) -> SubnetChoice:
    """The configured subnets, else the tagged ones of the zone; both absent is fine, exactly one is not."""
    public, trouble = _pick(found, public_id, PUBLIC_MARK, "public_subnet_id")
    private, more = _pick(found, private_id, PRIVATE_MARK, "private_subnet_id")
    if trouble or more:
        return SubnetChoice(problem="; ".join(filter(None, (trouble, more))))
    if (public is None) != (private is None):
        have, lacks = (PUBLIC_MARK, PRIVATE_MARK) if public else (PRIVATE_MARK, PUBLIC_MARK)
        return SubnetChoice(problem=f"the zone has a '{have}' but no '{lacks}'; both or neither must exist")
    if public and private and public.vpc_id != private.vpc_id:
        return SubnetChoice(problem=f"{public.subnet_id} and {private.subnet_id} lie in different VPCs")
    return SubnetChoice(public, private)


def _pick(found: tuple[Subnet, ...], wanted: str | None, mark: str, key: str) -> tuple[Subnet | None, str]:
    if wanted:
        match = next((subnet for subnet in found if subnet.subnet_id == wanted), None)
        return match, "" if match else f"{key} {wanted} is no subnet of the zone"
    candidates = marked(found, mark)
    if len(candidates) > 1:
        names = ", ".join(subnet.subnet_id for subnet in candidates)
        return None, f"several subnets are tagged '{mark}' ({names}); set {key}"
    return (candidates[0] if candidates else None), ""


def _zone(context: PreflightContext) -> CheckResult:
    zones = context.reads.ec2.zones()
    if context.zone in zones:
        return CheckResult.passed("network.zone", zone=context.zone)
    remedy = f"Choose a zone of {context.zone.region}: {', '.join(zones)}."
    return CheckResult.failed("network.zone", remedy, zone=context.zone, zones=list(zones))


def wanted_subnets(context: PreflightContext) -> SubnetChoice:
    """The choice that `create` will make."""
    return choose_subnets(context.subnets(), context.config.public_subnet_id, context.config.private_subnet_id)


def _subnets(context: PreflightContext) -> CheckResult:
    choice = wanted_subnets(context)
    details = {
        "zone": context.zone,
        "public_subnet_id": choice.public.subnet_id if choice.public else None,
        "private_subnet_id": choice.private.subnet_id if choice.private else None,
    }
    if choice.problem:
        return CheckResult.failed(_SUBNETS, f"In {context.zone}: {choice.problem}.", **details)
    return CheckResult.passed(_SUBNETS, **details, note="will be created" if choice.to_create else "")


def _stack(context: PreflightContext) -> CheckResult:
    name = baseline_stack_name(context.zone)
    stack = context.reads.stacks.find(name)
    details = {"stack": name, "status": stack.status if stack else None, "reason": stack.reason if stack else ""}
    if stack is None or stack.is_usable:
        return CheckResult.passed(_STACK, **details)
    if stack.is_in_progress:
        return CheckResult.passed(_STACK, **details, note="another run is at it; create waits for it")
    if not wanted_subnets(context).to_create:
        return CheckResult.passed(_STACK, **details, note=f"{stack.status}, but the subnets exist without it")
    return CheckResult.failed(_STACK, _way_out(name, stack.status, context), **details)


def _way_out(name: str, status: str, context: PreflightContext) -> str:
    """What to do about a stack that will not become usable by itself."""
    place = f"--stack-name {name} --region {context.zone.region}"
    if status.endswith("_IN_PROGRESS"):
        return (
            f"The stack {name} is {status}: wait for its end (aws cloudformation describe-stacks {place}), then repeat."
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        return f"The stack {name} is stuck in {status}: aws cloudformation continue-update-rollback {place}"
    return (
        f"The stack {name} is {status}: read why (aws cloudformation describe-stack-events {place}), "
        f"delete it (aws cloudformation delete-stack {place}), then repeat."
    )


def _name(context: PreflightContext) -> CheckResult:
    name, region = context.config.cluster_name, context.zone.region
    stack, view = context.namesake(), context.existing()
    details = {
        "cluster_name": name,
        "existing_status": stack.status if stack else None,
        "reason": stack.reason if stack else "",
        "is_cluster": view is not None,
    }
    if stack is None:
        return CheckResult.passed("cluster.name", **details)
    if view is None:
        remedy = f"The stack {name} ({stack.status}) belongs to something else: choose another cluster_name."
        return CheckResult.failed("cluster.name", remedy, **details)
    if context.options.allow_existing:
        return CheckResult.passed("cluster.name", **details)
    return CheckResult.failed("cluster.name", _occupied(name, region, stack.status), **details)


def _occupied(name: str, region: str, status: str) -> str:
    delete = f"dyec delete --cluster {name} --region {region}"
    if status == "DELETE_IN_PROGRESS":
        return f"A cluster {name} is being deleted: wait for its end, then repeat."
    if status.endswith("_IN_PROGRESS"):
        return f"A cluster {name} is {status}: dyec create goes on with it if you began it."
    if status.endswith("_FAILED") or "ROLLBACK" in status:
        return f"What is left of a cluster {name} is {status}: {delete}, then repeat."
    return f"A cluster {name} exists ({status}). Choose another cluster_name, or: {delete}"
