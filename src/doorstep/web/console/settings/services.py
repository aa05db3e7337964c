"""Settings, delivery services: price, cut-off, where they go and how long it takes; what an order would be promised.

A change can be tried before it is saved: the page says what an order placed now is promised, and what it would be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post

from doorstep import delivery, inventory
from doorstep.db import Tx
from doorstep.delivery import Service, TransitDays, WorkTime
from doorstep.kit.errors import Fault, Invalid, NotFound
from doorstep.web.api.context import app_state
from doorstep.web.console.acting import Noted, act, rehearse
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.forms import currency_choices, difference, major, minor, plain, typed
from doorstep.web.console.frame import faults_by_field, show
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see

_AT: Final = "/console/settings/services"
_AMOUNTS: Final = ("price", "parcel_cost", "kilogram_cost")
_TEXTS: Final = ("service", "title", "carrier", "lane", "rank", "currency", "handling_days")
_ROW: Final = re.compile(r"([A-Za-z]{2})(?:\s+([A-Za-z0-9-]{1,10}))?\s+([0-9]{1,3})")
_ROWS_MOST: Final = 2_000


class Dated(msgspec.Struct, frozen=True, kw_only=True):
    """What is promised for an order placed now from a location, by a service; None: it does not go there."""

    location: str
    service: str
    title: str
    promised_by: datetime | None


@get(_AT, **needs("settings"))
async def list_services(request: Asked, staff: Staff) -> Response[bytes]:
    """All services, and what each would promise for a postcode."""
    return await _list(staff, request.query_params, said=request.query_params.get("said", ""))


@post(f"{_AT}/work-times", status_code=200, **needs("settings"))
async def change_work_times(request: Asked, staff: Staff) -> Response[bytes]:
    """How long personalizing and gift wrapping take, and what they cost."""
    fields = await form(request)
    try:
        await _put_work_times(staff, fields)
    except Invalid as refused:
        return await _list(staff, {}, fields=fields, faults=faults_by_field(refused), status=422)
    return see(f"{_AT}?said=saved")


@get(f"{_AT}/new", **needs("settings"))
async def show_new_service(staff: Staff) -> Response[bytes]:
    """Where a service is added."""
    carriers = app_state().settings.carriers
    fields = {"carrier": carriers[0].code if carriers else "sandbox", "lane": "1", "rank": "100", "cut_off": "14:00"}
    return await _page(
        staff, "", fields | {"handling_days": "0", "parcel_cost": "0", "kilogram_cost": "0", "enabled": "on"}
    )


@post(f"{_AT}/new", status_code=200, **needs("settings"))
async def add_service(request: Asked, staff: Staff) -> Response[bytes]:
    """Add a service, or say what it would promise."""
    return await _put(staff, await form(request), "")


@get(_AT + "/{service:str}", **needs("settings"))
async def show_service(request: Asked, staff: Staff, service: str) -> Response[bytes]:
    """A service."""
    async with staff.brand.reading() as tx:
        found, rows = await read(tx, service)
    if found is None:
        raise NotFound("There is no such service.")
    return await _page(staff, service, to_form(found, rows), said=request.query_params.get("said", ""))


@post(_AT + "/{service:str}", status_code=200, **needs("settings"))
async def change_service(request: Asked, staff: Staff, service: str) -> Response[bytes]:
    """Change a service, or say what the change would do; its code stays."""
    return await _put(staff, {**await form(request), "service": service}, service)


async def _put(staff: Staff, fields: Mapping[str, str], service: str) -> Response[bytes]:
    try:
        wanted, rows = of_form(fields)
        if fields.get("do") != "save":
            sample = _sample(fields)

            async def tried(tx: Tx, now: datetime) -> Sequence[Dated]:
                await write(tx, wanted, rows, new=not service)
                return await promised(tx, sample, now, only=wanted.service)

            after = (await rehearse(staff, tried)).result
            return await _page(staff, service, fields, after=after)
        await put(staff, fields, wanted, rows, new=not service)
    except Invalid as refused:
        return await _page(staff, service, fields, faults=faults_by_field(refused), status=422)
    return see(f"{_AT}/{wanted.service}?said=saved" if service else f"{_AT}?said=added")


async def put(
    staff: Staff, fields: Mapping[str, str], wanted: Service, rows: Sequence[TransitDays], *, new: bool
) -> None:
    """Add or change a service with all its transit rows. Raises Invalid by field."""

    async def deed(tx: Tx, now: datetime) -> Noted:
        before = await read(tx, wanted.service)
        await write(tx, wanted, rows, new=new)
        return Noted(difference(described(*before) if before[0] else None, described(wanted, rows)))

    action = "services.add" if new else "services.change"
    await act(staff, fields, deed, action=action, subject=wanted.service, detail=described(wanted, rows))


def described(service: Service | None, rows: Sequence[TransitDays]) -> dict[str, Any]:
    """A service with its transit rows, as the audit log keeps it."""
    return {**plain(service), "transit": _lines(rows)}


async def write(tx: Tx, wanted: Service, rows: Sequence[TransitDays], *, new: bool) -> None:
    """Keep a service with all its transit rows. Raises Invalid by field."""
    known = await delivery.services(tx)
    if new and wanted.service in known:
        raise Invalid([Fault("/service", "There is a service of this code.")])
    if not new and wanted.service not in known:
        raise NotFound("There is no such service.")
    try:
        await delivery.put_services(tx, [wanted])
        await delivery.put_transit(tx, rows)
    except Invalid as error:
        fields = ["cut_off" if fault.pointer.endswith("/cut_off") else "transit" for fault in error.faults]
        faults = [Fault(f"/{field}", fault.detail) for field, fault in zip(fields, error.faults, strict=True)]
        raise Invalid(faults) from None


async def read(tx: Tx, service: str) -> tuple[Service | None, list[TransitDays]]:
    """A service and its transit rows; None when there is none."""
    table = await delivery.transit_table(tx)
    return (await delivery.services(tx)).get(service), [row for row in table.rows if row.service == service]


def of_form(fields: Mapping[str, str]) -> tuple[Service, list[TransitDays]]:
    """The service that a form describes, and its transit rows. Raises Invalid by field."""
    faults: list[Fault] = []
    values: dict[str, object] = {name: fields[name] for name in _TEXTS if fields.get(name)}
    for name in _AMOUNTS:
        try:
            values[f"{name}_minor"] = minor(fields.get(name, ""), fields.get("currency", ""), field=name)
        except Invalid as refused:
            faults += refused.faults
            values[f"{name}_minor"] = 0
    cut_off = fields.get("cut_off", "")
    values |= {"cut_off": f"{cut_off}:00" if len(cut_off) == 5 else cut_off}
    values |= {"saturday": bool(fields.get("saturday")), "enabled": bool(fields.get("enabled"))}
    found: Service | None = None
    rows: list[TransitDays] = []
    try:
        found = typed(Service, values)
    except Invalid as refused:
        faults += refused.faults
    try:
        rows = transit_rows(fields.get("service", ""), fields.get("transit", ""))
    except Invalid as refused:
        faults += refused.faults
    if faults or found is None:
        raise Invalid(faults)
    return found, rows


def transit_rows(service: str, text: str) -> list[TransitDays]:
    """The lines of the field: country, postcode prefix (or nothing), days. Raises Invalid naming each line at fault."""
    rows, faults = [], []
    lines = text.splitlines()
    for number, line in enumerate(lines[:_ROWS_MOST], start=1):
        if not line.strip():
            continue
        found = _ROW.fullmatch(line.strip())
        if not found or int(found[3]) > 90:
            faults.append(f"Line {number}: {line.strip()[:40]!r} is not a country, a postcode's beginning, and days.")
        else:
            prefix = (found[2] or "").upper()
            rows.append(
                TransitDays(service=service, country=found[1].upper(), postcode_prefix=prefix, days=int(found[3]))
            )
    if not rows and not faults:
        faults.append("One line at least: where does it go, and in how many days?")
    if len(lines) > _ROWS_MOST:
        faults.append(f"{_ROWS_MOST} lines at most.")
    if faults:
        raise Invalid([Fault("/transit", " ".join(faults[:5]))])
    return rows


def to_form(service: Service, rows: Sequence[TransitDays]) -> dict[str, str]:
    """The form's fields of a service."""
    fields = {name: str(getattr(service, name)) for name in _TEXTS}
    fields |= {name: major(getattr(service, f"{name}_minor"), service.currency) for name in _AMOUNTS}
    fields |= {name: "on" for name in ("saturday", "enabled") if getattr(service, name)}
    return fields | {"cut_off": f"{service.cut_off:%H:%M}", "transit": _lines(rows)}


