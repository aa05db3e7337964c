"""Quote a cart: each service routed as the order would be, nothing claimed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from doorstep import catalog, inventory
from doorstep.catalog import Product
from doorstep.db import Tx
from doorstep.delivery import Work
from doorstep.inventory import CartClaim
from doorstep.kit.errors import Fault, Invalid
from doorstep.kit.ids import parse
from doorstep.kit.limits import LINES_PER_ORDER, UNITS_PER_LINE
from doorstep.routing.beyond import Beyond
from doorstep.routing.model import Decision, Demand, Part, Request
from doorstep.routing.network import Network


class QuoteLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of a SKU in the cart, and the work wanted on them."""

    sku: Annotated[str, Meta(min_length=1, max_length=100)]
    quantity: Annotated[int, Meta(ge=1, le=UNITS_PER_LINE)]
    personalized: bool = False
    gift_wrap: bool = False


class QuoteRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cart and where it goes. What its `cart_hold` still has counts as available to it. With its `channel`, only what
    that channel may sell does, and what it sells beyond the stock counts too.
    """

    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")]
    postcode: Annotated[str, Meta(max_length=20)]
    lines: Annotated[Sequence[QuoteLine], Meta(min_length=1, max_length=LINES_PER_ORDER)]
    cart_hold: Annotated[str, Meta(pattern="^cht_[0-9a-f]{32}$")] | None = None
    channel: Annotated[str, Meta(min_length=1, max_length=40)] | None = None


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line (its number from 1) that are sent later, from `ready_at` on: the goods are on their way, or may
    not leave before.
    """

    line_no: int
    quantity: int
    ready_at: datetime


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery service for this cart: price in minor units, dates, and the locations that would send it.

    `together`: one parcel. `later`: what is sent when it is here; the date is that of the last of it. `short`: [line
    number from 1, quantity] pairs that cannot be had; with any, no date is given. `order_within_s`: so long this date
    holds; null when what comes later decides it.
    """

    service: str
    title: str
    price_minor: int
    currency: str
    promised_from: datetime | None
    promised_by: datetime | None
    order_within_s: int | None
    origins: Sequence[str]
    together: bool
    later: Sequence[Later]
    short: Sequence[tuple[int, int]]


async def quote(tx: Tx, cart: QuoteRequest, *, now: datetime) -> list[Option]:
    """The options of a cart. Raises Invalid naming every line that cannot be sold as asked."""
    products = await catalog.load_whole(tx, [line.sku for line in cart.lines])
    faults = [fault for place, line in enumerate(cart.lines) for fault in _faults(line, products, f"/lines/{place}")]
    hold_id = parse("cht", cart.cart_hold) if cart.cart_hold else None
    if hold_id is not None and not await inventory.ever_held(tx, hold_id):
        faults.append(Fault("/cart_hold", f"There is no cart hold {cart.cart_hold}."))
    network = await Network.read(tx)
    rules = network.channels.get(cart.channel or "")
    if cart.channel and rules is None:
        faults.append(Fault("/channel", f"There is no channel {cart.channel!r}."))
    if faults:
        raise Invalid(faults)
    demands, of_kits = _demands(cart, products, network, now)
    available = await inventory.read_stock(tx, {demand.sku_id for demand in demands}, now=now, cart=hold_id)
    own = {(one.sku_id, one.location_id): one.quantity for one in await _own(tx, hold_id)}
    beyond: Beyond | None = None
    offered = sorted(network.planner.services.values(), key=lambda service: (service.rank, service.service))
    options = []
    for service in offered:
        if network.goes_to(service.service, cart.country, cart.postcode):
            request = Request(
                service=service.service,
                country=cart.country,
                postcode=cart.postcode,
                ready_from=now,
                demands=demands,
                channel_id=rules.channel_id if rules else 0,
            )
            decision = network.decide(request, available, own)
            if decision.short:
                if beyond is None:
                    supply = await inventory.read_supply(tx, {demand.sku_id for demand in demands})
                    beyond = Beyond(network, supply, now=now)
                there = network.seen(request, available, own)
                covered = beyond.cover(request, demands, decision, there, channel=cart.channel, accept=False)
                decision = covered.decision
            option = _option(network, request, decision, now)
            options.append(_kits_short(option, of_kits) if of_kits else option)
    return options


def _demands(
    cart: QuoteRequest, products: Mapping[str, Product], network: Network, now: datetime
) -> tuple[list[Demand], dict[int, tuple[int, int]]]:
    """What is taken from shelves for a cart; and which of it is of kits: (line of the kit, units in one kit) by number.
    Components are numbered after all lines, as placing does.
    """
    demands: list[Demand] = []
    of_kits: dict[int, tuple[int, int]] = {}
    last = len(cart.lines)
    for line_no, line in enumerate(cart.lines, start=1):
        product = products[line.sku]
        if not product.components:
            demands.append(_demand(line_no, line, product, network, now))
        for part in product.components:
            last += 1
            of_kits[last] = line_no, part.quantity
            units = msgspec.structs.replace(line, quantity=line.quantity * part.quantity)
            demands.append(_demand(last, units, products[part.sku], network, now))
    return demands, of_kits


def _kits_short(option: Option, of_kits: Mapping[int, tuple[int, int]]) -> Option:
    """What is short of kits, or comes later, as kits: as many as the scarcest component lets go wanting."""
    short: dict[int, int] = {}
    for no, units in option.short:
        line_no, each = of_kits.get(no, (no, 1))
        short[line_no] = max(short.get(line_no, 0), -(-units // each))
    later: dict[tuple[int, datetime], int] = {}
    for one in option.later:
        line_no, each = of_kits.get(one.line_no, (one.line_no, 1))
        at = (line_no, one.ready_at)
        later[at] = max(later.get(at, 0), -(-one.quantity // each))
    waits = [Later(line_no=no, quantity=units, ready_at=at) for (no, at), units in sorted(later.items())]
    return msgspec.structs.replace(option, short=sorted(short.items()), later=waits)


async def _own(tx: Tx, hold_id: UUID | None) -> list[CartClaim]:
    return await inventory.cart_claims(tx, [hold_id]) if hold_id else []


def _faults(line: QuoteLine, products: Mapping[str, Product], at: str) -> list[Fault]:
    product = products.get(line.sku)
    if product is None or not catalog.sold(product, products):
        return [Fault(f"{at}/sku", f"There is no product {line.sku!r} for sale.")]
    faults = []
    if line.personalized and not product.personalization:
        faults.append(Fault(f"{at}/personalized", f"{line.sku} is not offered with personalization."))
    if line.gift_wrap and (product.components or not product.gift_wrap):
        faults.append(Fault(f"{at}/gift_wrap", f"{line.sku} cannot be gift-wrapped."))
    return faults


def _demand(line_no: int, line: QuoteLine, product: Product, network: Network, now: datetime) -> Demand:
    work: list[Work] = []
    if line.personalized:
        work.append("personalize")
    if line.gift_wrap:
        work.append("gift_wrap")
    return Demand(
        line_no=line_no,
        sku_id=product.sku_id,
        quantity=line.quantity,
        weight_g=product.weight_g,
        needs=frozenset((*product.handling, *work)),
        work_days=network.planner.work_days(work),
        unreleased_until=product.release_at if product.unreleased(now) else None,
    )


def _option(network: Network, request: Request, decision: Decision, now: datetime) -> Option:
    service = network.planner.services[request.service]
    complete = not decision.short
    now_decides = complete and bool(decision.parts) and not decision.awaited
    return Option(
        service=service.service,
        title=service.title,
        price_minor=service.price_minor,
        currency=service.currency,
        promised_from=decision.promised_from if complete else None,
        promised_by=decision.promised_by if complete else None,
        order_within_s=_order_within_s(network, request, decision.parts, now) if now_decides else None,
        origins=[network.locations[part.location_id].code for part in (*decision.parts, *decision.awaited)],
        together=len(decision.parts) + len(decision.awaited) == 1,
        later=[
            Later(line_no=line_no, quantity=units, ready_at=part.ready_at)
            for part in decision.awaited
            for line_no, units in part.lines
        ],
        short=decision.short,
    )


def _order_within_s(network: Network, request: Request, parts: Sequence[Part], now: datetime) -> int:
    """Seconds until the first cut-off after which the date may be later."""
    closes = min(
        network.planner.next_cut_off(request.service, origin=network.locations[part.location_id], ready_from=now)
        for part in parts
    )
    return int((closes - now).total_seconds())
