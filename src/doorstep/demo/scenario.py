"""The demo's scenario: six weeks of a real shop's orders, with places, stock, people and what people do.

Pure: the same slice, seed and end give the same scenario. Whatever plays it needs nothing but this value: load the
products, locations, opening stock and incoming receipts, then walk through ``timeline()`` and, for work that the
system hands out, ask the floor plan what the people do.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from doorstep.demo.floor import plan_floor
from doorstep.demo.goods import papers_of, products_of
from doorstep.demo.model import (
    ActionItem,
    Address,
    Channel,
    Customer,
    CustomerAction,
    Disposition,
    FloorPlan,
    HandOver,
    Location,
    Order,
    OrderLine,
    PaymentToken,
    Product,
    Receipt,
    ReturnReason,
    Service,
    StockLevel,
    WrapPaper,
)
from doorstep.demo.people import people_of, reference_of
from doorstep.demo.places import load_outcodes, locations
from doorstep.demo.sampling import sample
from doorstep.demo.slice import RETURN_WINDOW, CancelLine, Match, Sale, Slice, load_slice, match_cancels
from doorstep.demo.supply import RECEIPT_TAIL, needs_of, opening_stock, receipts
from doorstep.demo.wishes import can_personalize, personalize, wrap_gifts

SEED = 2009
SETTLE = timedelta(days=14)
"""Left between the last dated thing and the end, so that the last returns travel, arrive and are refunded."""

PERSONALIZED_SHARE = 0.024
EXPRESS_SHARE = 0.15
FAST_TRACK_SHARE = 0.05
EXPRESS_LIMIT_G = 30_000
SURCHARGE_MINOR: Mapping[Service, int] = {"standard": 0, "express": 595, "fast-track": 995}
TRADE_UNITS = 250
MARKETPLACE_SHARE = 0.04
MARKETPLACE_LINES = 12
INSTRUCTED_SHARE = 0.006
BAD_ADDRESS_SHARE = 0.003
TOKEN_SHARES: Mapping[PaymentToken, float] = {
    "tok_insufficient_then_ok": 0.015,
    "tok_declined": 0.005,
    "tok_risky": 0.005,
}

CHANNELS = (
    Channel(code="shop", name="Web shop", on_short="accept"),
    Channel(code="trade", name="Trade portal", on_short="accept"),
    Channel(code="marketplace", name="Marketplace", on_short="refuse"),
)
_INSTRUCTIONS = (
    "Please ring the side door bell; the shop is closed on Mondays.",
    "Do not leave outside: the goat eats cardboard.",
    "Deliver to the school office before 15:30.",
    "Pack the glass apart from the tins, please.",
    "Call before delivery, narrow lane (no vans over 3.5 t).",
)
_REASONS: tuple[tuple[ReturnReason, int], ...] = (
    ("changed_mind", 35),
    ("too_many", 25),
    ("not_as_described", 15),
    ("damaged", 15),
    ("wrong_item", 10),
)
_HAND_OVERS: tuple[tuple[HandOver, int], ...] = (("label", 45), ("qr", 35), ("store", 20))


_LIVELY, _JUST_NOW = timedelta(days=14), timedelta(minutes=20)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the demo plays. All times lie before the ``end`` that it was built for."""

    seed: int
    shifted: timedelta
    products: tuple[Product, ...]
    papers: tuple[WrapPaper, ...]
    channels: tuple[Channel, ...]
    locations: tuple[Location, ...]
    opening: tuple[StockLevel, ...]
    receipts: tuple[Receipt, ...]
    orders: tuple[Order, ...]
    actions: tuple[CustomerAction, ...]
    floor: FloorPlan
    left_out: dict[str, int]
    unmatched: dict[str, int]

    @property
    def starts_at(self) -> datetime:
        """Midnight before the first order: when the opening stock is there."""
        return self.orders[0].placed_at.replace(hour=0, minute=0)

    @property
    def ends_at(self) -> datetime:
        """When everything that the scenario starts has had time to settle."""
        return max([self.orders[-1].placed_at + RECEIPT_TAIL, *(action.at for action in self.actions)]) + SETTLE

    def timeline(self) -> Iterator[Order | Receipt | CustomerAction]:
        """All dated things in their order; at the same time receipts come first and actions last."""
        return heapq.merge(self.receipts, self.orders, self.actions, key=when)

    def summary_inputs(self) -> dict[str, int | dict[str, int]]:
        """Counts of what goes in, to be held against what comes out."""
        lines = [line for order in self.orders for line in order.lines]
        return {
            "orders": len(self.orders),
            "lines": len(lines),
            "units": sum(line.quantity for line in lines),
            "skus": len({line.sku for line in lines}),
            "customers": len({order.customer.reference for order in self.orders}),
            "amount_minor": sum(order.total_minor for order in self.orders),
            "opening_units": sum(level.quantity for level in self.opening),
            "receipt_units": sum(receipt.quantity for receipt in self.receipts),
            "services": dict(Counter(order.service for order in self.orders)),
            "channels": dict(Counter(order.channel for order in self.orders)),
            "payment_tokens": dict(Counter(order.payment_token for order in self.orders)),
            "orders_wrapped": sum(any(line.gift_wrap for line in order.lines) for order in self.orders),
            "lines_wrapped": sum(line.gift_wrap is not None for line in lines),
            "orders_personalized": sum(any(line.personalization for line in order.lines) for order in self.orders),
            "orders_instructed": sum(any(line.instructions for line in order.lines) for order in self.orders),
            "orders_short_picked": len({pick.order for pick in self.floor.short_picks}),
            "cancels_matched": sum(len(action.items) for action in self.actions),
            "orders_with_cancels": len({action.order for action in self.actions}),
            "cancels_unmatched": dict(self.unmatched),
            "hand_overs": dict(Counter(action.hand_over for action in self.actions)),
            "lines_left_out": dict(self.left_out),
        }