def _lines(rows: Sequence[TransitDays]) -> str:
    return "\n".join(" ".join(filter(None, (row.country, row.postcode_prefix, str(row.days)))) for row in rows)


def _sample(fields: Mapping[str, str]) -> tuple[str, str] | None:
    country, postcode = fields.get("to_country", "").upper(), fields.get("to_postcode", "")
    return (country, postcode[:20]) if re.fullmatch("[A-Z]{2}", country) else None


async def promised(tx: Tx, to: tuple[str, str] | None, now: datetime, *, only: str | None = None) -> Sequence[Dated]:
    """What an order placed now would be promised, from each location that is in use, by each service or only one.

    `to` is country and postcode; None: where the first location is.
    """
    planner = await delivery.planner(tx)
    sources = sorted(
        (one for one in (await inventory.locations(tx)).values() if one.enabled),
        key=lambda one: (one.priority, one.code),
    )
    found = []
    for place in sources[:12]:
        for service in planner.services.values():
            if service.enabled and only in (None, service.service):
                dated = planner.promise(
                    service.service,
                    origin=place,
                    ready_from=now,
                    destination=to or (sources[0].country, sources[0].postcode),
                    work_days=0,
                )
                by = dated.promised_by.astimezone(ZoneInfo(place.timezone)) if dated else None
                found.append(Dated(location=place.code, service=service.service, title=service.title, promised_by=by))
    return found


