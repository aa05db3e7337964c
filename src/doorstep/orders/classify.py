"""What kind of line it is, why, and what that asks of a location."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from doorstep.catalog import Product
from doorstep.delivery import Planner, Work
from doorstep.orders.model import RoutingKind


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A line's kind with its reason in words, the capabilities it needs, and the working days its work takes."""

    routing_kind: RoutingKind
    reason: str
    needs: frozenset[str]
    work_days: int


_REGULAR = Kind(routing_kind="regular", reason="", needs=frozenset(), work_days=0)


def classify(
    product: Product, planner: Planner, *, personalized: Sequence[str], gift_wrap: bool, instructions: bool
) -> Kind:
    """Regular, personalized, or special (gift wrap, handling class, instructions that someone must acknowledge).

    `personalized` are the names of the fields to print. A personalized line that is also special counts as
    personalized: it is the kind that limits locations most; the reason names both.
    """
    if not (personalized or gift_wrap or instructions or product.handling):
        return _REGULAR
    reasons = [f"personalized ({', '.join(personalized)})"] if personalized else []
    reasons += ["gift wrap"] if gift_wrap else []
    reasons += product.handling
    reasons += ["special instructions"] if instructions else []
    work: list[Work] = []
    if personalized:
        work.append("personalize")
    if gift_wrap:
        work.append("gift_wrap")
    return Kind(
        routing_kind="personalized" if personalized else "special",
        reason=", ".join(reasons),
        needs=frozenset((*product.handling, *work)),
        work_days=planner.work_days(work),
    )
