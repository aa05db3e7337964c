"""An order before it is written: checked against catalog, channel and delivery, its lines classified. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import catalog
from doorstep.carts import CartHold, HoldEnded
from doorstep.catalog import Product
from doorstep.inventory import Claim
from doorstep.kit.errors import Fault, Invalid, Problem
from doorstep.kit.limits import LINES_PER_ORDER
from doorstep.kit.money import prorate
from doorstep.orders.classify import Kind, classify
from doorstep.orders.kits import KitLine, explode, kit_faults
from doorstep.orders.model import HoldReason, OnShort
from doorstep.orders.placing import Channel, Placing
from doorstep.orders.requests import PlaceLine, address_doubt
from doorstep.routing import Decision, Demand, Network, Piece, Request

Key = tuple[int, int]  # (sku_id, location_id)


class DraftLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line with its product and kind; `discount_minor` includes its share of the order's discount. Of a kit's
    component, `asked_no` is the kit's line.
    """

    line_no: int
    line: PlaceLine
    product: Product
    kind: Kind
    discount_minor: int
    asked_no: int = 0


class Draft(msgspec.Struct, kw_only=True):
    """All that is needed to write an order; `decision` comes from routing. `undated`: no date is promised yet."""

    placing: Placing
    channel: Channel
    lane: int
    on_short: OnShort
    lines: list[DraftLine]
    holds: list[tuple[HoldReason, str]]
    request: Request
    cart_hold: CartHold | None
    undated: bool = False
    kits: list[KitLine] = []
    decision: Decision | None = None
    claims: list[Claim] = []
    units: dict[Key, int] = {}
    # What it gets beyond the stock, now or later.
    pieces: Sequence[Piece] = ()

    @property
    def decided(self) -> Decision:
        """The decision, once it is made."""
        assert self.decision is not None
        return self.decision

    def decide(self, decision: Decision) -> None:
        """Keep the decision, the claims it makes, and the units they take, by (sku_id, location_id), added up."""
        self.decision = decision
        lines = _by_no(self.lines) if self.kits else self.lines
        self.claims = [
            Claim(
                order_id=self.placing.order_id,
                line_no=line_no,
                sku_id=lines[line_no - 1].product.sku_id,
                location_id=part.location_id,
                quantity=quantity,
            )
            for part in decision.parts
            for line_no, quantity in part.lines
        ]
        self.units = {}
        for claim in self.claims:
            key = (claim.sku_id, claim.location_id)
            self.units[key] = self.units.get(key, 0) + claim.quantity


def draft(
    placing: Placing,
    channels: Mapping[str, Channel],
    products: Mapping[str, Product],
    network: Network,
    holds: Mapping[UUID, CartHold],
    now: datetime,
) -> Draft | Problem:
    """The order, ready to be routed, or everything that is wrong with it. `holds`: the carts' holds by id."""
    order = placing.order
    channel = channels.get(order.channel)
    hold = holds.get(placing.cart_hold) if placing.cart_hold else None
    faults = [*_order_faults(placing, channel, network), *_hold_faults(placing, channel, hold)]
    lines: list[DraftLine] = []
    kits: list[KitLine] = []
    discounts = prorate(order.discount_minor, [line.total_minor for line in order.lines])
    for line_no, (line, discount_minor) in enumerate(zip(order.lines, discounts, strict=True), start=1):
        product = products.get(line.sku)
        if product is not None and product.components:
            faults += kit_faults(line, product, products, f"/lines/{line_no - 1}")
            kits.append(_kit(line_no, line, product, line.discount_minor + discount_minor))
            continue
        if product is None or _needs_a_look(line, product):
            faults += _line_faults(line, product, f"/lines/{line_no - 1}")
        if product is not None:
            lines.append(_line(line_no, line, product, network, line.discount_minor + discount_minor))
    parts = sum(len(products[order.lines[kit.line_no - 1].sku].components) for kit in kits)
    if kits and len(lines) + parts > LINES_PER_ORDER:
        faults.append(Fault("/lines", f"With the components of kits it has more than {LINES_PER_ORDER} lines."))
    if faults or channel is None:
        return Invalid(faults)
    for place, kit in enumerate(kits):
        kits[place] = _explode(kit, order.lines[kit.line_no - 1], products, network, lines, len(order.lines))
    if hold is not None and hold.ended:
        return HoldEnded.of(hold)
    service = network.planner.services[order.service]
    return Draft(
        placing=placing,
        channel=channel,
        lane=service.lane,
        on_short=order.on_short or channel.on_short,
        lines=lines,
        holds=_holds(placing, channel),
        cart_hold=hold,
        kits=kits,
        request=Request(
            service=order.service,
            country=order.ship_to.country,
            postcode=order.ship_to.postcode,
            ready_from=now,
            demands=[demand(line.line_no, line.product, line.kind, line.line.quantity, now=now) for line in lines],
            channel_id=channel.channel_id,
            kept_back=(order.on_short or channel.on_short) == "refuse",
        ),
    )


