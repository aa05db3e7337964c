"""The console's first page: the few numbers that matter, and where to go from them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Response, get

from doorstep import insights
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.insights import Wanted
from doorstep.web.console import charts, welcome
from doorstep.web.console.door import ChangeFirst, needs
from doorstep.web.console.frame import PLACES, show
from doorstep.web.console.people import SQL
from doorstep.web.console.staff import Staff
from doorstep.web.pages import see

_HOURS, _DAYS = 24, 14
_LANES = ("regular", "personalized", "special")
_OPEN = ("open", "on_hold")
# Where work lies, in the order it is done → the statuses of fulfillment orders that lie there.
_STATIONS = {"accept": ("open",), "pick": ("accepted", "picking"), "work": ("picked",), "ship": ("packed",)}
_Figures = Mapping[datetime, Mapping[str, int]]


@get("/console", **needs("self"))
async def show_home(staff: Staff) -> Response[bytes]:
    """How the shop does. Who works on the floor goes straight there."""
    if staff.must_change:
        raise ChangeFirst("Please choose a password of your own first.")  # "self" lets them in
    if not staff.may("orders.read"):
        return see(next(address for _, address, permission, _ in PLACES if staff.may(permission)))
    if await welcome.waits(staff):
        return see("/console/welcome")
    if staff.location_ids is not None:
        return see("/console/orders")  # the numbers are of the whole shop
    async with staff.brand.snapshot() as tx:
        facts = await _read(tx)
    return await show(staff, "console/home.html", at="home", **facts)


async def _read(tx: Tx) -> dict[str, Any]:
    now, zone = await clock_now(tx), ZoneInfo(await tx.fetchval(SQL.timezone))
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    figures = await insights.figures_since(tx, min(today - timedelta(days=_DAYS), now - timedelta(hours=2 * _HOURS)))
    late = await insights.count_orders(tx, Wanted(late=True), ["status"], now=now)
    kinds = await insights.count_orders(tx, Wanted(status=_OPEN), ["kind"], now=now)
    work = await insights.open_work(tx)
    lanes = [(lane, kinds["kind"].values.get(lane, 0)) for lane in _LANES]
    return {
        "late": late["status"].total,
        "lanes": lanes,
        "lane_most": max(1, *(count for _, count in lanes)),
        "exceptions": await insights.exceptions_by_kind(tx),
        "stations": [(name, sum(work.get(status, 0) for status in here)) for name, here in _STATIONS.items()],
        **_by_hour(figures, now, zone),
        **_by_day(figures, today),
    }


def _by_hour(figures: _Figures, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Orders of the last day by the hour, and of the day before together."""
    this = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [this - timedelta(hours=back) for back in reversed(range(2 * _HOURS))]
    counts = [sum(figures.get(hour, {}).get(f"placed_{lane}", 0) for lane in _LANES) for hour in hours]
    labels = [f"{hour.astimezone(zone):%H}" for hour in hours]
    last = list(zip(labels, counts, strict=True))[_HOURS:]
    return {"placed": sum(counts[_HOURS:]), "placed_before": sum(counts[:_HOURS]), "hours": charts.bars(last, every=3)}


def _by_day(figures: _Figures, today: datetime) -> dict[str, Any]:
    """Parcels of the last two weeks by the day they arrived, and how many came by the date promised first."""
    days = [today - timedelta(days=back) for back in reversed(range(_DAYS))]
    kept, late = dict.fromkeys(days, 0), dict.fromkeys(days, 0)
    for hour, measured in figures.items():
        day = hour.astimezone(today.tzinfo).replace(hour=0, minute=0)  # some zones are half an hour off
        if day in kept:
            kept[day] += measured.get("delivered_in_time", 0)
            late[day] += measured.get("delivered_late", 0)
    arrived, in_time = sum(kept.values()) + sum(late.values()), sum(kept.values())
    shares = [(f"{day:%d.%m.}", 100 * kept[day] / ((kept[day] + late[day]) or 1)) for day in days]
    parcels = [kept[day] + late[day] for day in days]
    return {
        "kept_percent": 100 * in_time / arrived if arrived else None,
        "arrived": arrived,
        "days": charts.bars(shares, top=100, every=2),
        "parcels": parcels,
    }


HANDLERS = (show_home,)
