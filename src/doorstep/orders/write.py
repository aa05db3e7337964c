"""Write placed orders: a handful of statements for any number of orders, within the budget of rows and WAL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from doorstep import carts, inventory, journal
from doorstep.db import Tx
from doorstep.inventory import Claim
from doorstep.journal import Event
from doorstep.kit.ids import new_id
from doorstep.kit.limits import ORDERS_HINTED
from doorstep.orders.beyond import claim_beyond, owed
from doorstep.orders.draft import Draft
from doorstep.orders.model import HoldPlaced, Placed
from doorstep.orders.placing import Key
from doorstep.orders.shortage import open_shortage
from doorstep.orders.store import SQL
from doorstep.routing import stored


async def placed_before(tx: Tx, keys: Sequence[Key]) -> dict[Key, Any]:
    """The rows of orders that are there already, by (channel, number)."""
    rows = await tx.fetch(SQL.placed_before, [key[0] for key in keys], [key[1] for key in keys])
    return {(row["channel"], row["number"]): row for row in rows}


async def insert(tx: Tx, drafts: Sequence[Draft], *, now: datetime) -> dict[UUID, Any]:
    """Write drafts and claim their stock, which this locks, if it is not locked yet; the rows written, by order id.

    One whose number was placed by another transaction meanwhile is missing: it is a retry, and is looked up again.
    Raises ClaimRefused, and has written nothing, when stock is not there any more; a transaction must be given up then.
    """
    # In key order, so that two transactions that place the same numbers cannot deadlock.
    ordered = sorted(drafts, key=lambda made: (made.channel.channel_id, made.placing.order.number))
    # What carts hold is given back first, then claimed, by any of these orders.
    from_carts = any(made.cart_hold for made in drafts)
    terms, kinds = Alike(), Alike()
    of_orders = [_order_values(made, now, terms) for made in ordered]
    claims: list[Claim] = []
    of_lines = [values for made in ordered for values in _line_values(made, kinds, None if from_carts else claims)]
    try:
        rows = await tx.fetch(
            SQL.place,
            *(now, Placed.KIND, len(drafts) <= ORDERS_HINTED or any(made.lane == 0 for made in drafts)),
            *terms.columns(),
            *_columns(of_orders),
            *kinds.columns(),
            *_columns(of_lines),
            *inventory.columns(claims),
        )
    except asyncpg.DivisionByZeroError:
        raise inventory.ClaimRefused("stock is gone since it was looked at") from None
    written = {row["order_id"]: row for row in rows}
    mine = [made for made in drafts if made.placing.order_id in written]
    if from_carts:
        await carts.convert(tx, [_conversion(made) for made in mine if made.cart_hold], actor="doorstep", now=now)
        await inventory.claim(tx, claims=[claim for made in mine for claim in made.claims], first=True)
    more = [made for made in mine if not plain(made)]
    if more:
        await _insert_rare(tx, more, now)
        await claim_beyond(tx, [made for made in more if made.pieces])
        await _tell_more(tx, more, now)
    return written


def plain(made: Draft) -> bool:
    """Whether one statement writes all of it. Others have rows that only some orders have."""
    if made.cart_hold or made.kits or made.holds or made.pieces or made.decided.short or made.placing.order.preferences:
        return False
    return not any(line.line.personalization or line.line.gift_wrap for line in made.lines)


def _conversion(made: Draft) -> carts.Conversion:
    assert made.cart_hold is not None
    return carts.Conversion(hold_id=made.cart_hold.hold_id, order_id=made.placing.order_id, claims=made.claims)


def _columns(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """Rows turned into the arrays that unnest takes."""
    return [list(column) for column in zip(*rows, strict=True)]


class Alike:
    """Rows that come again and again, each kept once."""

    def __init__(self) -> None:
        self._places: dict[tuple[Any, ...], int] = {}

    def place(self, row: tuple[Any, ...]) -> int:
        """Where the row is among those kept, from 1."""
        return self._places.setdefault(row, len(self._places) + 1)

    def columns(self) -> list[list[Any]]:
        """Those kept, in their order."""
        return _columns(list(self._places))


def _order_values(made: Draft, now: datetime, terms: Alike) -> tuple[object, ...]:
    order, decision = made.placing.order, made.decided
    customer, address = order.customer, order.ship_to
    event_id, partition = journal.first(made.placing.order_id)
    told = Placed(short=bool(decision.short), awaited=bool(decision.awaited))
    alike = (
        *(made.channel.channel_id, order.service, made.lane, made.on_short, order.currency),
        *(customer.locale, address.country, made.placing.actor, told),
    )
    return (
        *(terms.place(alike), made.placing.order_id, order.number, made.placing.fingerprint, order.total_minor),
        *(order.shipping_minor, order.discount_minor, order.payment.token, order.payment.authorization_reference),
        *(
            decision.promised_from or now,
            None if decision.short or made.undated else decision.promised_by,
            stored(decision),
        ),
        *(len(made.holds), customer.name, customer.email, customer.phone),
        *(address.name, address.street, address.city, address.region, address.postcode, event_id, partition),
    )


def _line_values(made: Draft, kinds: Alike, claims: list[Claim] | None) -> Iterable[tuple[object, ...]]:
    """The lines. The claim of a line that is claimed at one location is with the line; the others go into `claims`."""
    short, later = dict(made.decided.short), made.decided.units_awaited
    at = _claimed(made, claims)
    for line in made.lines:
        kind, wanted, no = line.kind, line.line, line.line_no
        alike = (
            *(kind.routing_kind, kind.reason, wanted.instructions.strip()),
            *(later.get(no, 0), short.get(no, 0)),
        )
        yield (
            *(kinds.place(alike), made.placing.order_id, no, line.product.sku_id, wanted.quantity),
            *(wanted.unit_price_minor, wanted.tax_minor, line.discount_minor, at.get(no)),
        )


def _claimed(made: Draft, claims: list[Claim] | None) -> dict[int, int]:
    """Where a line is claimed, by its number, of those that are at one location."""
    if claims is None:
        return {}
    at: dict[int, int] = {}
    split = set()
    for claim in made.claims:
        if claim.line_no in at:
            split.add(claim.line_no)
        at[claim.line_no] = claim.location_id
    if split:
        claims += [claim for claim in made.claims if claim.line_no in split]
        at = {line_no: place for line_no, place in at.items() if line_no not in split}
    return at


async def _insert_rare(tx: Tx, drafts: Sequence[Draft], now: datetime) -> None:
    """Rows that only some orders have: services of lines, kits, preferences."""
    services = [
        (made.placing.order_id, line.line_no, kind, msgspec.to_builtins(detail), fee_minor)
        for made in drafts
        for line in made.lines
        for kind, detail, fee_minor in _services(line)
    ]
    if services:
        await tx.execute(SQL.insert_services, *_columns(services))
    kits = [
        (
            *(made.placing.order_id, kit.line_no, kit.sku_id, kit.quantity),
            *(kit.unit_price_minor, kit.tax_minor, kit.discount_minor, dict(kit.parts)),
        )
        for made in drafts
        for kit in made.kits
    ]
    if kits:
        await tx.execute(SQL.insert_kits, *_columns(kits))
    preferences = [
        (
            *(made.placing.order_id, terms.channel, "\n".join(terms.events), terms.only_if_late),
            *(terms.quiet_from, terms.quiet_until, terms.timezone, terms.locale),
        )
        for made in drafts
        if (terms := made.placing.order.preferences) is not None
    ]
    if preferences:
        await tx.execute(SQL.insert_preferences, *_columns(preferences))


def _services(line: Any) -> Iterable[tuple[str, object, int]]:
    personalization, wrap = line.line.personalization, line.line.gift_wrap
    if personalization:
        yield "personalization", {"fields": personalization.fields}, personalization.fee_minor
    if wrap:
        detail = {"paper": wrap.paper, "message": wrap.message, "hide_prices": wrap.hide_prices}
        yield "gift_wrap", detail, wrap.fee_minor


async def _tell_more(tx: Tx, drafts: Sequence[Draft], now: datetime) -> None:
    """Events after the first, which only some orders have."""
    more: list[tuple[UUID, Event]] = []
    holds = []
    for made in drafts:
        order_id = made.placing.order_id
        for reason, note in made.holds:
            hold_id = new_id()
            holds.append((hold_id, order_id, reason, note, "rule", now))
            more.append((order_id, HoldPlaced(hold_id=hold_id, reason=reason)))
        if waiting := owed(made):
            more += [(order_id, event) for event in waiting]
            missing = [line for event in waiting for line in event.lines]
            await open_shortage(tx, order_id=order_id, cause=waiting[0].cause, waiting=missing, now=now)
    if holds:
        await tx.execute(SQL.insert_holds, *_columns(holds))
    await journal.append(tx, more, actor="doorstep", now=now)
