"""Setting back: a change of the settings undone from its entry in the audit log, if nobody changed it since."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Response, get, post

from doorstep import inventory, orders, updates
from doorstep.db import Tx
from doorstep.delivery import Service
from doorstep.inventory import PutLocation
from doorstep.kit.errors import Conflict, NotFound
from doorstep.kit.ids import parse
from doorstep.orders import ChannelData
from doorstep.updates import Wording
from doorstep.web import look
from doorstep.web.console.acting import Noted, act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.forms import plain
from doorstep.web.console.frame import show
from doorstep.web.console.settings import locations, services
from doorstep.web.console.settings.index import SQL
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see

_AT: Final = "/console/audit-log/{entry_id:str}/set-back"
Known = dict[str, Any]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry changed: the fields before and after."""

    action: str
    subject: str
    before: Known
    after: Known


async def _location(tx: Tx, code: str) -> Known:
    found = {one.code: one for one in (await inventory.locations(tx)).values()}
    return plain(locations.as_put(found[code])) if code in found else {}


async def _put_location(tx: Tx, code: str, wanted: Known) -> None:
    await inventory.put_locations(tx, [msgspec.convert(wanted, PutLocation)])


async def _service(tx: Tx, code: str) -> Known:
    found, rows = await services.read(tx, code)
    return services.described(found, rows) if found else {}


async def _put_service(tx: Tx, code: str, wanted: Known) -> None:
    rows = services.transit_rows(code, wanted.pop("transit"))
    await services.write(tx, msgspec.convert(wanted, Service), rows, new=False)


async def _channel(tx: Tx, name: str) -> Known:
    found = {one.channel: one for one in await orders.channels(tx)}
    return plain(found[name]) if name in found else {}


async def _put_channel(tx: Tx, name: str, wanted: Known) -> None:
    await orders.put_channels(tx, [msgspec.convert(wanted, ChannelData)])


async def _message(tx: Tx, subject: str) -> Known:
    kind, language = _named(subject)
    found = {(one.kind, one.language): one for one in await updates.wordings(tx)}
    return plain(found.get((kind, language)) or Wording(kind=kind, language=language))


async def _put_message(tx: Tx, subject: str, wanted: Known) -> None:
    kind, language = _named(subject)
    await updates.put_wording(tx, msgspec.convert(wanted | {"kind": kind, "language": language}, Wording))


def _named(subject: str) -> tuple[str, str]:
    """Kind and language of what the log calls `placed (en)`."""
    kind, _, language = subject.rstrip(")").partition(" (")
    return kind, language


async def _branding(tx: Tx, subject: str) -> Known:
    return {"title": await tx.fetchval(SQL.title), "accent": await look.accent(tx)}


async def _put_branding(tx: Tx, subject: str, wanted: Known) -> None:
    await tx.execute(SQL.rename_brand, wanted["title"])
    await tx.execute(look.SQL.put_accent, wanted["accent"])


Read = Callable[[Tx, str], Awaitable[Known]]
Write = Callable[[Tx, str, Known], Awaitable[None]]
_CHANGES: Final[Mapping[str, tuple[Read, Write]]] = {
    "locations.change": (_location, _put_location),
    "locations.disable": (_location, _put_location),
    "locations.enable": (_location, _put_location),
    "services.change": (_service, _put_service),
    "channels.change": (_channel, _put_channel),
    "messages.change": (_message, _put_message),
    "messages.reset": (_message, _put_message),
    "branding.title": (_branding, _put_branding),
    "branding.accent": (_branding, _put_branding),
}
CAN: Final = frozenset(_CHANGES)
"""The actions whose entries can be set back."""


@get(_AT, **needs("settings"))
async def ask_set_back(staff: Staff, entry_id: str) -> Response[bytes]:
    """What would be as it was."""
    entry = await _entry(staff, entry_id)
    async with staff.brand.reading() as tx:
        known = await _CHANGES[entry.action][0](tx, entry.subject)
    changes = [(name, known.get(name), entry.before.get(name)) for name in {**entry.before, **entry.after}]
    return await show(
        staff,
        "console/settings/set_back.html",
        at="audit_log",
        entry=entry,
        entry_id=entry_id,
        changes=changes,
        moved=_moved(entry, known),
    )


@post(_AT, status_code=200, **needs("settings"))
async def set_back(request: Asked, staff: Staff, entry_id: str) -> Response[bytes]:
    """Make it as it was, if it is still as the change left it."""
    fields, entry = await form(request), await _entry(staff, entry_id)
    read, write = _CHANGES[entry.action]

    async def deed(tx: Tx, now: datetime) -> Noted:
        known = await read(tx, entry.subject)
        if _moved(entry, known):
            raise Conflict("It was changed again since, so it cannot simply be set back.")
        await write(tx, entry.subject, known | {name: entry.before.get(name) for name in entry.after} | entry.before)
        return Noted({"before": entry.after, "after": entry.before, "entry": entry_id})

    await act(staff, fields, deed, action=entry.action, subject=entry.subject, detail={"set_back": entry_id})
    return see("/console/audit-log")


def _moved(entry: Entry, known: Known) -> bool:
    """Whether it is no longer as the change left it."""
    return any(known.get(name) != value for name, value in entry.after.items())


async def _entry(staff: Staff, entry_id: str) -> Entry:
    async with staff.brand.reading() as tx:
        row = await tx.fetchrow(SQL.audit_entry, parse("aud", entry_id))
    detail = row["detail"] if row and isinstance(row["detail"], dict) else {}
    before, after = detail.get("before"), detail.get("after")
    if row is None or row["action"] not in CAN or not isinstance(before, dict) or not isinstance(after, dict):
        raise NotFound("There is no change here that can be set back.")
    return Entry(action=row["action"], subject=row["subject"], before=before, after=after)


HANDLERS = (ask_set_back, set_back)