def when(happening: Order | Receipt | CustomerAction) -> datetime:
    """The time at which the driver acts on a dated thing."""
    match happening:
        case Order():
            return happening.placed_at
        case Receipt():
            return happening.arrives_at
        case CustomerAction():
            return happening.at


def build(*, end: datetime, seed: int = SEED, orders: int | None = None, lively: bool = False) -> Scenario:
    """Build the scenario so that it ends within the seven days before ``end``; ``orders`` keeps the first few only.

    ``lively``: it ends in the midst of things instead. The orders kept are spread over the two weeks before ``end``,
    and what would happen later does not. Stock, receipts and shares are those of the orders kept.

    Raises ValueError when ``end`` has no zone.
    """
    if end.tzinfo is None:
        raise ValueError("the end needs a time zone")
    return build_from(load_slice(), end=end, seed=seed, orders=orders, lively=lively)


def build_from(cut: Slice, *, end: datetime, seed: int, orders: int | None, lively: bool = False) -> Scenario:
    """Build the scenario from a slice already read."""
    sales = _latest(cut.sales, orders or len(cut.sales)) if lively else cut.sales[:orders]
    products = products_of(sales)
    outcodes = load_outcodes()
    matches, unmatched = _usable_matches(sales, cut.cancels)
    # The last order a short while ago; or whole weeks, so that weekdays stay what they were.
    shift = end - _JUST_NOW - sales[-1].at if lively else timedelta(weeks=_weeks_before(end, sales, matches))
    placed, line_numbers = _orders(sales, products, people_of(sales, outcodes, seed), seed, shift)
    actions, used_up = _actions(matches, line_numbers, seed, shift)
    unmatched.update(used_up)
    placed = _with_wishes(placed, products, actions, seed)
    floor = plan_floor(placed, products, actions, seed)
    needs = needs_of(placed, floor)
    sold = {line.sku for order in placed for line in order.lines}
    return Scenario(
        seed=seed,
        shifted=shift,
        products=tuple(product for sku, product in products.items() if sku in sold),
        papers=papers_of(sales, products),
        channels=CHANNELS,
        locations=locations(outcodes),
        opening=opening_stock(needs, products, seed),
        receipts=receipts(needs, seed),
        orders=placed,
        actions=actions,
        floor=floor,
        left_out=cut.left_out,
        unmatched=dict(sorted(unmatched.items())),
    )


