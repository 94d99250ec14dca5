"""How a plan and its price look on a terminal."""

from __future__ import annotations

from typing import Any

from daylily_ec.cli.render import table, text
from daylily_ec.plan.executor import PlannedStep
from daylily_ec.plan.price import Price, Total, ZonePrice
from daylily_ec.workflow.plan_create import CreatePlan, Offers

_UNKNOWN = "-"
_TYPES_PER_LINE = 2


@text.register
def _(result: CreatePlan) -> str:
    remarks = "".join(f"! {remark}\n" for remark in result.remarks)
    return "\n".join([
        f"Plan for {result.cluster_name} in {result.region_az}; nothing was changed.\n",
        _steps(result.steps),
        text(result.price),
        *([remarks] if remarks else []),
        result.cluster_yaml,
    ])  # fmt: skip


@text.register
def _(result: Offers) -> str:
    return f"What the zones offer; {result.zone} was asked for.\n\n{_zones(result.zones, result.zone)}"


@text.register
def _(result: Price) -> str:
    parts = [_summary(result), _lines(result), _fleets(result), _zones(result.zones, result.zone), _sources(result)]
    return "\n".join(filter(None, parts))


def _steps(steps: tuple[PlannedStep, ...]) -> str:
    """A heading and short lines for each step: descriptions hold URIs, which no table column can hold."""
    shown = []
    for step in steps:
        remark = "; ".join(filter(None, (step.detail, f"after {', '.join(step.waits_for)}" if step.waits_for else "")))
        shown += [f"{step.action:<9}  {step.name}", f"    {step.description}", *([f"    {remark}"] if remark else [])]
    return "".join(f"{line}\n" for line in shown)


def _summary(price: Price) -> str:
    rows = [
        ["idle", _total(price.idle, "an hour")],
        ["full scale, Spot prices now", _total(price.full_scale_now, "an hour")],
        ["full scale, at the bids", _total(price.full_scale_at_bid, "an hour; Spot never costs more than its bid")],
        ["file system", _total(price.fsx_per_day, "a day")],
        ["NAT gateway", _nat(price)],
        *([f"budget {item.name}", f"{item.left:.2f} of {item.amount:.2f} left this month" + (
            f", {item.idle_hours:g} idle hours" if item.idle_hours is not None else "")] for item in price.budgets),
    ]  # fmt: skip
    return table([f"PRICE in {price.zone}", "USD"], rows)


def _nat(price: Price) -> str:
    hour = "price unknown" if price.nat_per_hour is None else f"{_usd(price.nat_per_hour)} an hour"
    gigabyte = "data: price unknown" if price.nat_per_gb is None else f"{price.nat_per_gb:g} per GB through it"
    return f"{hour}, {gigabyte} (S3 avoids it where the VPC has an S3 gateway endpoint)"


def _lines(price: Price) -> str:
    rows = [[line.what, line.quantity, _usd(line.usd_per_hour), line.problem] for line in price.idle_lines]
    return table(["IDLE", "QUANTITY", "USD/h", ""], rows)


def _fleets(price: Price) -> str:
    rows = [[item.name, item.purchase, item.count, _usd(item.now), _usd(item.bid), _wrapped(item.instance_types)]
            for item in price.fleets]  # fmt: skip
    return table(["COMPUTE RESOURCE", "BOUGHT", "NODES", "USD/h", "BID", "INSTANCE TYPES"], rows)


def _wrapped(names: tuple[str, ...]) -> str:
    lines = [names[start : start + _TYPES_PER_LINE] for start in range(0, len(names), _TYPES_PER_LINE)]
    return ",\n".join(", ".join(line) for line in lines)


def _zones(zones: tuple[ZonePrice, ...], chosen: str) -> str:
    names = list(dict.fromkeys(name for zone in zones for name in zone.medians))
    head = ["ZONE", *(f"{zone.zone}{' *' if zone.zone == chosen else ''}" for zone in zones)]
    rows: list[list[Any]] = [
        ["placement score (of 10)", *(_UNKNOWN if zone.placement_score is None else zone.placement_score
                                      for zone in zones)],
        *([f"{name} median USD/h", *(_usd(zone.medians.get(name)) for zone in zones)] for name in names),
        ["full scale USD/h", *(_usd(zone.full_scale.usd_per_hour) for zone in zones)],
    ]  # fmt: skip
    lacking = "".join(f"! {zone.zone}: {note}\n" for zone in zones for note in _lacks(zone))
    return table(head, rows) + lacking


def _lacks(zone: ZonePrice) -> tuple[str, ...]:
    if zone.problem:
        return (zone.problem,)
    unsold = [name for name, amount in zone.medians.items() if amount is None]
    return (f"no Spot price history for {', '.join(unsold)}",) if unsold else ()


def _sources(price: Price) -> str:
    known = [[item.usage, f"{item.amount:g} per {item.unit}", item.effective, item.description]
             for item in price.unit_prices if item.amount is not None]  # fmt: skip
    missing = [f"! {item.problem}\n" for item in price.unit_prices if item.amount is None]
    shown = table(["AWS PRICE LIST", "USD", "SINCE", "IN ITS WORDS"], known) if known else ""
    notes = [f"! {problem}\n" for problem in price.problems]
    notes.append(f"Spot prices and scores: EC2 at {price.as_of}.\n")
    notes += [f"Not counted: {item}.\n" for item in price.not_counted]
    return shown + "".join(missing) + "".join(notes)


def _total(total: Total, unit: str) -> str:
    if total.is_complete:
        return f"{_usd(total.usd_per_hour)} {unit}"
    known = f"at least {_usd(total.at_least)} {unit}" if total.at_least is not None else "unknown"
    return f"{known}; without a price: {', '.join(total.missing)}"


def _usd(amount: float | None) -> str:
    return _UNKNOWN if amount is None else f"{amount:.4f}"
