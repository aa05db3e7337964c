"""Settings, channels: storefronts and marketplaces, and on which terms they sell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Response, get, post

from doorstep import orders
from doorstep.db import Tx
from doorstep.kit.errors import Fault, Invalid, NotFound
from doorstep.orders import ChannelData
from doorstep.web.console.acting import Noted, act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.forms import currency_choices, difference, typed
from doorstep.web.console.frame import faults_by_field, show
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see

_AT: Final = "/console/settings/channels"
_FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(ChannelData))


@get(_AT, **needs("settings"))
async def list_channels(request: Asked, staff: Staff) -> Response[bytes]:
    """All channels."""
    async with staff.brand.reading() as tx:
        found = await orders.channels(tx)
    said = request.query_params.get("said", "")
    return await show(staff, "console/settings/channels.html", at="settings", channels=found, said=said)


@get(f"{_AT}/new", **needs("settings"))
async def show_new_channel(staff: Staff) -> Response[bytes]:
    """Where a channel is added."""
    return await _page(staff, "", {"on_short": "refuse", "risk_limit": "75", "priority": "100"})


@post(f"{_AT}/new", status_code=200, **needs("settings"))
async def add_channel(request: Asked, staff: Staff) -> Response[bytes]:
    """Add a channel."""
    fields = await form(request)
    try:
        await put(staff, fields, new=True)
    except Invalid as refused:
        return await _page(staff, "", fields, faults=faults_by_field(refused), status=422)
    return see(f"{_AT}?said=added")


@get(_AT + "/{channel:str}", **needs("settings"))
async def show_channel(request: Asked, staff: Staff, channel: str) -> Response[bytes]:
    """A channel."""
    async with staff.brand.reading() as tx:
        found = {one.channel: one for one in await orders.channels(tx)}
    if channel not in found:
        raise NotFound("There is no such channel.")
    fields = {name: str(getattr(found[channel], name)) for name in _FIELDS}
    return await _page(staff, channel, fields, said=request.query_params.get("said", ""))


@post(_AT + "/{channel:str}", status_code=200, **needs("settings"))
async def change_channel(request: Asked, staff: Staff, channel: str) -> Response[bytes]:
    """Change a channel; its name stays."""
    fields = {**await form(request), "channel": channel}
    try:
        await put(staff, fields, new=False)
    except Invalid as refused:
        return await _page(staff, channel, fields, faults=faults_by_field(refused), status=422)
    return see(f"{_AT}/{channel}?said=saved")


async def put(staff: Staff, fields: Mapping[str, str], *, new: bool) -> ChannelData:
    """Add or change the channel that a form describes. Raises Invalid by field, NotFound for one that is not there."""
    wanted = typed(ChannelData, {name: value for name, value in fields.items() if value and name in _FIELDS})
    action = "channels.add" if new else "channels.change"

    async def deed(tx: Tx, now: datetime) -> Noted:
        before = {one.channel: one for one in await orders.channels(tx)}.get(wanted.channel)
        if new and before:
            raise Invalid([Fault("/channel", "There is a channel of this name.")])
        if not new and not before:
            raise NotFound("There is no such channel.")
        await orders.put_channels(tx, [wanted])
        return Noted(difference(before, wanted))

    await act(staff, fields, deed, action=action, subject=wanted.channel, detail=msgspec.to_builtins(wanted))
    return wanted


async def _page(
    staff: Staff,
    channel: str,
    fields: Mapping[str, str],
    *,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    said: str = "",
) -> Response[bytes]:
    facts: dict[str, Any] = {
        "channel": channel,
        "fields": fields,
        "faults": faults or {},
        "currencies": currency_choices(fields.get("currency", "")),
        "said": said,
    }
    return await show(staff, "console/settings/channel.html", at="settings", status=status, **facts)


HANDLERS = (list_channels, show_new_channel, add_channel, show_channel, change_channel)
