"""The guide's steps up to the delivery services: the shop, its first location, what it sells as delivery."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import Final
from zoneinfo import available_timezones

import msgspec
from litestar import Response, get, post

from doorstep import delivery, inventory
from doorstep.db import Tx
from doorstep.delivery import Service
from doorstep.kit.errors import Fault, Invalid
from doorstep.web.api.context import app_state
from doorstep.web.console import places
from doorstep.web.console.acting import Noted, act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.forms import currency_choices, major, minor, plain
from doorstep.web.console.frame import faults_by_field
from doorstep.web.console.settings import locations
from doorstep.web.console.settings.index import SQL
from doorstep.web.console.staff import Staff
from doorstep.web.console.welcome.progress import Progress, read, step_page
from doorstep.web.pages import form, see

_AT: Final = "/console/welcome"
_TIMEZONES: Final = tuple(sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc")))


@get(_AT, **needs("settings"))
async def show_guide(staff: Staff) -> Response[bytes]:
    """Where the guide goes on."""
    async with staff.brand.reading() as tx:
        progress = await read(tx)
    return see(f"{_AT}/{progress.next}")


@post(f"{_AT}/end", status_code=200, **needs("settings"))
async def end_guide(request: Asked, staff: Staff) -> Response[bytes]:
    """Done, or not wanted: the console's first page is the one with the numbers from now on."""
    fields = await form(request)

    async def deed(tx: Tx, now: datetime) -> None:
        await tx.execute(SQL.end_guide)

    await act(staff, fields, deed, action="guide.end", subject="first-run guide", detail={})
    return see("/console")


@get(f"{_AT}/shop", **needs("settings"))
async def show_shop(request: Asked, staff: Staff) -> Response[bytes]:
    """The shop's name, country, currency and clock."""
    async with staff.brand.reading() as tx:
        progress = await read(tx)
    country = progress.country or places.usual(request.headers.get("accept-language", ""))
    usual = places.COUNTRIES[country]
    fields = {
        "title": progress.title,
        "country": country,
        "currency": progress.currency or usual.currency,
        "timezone": progress.timezone or usual.timezone,
    }
    return await _shop_page(staff, fields)


async def _shop_page(
    staff: Staff, fields: Mapping[str, str], *, faults: Mapping[str, str] | None = None, status: int = 200
) -> Response[bytes]:
    return await step_page(
        staff,
        "shop",
        fields=fields,
        faults=faults,
        status=status,
        countries=places.country_names(staff.language),
        currencies=currency_choices(fields.get("currency", "")),
        timezones=[(zone, zone.replace("_", " ")) for zone in _TIMEZONES],
    )


@post(f"{_AT}/shop", status_code=200, **needs("settings"))
async def set_shop(request: Asked, staff: Staff) -> Response[bytes]:
    """Name the shop, and keep the rest for the steps after."""
    fields = await form(request)
    title, country = fields.get("title", ""), fields.get("country", "")
    currency, timezone = fields.get("currency", ""), fields.get("timezone", "")
    faults = []
    if not 1 <= len(title) <= 100 or not title.isprintable():
        faults.append(Fault("/title", "A name has 1 to 100 printable characters."))
    if country not in places.COUNTRIES:
        faults.append(Fault("/country", "One of the list."))
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        faults.append(Fault("/currency", "Three capital letters, such as GBP."))
    if timezone not in available_timezones():
        faults.append(Fault("/timezone", "A time zone such as Europe/London."))
    if faults:
        return await _shop_page(staff, fields, faults=faults_by_field(Invalid(faults)), status=422)
    wanted = {"title": title, "country": country, "currency": currency, "timezone": timezone}

    async def deed(tx: Tx, now: datetime) -> Noted:
        before = await read(tx)
        await tx.execute(SQL.rename_brand, title)
        await tx.execute(SQL.begin_guide, country, currency, timezone)
        return Noted({"before": {name: getattr(before, name) for name in wanted}, "after": wanted})

    await act(staff, fields, deed, action="guide.shop", subject=title, detail=wanted)
    return see(f"{_AT}/location")


@get(f"{_AT}/location", **needs("settings"))
async def show_first_location(staff: Staff) -> Response[bytes]:
    """Where the goods are."""
    progress = await _progress(staff)
    country = progress.country or "GB"
    fields = {"name": "Main warehouse", "code": "main", "kind": "warehouse", "country": country, "priority": "10"}
    fields |= {"timezone": progress.timezone or places.COUNTRIES[country].timezone}
    return await _location_page(staff, fields | {"can-gift_wrap": "on", "can-returns": "on"})


