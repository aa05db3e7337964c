"""Place orders: many in one transaction, each once, claiming its stock where it was promised.

First round: read what is needed → choose locations in memory, in order of arrival → write and claim in one statement,
which locks the stock rows chosen. If stock is gone since it was looked at, again, with these rows locked before, and
without the orders that no longer fit. Most orders need no more. Those that found too little, or are wrong, or whose
number was taken, go into a second round: look up what came before → lock all stock of their products → choose → write.
See docs/operate/locking.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from doorstep import carts, catalog, inventory
from doorstep.carts import CartHold
from doorstep.catalog import Product
from doorstep.db import Brand, Tx
from doorstep.kit.errors import BodyDiffers, Conflict, Problem, Short
from doorstep.kit.ids import show
from doorstep.orders import write
from doorstep.orders.beyond import BeyondStock, to_be_had
from doorstep.orders.draft import Draft, Key, draft
from doorstep.orders.look import look, terms
from doorstep.orders.model import HoldReason
from doorstep.orders.placing import Channel, Outcome, Placing, answer
from doorstep.orders.requests import differing
from doorstep.routing import Decision, Network, NetworkCache, restored

Available = dict[Key, int]


async def place_batch(brand: Brand, networks: NetworkCache, batch: Sequence[Placing]) -> list[Outcome]:
    """Place orders in one transaction (two when some go into the second round); an outcome each, in their order.

    Of requests with one key the first decides, the others are answered as its retries. A bad request is an outcome;
    what is raised is the database's, and takes the whole batch back. An order with a cart's hold is decided under lock
    only, for what the cart has is not sure before; what the cart has is spared until then, though it has expired.
    """
    outcomes: dict[int, Outcome] = {}
    first: dict[tuple[str, str], int] = {}
    for place, placing in enumerate(batch):
        first.setdefault(placing.key, place)
    spare = {placing.cart_hold for placing in batch if placing.cart_hold}
    for under_lock in (False, True):
        pending = [
            place
            for place in first.values()
            if place not in outcomes and (under_lock or batch[place].cart_hold is None)
        ]
        if pending:
            placings = [batch[place] for place in pending]
            if under_lock:
                found = await _under_lock(brand, networks, placings)
            else:
                found = await _at_once(brand, networks, placings, spare)
            outcomes |= {pending[i]: outcome for i, outcome in found.items()}
    for place, placing in enumerate(batch):
        head = first[placing.key]
        decided = outcomes.get(head)
        if place not in outcomes and decided and decided.problem and placing.asks_like(batch[head]):
            outcomes[place] = decided  # refused like the first of its kind, without asking again
    repeats = [place for place in range(len(batch)) if place not in outcomes]
    if repeats:
        again = await place_batch(brand, networks, [batch[place] for place in repeats])
        outcomes |= dict(zip(repeats, again, strict=True))
    return [outcomes[place] for place in range(len(batch))]


async def place_held(tx: Tx, placing: Placing, *, hold: tuple[HoldReason, str], now: datetime) -> None:
    """Place one order in the caller's transaction, behind a hold of its own (reason and note) and without a date.

    For goods that are kept for somebody until something else has happened: once it has, the ledger gets its date.
    Raises Short when they are not there, Invalid, or Conflict when the number was taken meanwhile. Orders that the
    caller has locked come before the stock that is locked here.
    """
    network = await Network.read(tx)
    outcomes: dict[int, Outcome] = {}
    _, channels = await terms(tx)
    products = await catalog.load_whole(tx, list(_skus([placing])))
    drafts = _drafts(network, [placing], channels, products, outcomes, {}, now)
    for made in drafts.values():
        made.holds.append(hold)
        made.undated = True
    if drafts:
        await _choose_under_lock(tx, network, drafts, outcomes, now)
    refused = outcomes[0].problem if outcomes else None
    if refused is not None:
        raise refused
    if not await write.insert(tx, list(drafts.values()), now=now):
        raise Conflict(f"The number {placing.order.number!r} was taken just now. Try again.")


async def _at_once(
    brand: Brand, networks: NetworkCache, batch: Sequence[Placing], spare: Collection[UUID]
) -> dict[int, Outcome]:
    """The first round: outcomes by place of the orders that were placed. Nothing is refused here: unlocked, a shortage
    is only a guess, and what is wrong now may be the retry of what was right before.
    """

    async def attempt(connection: Tx, *, refused: bool = False) -> dict[int, Outcome]:
        network = await networks.get(connection)
        seen = await look(connection, networks.products, _skus(batch))
        now = seen.now
        drafts = _drafts(network, batch, seen.channels, seen.products, {}, {}, now)
        _choose(network, drafts, seen.available)
        look_again = refused or any(network.keeps_back(made.request) for made in drafts.values())
        if not look_again and all(write.plain(made) for made in drafts.values()):
            return await _write(connection, network, drafts, now)  # one statement, a transaction of its own
        async with connection.transaction():
            if look_again:
                await _look_again(connection, network, drafts, now, spare)
            return await _write(connection, network, drafts, now)

    try:
        return await brand.run(attempt, open_one=False)
    except inventory.ClaimRefused:  # stock is gone, or lies in carts that expired: looked at under lock, and taken back
        return await brand.run(partial(attempt, refused=True), open_one=False)


async def _under_lock(brand: Brand, networks: NetworkCache, batch: Sequence[Placing]) -> dict[int, Outcome]:
    """The second round: outcomes by place. Missing are those whose number, or cart, was taken meanwhile."""

    async def attempt(tx: Tx) -> dict[int, Outcome]:
        holds = await carts.lock(tx, [placing.cart_hold for placing in batch if placing.cart_hold])
        network = await networks.get(tx)
        outcomes = await _replays(tx, network, batch)
        now, channels = await terms(tx)
        products = await networks.products.load_whole(tx, _skus(batch))
        drafts = _drafts(network, batch, channels, products, outcomes, holds, now)
        if drafts:
            await _choose_under_lock(tx, network, drafts, outcomes, now)
        return outcomes | await _write(tx, network, drafts, now)

    return await brand.run(attempt)


async def _write(tx: Tx, network: Network, drafts: Mapping[int, Draft], now: datetime) -> dict[int, Outcome]:
    """Write the drafts; outcomes by place of those that were written."""
    written = await write.insert(tx, list(drafts.values()), now=now) if drafts else {}
    return {
        place: Outcome(answer=answer(row, made.channel.channel, made.decided, network), new=True)
        for place, made in drafts.items()
        if (row := written.get(made.placing.order_id)) is not None
    }


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


def _skus(batch: Sequence[Placing]) -> set[str]:
    return {line.sku for placing in batch for line in placing.order.lines}


def _drafts(
    network: Network,
    batch: Sequence[Placing],
    channels: Mapping[str, Channel],
    products: Mapping[str, Product],
    outcomes: dict[int, Outcome],
    holds: Mapping[UUID, CartHold],
    now: datetime,
) -> dict[int, Draft]:
    """Drafts by place of all that have no outcome yet; those that are wrong get theirs."""
    todo = [place for place in range(len(batch)) if place not in outcomes]
    drafts: dict[int, Draft] = {}
    for place in todo:
        made = draft(batch[place], channels, products, network, holds, now)
        if isinstance(made, Problem):
            outcomes[place] = Outcome(problem=made)
        else:
            drafts[place] = made
    return drafts


def _choose(network: Network, drafts: dict[int, Draft], available: Available) -> None:
    """Decide for each draft, in order of arrival. Drafts that get nothing are taken out."""
    for place, made in list(drafts.items()):
        made.decide(network.decide(made.request, available))
        if made.decided.short:
            del drafts[place]
        else:
            _take(available, made.units)


async def _look_again(
    tx: Tx, network: Network, drafts: dict[int, Draft], now: datetime, spare: Collection[UUID]
) -> None:
    """Lock what was decided, take back what expired in carts there, and keep what still fits: the guard of the claim
    knows nothing of carts and of what is kept back from a channel, and refuses all or nothing.
    """
    asked: Counter[Key] = Counter()
    for made in drafts.values():
        _add(asked, made.units)
    fresh = await inventory.lock_stock(tx, keys=asked)
    lacking = [key for key, units in asked.items() if units > fresh.get(key, 0)]
    await _reclaim(tx, fresh, lacking, now, spare)
    for place, made in list(drafts.items()):
        room = network.seen(made.request, fresh)
        if all(room.get(key, 0) >= units for key, units in made.units.items()):
            _take(fresh, made.units)
        else:
            del drafts[place]


async def _choose_under_lock(
    tx: Tx, network: Network, drafts: dict[int, Draft], outcomes: dict[int, Outcome], now: datetime
) -> None:
    """Decide with all stock of the SKUs locked: what is short now is short. Drafts that get nothing are taken out.

    Carts that hold units come first, each counting its own; of two orders with one cart the second is left without
    outcome, to be looked at when the first stands.
    """
    sku_ids = {demand.sku_id for made in drafts.values() for demand in made.request.demands}
    by_id = {made.cart_hold.hold_id: made.cart_hold for made in drafts.values() if made.cart_hold}
    sku_ids |= {sku_id for cart in by_id.values() for sku_id, _ in cart.lines}
    available = await inventory.lock_stock(tx, sku_ids=sku_ids)
    own: defaultdict[UUID | None, dict[Key, int]] = defaultdict(dict)
    for claim in await inventory.cart_claims(tx, by_id) if by_id else ():
        own[claim.hold_id][claim.sku_id, claim.location_id] = claim.quantity
    eaten: set[UUID] = set()
    beyond = BeyondStock(tx, network, list(drafts.values()), now)
    for place, made in sorted(drafts.items(), key=lambda entry: entry[1].cart_hold is None):
        cart = made.cart_hold.hold_id if made.cart_hold else None
        if cart in eaten:
            del drafts[place]
            continue
        spared = by_id if cart else eaten
        _add(available, own[cart])
        made.decide(network.decide(made.request, available, own[cart]))
        expired: Mapping[Key, int] = {}
        if made.decided.short:
            expired = await inventory.expired_in_carts(tx, _missing(made), expired_by=now, spare=spared)
            _add(available, expired)
            made.decide(network.decide(made.request, available, own[cart]))
        if made.decided.short and not made.undated:
            _take(available, await beyond.cover(made, network.seen(made.request, available, own[cart])))
        refused = made.decided.short and made.on_short == "refuse"
        if refused:
            outcomes[place] = Outcome(problem=_refusal(made, network, network.seen(made.request, available, own[cart])))
            del drafts[place]
            _take(available, own[cart])
        _take(available, expired)
        if not refused:
            lacking = [key for key, units in made.units.items() if units > available[key]]
            await _reclaim(tx, available, lacking, now, spared)
            _take(available, made.units)
            eaten |= {cart} if cart else set()


async def _reclaim(tx: Tx, available: Available, keys: Sequence[Key], now: datetime, spare: Collection[UUID]) -> None:
    """What has expired in other carts at these keys, which are locked, becomes available."""
    if keys:
        _add(available, await inventory.reclaim(tx, keys=keys, expired_by=now, now=now, spare=spare))


def _add(available: Available, units: Mapping[Key, int]) -> None:
    for key, more in units.items():
        available[key] += more


def _missing(made: Draft) -> set[int]:
    """SKUs of which a draft got too few."""
    short = dict(made.decided.short)
    return {line.product.sku_id for line in made.lines if line.line_no in short}


def _take(available: Available, units: Mapping[Key, int]) -> None:
    for key, less in units.items():
        available[key] -= less


def _refusal(made: Draft, network: Network, available: Mapping[Key, int]) -> Short:
    """What was asked, and what was there under lock, at the locations that could have sent it."""
    decision: Decision = made.decided
    short = dict(decision.short)
    demands = {demand.line_no: demand for demand in made.request.demands}
    lines = [
        {
            "line_no": line.asked_no or line.line_no,
            "sku": line.product.sku,
            "ordered": line.line.quantity,
            "missing": short[line.line_no],
            "available": sum(
                max(0, units)
                for (sku_id, place), units in available.items()
                if sku_id == line.product.sku_id and network.able(place, demands[line.line_no])
            ),
            **to_be_had(made, line.line_no),
        }
        for line in made.lines
        if line.line_no in short
    ]
    skus = ", ".join(sorted({str(line["sku"]) for line in lines})[:5])
    return Short(f"Not enough stock of {skus}. Nothing was placed.", extra={"lines": lines})