def _together(dated: Sequence[Dated]) -> list[tuple[str, datetime | None, list[str]]]:
    """(service's title, promised by, locations that can) in the order of the services, the soonest first."""
    found: dict[tuple[str, datetime | None], list[str]] = {}
    titles = {one.service: one.title for one in dated}
    for one in dated:
        found.setdefault((one.service, one.promised_by), []).append(one.location)
    order = list(titles)
    keys = sorted(found, key=lambda key: (order.index(key[0]), key[1] is None, str(key[1])))
    return [(titles[service], by, found[service, by]) for service, by in keys]


async def _put_work_times(staff: Staff, fields: Mapping[str, str]) -> None:
    async with staff.brand.reading() as tx:
        currency = await _currency(tx)
    rows = []
    for work in ("personalize", "gift_wrap"):
        if f"{work}-days" in fields:
            try:
                days = typed(WorkTime, {"work": work, "days": fields[f"{work}-days"], "fee_minor": 0}).days
            except Invalid:
                raise Invalid([Fault(f"/{work}-days", "A whole number from 0 to 60.")]) from None
            fee = minor(fields.get(f"{work}-fee", ""), currency, field=f"{work}-fee")
            rows.append(msgspec.convert({"work": work, "days": days, "fee_minor": fee}, WorkTime))
    if not rows:
        raise Invalid([Fault("/form", "There is nothing in this form.")])

    async def deed(tx: Tx, now: datetime) -> Noted:
        before = {work: plain(row) for work, row in (await delivery.work_times(tx)).items()}
        await delivery.put_work_times(tx, rows)
        return Noted({"before": before, "after": {row.work: plain(row) for row in rows}})

    detail = [plain(row) for row in rows]
    await act(staff, fields, deed, action="services.work_times", subject="work times", detail=detail)


async def _currency(tx: Tx) -> str:
    """The currency that fees are shown in: that of the first service."""
    return next((one.currency for one in (await delivery.services(tx)).values()), "GBP")


async def _list(
    staff: Staff,
    query: Mapping[str, str],
    *,
    fields: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    said: str = "",
) -> Response[bytes]:
    sample = _sample(query)
    now = await staff.brand.now()
    async with staff.brand.reading() as tx:
        services = await delivery.services(tx)
        rows = (await delivery.transit_table(tx)).rows
        currency = await _currency(tx)
        times = await delivery.work_times(tx)
        dated = await promised(tx, sample, now)
    kept = {f"{work}-days": str(row.days) for work, row in times.items()}
    kept |= {f"{work}-fee": major(row.fee_minor, currency) for work, row in times.items()}
    facts: dict[str, Any] = {
        "services": list(services.values()),
        "countries_of": {code: sorted({row.country for row in rows if row.service == code}) for code in services},
        "major": major,
        "dated": _together(dated),
        "sample": {"to_country": sample[0], "to_postcode": sample[1]} if sample else {},
        "works": ("personalize", "gift_wrap"),
        "currency": currency,
        "fields": fields or kept,
        "faults": faults or {},
        "said": said,
    }
    return await show(staff, "console/settings/services.html", at="settings", status=status, **facts)


async def _page(
    staff: Staff,
    service: str,
    fields: Mapping[str, str],
    *,
    after: Sequence[Dated] | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    said: str = "",
) -> Response[bytes]:
    now = await staff.brand.now()
    async with staff.brand.reading() as tx:
        before = await promised(tx, _sample(fields), now, only=service) if service else []
    carriers = {one.code for one in app_state().settings.carriers}
    facts: dict[str, Any] = {
        "service": service,
        "fields": fields,
        "faults": faults or {},
        "before": {one.location: one.promised_by for one in before},
        "after": None if after is None else {one.location: one.promised_by for one in after},
        "currencies": currency_choices(fields.get("currency", "")),
        "carriers": [(one, one) for one in sorted(carriers | {fields.get("carrier", "sandbox")})],
        "said": said,
    }
    return await show(staff, "console/settings/service.html", at="settings", status=status, **facts)


HANDLERS = (list_services, change_work_times, show_new_service, add_service, show_service, change_service)