async def _location_page(
    staff: Staff, fields: Mapping[str, str], *, faults: Mapping[str, str] | None = None, status: int = 200
) -> Response[bytes]:
    async with staff.brand.reading() as tx:
        there = sorted((await inventory.locations(tx)).values(), key=lambda one: one.code)
    return await step_page(
        staff,
        "location",
        fields=fields,
        faults=faults,
        status=status,
        there=there,
        capabilities=locations.CAPABILITIES,
        countries=places.country_names(staff.language),
    )


@post(f"{_AT}/location", status_code=200, **needs("settings"))
async def add_first_location(request: Asked, staff: Staff) -> Response[bytes]:
    """Add the first location."""
    fields = await form(request)
    try:
        await locations.add(staff, fields)
    except Invalid as refused:
        return await _location_page(staff, fields, faults=faults_by_field(refused), status=422)
    return see(f"{_AT}/delivery")


@get(f"{_AT}/delivery", **needs("settings"))
async def show_delivery(staff: Staff) -> Response[bytes]:
    """What the shop sells as delivery: three services to begin with, at prices to be changed."""
    offered = await _offered(staff)
    fields = {f"offer-{one.service}": "on" for one in offered}
    for one in offered:
        fields |= {f"title-{one.service}": one.title, f"cut_off-{one.service}": f"{one.cut_off:%H:%M}"}
        fields |= {f"price-{one.service}": major(one.price_minor, one.currency)}
    return await _delivery_page(staff, offered, fields)


async def _delivery_page(
    staff: Staff,
    offered: list[Service],
    fields: Mapping[str, str],
    *,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response[bytes]:
    async with staff.brand.reading() as tx:
        there = list((await delivery.services(tx)).values())
    days = {one.service: delivery.default_transit({one.service}, home="GB")[0].days for one in offered}
    return await step_page(
        staff,
        "delivery",
        fields=fields,
        faults=faults,
        status=status,
        offered=offered,
        there=there,
        days=days,
        major=major,
    )


@post(f"{_AT}/delivery", status_code=200, **needs("settings"))
async def add_services(request: Asked, staff: Staff) -> Response[bytes]:
    """Add the services that are ticked, with their transit times at home and abroad."""
    fields = await form(request)
    offered = await _offered(staff)
    try:
        wanted = _wanted(offered, fields)
    except Invalid as refused:
        return await _delivery_page(staff, offered, fields, faults=faults_by_field(refused), status=422)
    home = (await _progress(staff)).country or "GB"

    async def deed(tx: Tx, now: datetime) -> Noted:
        known = await delivery.services(tx)
        new = [one for one in wanted if one.service not in known]
        if new:
            await delivery.put_services(tx, new)
            await delivery.put_transit(tx, delivery.default_transit({one.service for one in new}, home=home))
        await delivery.seed_work_times(tx, wanted[0].currency)
        return Noted({"after": {one.service: plain(one) for one in new}})

    await act(
        staff, fields, deed, action="guide.delivery", subject="delivery services", detail=[plain(one) for one in wanted]
    )
    return see(f"{_AT}/products")


async def _offered(staff: Staff) -> list[Service]:
    """The services a shop of this currency may begin with, by the first configured carrier."""
    carriers, currency = app_state().settings.carriers, (await _progress(staff)).currency or "GBP"
    return delivery.default_services(currency, carrier=carriers[0].code if carriers else "sandbox")


def _wanted(offered: list[Service], fields: Mapping[str, str]) -> list[Service]:
    """The services ticked, with the form's titles, prices and cut-offs. Raises Invalid by field."""
    wanted, faults = [], []
    for one in offered:
        if not fields.get(f"offer-{one.service}"):
            continue
        title, cut_off = fields.get(f"title-{one.service}", ""), fields.get(f"cut_off-{one.service}", "")
        if not 1 <= len(title) <= 200:
            faults.append(Fault(f"/title-{one.service}", "1 to 200 characters are needed."))
        price, at = 0, _time(cut_off)
        try:
            price = minor(fields.get(f"price-{one.service}", ""), one.currency, field=f"price-{one.service}")
        except Invalid as refused:
            faults += refused.faults
        if at is None:
            faults.append(Fault(f"/cut_off-{one.service}", "A time of day, such as 14:00."))
        elif one.service == "fast-track" and at >= time(16):
            faults.append(Fault(f"/cut_off-{one.service}", "A time before 16:00: it arrives the same day."))
        wanted.append(msgspec.structs.replace(one, title=title, cut_off=at or one.cut_off, price_minor=price))
    if not wanted and not faults:
        faults.append(Fault("/form", "Tick one service at least."))
    if faults:
        raise Invalid(faults)
    return wanted


def _time(text: str) -> time | None:
    try:
        found = time.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is None else None


async def _progress(staff: Staff) -> Progress:
    async with staff.brand.reading() as tx:
        return await read(tx)


HANDLERS = (
    show_guide,
    end_guide,
    show_shop,
    set_shop,
    show_first_location,
    add_first_location,
    show_delivery,
    add_services,
)
