"""A small priced cluster."""

from __future__ import annotations

from daylily_ec.aws.price_list import IPV4_HOUR, NAT_GB, NAT_HOUR, PriceQuery, UnitPrice, lustre, on_demand, volume
from daylily_ec.domain.fleet import Fleet, Purchase
from daylily_ec.plan.price import FileSystem, Market, Shape, Volume

HEAD = Fleet("", "", Purchase.ONDEMAND, ("r7i.2xlarge",), 1)
SMALL = Fleet("i8", "a", Purchase.SPOT, ("r7i.2xlarge", "r6i.2xlarge"), 10, 4.5)
BIG = Fleet("i192", "all", Purchase.SPOT, ("c7i.48xlarge",), 3, 9.0)
FPGA = Fleet("dragen", "f2", Purchase.ONDEMAND, ("f2.6xlarge",), 2)
SHAPE = Shape((HEAD, SMALL, BIG, FPGA), Volume("gp3", 730), True, (FileSystem("fsx-majors", "SCRATCH_2", 7300),))
ZONE = Market("us-west-2d", "usw2-az4", {"r7i.2xlarge": 0.2, "r6i.2xlarge": 0.4, "c7i.48xlarge": 3.0}, 7)


def found(query: PriceQuery, amount: float) -> tuple[PriceQuery, UnitPrice]:
    return query, UnitPrice(query.usage, query.unit, amount, effective="2026-01-01", description="in words")


def lacking(query: PriceQuery, problem: str = "no price") -> tuple[PriceQuery, UnitPrice]:
    return query, UnitPrice(query.usage, query.unit, None, problem=problem)


UNIT = dict([
    found(on_demand("r7i.2xlarge"), 0.5), found(on_demand("f2.6xlarge"), 2.0), found(volume("gp3"), 0.08),
    found(IPV4_HOUR, 0.005), found(NAT_HOUR, 0.045), found(NAT_GB, 0.046), found(lustre("SCRATCH_2"), 0.14),
])  # fmt: skip
IDLE = 0.5 + 0.08 + 0.01 + 0.045 + 1.4
