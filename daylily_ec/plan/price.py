"""What a cluster costs: idle, at full scale, and per zone.  Pure: every price comes in as data.

All amounts are USD.  A price that is missing makes a total incomplete, never cheaper: the total says what it lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from daylily_ec.aws.price_list import IPV4_HOUR, NAT_GB, NAT_HOUR, PriceQuery, UnitPrice, lustre, on_demand, volume
from daylily_ec.domain.fleet import Fleet, Purchase

HOURS_PER_MONTH = 730.0
"""Hours of an average month, as the AWS Pricing Calculator counts GB-months."""

_HEAD = "head node"
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Volume:
    """An EBS volume of `gib` GiB; `kind` is EBS's own word, such as gp3."""

    kind: str
    gib: int


@dataclass(frozen=True, slots=True)
class FileSystem:
    """An FSx for Lustre file system of `gib` GiB that the cluster makes; `throughput` in MB/s per TiB."""

    name: str
    deployment: str
    gib: int
    throughput: int | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """The billable parts of a cluster; `unpriced` names what is billed and not counted."""

    fleets: tuple[Fleet, ...]
    head_root: Volume | None
    elastic_ip: bool
    file_systems: tuple[FileSystem, ...]
    unpriced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One part of the idle cost; `usd_per_hour` is None when its price is missing, and `problem` says why."""

    what: str
    quantity: str
    usd_per_hour: float | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Total:
    """A sum; None when a part has no price: then `at_least` is the sum of the others and `missing` names the rest."""

    usd_per_hour: float | None
    at_least: float | None
    missing: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every part has a price."""
        return not self.missing


@dataclass(frozen=True, slots=True)
class FleetPrice:
    """USD per machine hour of one compute resource, now and at the bid (on demand: the dearest of its types)."""

    name: str
    purchase: Purchase
    instance_types: tuple[str, ...]
    count: int
    now: float | None
    bid: float | None


@dataclass(frozen=True, slots=True)
class Market:
    """Spot prices by type in one zone and its placement score (1 to 10); `problem` says why something is missing."""

    zone: str
    zone_id: str
    prices: Mapping[str, float]
    score: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ZonePrice:
    """One zone: the median Spot price of each compute resource's types (None: not sold there), and full scale."""

    zone: str
    zone_id: str
    placement_score: int | None
    medians: Mapping[str, float | None]
    full_scale: Total
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BudgetLeft:
    """A monthly budget; `idle_hours` is how long what is left pays for the idle cluster."""

    name: str
    amount: float
    spent: float
    left: float
    idle_hours: float | None


@dataclass(frozen=True, slots=True)
class Price:
    """What a cluster costs in one zone, per hour unless a name says otherwise, and where the figures come from."""

    zone: str
    as_of: str
    idle: Total
    full_scale_now: Total
    full_scale_at_bid: Total
    fsx_per_day: Total
    nat_per_hour: float | None
    nat_per_gb: float | None
    idle_lines: tuple[Line, ...]
    fleets: tuple[FleetPrice, ...]
    zones: tuple[ZonePrice, ...]
    budgets: tuple[BudgetLeft, ...]
    unit_prices: tuple[UnitPrice, ...]
    not_counted: tuple[str, ...]
    problems: tuple[str, ...] = ()


Prices = Mapping[PriceQuery, UnitPrice]


def queries(shape: Shape) -> tuple[PriceQuery, ...]:
    """The unit prices that pricing `shape` takes."""
    bought = [name for fleet in shape.fleets if fleet.purchase is not Purchase.SPOT for name in fleet.instance_types]
    disks = [volume(shape.head_root.kind)] if shape.head_root else []
    systems = [lustre(item.deployment, item.throughput) for item in shape.file_systems]
    return tuple(dict.fromkeys([*map(on_demand, bought), *disks, IPV4_HOUR, NAT_HOUR, NAT_GB, *systems]))


def spot_types(shape: Shape) -> tuple[str, ...]:
    """Every type that the shape buys as Spot, sorted."""
    return tuple(sorted({name for fleet in shape.fleets if fleet.purchase is Purchase.SPOT
                         for name in fleet.instance_types}))  # fmt: skip


def spot_instances(shape: Shape) -> int:
    """Spot machines at full scale."""
    return sum(fleet.count for fleet in shape.fleets if fleet.purchase is Purchase.SPOT)


def price(
    shape: Shape,
    unit_prices: Prices,
    markets: Sequence[Market],
    zone: str,
    as_of: str,
    budgets: Iterable[tuple[str, float, float]] = (),
    problems: Sequence[str] = (),
) -> Price:
    """The price of `shape` in `zone`, which must be among the markets; `budgets` are (name, amount, spent)."""
    here = next(market for market in markets if market.zone == zone)
    compute = _compute(shape, unit_prices, here)
    systems = _file_system_lines(shape, unit_prices)
    standing = (*_standing_lines(shape, unit_prices), *systems)
    lines = (*standing, *_static_lines(shape, compute))
    idle = _total((line.what, line.usd_per_hour) for line in lines)
    base = [(line.what, line.usd_per_hour) for line in standing]
    return Price(
        zone, as_of, idle,
        _total([*base, *((item.name, _times(item.count, item.now)) for item in compute)]),
        _total([*base, *((item.name, _times(item.count, item.bid)) for item in compute)]),
        _total((line.what, _times(24, line.usd_per_hour)) for line in systems),
        _amount(unit_prices, NAT_HOUR), _amount(unit_prices, NAT_GB),
        lines, compute, tuple(_zone(market, shape, unit_prices, base) for market in markets),
        tuple(_left(*budget, idle) for budget in budgets), tuple(unit_prices.values()), shape.unpriced,
        tuple(problems),
    )  # fmt: skip


