"""What stock cannot serve, served from supply on its way: pure, once the supply has been read or locked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep.inventory import LATE_AFTER, Delivery, Supply, Terms
from doorstep.routing.decide import Available
from doorstep.routing.model import Awaited, Decision, Demand, Request
from doorstep.routing.network import Network


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line that are not sent from stock now: of a delivery, or on the shelf and not released (`location_id`
    and no delivery), or (neither) of whatever comes. `sold`: on the product's terms.
    """

    demand: Demand
    units: int
    sold: bool
    location_id: int | None = None
    incoming_id: UUID | None = None
    ready_at: datetime | None = None


class Covered(msgspec.Struct, frozen=True, kw_only=True):
    """A decision with what supply gives it, and the claims that means."""

    decision: Decision
    pieces: Sequence[Piece]


class Beyond:
    """What is left to be had beyond the stock, while several orders take of it one after the other."""

    def __init__(self, network: Network, supply: Supply, *, now: datetime) -> None:
        self._network = network
        self._terms = supply.terms
        self._deliveries = supply.deliveries
        self._now = now
        self._sold: Counter[tuple[int, str]] = Counter()
        self._taken: Counter[UUID] = Counter()

    def cover(
        self,
        request: Request,
        demands: Iterable[Demand],
        decision: Decision,
        available: Available,
        *,
        channel: str | None,
        accept: bool,
    ) -> Covered:
        """Serve what `decision` left short: from deliveries on their way, as far as the product is sold beyond its
        stock on this channel; of products not released yet, from the shelf before.

        `accept`: the order stands whatever is there, so that it gets what deliveries have left, sold beyond the stock
        or not, and waits for whatever comes with the rest. `channel` None: nothing is sold, an order gets what it is
        owed. Nothing is taken yet: see `take`.
        """
        short = dict(decision.short)
        pieces: list[Piece] = []
        for demand in demands:
            units = short.get(demand.line_no, 0)
            if units:
                pieces += self._pieces(request, demand, units, pieces, available, channel=channel, accept=accept)
        had: Counter[int] = Counter()
        for piece in pieces:
            if piece.ready_at is not None:
                had[piece.demand.line_no] += piece.units
        left = [(line_no, units - had[line_no]) for line_no, units in decision.short if units > had[line_no]]
        why = decision.why if left else "what is not in stock is promised from goods on their way"
        covered = msgspec.structs.replace(decision, awaited=self._awaited(request, pieces), short=left, why=why)
        return Covered(decision=covered if had else decision, pieces=pieces)

    def take(self, pieces: Iterable[Piece], channel: str) -> dict[tuple[int, int], int]:
        """These pieces are gone for the orders that follow; the units among them that stand on shelves, by
        (sku_id, location_id).
        """
        shelf: dict[tuple[int, int], int] = {}
        for piece in pieces:
            if piece.incoming_id is not None:
                self._taken[piece.incoming_id] += piece.units
                self._sold[piece.demand.sku_id, channel] += piece.units if piece.sold else 0
            elif piece.location_id is not None:
                key = (piece.demand.sku_id, piece.location_id)
                shelf[key] = shelf.get(key, 0) + piece.units
        return shelf

    def _pieces(
        self,
        request: Request,
        demand: Demand,
        units: int,
        before: Sequence[Piece],
        available: Available,
        *,
        channel: str | None,
        accept: bool,
    ) -> list[Piece]:
        """Where so many units of a line come from; `before` are the pieces of the order's lines before it."""
        terms = self._terms.get(demand.sku_id)
        pieces: list[Piece] = []
        if demand.unreleased_until is not None:
            pieces += self._shelf(request, demand, units, before, available)
        room = self._room(terms, channel, [piece for piece in before if piece.demand.sku_id == demand.sku_id])
        for delivery in self._deliveries.get(demand.sku_id, ()):
            if not self._able(request, demand, delivery.location_id) or delivery.expected_at + LATE_AFTER < self._now:
                continue
            left = delivery.left - self._taken[delivery.incoming_id]
            left -= sum(piece.units for piece in before if piece.incoming_id == delivery.incoming_id)
            for sold in (True, False) if accept else (True,):
                wanted = units - sum(piece.units for piece in pieces)
                count = max(0, min(wanted, left, room) if sold else min(wanted, left))
                if count:
                    left -= count
                    room -= count if sold else 0
                    pieces.append(self._piece(demand, delivery, count, sold=sold))
        rest = units - sum(piece.units for piece in pieces)
        if rest and accept:
            pieces.append(Piece(demand=demand, units=rest, sold=False))
        return pieces

    def _room(self, terms: Terms | None, channel: str | None, before: Iterable[Piece]) -> int:
        """Units of a product that may still be sold beyond its stock on a channel."""
        if terms is None or channel is None:
            return 0
        taken = sum(units for (sku_id, _), units in self._sold.items() if sku_id == terms.sku_id)
        own = self._sold[terms.sku_id, channel]
        mine = sum(piece.units for piece in before if piece.sold)
        shares = {
            name: msgspec.structs.replace(share, promised=share.promised + (own if name == channel else 0))
            for name, share in terms.channels.items()
        }
        now = msgspec.structs.replace(terms, promised=terms.promised + taken, channels=shares)
        return max(0, now.room(channel, self._now) - mine)

    def _shelf(
        self, request: Request, demand: Demand, units: int, before: Sequence[Piece], available: Available
    ) -> list[Piece]:
        """Units that are there already, of a product that may not leave yet."""
        pieces = []
        for location_id in sorted(self._network.locations):
            gone = sum(
                piece.units
                for piece in before
                if piece.location_id == location_id
                and piece.incoming_id is None
                and piece.demand.sku_id == demand.sku_id
            )
            count = min(units, available.get((demand.sku_id, location_id), 0) - gone)
            if count > 0 and self._able(request, demand, location_id):
                units -= count
                pieces.append(
                    Piece(
                        demand=demand,
                        units=count,
                        sold=False,
                        location_id=location_id,
                        ready_at=demand.unreleased_until,
                    )
                )
        return pieces

    def _piece(self, demand: Demand, delivery: Delivery, units: int, *, sold: bool) -> Piece:
        dates = [delivery.expected_at, self._now, *([demand.unreleased_until] if demand.unreleased_until else [])]
        return Piece(
            demand=demand,
            units=units,
            sold=sold,
            location_id=delivery.location_id,
            incoming_id=delivery.incoming_id,
            ready_at=max(dates),
        )

    def _able(self, request: Request, demand: Demand, location_id: int) -> bool:
        place = self._network.locations.get(location_id)
        if place is None or not place.enabled or location_id in demand.excluded:
            return False
        return demand.needs <= place.capabilities and self._network.sells_from(request, location_id)

    def _awaited(self, request: Request, pieces: Iterable[Piece]) -> list[Awaited]:
        """The parts that these pieces become, one for each delivery or shelf and date."""
        groups: defaultdict[tuple[datetime, int, UUID | None], list[Piece]] = defaultdict(list)
        for piece in pieces:
            if piece.ready_at is not None and piece.location_id is not None:
                groups[piece.ready_at, piece.location_id, piece.incoming_id].append(piece)
        parts = []
        for (ready_at, location_id, incoming_id), mine in sorted(groups.items(), key=lambda entry: str(entry[0])):
            units: Counter[int] = Counter()
            for piece in mine:
                units[piece.demand.line_no] += piece.units
            part = self._network.plan(
                self._network.locations[location_id],
                msgspec.structs.replace(request, ready_from=ready_at),
                list({piece.demand.line_no: piece.demand for piece in mine}.values()),
                sorted(units.items()),
            )
            parts.append(Awaited(**msgspec.structs.asdict(part), ready_at=ready_at, incoming_id=incoming_id))
        return parts