def _usable_matches(sales: Sequence[Sale], cancels: Sequence[CancelLine]) -> tuple[list[Match], Counter[str]]:
    matches, unmatched = match_cancels(sales, cancels)
    usable = [match for match in matches if match.cancel.at - match.bought_at <= RETURN_WINDOW]
    unmatched["after_the_return_window"] = len(matches) - len(usable)
    return usable, unmatched


def _latest(sales: Sequence[Sale], count: int) -> Sequence[Sale]:
    """About so many of the sales of the last two weeks, spread evenly."""
    recent = [sale for sale in sales if sale.at > sales[-1].at - _LIVELY]
    return recent[:: -max(1, len(recent) // count)][::-1]


def _weeks_before(end: datetime, sales: Sequence[Sale], matches: Sequence[Match]) -> int:
    """Whole weeks to move the data by, so that weekdays stay what they were."""
    last = max([sales[-1].at + RECEIPT_TAIL, *(match.cancel.at for match in matches)]) + SETTLE
    return (end - last) // timedelta(weeks=1)


def _orders(
    sales: Sequence[Sale],
    products: Mapping[str, Product],
    people: Mapping[str, tuple[Customer, Address]],
    seed: int,
    shift: timedelta,
) -> tuple[tuple[Order, ...], dict[tuple[str, int], int]]:
    """Make plain orders of the sales, and say which line of the order each line of goods became."""
    rng = random.Random(f"{seed}/orders")
    marketplace = sample(
        rng, [sale.invoice for sale in sales if len(sale.lines) <= MARKETPLACE_LINES], MARKETPLACE_SHARE, len(sales)
    )
    placed: list[Order] = []
    line_numbers: dict[tuple[str, int], int] = {}
    for sale in sales:
        customer, address = people[reference_of(sale)]
        wraps, paper = wrap_gifts(sale, products, customer.preferences.language, rng)
        lines: list[OrderLine] = []
        for index, sold in enumerate(sale.lines):
            if index in paper:
                continue
            line_numbers[sale.invoice, index] = len(lines) + 1
            lines.append(
                OrderLine(
                    number=len(lines) + 1,
                    sku=sold.sku,
                    quantity=sold.quantity,
                    unit_price_minor=sold.unit_price_minor,
                    gift_wrap=wraps.get(index),
                )
            )
        units = sum(line.quantity for line in lines)
        code = "marketplace" if sale.invoice in marketplace else "trade" if units >= TRADE_UNITS else "shop"
        placed.append(
            Order(
                number=sale.invoice,
                channel=code,
                placed_at=sale.at + shift,
                customer=customer,
                ship_to=address,
                service="standard",
                lines=tuple(lines),
                shipping_minor=sale.postage_minor,
                payment_token="tok_ok",
                on_short=next(channel.on_short for channel in CHANNELS if channel.code == code),
                if_refused=rng.choices(("accept", "retry", "leave"), (60, 25, 15))[0],
            )
        )
    return tuple(placed), line_numbers


def _with_wishes(
    orders: Sequence[Order], products: Mapping[str, Product], actions: Sequence[CustomerAction], seed: int
) -> tuple[Order, ...]:
    """Give some of the orders a faster service, a printed name, instructions, and a payment that is not plain sailing.

    Orders that the data cancels keep a good payment and no printed name: each order tells one story.
    """
    rng = random.Random(f"{seed}/wishes")
    services = _services(orders, products, rng)
    taken_back = {action.order for action in actions}
    plain = {order.number for order in orders} - taken_back
    tokens: dict[str, PaymentToken] = {}
    for token, share in TOKEN_SHARES.items():
        tokens.update(dict.fromkeys(sample(rng, plain - tokens.keys(), share, len(orders)), token))
    printable = {
        order.number: [line.number for line in order.lines if can_personalize(line, products)] for order in orders
    }
    pool = [number for number in plain - tokens.keys() if printable[number]]
    printed = sample(rng, pool, PERSONALIZED_SHARE, len(orders))
    instructed = sample(rng, plain - printed, INSTRUCTED_SHARE, len(orders))
    misaddressed = sample(rng, plain - tokens.keys(), BAD_ADDRESS_SHARE, len(orders))
    return tuple(
        msgspec.structs.replace(
            order,
            ship_to=msgspec.structs.replace(order.ship_to, inward="")
            if order.number in misaddressed
            else order.ship_to,
            service=services[order.number],
            shipping_minor=order.shipping_minor + SURCHARGE_MINOR[services[order.number]],
            payment_token=tokens.get(order.number, "tok_ok"),
            lines=personalize(order.lines, rng.choice(printable[order.number]), products, rng)
            if order.number in printed
            else _instruct(order.lines, rng)
            if order.number in instructed
            else order.lines,
        )
        for order in orders
    )


def _instruct(lines: Sequence[OrderLine], rng: random.Random) -> tuple[OrderLine, ...]:
    """Write something on the first line that someone must read before packing."""
    return (msgspec.structs.replace(lines[0], instructions=rng.choice(_INSTRUCTIONS)), *lines[1:])


def _services(orders: Sequence[Order], products: Mapping[str, Product], rng: random.Random) -> dict[str, Service]:
    """Choose who ordered faster: never an order over 30 kg, oversize or hazardous."""
    light = set()
    for order in orders:
        goods = [(products[line.sku], line.quantity) for line in order.lines]
        if sum(product.weight_g * quantity for product, quantity in goods) <= EXPRESS_LIMIT_G and not any(
            set(product.handling) & {"hazmat", "oversize"} for product, _ in goods
        ):
            light.add(order.number)
    express = sample(rng, light, EXPRESS_SHARE, len(orders))
    fast = sample(rng, light - express, FAST_TRACK_SHARE, len(orders))
    services: dict[str, Service] = {order.number: "standard" for order in orders}
    services.update(dict.fromkeys(express, "express"))
    services.update(dict.fromkeys(fast, "fast-track"))
    return services


def _actions(
    matches: Sequence[Match], line_numbers: Mapping[tuple[str, int], int], seed: int, shift: timedelta
) -> tuple[tuple[CustomerAction, ...], Counter[str]]:
    """Group the canceled lines by cancellation invoice and order: one action is one message of the customer.

    Paper that became wrapping cannot come back; such lines are counted.
    """
    rng = random.Random(f"{seed}/actions")
    left_out: Counter[str] = Counter()
    taken: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    times: dict[tuple[str, str], datetime] = {}
    for match in matches:
        number = line_numbers.get((match.sale, match.line))
        if number is None:
            left_out["used_as_gift_wrap"] += 1
            continue
        key = (match.cancel.invoice, match.sale)
        taken[key][number] += match.cancel.quantity
        times[key] = match.cancel.at + shift
    actions = []
    for (invoice, order), quantities in taken.items():
        reason = rng.choices([name for name, _ in _REASONS], [weight for _, weight in _REASONS])[0]
        actions.append(
            CustomerAction(
                reference=f"{invoice}-{order}",
                order=order,
                at=times[invoice, order],
                items=tuple(
                    ActionItem(line=line, quantity=quantity, reason=reason, disposition=_disposition(reason, rng))
                    for line, quantity in sorted(quantities.items())
                ),
                hand_over=rng.choices([name for name, _ in _HAND_OVERS], [weight for _, weight in _HAND_OVERS])[0],
            )
        )
    return tuple(sorted(actions, key=lambda action: (action.at, action.reference))), left_out


def _disposition(reason: ReturnReason, rng: random.Random) -> Disposition:
    if reason == "damaged":
        return "damaged" if rng.random() < 0.7 else "scrap"
    return "restock" if rng.random() < 0.92 else "refurbish"