def _compute(shape: Shape, unit_prices: Prices, market: Market) -> tuple[FleetPrice, ...]:
    return tuple(_fleet_price(fleet, unit_prices, market) for fleet in shape.fleets if fleet.queue)


def _fleet_price(fleet: Fleet, unit_prices: Prices, market: Market) -> FleetPrice:
    if fleet.purchase is Purchase.SPOT:
        now, bid = _median(fleet, market), fleet.spot_price
    else:
        now = bid = _dearest(fleet, unit_prices)
    return FleetPrice(fleet.name, fleet.purchase, fleet.instance_types, fleet.count, now, bid)


def _median(fleet: Fleet, market: Market) -> float | None:
    known = [market.prices[name] for name in fleet.instance_types if name in market.prices]
    return round(median(known), _DIGITS) if known else None


def _dearest(fleet: Fleet, unit_prices: Prices) -> float | None:
    # One type without a price might be the dearest: no bound can be given then.
    known = [_amount(unit_prices, on_demand(name)) for name in fleet.instance_types]
    return max((amount for amount in known if amount is not None), default=None) if None not in known else None


def _amount(unit_prices: Prices, query: PriceQuery) -> float | None:
    found = unit_prices.get(query)
    return found.amount if found else None


def _times(quantity: float, amount: float | None) -> float | None:
    if not quantity:
        return 0.0
    return None if amount is None else round(quantity * amount, _DIGITS)


def _standing_lines(shape: Shape, unit_prices: Prices) -> tuple[Line, ...]:
    lines = [_line(_HEAD, fleet.instance_types[0], 1, on_demand(fleet.instance_types[0]), unit_prices)
             for fleet in shape.fleets if not fleet.queue]  # fmt: skip
    if shape.head_root:
        root = shape.head_root
        lines.append(_line("root volume of the head node", f"{root.gib} GiB {root.kind}", root.gib / HOURS_PER_MONTH,
                           volume(root.kind), unit_prices))  # fmt: skip
    addresses = 1 + shape.elastic_ip
    holders = "head node and NAT gateway" if shape.elastic_ip else "NAT gateway"
    lines.append(_line("public IPv4 addresses", f"{addresses} ({holders})", addresses, IPV4_HOUR, unit_prices))
    lines.append(_line("NAT gateway", "1, shared by the zone's clusters", 1, NAT_HOUR, unit_prices))
    return tuple(lines)


def _file_system_lines(shape: Shape, unit_prices: Prices) -> tuple[Line, ...]:
    return tuple(
        _line(f"file system {item.name}", f"{item.gib} GiB {item.deployment}", item.gib / HOURS_PER_MONTH,
              lustre(item.deployment, item.throughput), unit_prices)
        for item in shape.file_systems
    )  # fmt: skip


def _static_lines(shape: Shape, compute: Sequence[FleetPrice]) -> tuple[Line, ...]:
    """Nodes that run without a job (MinCount); full scale counts them among the compute resources."""
    minimum = {fleet.name: fleet.minimum for fleet in shape.fleets if fleet.queue and fleet.minimum}
    return tuple(Line(f"static nodes {item.name}", str(minimum[item.name]), _times(minimum[item.name], item.now))
                 for item in compute if item.name in minimum)  # fmt: skip


def _line(what: str, quantity: str, units: float, query: PriceQuery, unit_prices: Prices) -> Line:
    found = unit_prices.get(query)
    problem = "" if found and found.amount is not None else found.problem if found else "not asked"
    return Line(what, quantity, _times(units, _amount(unit_prices, query)), problem)


def _total(parts: Iterable[tuple[str, float | None]]) -> Total:
    named = list(parts)
    known = [amount for _, amount in named if amount is not None]
    missing = tuple(name for name, amount in named if amount is None)
    # With no price at all there is no lower bound worth printing: 0 would read as "free".
    at_least = round(sum(known), _DIGITS) if known or not named else None
    return Total(None if missing else at_least, at_least, missing)


def _zone(market: Market, shape: Shape, unit_prices: Prices, base: list[tuple[str, float | None]]) -> ZonePrice:
    compute = _compute(shape, unit_prices, market)
    full = _total([*base, *((item.name, _times(item.count, item.now)) for item in compute)])
    medians = {item.name: item.now for item in compute if item.purchase is Purchase.SPOT}
    return ZonePrice(market.zone, market.zone_id, market.score, medians, full, market.problem)


def _left(name: str, amount: float, spent: float, idle: Total) -> BudgetLeft:
    left = round(amount - spent, 2)
    hours = round(max(left, 0) / idle.usd_per_hour, 1) if idle.usd_per_hour else None
    return BudgetLeft(name, amount, spent, left, hours)
