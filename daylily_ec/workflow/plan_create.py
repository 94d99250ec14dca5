"""What `create` would do and what that costs: reads only.

Bids need the prices of the cluster's own zone.  Everything else (other zones, unit prices, budgets) is advice: what
cannot be read is named in the plan and does not end it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from daylily_ec.aws.budgets import GLOBAL_BUDGET, cluster_budget_name
from daylily_ec.aws.placement import Zone
from daylily_ec.aws.price_list import PriceQuery, UnitPrice, on_demand
from daylily_ec.config.models import ClusterConfig
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import AwsError, CredentialsExpired, NoCredentials, ValidationError
from daylily_ec.plan.executor import PlannedStep
from daylily_ec.plan.price import Market, Price, Shape, ZonePrice, price, queries, spot_instances, spot_types
from daylily_ec.render.renderer import InitTemplate, Rendered, render_final
from daylily_ec.render.shape import shape
from daylily_ec.render.spot import Bid
from daylily_ec.util.clock import timestamp
from daylily_ec.util.pool import gather
from daylily_ec.workflow.services import Services

T = TypeVar("T")
UnitPrices = Mapping[PriceQuery, UnitPrice]


@dataclass(frozen=True, slots=True)
class CreatePlan:
    """What `create` would do; nothing was changed.  Values of steps not carried out yet read `<from step>`."""

    cluster_name: str
    region_az: str
    steps: tuple[PlannedStep, ...]
    bids: tuple[Bid, ...]
    price: Price
    remarks: tuple[str, ...]
    cluster_yaml: str
    preflight_report_path: str


@dataclass(frozen=True, slots=True)
class Offers:
    """What the region's zones offer: shown when the chosen one does not sell what the cluster wants."""

    zone: str
    zones: tuple[ZonePrice, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """The cluster that is planned."""

    config: ClusterConfig
    zone: AvailabilityZone


def final_configuration(services: Services, target: Target, init: InitTemplate) -> Rendered:
    """The configuration with its Spot bids; the prices are those of the cluster's zone, now."""
    prices = services.pricing.spot_prices(target.zone, init.spot_types, services.clock.now())
    return _render(target, init, prices, services.price_list.prices(_cap_queries(target, init.spot_types)))


def price_plan(services: Services, target: Target, init: InitTemplate) -> tuple[Rendered, Price]:
    """The configuration with its bids, and its price in the chosen zone beside the region's others.

    When the zone has no Spot price history for a compute resource, the error's evidence is `Offers`.
    """
    services.reporter.step("Reading prices")
    draft = shape(init.text)
    read = _Reads(services, target, draft)
    try:
        rendered = _render(target, init, read.here, read.unit_prices)
    except ValidationError as error:
        offers = Offers(target.zone, read.price(draft).zones)
        error.evidence, error.details["zones"] = offers, offers.zones
        raise
    return rendered, read.price(shape(rendered.text))


def _cap_queries(target: Target, types: Collection[str]) -> tuple[PriceQuery, ...]:
    return tuple(map(on_demand, types)) if target.config.spot_price_cap == "on-demand" else ()


def _render(target: Target, init: InitTemplate, prices: Mapping[str, float], unit_prices: UnitPrices) -> Rendered:
    caps = None
    if target.config.spot_price_cap == "on-demand":
        found = {name: unit_prices[on_demand(name)].amount for name in init.spot_types}
        caps = {name: amount for name, amount in found.items() if amount is not None}
    return render_final(init, prices, target.config.spot_price_bump, target.zone, caps)


class _Reads:
    """Everything a price takes, read side by side."""

    def __init__(self, services: Services, target: Target, draft: Shape) -> None:
        self._services = services
        self._target = target
        self._draft = draft
        self._types = spot_types(draft)
        self._now = services.clock.now()
        self.unit_prices: UnitPrices = {}
        self.spot: dict[str, Mapping[str, float]] = {}
        self.zones: tuple[Zone, ...] = ()
        self.scores: Mapping[str, int] = {}
        self.budgets: list[tuple[str, float, float]] = []
        self.problems: list[str] = []
        gather(lambda job: job(), (self._unit_prices, self._here, self._elsewhere, self._scores, self._budgets))

    def _attempt(self, what: str, ask: Callable[[], T]) -> T | None:
        """The answer; a failure that is not about lost credentials becomes a problem of the plan."""
        try:
            return ask()
        except (CredentialsExpired, NoCredentials):
            raise
        except AwsError as error:
            self.problems.append(f"{what}: {error.message}")
            return None

    def _unit_prices(self) -> None:
        wanted = (*queries(self._draft), *_cap_queries(self._target, self._types))
        self.unit_prices = self._services.price_list.prices(wanted)

    def _ask_zone(self, zone: str) -> Mapping[str, float]:
        return self._services.pricing.spot_prices(zone, self._types, self._now)

    def _here(self) -> None:
        self.spot[self._target.zone] = self._ask_zone(self._target.zone)

    def _elsewhere(self) -> None:
        self.zones = self._attempt("other zones", self._services.placement.zones) or ()
        gather(self._other, [zone.name for zone in self.zones if zone.name != self._target.zone])

    def _other(self, zone: str) -> None:
        found = self._attempt(f"Spot prices of {zone}", partial(self._ask_zone, zone))
        if found is not None:
            self.spot[zone] = found

    def _scores(self) -> None:
        ask = partial(self._services.placement.scores, self._types, spot_instances(self._draft))
        self.scores = self._attempt("placement scores", ask) or {}

    def _budgets(self) -> None:
        for name in (cluster_budget_name(self._target.zone, self._target.config.cluster_name), GLOBAL_BUDGET):
            found = self._attempt(f"budget {name}", partial(self._services.budgets.find, name))
            if found is not None:
                self.budgets.append((name, float(found.amount), float(found.spent)))

    @property
    def here(self) -> Mapping[str, float]:
        """Spot prices of the cluster's own zone."""
        return self.spot[self._target.zone]

    def price(self, what: Shape) -> Price:
        """The price of a shape from what was read."""
        mine = self._target.zone
        known = any(zone.name == mine for zone in self.zones)
        zones = self.zones if known else (*self.zones, Zone(mine, ""))
        markets = [self._market(zone) for zone in zones]
        return price(what, self.unit_prices, markets, mine, timestamp(self._now), self.budgets, sorted(self.problems))

    def _market(self, zone: Zone) -> Market:
        prices = self.spot.get(zone.name)
        problem = "" if prices is not None else "its Spot prices could not be read"
        return Market(zone.name, zone.zone_id, prices or {}, self.scores.get(zone.zone_id), problem)
