"""What the floor's pages show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from doorstep import catalog, fulfillment, inventory, orders
from doorstep.catalog import Product
from doorstep.db import Tx, statements
from doorstep.db.pool import clock_now
from doorstep.fulfillment import FulfillmentOrder
from doorstep.inventory import Location
from doorstep.kit.errors import Forbidden, NotFound
from doorstep.kit.ids import parse, show
from doorstep.kit.paging import cut, decode
from doorstep.orders import OrderRow
from doorstep.web.console.floor.stages import STEPS, Stage, Step, Urgency, stage, urgency
from doorstep.web.console.staff import Staff

SQL = statements(__package__)
PAGE: Final = 50
FIRST = (-1, datetime.min.replace(tzinfo=UTC), UUID(int=0))
_INSIDE: Final[tuple[Step, ...]] = tuple(step for step in STEPS if step != "ship")


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """When something must leave, on the location's clock; `hours` and `minutes` until then, or since."""

    at: datetime
    urgency: Urgency
    today: bool
    hours: int
    minutes: int


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """A location with how much work waits at each step."""

    place: Location
    counts: Mapping[Step, int]
    express: int
    late: int

    @property
    def work(self) -> int:
        """All that waits there."""
        return sum(self.counts.values())


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of work in a list."""

    id: str
    number: str
    express: bool
    on_hold: bool
    due: Due
    units: int
    titles: Sequence[str]
    service: str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of work with all that its page shows."""

    id: str
    work: FulfillmentOrder
    order: OrderRow
    place: Location
    products: Mapping[int, Product]
    stage: Stage
    due: Due

    @property
    def express(self) -> bool:
        """It goes before the others."""
        return self.work.lane == 0


def due(leave_by: datetime, place: Location, now: datetime) -> Due:
    """When it must leave, as people at the place say it."""
    minutes = int(abs((leave_by - now).total_seconds()) // 60)
    at, here = leave_by.astimezone(ZoneInfo(place.timezone)), now.astimezone(ZoneInfo(place.timezone))
    return Due(
        at=at,
        urgency=urgency(leave_by, now),
        today=at.date() == here.date(),
        hours=minutes // 60,
        minutes=minutes % 60,
    )


async def tiles(tx: Tx, staff: Staff) -> list[Tile]:
    """The locations that are theirs, those with work first."""
    found: dict[int, dict[Step, int]] = {}
    more: dict[int, tuple[int, int]] = {}
    for row in await tx.fetch(SQL.counts, staff.locations, await clock_now(tx)):
        found.setdefault(row["location_id"], {})[row["step"]] = row["work"]
        express, late = more.get(row["location_id"], (0, 0))
        inside = row["step"] != "ship"
        more[row["location_id"]] = express + row["express"] * inside, late + row["late"]
    made = [
        Tile(place=place, counts=found.get(key, {}), express=more.get(key, (0, 0))[0], late=more.get(key, (0, 0))[1])
        for key, place in (await inventory.locations(tx)).items()
        if staff.may_at(key) and (place.enabled or key in found)
    ]
    return sorted(made, key=lambda tile: (not tile.work, tile.place.priority, tile.place.code))


async def items(tx: Tx, place: Location, step: Step, cursor: str) -> tuple[list[Item], str | None]:
    """A page of a location's work at a step, express first, then by when it must leave."""
    after = decode(cursor, (int, datetime, UUID)) if cursor else FIRST
    rows = await tx.fetch(SQL.work, place.location_id, [step], *after, PAGE + 1, False)
    page, more = cut(rows, PAGE, lambda row: (row["lane"], row["pick_by"], row["fulfillment_order_id"]))
    found = await fulfillment.read(tx, [row["fulfillment_order_id"] for row in page])
    rows_of = await orders.read(tx, {one.order_id for one in found.values()})
    products = await catalog.by_id(tx, {line.sku_id for one in found.values() for line in one.lines})
    now = await clock_now(tx)
    return [
        _item(found[row["fulfillment_order_id"]], rows_of, products, place, now)
        for row in page
        if row["fulfillment_order_id"] in found
    ], more


def _item(
    one: FulfillmentOrder,
    rows: Mapping[UUID, OrderRow],
    products: Mapping[int, Product],
    place: Location,
    now: datetime,
) -> Item:
    wanted = [line for line in one.lines if line.quantity > line.withdrawn]
    return Item(
        id=show("ful", one.fulfillment_order_id),
        number=rows[one.order_id].number,
        express=one.lane == 0,
        on_hold=not rows[one.order_id].clear,
        due=due(one.pick_by, place, now),
        units=sum(line.quantity - line.withdrawn for line in wanted),
        titles=[products[line.sku_id].title for line in wanted],
        service=one.service,
    )


async def next_work(tx: Tx, location_id: int, step: Step | None, *, but: UUID | None = None) -> UUID | None:
    """What to do next at a location, at a step or at any before the hand-over; nothing under a hold, and not `but`."""
    steps = [step] if step else list(_INSIDE)
    rows = await tx.fetch(SQL.work, location_id, steps, *FIRST, 2, True)
    return next((row["fulfillment_order_id"] for row in rows if row["fulfillment_order_id"] != but), None)


async def job(tx: Tx, staff: Staff, work_id: UUID) -> Job:
    """A piece of work. Raises NotFound, or Forbidden when its location is not theirs."""
    work = (await fulfillment.read(tx, [work_id])).get(work_id)
    if work is None:
        raise NotFound("There is no such work.")
    staff.require_at(work.location_id)
    place = (await inventory.locations(tx))[work.location_id]
    return Job(
        id=show("ful", work_id),
        work=work,
        order=(await orders.read(tx, [work.order_id]))[work.order_id],
        place=place,
        products=await catalog.by_id(tx, {line.sku_id for line in work.lines}),
        stage=stage(work),
        due=due(work.pick_by, place, await clock_now(tx)),
    )


async def parcels_of(tx: Tx, work_id: UUID) -> list[dict[str, Any]]:
    """The parcels of a piece of work, with how far their labels are."""
    rows = await tx.fetch(SQL.parcels_of, work_id)
    return [{**dict(row), "id": show("shp", row["shipment_id"])} for row in rows]


async def just_done(tx: Tx, staff: Staff, work_id: str) -> Job | None:
    """The work done just before, for a word about it; None when there is no such work of theirs."""
    try:
        return await job(tx, staff, parse("ful", work_id))
    except (NotFound, Forbidden):
        return None


def skus(one: Job) -> dict[int, str]:
    """SKUs by sku_id, as they stand on the goods."""
    return {sku_id: product.sku for sku_id, product in one.products.items()}
