"""Set how products are sold beyond their stock, and when they may leave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from doorstep import catalog, jobs, journal
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.inventory.model import Received
from doorstep.inventory.supply.books import SQL, Supply, lock_supply, read_supply
from doorstep.inventory.supply.model import Kind, SupplyMoved
from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.kit.ids import new_id

TERMS_PER_PUT = 1_000
RELEASED_LATER = "release_late"
RELEASED_EARLIER = "release_early"
RELEASE = "inventory.release_product"
"""The job that lets go, on the day, what waited for a product's release."""

Cap = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class ChannelShare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel's own terms: whether it sells the product beyond the stock, and how many units at most."""

    channel: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    sells: bool = True
    cap: Cap


class BeyondStockTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a product is sold beyond its stock: `none`; `backorder`: against goods on their way; `preorder`: the same,
    and nothing of it leaves before `release_at`.

    `cap`: units that may be promised beyond the stock at any time, over all channels. `sells` is for channels without
    terms of their own; `sold_until` ends it for all of them.
    """

    sku: Annotated[str, Meta(min_length=1, max_length=100)]
    kind: Kind
    cap: Cap = 0
    sells: bool = True
    sold_until: datetime | None = None
    release_at: datetime | None = None
    channels: Annotated[tuple[ChannelShare, ...], Meta(max_length=200)] = ()


class BeyondStockView(BeyondStockTerms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms, and how many units are promised on them now."""

    promised: int


async def put_terms(tx: Tx, wanted: Sequence[BeyondStockTerms]) -> int:
    """Set the terms of products, all or none; how many differ from before. The same again changes nothing.

    Raises Invalid naming all that is wrong, or Conflict when a cap would be below what is promised already.
    """
    products = await catalog.load(tx, [one.sku for one in wanted])
    faults = [fault for place, one in enumerate(wanted) for fault in _faults(one, f"/{place}", products)]
    if not 1 <= len(wanted) <= TERMS_PER_PUT:
        faults.append(Fault("", f"A list of 1 to {TERMS_PER_PUT} products is needed, not {len(wanted)}."))
    named = {share.channel for one in wanted for share in one.channels}
    known = {row["channel"] for row in await tx.fetch(SQL.known_channels, sorted(named))}
    faults += [
        Fault(f"/{place}/channels/{at}/channel", f"There is no channel {share.channel!r}.")
        for place, one in enumerate(wanted)
        for at, share in enumerate(one.channels)
        if share.channel not in known
    ]
    if len({one.sku for one in wanted}) < len(wanted):
        faults.append(Fault("", "A product stands in the list twice."))
    if faults:
        raise Invalid(faults[:100])
    skus = [products[one.sku].sku_id for one in wanted]
    supply = await lock_supply(tx, skus, make=skus)
    now = await clock_now(tx)
    changed = 0
    for one in sorted(wanted, key=lambda one: products[one.sku].sku_id):
        product = products[one.sku]
        if one == _terms(supply, product):
            continue
        changed += 1
        await _check_caps(tx, one, product.sku_id, supply)
        await tx.execute(SQL.put_terms, product.sku_id, one.kind, one.cap, one.sells, one.sold_until)
        shares = one.channels
        await tx.execute(SQL.forget_channels, product.sku_id, [share.channel for share in shares])
        await tx.execute(
            SQL.put_channel_terms,
            product.sku_id,
            [share.channel for share in shares],
            [share.sells for share in shares],
            [share.cap for share in shares],
        )
        await _move_release(tx, product, one.release_at, now)
    return changed


def _faults(one: BeyondStockTerms, at: str, products: dict[str, catalog.Product]) -> list[Fault]:
    faults = []
    if one.sku not in products:
        faults.append(Fault(f"{at}/sku", f"There is no product {one.sku[:60]!r}."))
    elif products[one.sku].components:
        faults.append(Fault(f"{at}/sku", "A kit is sold as its components are: set theirs."))
    if (one.release_at is not None) != (one.kind == "preorder"):
        faults.append(Fault(f"{at}/release_at", "A pre-order needs the time of its release, and only a pre-order."))
    for field in ("release_at", "sold_until"):
        time: datetime | None = getattr(one, field)
        if time is not None and time.tzinfo is None:
            faults.append(Fault(f"{at}/{field}", "A time needs its offset, such as 2026-01-05T08:00:00Z."))
    if len({share.channel for share in one.channels}) < len(one.channels):
        faults.append(Fault(f"{at}/channels", "A channel stands there twice."))
    return faults


