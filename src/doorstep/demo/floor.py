"""What people do in the demo beside what goes by itself: short picks, rejections, proofs, and held orders."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

import msgspec

from doorstep.demo.model import (
    CustomerAction,
    FloorPlan,
    HoldDecision,
    Order,
    Product,
    ProofDecision,
    Rejection,
    ShortPick,
)
from doorstep.demo.people import inward_code
from doorstep.demo.sampling import sample
from doorstep.demo.wishes import printed_fields

SHORT_PICK_SHARE = 0.024
REJECTION_SHARE = 0.004
REJECTION_LINES = 3
PROOF_CHANGE_SHARE = 0.2
RISKY_CANCEL_SHARE = 0.3


def plan_floor(
    orders: Sequence[Order], products: Mapping[str, Product], actions: Sequence[CustomerAction], seed: int
) -> FloorPlan:
    """Decide what people do, for orders that get as far as the floor.

    Short picks and rejections keep to orders that are surely picked: paid, accepted when short, and not taken back.
    """
    rng = random.Random(f"{seed}/floor")
    taken_back = {action.order for action in actions}
    sure = {
        order.number: order
        for order in orders
        if order.on_short == "accept" and order.payment_token == "tok_ok" and order.number not in taken_back
    }
    short = sample(rng, sure, SHORT_PICK_SHARE, len(orders))
    # A printed name needs the workshop: nobody else could take over.
    small = [
        number
        for number, order in sure.items()
        if len(order.lines) <= REJECTION_LINES
        and number not in short
        and not any(line.personalization for line in order.lines)
    ]
    rejected = sample(rng, small, REJECTION_SHARE, len(orders))
    return FloorPlan(
        short_picks=tuple(_short_pick(sure[number], rng) for number in sorted(short)),
        rejections=tuple(
            Rejection(order=number, reason=rng.choice(("capacity", "equipment_down", "closed_early")))
            for number in sorted(rejected)
        ),
        proofs=tuple(proof for order in orders for proof in _proofs(order, products, rng)),
        holds=tuple(decision for order in orders for decision in _hold_decisions(order, rng)),
    )


def _short_pick(order: Order, rng: random.Random) -> ShortPick:
    """A line without a printed name: what is missing of it can be sent from anywhere."""
    line = rng.choice([line for line in order.lines if not line.personalization] or order.lines)
    return ShortPick(
        order=order.number,
        line=line.number,
        missing=rng.randint(1, min(line.quantity, 6)),
        reason=rng.choice(("not_found", "not_found", "damaged", "miscounted")),
    )


def _proofs(order: Order, products: Mapping[str, Product], rng: random.Random) -> list[ProofDecision]:
    """One decision for each printed line; a change to what is printed already is an approval."""
    proofs: list[ProofDecision] = []
    for line in order.lines:
        if line.personalization:
            after = timedelta(minutes=rng.randint(15, 600))
            wish = printed_fields(products[line.sku], rng) if rng.random() < PROOF_CHANGE_SHARE else None
            change = None if wish == line.personalization.fields else wish
            proofs.append(ProofDecision(order=order.number, line=line.number, after=after, change=change))
    return proofs


def _hold_decisions(order: Order, rng: random.Random) -> list[HoldDecision]:
    decisions: list[HoldDecision] = []
    after = timedelta(minutes=rng.randint(20, 300))
    if order.payment_token == "tok_risky":
        verdict: Literal["release", "cancel"] = "cancel" if rng.random() < RISKY_CANCEL_SHARE else "release"
        decisions.append(HoldDecision(order=order.number, hold="high_risk_of_fraud", verdict=verdict, after=after))
    if not order.ship_to.inward:
        put_right = msgspec.structs.replace(order.ship_to, inward=inward_code(rng))
        decisions.append(
            HoldDecision(
                order=order.number, hold="incorrect_address", verdict="release", after=after, ship_to=put_right
            )
        )
    return decisions
