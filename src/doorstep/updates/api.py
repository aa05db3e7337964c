"""Preferences of an order's customer, and what they were told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from typing import Literal

import msgspec
from litestar import get, put

from doorstep.db import Brand, Tx
from doorstep.kit.ids import parse, show
from doorstep.orders import Preferences
from doorstep.updates.model import Channel, Kind, Status
from doorstep.updates.preferences import preferences, put_preferences
from doorstep.updates.reads import Update, history


class PreferencesView(msgspec.Struct, frozen=True, kw_only=True):
    """How a customer wants to be told. No `events`: all kinds of message. Quiet hours are local to `timezone`."""

    channel: Literal["email", "sms", "both", "none"]
    events: Sequence[str]
    only_if_late: bool
    quiet_from: time | None
    quiet_until: time | None
    timezone: str
    locale: str | None


class UpdateView(msgspec.Struct, frozen=True, kw_only=True):
    """One message to the customer; `suppressed_because` says why it was left unsaid."""

    update_id: str
    kind: Kind
    channel: Channel
    locale: str
    bad_news: bool
    status: Status
    suppressed_because: str | None
    wanted_at: datetime
    sent_at: datetime | None


class Updates(msgspec.Struct, frozen=True, kw_only=True):
    """Everything said or left unsaid about an order, oldest first."""

    items: Sequence[UpdateView]


@get("/v1/orders/{order_id:str}/preferences", tags=["updates"], summary="How the customer wants to be told")
async def get_preferences(order_id: str, brand: Brand) -> PreferencesView:
    """The customer's preferences for this order, or the defaults. 404 when there is no such order."""
    async with brand.reading() as connection:
        return shown(await preferences(connection, parse("ord", order_id)))


@put("/v1/orders/{order_id:str}/preferences", tags=["updates"], summary="Replace how the customer wants to be told")
async def replace_preferences(order_id: str, brand: Brand, data: Preferences) -> PreferencesView:
    """Holds for everything said from now on. 404 when there is no such order, 422 naming every fault."""
    key = parse("ord", order_id)

    async def act(tx: Tx) -> PreferencesView:
        await put_preferences(tx, order_id=key, preferences=data)
        return shown(await preferences(tx, key))

    return await brand.run(act)


@get("/v1/orders/{order_id:str}/updates", tags=["updates"], summary="What the customer was told")
async def list_updates(order_id: str, brand: Brand) -> Updates:
    """Every message, oldest first; also those left unsaid, with the reason. 404 when there is no such order."""
    key = parse("ord", order_id)
    async with brand.reading() as connection:
        await preferences(connection, key)  # raises NotFound
        return Updates(items=tuple(view(update) for update in await history(connection, key)))


def shown(preferences: Preferences) -> PreferencesView:
    """Preferences as the API shows them, defaults included."""
    return PreferencesView(**{field: getattr(preferences, field) for field in PreferencesView.__struct_fields__})


def view(update: Update) -> UpdateView:
    """An update as the API shows it."""
    facts = {field: getattr(update, field) for field in update.__struct_fields__ if field != "update_id"}
    return UpdateView(update_id=show("upd", update.update_id), **facts)


HANDLERS = (get_preferences, replace_preferences, list_updates)
