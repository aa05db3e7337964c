"""What a brand can do just now: its locations and its delivery tables, in memory, so that a choice costs no SQL."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from weakref import WeakKeyDictionary

import msgspec

from doorstep import catalog, delivery, inventory
from doorstep.db import Brand, Tx
from doorstep.delivery import Planner
from doorstep.inventory import ChannelStock, Location
from doorstep.kit.limits import CANDIDATE_LOCATIONS
from doorstep.routing.decide import Available, PlanPart, decide
from doorstep.routing.model import Decision, Demand, Part, Request
from doorstep.routing.quick import Quick

NOTHING: Available = {}


class Network:
    """Locations, delivery tables and the channels' parts of the stock as they were when read."""

    def __init__(
        self, planner: Planner, locations: dict[int, Location], channels: Mapping[str, ChannelStock] | None = None
    ) -> None:
        self.planner = planner
        self.locations = locations
        self.channels = channels or {}
        self._list = list(locations.values())
        self._bound = {one.channel_id: one for one in self.channels.values() if one.binds}
        self._selling: dict[tuple[int, frozenset[str], frozenset[int]], frozenset[int]] = {}
        fed = [one.known_until for one in self._list if one.enabled and one.known_until is not None]
        self._known_until = min(fed, default=None)  # before then no feed is too old
        self._quick = Quick(planner, self._list)

    @classmethod
    async def read(cls, tx: Tx) -> Network:
        """Read the tables now."""
        return cls(await delivery.planner(tx), await inventory.locations(tx), await inventory.channel_stock(tx))

    def all_known(self, now: datetime) -> bool:
        """Whether no location's feed is too old."""
        return self._known_until is None or now <= self._known_until

    def unknown(self, now: datetime) -> list[Location]:
        """The locations in use whose feed is too old."""
        return [] if self.all_known(now) else [one for one in self._list if one.enabled and one.unknown(now)]

    def selling(self, rules: ChannelStock, needs: frozenset[str], now: datetime) -> frozenset[int]:
        """The locations an order of the channel would be looked at for, when it wants one thing with these needs."""
        withheld = frozenset(one.location_id for one in self.unknown(now) if one.withheld(now))
        known = self._selling.get((rules.channel_id, needs, withheld))
        if known is None:
            able = [
                (one.priority, one.location_id)
                for one in self._list
                if one.enabled
                and needs <= one.capabilities
                and rules.sees(one.location_id)
                and one.location_id not in withheld
            ]
            known = frozenset(place for _, place in sorted(able)[:CANDIDATE_LOCATIONS])
            self._selling[rules.channel_id, needs, withheld] = known
        return known

    def reaches(self, service: str, country: str, postcode: str) -> bool:
        """Whether the service delivers there, sold or not: a promise once given is kept by a service switched off."""
        return service in self.planner.services and self.planner.transit.days(service, country, postcode) is not None

    def goes_to(self, service: str, country: str, postcode: str) -> bool:
        """Whether the service exists, is sold, and delivers there."""
        known = self.planner.services.get(service)
        return known is not None and known.enabled and self.reaches(service, country, postcode)

    def decide(self, request: Request, available: Available, own: Available = NOTHING) -> Decision:
        """Choose locations for a request; see `decide`. The service must deliver there (`goes_to`). Of what is
        available, `own` is what the cart that asks holds itself.
        """
        if request.channel_id not in self._bound and self.all_known(request.ready_from):
            quick = self._quick.choose(request, available)
            if quick:
                return quick
        return self.decide_at_length(request, available, own)

    def decide_at_length(self, request: Request, available: Available, own: Available = NOTHING) -> Decision:
        """The same choice, without the short cut. What is not released yet is short, whatever is there."""
        later = [(one.line_no, one.quantity) for one in request.demands if one.unreleased_until is not None]
        if not later:
            return self._decide(request, available, own, self.plan)
        now = [one for one in request.demands if one.unreleased_until is None]
        if not now:
            return Decision(why="not released yet", parts=(), short=later, candidates=())
        found = self.decide(msgspec.structs.replace(request, demands=now), available, own)
        return msgspec.structs.replace(found, short=sorted((*found.short, *later)))

    def _decide(self, request: Request, available: Available, own: Available, plan: PlanPart) -> Decision:
        rules = self._bound.get(request.channel_id)
        places = self._list if rules is None else [one for one in self._list if rules.sees(one.location_id)]
        return decide(request, locations=places, available=self.seen(request, available, own), plan=plan)

    def sells_from(self, request: Request, location_id: int) -> bool:
        """Whether the channel of a request sells from there."""
        rules = self._bound.get(request.channel_id)
        return rules is None or rules.sees(location_id)

    def seen(self, request: Request, available: Available, own: Available = NOTHING) -> Available:
        """What of the available units is there for a request: what its channel may sell. `own` as in `decide`."""
        rules = self._bound.get(request.channel_id)
        if rules is None:
            return available
        keys = {(demand.sku_id, place) for demand in request.demands for place in self.locations if rules.sees(place)}
        if not self.keeps_back(request):
            return {key: available.get(key, 0) for key in keys}
        return {key: rules.room(available.get(key, 0) - own.get(key, 0), own.get(key, 0)) for key in keys}

    def keeps_back(self, request: Request) -> bool:
        """Whether units are kept back from the channel of a request."""
        rules = self._bound.get(request.channel_id)
        return rules is not None and request.kept_back and rules.keeps_back

    def able(self, location_id: int, demand: Demand) -> bool:
        """Whether the location is open and can do what the demand needs."""
        place = self.locations.get(location_id)
        return (
            bool(place and place.enabled and demand.needs <= place.capabilities) and location_id not in demand.excluded
        )

    def sit(
        self,
        demands: Sequence[Demand],
        available: Available,
        own: Available = NOTHING,
        *,
        channel_id: int = 0,
        country: str | None,
        postcode: str,
        now: datetime,
    ) -> Decision:
        """Where a cart's units lie: as an order to that address by the first service that goes there would have them;
        without an address, or when nothing goes there, by the locations' priority, in as few places as possible.
        """
        ranked = sorted(self.planner.services.values(), key=lambda service: (service.rank, service.service))
        going = [one.service for one in ranked if country and self.goes_to(one.service, country, postcode)]
        service = going[0] if going else ""
        request = Request(
            service=service,
            country=country or "",
            postcode=postcode,
            ready_from=now,
            demands=demands,
            channel_id=channel_id,
        )
        return self._decide(request, available, own, self.plan if going else _undated)

    def plan(
        self, location: Location, request: Request, demands: Sequence[Demand], lines: Sequence[tuple[int, int]]
    ) -> Part:
        """Date and price what one location sends.

        Cost: a parcel's fixed cost plus its weight, started kilograms, at the service's rates.
        """
        service = self.planner.services[request.service]
        dated = self.planner.promise(
            request.service,
            origin=location,
            ready_from=request.ready_from,
            destination=(request.country, request.postcode),
            work_days=max((demand.work_days for demand in demands), default=0),
        )
        if dated is None:
            raise LookupError(f"{request.service} does not deliver to {request.country} {request.postcode}")
        units = dict(lines)
        weight_g = sum(demand.weight_g * units[demand.line_no] for demand in demands)
        return Part(
            location_id=location.location_id,
            service=request.service,
            hand_over_by=dated.hand_over_by,
            promised_from=dated.promised_from,
            promised_by=dated.promised_by,
            cost_minor=service.cost_minor(weight_g),
            lines=lines,
        )


