"""HTTP: the tables that dates are computed from."""

from __future__ import annotations

import msgspec
from litestar import get, put

from doorstep.db import Brand, Tx
from doorstep.delivery.model import Service, TransitDays, WorkTime
from doorstep.delivery.put import put_services, put_transit, put_work_times
from doorstep.delivery.reads import services, transit_table, work_times


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """All services, in the order in which they are offered."""

    items: list[Service]


class TransitTable(msgspec.Struct, frozen=True, kw_only=True):
    """The whole transit table."""

    items: list[TransitDays]


class WorkTimes(msgspec.Struct, frozen=True, kw_only=True):
    """How long work takes."""

    items: list[WorkTime]


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


HANDLERS = (
    list_services,
    replace_services,
    list_transit,
    replace_transit,
    list_work_times,
    replace_work_times,
)
