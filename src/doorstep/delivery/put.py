"""Write the tables: services, transit, work times."""

from __future__ import annotations

from collections.abc import Container, Hashable, Sequence
from datetime import time
from typing import Final

from doorstep.db import Tx
from doorstep.delivery import store
from doorstep.delivery.calendar import LATEST_CUT_OFF
from doorstep.delivery.model import ANYWHERE, Service, TransitDays, WorkTime, plain_postcode
from doorstep.delivery.reads import services, transit_table, work_times
from doorstep.kit.errors import Fault, Invalid
from doorstep.kit.money import digits

ROWS_PER_PUT: Final = 10_000


async def put_services(tx: Tx, rows: Sequence[Service]) -> None:
    """Create or replace services by their code, all or none. Raises Invalid."""
    faults = _count_faults(rows) + twice([row.service for row in rows], "/service")
    for i, row in enumerate(rows):
        if row.cut_off.tzinfo is not None:
            faults.append(Fault(f"/{i}/cut_off", "A cut-off is local time of the location: no time zone."))
    table = await transit_table(tx)
    same_day = {row.service for row in table.rows if row.days == 0}
    faults += [
        Fault(f"/{i}/cut_off", f"A same-day service needs a cut-off before 16:00, not {row.cut_off}.")
        for i, row in enumerate(rows)
        if row.service in same_day and row.cut_off.replace(tzinfo=None) > LATEST_CUT_OFF
    ]
    if faults:
        raise Invalid(faults)
    await store.put_services(tx, rows)


async def put_transit(tx: Tx, rows: Sequence[TransitDays]) -> None:
    """Replace the transit rows of every service named in the list, all or none. Raises Invalid."""
    keys = [(row.service, row.country, plain_postcode(row.postcode_prefix)) for row in rows]
    faults = _count_faults(rows) + twice(keys, "")
    known = await services(tx)
    for i, row in enumerate(rows):
        if row.service not in known:
            faults.append(Fault(f"/{i}/service", f"There is no service {row.service!r}."))
        elif row.days == 0 and known[row.service].cut_off > LATEST_CUT_OFF:
            faults.append(Fault(f"/{i}/days", f"{row.service} has its cut-off too late to arrive the same day."))
        if row.country == ANYWHERE and row.postcode_prefix:
            faults.append(Fault(f"/{i}/postcode_prefix", f"{ANYWHERE} is any country and has no postcodes."))
    if faults:
        raise Invalid(faults)
    await store.replace_transit(tx, sorted({row.service for row in rows}), rows)


async def put_work_times(tx: Tx, rows: Sequence[WorkTime]) -> None:
    """Create or replace work times. Raises Invalid."""
    if faults := _count_faults(rows) + twice([row.work for row in rows], "/work"):
        raise Invalid(faults)
    await store.put_work_times(tx, rows)


async def seed_defaults(tx: Tx, currency: str, *, carrier: str = "sandbox", home: str = "GB") -> None:
    """Give a new brand three services, their transit times and work times; what is there already stays as it is.

    Prices are in major units of `currency` scaled to its minor unit: 3.95, 6.95 and 12.95 in a currency with cents.
    `home` is the country the goods leave from.
    """
    known = await services(tx)
    new = [service for service in default_services(currency, carrier=carrier) if service.service not in known]
    if new:
        await put_services(tx, new)
        await put_transit(tx, default_transit({service.service for service in new}, home=home))
    await seed_work_times(tx, currency)


async def seed_work_times(tx: Tx, currency: str) -> None:
    """Give a new brand its work times; what is there already stays as it is."""
    times, fee = await work_times(tx), _major(currency)
    missing = [
        WorkTime(work="gift_wrap", days=0, fee_minor=3 * fee),
        WorkTime(work="personalize", days=1, fee_minor=5 * fee),
    ]
    if missing := [row for row in missing if row.work not in times]:
        await put_work_times(tx, missing)


def default_transit(services: Container[str], *, home: str = "GB") -> list[TransitDays]:
    """The transit times of the default services among `services` when the goods leave from `home`."""
    abroad = [row for row in _TRANSIT if row.service in services and row.country not in ("GB", home)]
    at_home = [
        TransitDays(service=row.service, country=home, postcode_prefix=row.postcode_prefix, days=row.days)
        for row in _TRANSIT
        if row.service in services and row.country == "GB" and (home == "GB" or not row.postcode_prefix)
    ]
    return at_home + abroad


def _major(currency: str) -> int:
    """How many minor units one major unit has."""
    units: int = 10 ** digits(currency)
    return units


def default_services(currency: str, *, carrier: str = "sandbox") -> list[Service]:
    """Three services a new brand may begin with."""

    def minor(hundredths: int) -> int:
        return hundredths * _major(currency) // 100

    rows = (
        ("standard", "Standard delivery", 1, 10, 395, 300, 40, time(14)),
        ("express", "Express delivery", 0, 20, 695, 550, 60, time(16)),
        ("fast-track", "Fast-track, same day", 0, 30, 1295, 1100, 90, time(11)),
    )
    return [
        Service(
            service=code,
            title=title,
            carrier=carrier,
            lane=0 if lane == 0 else 1,
            rank=rank,
            price_minor=minor(price),
            currency=currency,
            parcel_cost_minor=minor(parcel),
            kilogram_cost_minor=minor(kilogram),
            cut_off=cut_off,
        )
        for code, title, lane, rank, price, parcel, kilogram, cut_off in rows
    ]


# The most working days under way; Northern Ireland, the far north, the northern isles and Scilly take longer.
_REMOTE: Final = ("BT", "HS", "KW", "TR21", "TR22", "TR23", "TR24", "TR25", "ZE")
_TRANSIT: Final = tuple(
    TransitDays(service=service, country=country, postcode_prefix=prefix, days=days)
    for service, gb, remote, de, us, anywhere in (
        ("standard", 3, 5, 4, 6, 10),
        ("express", 1, 2, 2, 3, 5),
        ("fast-track", 0, 1, 1, 2, 3),
    )
    for country, prefix, days in (
        ("GB", "", gb),
        *(("GB", prefix, remote) for prefix in _REMOTE),
        ("DE", "", de),
        ("US", "", us),
        (ANYWHERE, "", anywhere),
    )
)


def _count_faults(rows: Sequence[object]) -> list[Fault]:
    if 1 <= len(rows) <= ROWS_PER_PUT:
        return []
    return [Fault("", f"A list of 1 to {ROWS_PER_PUT} rows is needed, not {len(rows)}.")]


def twice(keys: Sequence[Hashable], field: str = "") -> list[Fault]:
    """A fault for each key that stood before in the list, at its place."""
    seen: set[Hashable] = set()
    faults = []
    for i, key in enumerate(keys):
        if key in seen:
            faults.append(Fault(f"/{i}{field}", "This stands in the list twice."))
        seen.add(key)
    return faults
