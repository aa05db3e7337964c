"""On whose terms we speak: read and replace."""

from __future__ import annotations

from typing import get_args
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from doorstep.db import Tx
from doorstep.kit.errors import Fault, Invalid, NotFound
from doorstep.kit.ids import show
from doorstep.orders import Preferences
from doorstep.updates import store
from doorstep.updates.model import Kind


async def put_preferences(tx: Tx, *, order_id: UUID, preferences: Preferences) -> None:
    """Replace an order's preferences. What waits to be said keeps the terms it was planned on.

    Raises NotFound without such an order, Invalid naming all faults.
    """
    who = (await store.whom(tx, [order_id])).get(order_id)
    if who is None:
        raise NotFound(f"There is no order {show('ord', order_id)}.")
    found = faults(preferences, has_phone=who.terms.has_phone)
    if found:
        raise Invalid(found)
    await store.put_preferences(
        tx,
        order_id,
        channel=preferences.channel,
        events=preferences.events,
        only_if_late=preferences.only_if_late,
        quiet=(preferences.quiet_from, preferences.quiet_until),
        timezone=preferences.timezone,
        locale=preferences.locale,
    )


async def preferences(tx: Tx, order_id: UUID) -> Preferences:
    """An order's preferences, the defaults when none were given. Raises NotFound without such an order."""
    if order_id not in await store.whom(tx, [order_id]):
        raise NotFound(f"There is no order {show('ord', order_id)}.")
    row = await tx.fetchrow(store.SQL.preferences, order_id)
    return Preferences(**{**row, "events": tuple(row["events"])}) if row else Preferences()


def faults(preferences: Preferences, *, has_phone: bool) -> list[Fault]:
    """Everything wrong with preferences, for someone with or without a phone."""
    found = []
    kinds = get_args(Kind)
    for kind in sorted(set(preferences.events) - set(kinds)):
        found.append(Fault("/events", f"There is no message of kind {kind!r}; there are {', '.join(kinds)}."))
    if (preferences.quiet_from is None) != (preferences.quiet_until is None):
        found.append(Fault("/quiet_from", "Quiet hours need both quiet_from and quiet_until."))
    elif preferences.quiet_from is not None and preferences.quiet_from == preferences.quiet_until:
        found.append(Fault("/quiet_until", "Quiet hours must end at another time than they begin."))
    try:
        ZoneInfo(preferences.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        found.append(Fault("/timezone", f"There is no time zone {preferences.timezone!r}; one is Europe/London."))
    if preferences.channel in ("sms", "both") and not has_phone:
        found.append(Fault("/channel", "Text messages need the customer's phone number."))
    return found
