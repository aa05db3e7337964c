"""What the product decides under lock, noted in the harness's log: the one place where the harness touches its code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from doorstep.db import Tx
from doorstep.kit.errors import Short
from doorstep.orders import place
from doorstep.orders.draft import Draft
from doorstep.orders.placing import Outcome
from doorstep.routing import Network
from tests.claims.watch import refused_here

_decide = place._choose_under_lock


def install() -> None:
    """From now on this process notes its refusals, and what was placed before each in the same transaction."""
    place._choose_under_lock = _noted


async def _noted(
    tx: Tx, network: Network, drafts: dict[int, Draft], outcomes: dict[int, Outcome], now: datetime
) -> None:
    came = list(drafts.items())
    await _decide(tx, network, drafts, outcomes, now)
    # Those with a cart's hold are decided first, then in order of arrival.
    came.sort(key=lambda entry: entry[1].cart_hold is None)
    refused = [at for at, _ in came if at not in drafts and at in outcomes]
    if refused:
        last = max(place for place, (at, _) in enumerate(came) if at in refused)
        decided = [_decided(at, made, drafts, outcomes) for at, made in came[: last + 1]]
        carts = [str(made.cart_hold.hold_id) for _, made in came if made.cart_hold]
        await refused_here(tx, {"now": now, "carts": carts, "decided": [one for one in decided if one]})


def _decided(
    at: int, made: Draft, drafts: Mapping[int, Draft], outcomes: Mapping[int, Outcome]
) -> dict[str, Any] | None:
    cart = str(made.cart_hold.hold_id) if made.cart_hold else None
    if at in drafts:
        return {"cart": cart, "takes": [[*key, units] for key, units in made.units.items()]}
    problem = outcomes[at].problem if at in outcomes else None
    if not isinstance(problem, Short):
        return None  # the second order with one cart is looked at again in the next transaction
    sku_ids = {line.product.sku: line.product.sku_id for line in made.lines}
    return {
        "cart": cart,
        "wants": list(_wants(made).items()),
        "saw": [[sku_ids[line["sku"]], line["available"]] for line in lines_of(problem)],
    }


def _wants(made: Draft) -> Counter[int]:
    asked: Counter[int] = Counter()
    for demand in made.request.demands:
        asked[demand.sku_id] += demand.quantity
    return asked


def of_cart(
    problem: Short, *, made: Mapping[str, int], wanted: Mapping[str, int], hold_id: UUID | None, now: datetime
) -> dict[str, Any]:
    """A cart's refusal in the words of the log; `made` is sku → sku_id, `wanted` sku → units."""
    cart = str(hold_id) if hold_id else None
    saw = [[made[one["sku"]], one["available"]] for one in lines_of(problem)]
    wish = [[made[sku], units] for sku, units in wanted.items()]
    return {
        "now": now, "carts": [cart] if cart else [],
        "decided": [{"cart": cart, "wants": wish, "saw": saw}],
    }  # fmt: skip


def lines_of(problem: Short) -> Any:
    """What is short, of an order or a cart, a dict a line or SKU."""
    return problem.extra["lines"] if "lines" in problem.extra else problem.extra["short"]