def _undated(location: Location, request: Request, demands: Sequence[Demand], lines: Sequence[tuple[int, int]]) -> Part:
    """A part like any other: with all the same cost and date, the location's priority decides."""
    now = request.ready_from
    return Part(
        location_id=location.location_id,
        service=request.service,
        hand_over_by=now,
        promised_from=now,
        promised_by=now,
        cost_minor=0,
        lines=lines,
    )


class NetworkCache:
    """One brand's network in one process, read again when older than `ttl_s`; a change is seen within that time.
    `products` remembers what was read of the catalog.
    """

    def __init__(self, *, ttl_s: float = 1.0) -> None:
        self.products = catalog.Kept()
        self._ttl_s = ttl_s
        self._network: Network | None = None
        self._read_at = 0.0
        self._reading = False

    def lane(self, service: str) -> int:
        """The service's lane (0: express) as last read; standard for a service not known yet."""
        known = self._network.planner.services.get(service) if self._network else None
        return known.lane if known else 1

    async def get(self, tx: Tx, *, fresh: bool = False) -> Network:
        """The network, from memory when it is young enough and not wanted `fresh`. One reads it again; who comes
        meanwhile gets the one that is there, unless that takes as long again.
        """
        started = time.monotonic()
        age = started - self._read_at
        due = age >= self._ttl_s and (not self._reading or age >= 2 * self._ttl_s)
        if fresh or self._network is None or due:
            self._reading = True
            try:
                self._network = await Network.read(tx)
            finally:
                self._reading = False
            self._read_at = started
        return self._network


_SHARED: WeakKeyDictionary[Brand, NetworkCache] = WeakKeyDictionary()


def shared(brand: Brand) -> NetworkCache:
    """The brand's network cache of this process, for those who only read."""
    if brand not in _SHARED:
        _SHARED[brand] = NetworkCache()
    return _SHARED[brand]
