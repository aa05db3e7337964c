"""The tables that dates are computed from."""

from __future__ import annotations

from datetime import time

import msgspec
import pytest

from doorstep import delivery
from doorstep.db import Brand
from doorstep.delivery import PlannerCache, Service, TransitDays, WorkTime
from doorstep.kit.errors import Invalid

VAN = Service(
    service="van",
    title="Van",
    carrier="van",
    price_minor=500,
    currency="EUR",
    parcel_cost_minor=400,
    cut_off=time(15, 30),
)


async def test_the_defaults_leave_alone_what_is_there(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await delivery.seed_defaults(tx, "GBP")
        first = await delivery.services(tx)
        dearer = msgspec.structs.replace(first["express"], price_minor=999)
        await delivery.put_services(tx, [dearer])
        await delivery.put_transit(tx, [TransitDays(service="express", country="GB", days=2)])
        await delivery.seed_defaults(tx, "GBP")
        again, transit = await delivery.services(tx), await delivery.transit_table(tx)
        works = await delivery.work_times(tx)
    assert list(first) == ["standard", "express", "fast-track"]
    assert [service.lane for service in first.values()] == [1, 0, 0]
    assert again == first | {"express": dearer}
    assert transit.days("express", "GB", "BT1 1AA") == 2
    assert transit.days("express", "FR", "75001") is None
    assert transit.days("standard", "FR", "75001") == 10
    assert {work.work: work.days for work in works.values()} == {"gift_wrap": 0, "personalize": 1}


@pytest.mark.parametrize(("currency", "price"), [("GBP", 395), ("JPY", 3), ("KWD", 3950)])
async def test_the_defaults_fit_the_currencys_minor_unit(brand: Brand, currency: str, price: int) -> None:
    async with brand.transaction() as tx:
        await delivery.seed_defaults(tx, currency)
        assert (await delivery.services(tx))["standard"].price_minor == price


async def test_transit_of_a_service_is_replaced_as_a_whole_and_others_stay(brand: Brand) -> None:
    def row(service: str, prefix: str, days: int) -> TransitDays:
        return TransitDays(service=service, country="DE", postcode_prefix=prefix, days=days)

    async with brand.transaction() as tx:
        await delivery.put_services(tx, [VAN, msgspec.structs.replace(VAN, service="bike")])
        await delivery.put_transit(tx, [row("van", "", 3), row("van", "1", 2), row("bike", "10", 1)])
        await delivery.put_transit(tx, [row("van", "", 4)])
        table = await delivery.transit_table(tx)
    assert table.days("van", "DE", "10115") == 4
    assert table.days("bike", "DE", "10115") == 1


async def test_every_fault_of_a_transit_table_is_told(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await delivery.put_services(tx, [msgspec.structs.replace(VAN, cut_off=time(16))])
        with pytest.raises(Invalid) as error:
            await delivery.put_transit(
                tx,
                [
                    TransitDays(service="ghost", country="DE", days=1),
                    TransitDays(service="van", country="DE", postcode_prefix="1 0", days=1),
                    TransitDays(service="van", country="DE", postcode_prefix="10", days=2),
                    TransitDays(service="van", country="FR", days=0),
                    TransitDays(service="van", country="ZZ", postcode_prefix="1", days=9),
                ],
            )
    assert {fault.pointer for fault in error.value.faults} == {"/0/service", "/2", "/3/days", "/4/postcode_prefix"}


async def test_a_same_day_service_keeps_a_cut_off_that_leaves_time_to_arrive(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await delivery.put_services(tx, [VAN])
        await delivery.put_transit(tx, [TransitDays(service="van", country="DE", days=0)])
        with pytest.raises(Invalid):
            await delivery.put_services(tx, [msgspec.structs.replace(VAN, cut_off=time(17))])
        await delivery.put_services(tx, [msgspec.structs.replace(VAN, cut_off=time(12))])


async def test_a_planner_is_read_once_until_it_is_too_old(brand: Brand) -> None:
    fresh, kept = PlannerCache(ttl_s=0), PlannerCache(ttl_s=1_000)
    async with brand.transaction() as tx:
        await delivery.put_services(tx, [VAN])
        assert list((await kept.get(tx)).services) == list((await fresh.get(tx)).services) == ["van"]
        await delivery.put_services(tx, [msgspec.structs.replace(VAN, service="bike")])
        assert list((await kept.get(tx)).services) == ["van"]
        assert sorted((await fresh.get(tx)).services) == ["bike", "van"]


async def test_work_on_a_line_is_done_one_after_the_other(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await delivery.put_work_times(
            tx, [WorkTime(work="personalize", days=2, fee_minor=500), WorkTime(work="gift_wrap", days=1, fee_minor=300)]
        )
        planner = await delivery.planner(tx)
    assert planner.work_days(("personalize", "gift_wrap", "personalize")) == 3
    assert planner.work_days(()) == 0
