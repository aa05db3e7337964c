"""HTTP: the tables that dates are computed from."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, put
from msgspec import Meta

from doorstep import inventory
from doorstep.db import Brand, Tx
from doorstep.delivery.days import Day, DaysOff, OpeningWeek, put_days_off, put_opening
from doorstep.delivery.model import Service, TransitDays, WorkTime
from doorstep.delivery.put import put_services, put_transit, put_work_times
from doorstep.delivery.reads import calendars, services, transit_table, work_times


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """All services, in the order in which they are offered."""

    items: list[Service]


class TransitTable(msgspec.Struct, frozen=True, kw_only=True):
    """The whole transit table."""

    items: list[TransitDays]


class WorkTimes(msgspec.Struct, frozen=True, kw_only=True):
    """How long work takes."""

    items: list[WorkTime]


class Calendars(msgspec.Struct, frozen=True, kw_only=True):
    """The weeks of locations that have one of their own, and all days off by whose they are."""

    opening: list[OpeningWeek]
    days_off: list[DaysOff]


async def _calendars(tx: Tx) -> Calendars:
    known = await calendars(tx)
    codes = {one.location_id: one.code for one in (await inventory.locations(tx)).values()}
    whose: dict[tuple[str | None, str | None], list[Day]] = {}
    for one in known.off:
        location = codes[one.location_id] if one.location_id is not None else None
        whose.setdefault((location, one.country), []).append(Day(day=one.day, reason=one.reason))
    return Calendars(
        opening=[OpeningWeek(location=codes[place], weekdays=days) for place, days in known.weeks.items()],
        days_off=[
            DaysOff(location=location, country=country, days=days)
            for (location, country), days in sorted(whose.items(), key=lambda entry: [name or "" for name in entry[0]])
        ],
    )


async def _services(tx: Tx) -> Services:
    return Services(items=list((await services(tx)).values()))


async def _transit(tx: Tx) -> TransitTable:
    return TransitTable(items=list((await transit_table(tx)).rows))


async def _work_times(tx: Tx) -> WorkTimes:
    return WorkTimes(items=list((await work_times(tx)).values()))


@get("/v1/services", tags=["delivery"])
async def list_services(brand: Brand) -> Services:
    """The delivery services, disabled ones too."""
    async with brand.reading() as tx:
        return await _services(tx)


@put("/v1/services", tags=["delivery"])
async def replace_services(brand: Brand, data: list[Service]) -> Services:
    """Create or replace services by their code. A service is switched off with `enabled`, never deleted."""

    async def act(tx: Tx) -> Services:
        await put_services(tx, data)
        return await _services(tx)

    return await brand.run(act)


@get("/v1/transit", tags=["delivery"])
async def list_transit(brand: Brand) -> TransitTable:
    """Working days under way, by service, country (ZZ: any other) and postcode prefix."""
    async with brand.reading() as tx:
        return await _transit(tx)


@put("/v1/transit", tags=["delivery"])
async def replace_transit(brand: Brand, data: list[TransitDays]) -> TransitTable:
    """Replace all transit rows of each service that the list names."""

    async def act(tx: Tx) -> TransitTable:
        await put_transit(tx, data)
        return await _transit(tx)

    return await brand.run(act)


@get("/v1/work-times", tags=["delivery"])
async def list_work_times(brand: Brand) -> WorkTimes:
    """Working days and fee of personalizing and gift wrapping."""
    async with brand.reading() as tx:
        return await _work_times(tx)


@put("/v1/work-times", tags=["delivery"])
async def replace_work_times(brand: Brand, data: list[WorkTime]) -> WorkTimes:
    """Create or replace work times."""

    async def act(tx: Tx) -> WorkTimes:
        await put_work_times(tx, data)
        return await _work_times(tx)

    return await brand.run(act)


@get("/v1/calendars", tags=["delivery"])
async def list_calendars(brand: Brand) -> Calendars:
    """When locations send, and the days off of locations and countries."""
    async with brand.reading() as tx:
        return await _calendars(tx)


@put("/v1/calendars/opening", tags=["delivery"])
async def replace_opening(brand: Brand, data: Annotated[list[OpeningWeek], Meta(max_length=1_000)]) -> Calendars:
    """Set the days of the week on which locations send. A location without has every day that the service leaves on."""

    async def act(tx: Tx) -> Calendars:
        await put_opening(tx, data)
        return await _calendars(tx)

    return await brand.run(act)


@put("/v1/calendars/days-off", tags=["delivery"])
async def replace_days_off(brand: Brand, data: Annotated[list[DaysOff], Meta(max_length=1_000)]) -> Calendars:
    """Replace all days off of each location and country that the list names; an empty list of days takes all away."""

    async def act(tx: Tx) -> Calendars:
        await put_days_off(tx, data)
        return await _calendars(tx)

    return await brand.run(act)


HANDLERS = (
    list_services,
    replace_services,
    list_transit,
    replace_transit,
    list_work_times,
    replace_work_times,
    list_calendars,
    replace_opening,
    replace_days_off,
)
