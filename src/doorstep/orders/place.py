"""Place orders: many in one transaction, each once, claiming its stock where it was promised.

Order of work: look up what came before → read what is needed → choose locations in memory, in order of arrival → lock
the stock rows chosen, in key order → keep what still fits, leave the rest for a second round under lock of all rows →
write. See docs/operate/locking.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from doorstep import catalog, inventory
from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.kit.errors import BodyDiffers, Problem, Short
from doorstep.kit.ids import show
from doorstep.orders import write
from doorstep.orders.draft import Draft, draft
from doorstep.orders.placing import Key, Outcome, Placing, answer
from doorstep.orders.requests import differing
from doorstep.routing import Decision, Network, NetworkCache, restored

Available = dict[tuple[int, int], int]


async def place_batch(brand: Brand, networks: NetworkCache, batch: Sequence[Placing]) -> list[Outcome]:
    """Place orders in one transaction (two when some must see all stock under lock); an outcome each, in their order.

    Of requests with one key the first decides, the others are answered as its retries. A bad request is an outcome;
    what is raised is the database's, and takes the whole batch back.
    """
    outcomes: dict[int, Outcome] = {}
    first: dict[Key, int] = {}
    for place, placing in enumerate(batch):
        first.setdefault(placing.key, place)
    for under_lock in (False, True):
        pending = [place for place in first.values() if place not in outcomes]
        if pending:
            decided = await _transact(brand, networks, [batch[place] for place in pending], under_lock)
            outcomes |= {pending[i]: outcome for i, outcome in decided.items()}
    for place, placing in enumerate(batch):
        head = first[placing.key]
        if place not in outcomes and outcomes[head].problem and batch[head].fingerprint == placing.fingerprint:
            outcomes[place] = outcomes[head]  # refused like the first of its kind, without asking again
    repeats = [place for place in range(len(batch)) if place not in outcomes]
    if repeats:
        again = await place_batch(brand, networks, [batch[place] for place in repeats])
        outcomes |= dict(zip(repeats, again, strict=True))
    return [outcomes[place] for place in range(len(batch))]


async def _transact(
    brand: Brand, networks: NetworkCache, batch: Sequence[Placing], under_lock: bool
) -> dict[int, Outcome]:
    """One transaction. Outcomes by place in the batch; those missing lost a race and must try again under lock."""

    async def attempt(tx: Tx) -> dict[int, Outcome]:
        network = await networks.get(tx)
        outcomes = await _replays(tx, network, batch)
        now = await clock_now(tx)
        drafts = await _drafts(tx, network, batch, outcomes, now)
        if drafts:
            await _choose(tx, network, drafts, outcomes, under_lock)
        if drafts:
            written = await write.insert(tx, list(drafts.values()), now=now)
            for place, made in drafts.items():
                row = written.get(made.placing.order_id)
                if row is not None:
                    kept = answer(row, made.channel.channel, made.decided, network)
                    outcomes[place] = Outcome(answer=kept, new=True)
        return outcomes

    return await brand.run(attempt)


async def _replays(tx: Tx, network: Network, batch: Sequence[Placing]) -> dict[int, Outcome]:
    """Outcomes of requests whose order is there already: the same answer, or what differs."""
    placed = await write.placed_before(tx, [placing.key for placing in batch])
    outcomes = {}
    for place, placing in enumerate(batch):
        row = placed.get(placing.key)
        if row is None:
            continue
        fields = differing(row["body_hash"], placing.fingerprint)
        if fields:
            problem = BodyDiffers(
                f"Order {placing.order.number!r} of {placing.order.channel!r} was placed before with another "
                f"{', '.join(fields)}.",
                extra={"fields": fields, "order_id": show("ord", row["order_id"])},
            )
            outcomes[place] = Outcome(problem=problem)
        else:
            kept = answer(row, placing.order.channel, restored(row["decision"], service=row["service"]), network)
            # After a lost commit the row is our own: then this is the first answer, not a repeat.
            outcomes[place] = Outcome(answer=kept, new=row["order_id"] == placing.order_id)
    return outcomes


async def _drafts(
    tx: Tx, network: Network, batch: Sequence[Placing], outcomes: dict[int, Outcome], now: datetime
) -> dict[int, Draft]:
    """Drafts by place of all that have no outcome yet; those that are wrong get theirs."""
    channels = await write.channels(tx)
    todo = [place for place in range(len(batch)) if place not in outcomes]
    products = await catalog.load(tx, list({line.sku for place in todo for line in batch[place].order.lines}))
    drafts: dict[int, Draft] = {}
    for place in todo:
        made = draft(batch[place], channels, products, network, now)
        if isinstance(made, Problem):
            outcomes[place] = Outcome(problem=made)
        else:
            drafts[place] = made
    return drafts


async def _choose(
    tx: Tx, network: Network, drafts: dict[int, Draft], outcomes: dict[int, Outcome], under_lock: bool
) -> None:
    """Decide for each draft, in order of arrival, and lock what was decided. Drafts that get nothing are taken out.

    Unlocked, a shortage is only a guess: those drafts are left without outcome. Under lock it is the truth.
    """
    sku_ids = {demand.sku_id for made in drafts.values() for demand in made.request.demands}
    if under_lock:
        available = await inventory.lock_stock(tx, sku_ids=sku_ids)
    else:
        available = await inventory.read_stock(tx, sku_ids)
    for place, made in list(drafts.items()):
        made.decision = network.decide(made.request, available)
        if made.decision.short and not under_lock:
            del drafts[place]
        elif made.decision.short and made.on_short == "refuse":
            outcomes[place] = Outcome(problem=_refusal(made, available))
            del drafts[place]
        else:
            _take(available, made)
    if not under_lock:
        fresh = await inventory.lock_stock(tx, keys={key for made in drafts.values() for key in _units(made)})
        for place, made in list(drafts.items()):
            if all(fresh.get(key, 0) >= units for key, units in _units(made).items()):
                _take(fresh, made)
            else:
                del drafts[place]


def _units(made: Draft) -> dict[tuple[int, int], int]:
    """Units a draft takes, by (sku_id, location_id), added up over its lines."""
    units: dict[tuple[int, int], int] = {}
    for claim in write.claims(made):
        key = (claim.sku_id, claim.location_id)
        units[key] = units.get(key, 0) + claim.quantity
    return units


def _take(available: Available, made: Draft) -> None:
    for key, units in _units(made).items():
        available[key] -= units


def _refusal(made: Draft, available: Mapping[tuple[int, int], int]) -> Short:
    """What was asked, and what was there under lock."""
    decision: Decision = made.decided
    short = dict(decision.short)
    lines = [
        {
            "line_no": line.line_no,
            "sku": line.product.sku,
            "ordered": line.line.quantity,
            "missing": short[line.line_no],
            "available": sum(max(0, units) for key, units in available.items() if key[0] == line.product.sku_id),
        }
        for line in made.lines
        if line.line_no in short
    ]
    skus = ", ".join(sorted({str(line["sku"]) for line in lines})[:5])
    return Short(f"Not enough stock of {skus}. Nothing was placed.", extra={"lines": lines})