async def _check_caps(tx: Tx, one: BeyondStockTerms, sku_id: int, supply: Supply) -> None:
    promised = supply.terms[sku_id].promised
    if one.cap < promised:
        raise Conflict(
            f"{promised} units of {one.sku} are promised beyond the stock: its cap cannot be lower. To sell no more of "
            "it, set `sells` to false.",
            extra={"sku": one.sku, "promised": promised},
        )
    sold = {row["channel"]: row["units"] for row in await tx.fetch(SQL.sold_on_channels, sku_id)}
    for share in one.channels:
        if share.cap < sold.get(share.channel, 0):
            raise Conflict(
                f"{sold[share.channel]} units of {one.sku} are promised beyond the stock on {share.channel}: its cap "
                "cannot be lower there.",
                extra={"sku": one.sku, "channel": share.channel, "promised": sold[share.channel]},
            )


async def _move_release(tx: Tx, product: catalog.Product, release_at: datetime | None, now: datetime) -> None:
    """Nothing leaves before the new time; who waits is told of it."""
    was = product.release_at
    if not await catalog.set_release(tx, product.sku_id, release_at):
        return
    later = release_at is not None and (was is None or release_at > was)
    news = RELEASED_LATER if later else RELEASED_EARLIER
    if await tx.fetchval(SQL.news_of_product, product.sku_id, news):
        await journal.append(tx, [(None, SupplyMoved(sku_ids=[product.sku_id]))], actor="doorstep", now=now)
    if release_at is not None and release_at > now:
        await jobs.enqueue(tx, RELEASE, [new_id()], due_at=release_at)
    else:
        await let_go(tx, [product.sku_id], now=now)


async def let_go(tx: Tx, sku_ids: Sequence[int], *, now: datetime) -> None:
    """What is set aside of these products may leave: its orders go on."""
    for sku_id in sku_ids:
        events = [
            (None, Received(location_id=row["location_id"], sku_ids=[sku_id], arrived=False))
            for row in await tx.fetch(SQL.shelves_with_asides, sku_id)
        ]
        await journal.append(tx, events, actor="doorstep", now=now)


async def release_products(work: jobs.Work) -> None:
    """The time of a release has come: whatever is released by now and still set aside goes on its way.

    A release that was moved meanwhile has a job of its own, and this one lets go what else there is.
    """

    async def act(tx: Tx) -> None:
        now = await clock_now(tx)
        await let_go(tx, [row["sku_id"] for row in await tx.fetch(SQL.released_asides, now)], now=now)
        await work.finish(tx)

    await work.brand.run(act)


async def read_terms(tx: Tx, skus: Sequence[str]) -> list[BeyondStockView]:
    """The terms of these products, those that have none too, in the order of the list; unknown SKUs are left out."""
    products = await catalog.load(tx, list(skus))
    found = [products[sku] for sku in dict.fromkeys(skus) if sku in products]
    return await _views(tx, found)


async def terms_page(tx: Tx, *, after: int, limit: int) -> tuple[list[BeyondStockView], int | None]:
    """The terms of the next products that are sold beyond their stock; and the last product's number, if there are
    more.
    """
    ids = [row["sku_id"] for row in await tx.fetch(SQL.terms_page, after, limit + 1)]
    products = await catalog.by_id(tx, ids[:limit])
    views = await _views(tx, [products[sku_id] for sku_id in ids[:limit]])
    return views, ids[limit - 1] if len(ids) > limit else None


async def _views(tx: Tx, products: Sequence[catalog.Product]) -> list[BeyondStockView]:
    supply = await read_supply(tx, [product.sku_id for product in products])
    return [
        BeyondStockView(
            **msgspec.structs.asdict(_terms(supply, product)),
            promised=supply.terms[product.sku_id].promised if product.sku_id in supply.terms else 0,
        )
        for product in products
    ]


def _terms(supply: Supply, product: catalog.Product) -> BeyondStockTerms:
    terms = supply.terms.get(product.sku_id)
    if terms is None:
        return BeyondStockTerms(sku=product.sku, kind="none", release_at=product.release_at)
    return BeyondStockTerms(
        sku=product.sku,
        kind=terms.kind,
        cap=terms.cap,
        sells=terms.sells,
        sold_until=terms.sold_until,
        release_at=product.release_at,
        channels=tuple(
            ChannelShare(channel=one.channel, sells=one.sells, cap=one.cap) for one in terms.channels.values()
        ),
    )
