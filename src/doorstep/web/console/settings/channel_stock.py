"""Settings, channels: what a channel sells of the stock, and how it shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Response, get, post

from doorstep import inventory
from doorstep.db import Tx
from doorstep.inventory import ChannelStockData
from doorstep.kit.errors import Fault, Invalid
from doorstep.web.console.acting import Noted, act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.forms import difference, typed
from doorstep.web.console.frame import faults_by_field, show
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see

_AT: Final = "/console/settings/channels/{channel:str}/stock"
_NUMBERS: Final = ("buffer_units", "buffer_percent", "show_at_most")
_AT_LOCATION: Final = "at-"


@get(_AT, **needs("settings"))
async def show_channel_stock(request: Asked, staff: Staff, channel: str) -> Response[bytes]:
    """What the channel sells."""
    async with staff.brand.reading() as tx:
        found = await inventory.read_channel_stock(tx, channel)
    return await _page(staff, channel, _to_form(found), said=request.query_params.get("said", ""))


@post(_AT, status_code=200, **needs("settings"))
async def change_channel_stock(request: Asked, staff: Staff, channel: str) -> Response[bytes]:
    """Change what it sells; what is claimed stays."""
    fields = await form(request)
    try:
        wanted = _of_form(fields)

        async def deed(tx: Tx, now: datetime) -> Noted:
            before = await inventory.read_channel_stock(tx, channel)
            await inventory.put_channel_stock(tx, channel, wanted)
            return Noted(difference(before, wanted))

        await act(staff, fields, deed, action="channels.stock", subject=channel, detail=msgspec.to_builtins(wanted))
    except Invalid as refused:
        return await _page(staff, channel, fields, faults=faults_by_field(refused), status=422)
    return see(f"/console/settings/channels/{channel}/stock?said=saved")


def _of_form(fields: Mapping[str, str]) -> ChannelStockData:
    """What a form describes: no location ticked are all. Raises Invalid by field."""
    values: dict[str, object] = {name: fields[name] for name in _NUMBERS if fields.get(name)}
    places = [name.removeprefix(_AT_LOCATION) for name in fields if name.startswith(_AT_LOCATION) and fields[name]]
    bands = fields.get("bands", "").strip()
    if bands and not re.fullmatch(r"[0-9]{1,7}([ ,;]+[0-9]{1,7})*", bands):
        raise Invalid([Fault("/bands", "Whole numbers that go up, such as 5, 20.")])
    values |= {"locations": places or None, "bands": [int(one) for one in re.findall("[0-9]+", bands)]}
    return typed(ChannelStockData, values)


def _to_form(found: ChannelStockData) -> dict[str, str]:
    fields = {name: str(value) for name in _NUMBERS if (value := getattr(found, name)) is not None}
    fields["bands"] = ", ".join(str(one) for one in found.bands)
    return fields | {f"{_AT_LOCATION}{code}": "on" for code in found.locations or ()}


async def _page(
    staff: Staff,
    channel: str,
    fields: Mapping[str, str],
    *,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    said: str = "",
) -> Response[bytes]:
    async with staff.brand.reading() as tx:
        places = (await inventory.locations(tx)).values()
    facts: dict[str, Any] = {
        "channel": channel,
        "locations": sorted(places, key=lambda one: (not one.enabled, one.priority, one.code)),
        "fields": fields,
        "faults": faults or {},
        "said": said,
    }
    return await show(staff, "console/settings/channel_stock.html", at="settings", status=status, **facts)


HANDLERS = (show_channel_stock, change_channel_stock)