def _by_no(lines: Sequence[DraftLine]) -> dict[int, DraftLine]:
    """Lines by their number less one, as in a list; where a kit was asked for there is a gap."""
    return {line.line_no - 1: line for line in lines}


def _kit(line_no: int, line: PlaceLine, product: Product, discount_minor: int) -> KitLine:
    return KitLine(
        line_no=line_no,
        sku_id=product.sku_id,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
        tax_minor=line.tax_minor,
        discount_minor=discount_minor,
        parts=(),
    )


def _explode(
    kit: KitLine,
    line: PlaceLine,
    products: Mapping[str, Product],
    network: Network,
    lines: list[DraftLine],
    asked: int,
) -> KitLine:
    """Add the components' lines, numbered after all that were asked for; the kit, which knows them."""
    last = max([asked, *(one.line_no for one in lines)])
    parts = []
    for no, part in enumerate(explode(line, products[line.sku], products, kit.discount_minor), start=last + 1):
        made = _line(no, part.line, part.product, network, part.discount_minor)
        lines.append(msgspec.structs.replace(made, asked_no=kit.line_no))
        parts.append((no, part.line.quantity // kit.quantity))
    return msgspec.structs.replace(kit, parts=parts)


def demand(
    line_no: int,
    product: Product,
    kind: Kind,
    quantity: int,
    excluded: frozenset[int] = frozenset(),
    *,
    now: datetime,
) -> Demand:
    """What routing needs to know of a line."""
    return Demand(
        line_no=line_no,
        sku_id=product.sku_id,
        quantity=quantity,
        weight_g=product.weight_g,
        needs=kind.needs,
        work_days=kind.work_days,
        excluded=excluded,
        unreleased_until=product.release_at if product.unreleased(now) else None,
    )


def _line(line_no: int, line: PlaceLine, product: Product, network: Network, discount_minor: int) -> DraftLine:
    kind = classify(
        product,
        network.planner,
        personalized=sorted(line.personalization.fields) if line.personalization else (),
        gift_wrap=line.gift_wrap is not None,
        instructions=bool(line.instructions.strip()),
    )
    return DraftLine(line_no=line_no, line=line, product=product, kind=kind, discount_minor=discount_minor)


def _order_faults(placing: Placing, channel: Channel | None, network: Network) -> list[Fault]:
    order = placing.order
    faults = []
    if channel is None:
        faults.append(Fault("/channel", f"There is no channel {order.channel!r}."))
    elif channel.currency != order.currency:
        faults.append(Fault("/currency", f"Channel {channel.channel} sells in {channel.currency}."))
    if order.service not in network.planner.services:
        known = ", ".join(sorted(network.planner.services)) or "none yet"
        faults.append(Fault("/service", f"There is no delivery service {order.service!r}. There are: {known}."))
    elif not network.goes_to(order.service, order.ship_to.country, order.ship_to.postcode):
        faults.append(Fault("/service", f"{order.service} does not deliver to {order.ship_to.country}."))
    return faults


def _hold_faults(placing: Placing, channel: Channel | None, hold: CartHold | None) -> list[Fault]:
    if placing.cart_hold is None:
        return []
    if hold is None:
        return [Fault("/cart_hold", f"There is no cart hold {placing.order.cart_hold}.")]
    if channel is not None and hold.channel_id != channel.channel_id:
        return [Fault("/cart_hold", f"{placing.order.cart_hold} is a cart of another channel.")]
    return []


def _needs_a_look(line: PlaceLine, product: Product) -> bool:
    return not product.active or line.gift_wrap is not None or line.personalization is not None


def _line_faults(line: PlaceLine, product: Product | None, at: str) -> list[Fault]:
    if product is None:
        return [Fault(f"{at}/sku", f"There is no product {line.sku!r}.")]
    faults = []
    if not product.active:
        faults.append(Fault(f"{at}/sku", f"{line.sku} is not sold any more."))
    if line.gift_wrap and not product.gift_wrap:
        faults.append(Fault(f"{at}/gift_wrap", f"{line.sku} cannot be gift-wrapped."))
    if line.personalization:
        faults += catalog.check_personalization(product, line.personalization.fields, at=f"{at}/personalization/fields")
    return faults


def _holds(placing: Placing, channel: Channel) -> list[tuple[HoldReason, str]]:
    """Holds an order starts with, besides waiting for its money."""
    order = placing.order
    holds: list[tuple[HoldReason, str]] = []
    if order.risk_score is not None and order.risk_score > channel.risk_limit:
        holds.append(("high_risk_of_fraud", f"risk score {order.risk_score}, limit {channel.risk_limit}"))
    doubt = address_doubt(order.ship_to)
    if doubt:
        holds.append(("incorrect_address", doubt))
    return holds
