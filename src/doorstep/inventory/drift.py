"""Drift: where a counter, the open claims and the ledger do not say the same; and how they are brought together again.

It must not happen, and the database's own rules leave few ways for it: a table restored without the others, a hand in
the database, a mistake of ours. Then it must be seen, and mended by a movement that says what was done.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from doorstep.db import Tx
from doorstep.inventory.claim import SQL, Key, lock_stock

# Whom to believe of on_hand, damaged and quality_control. Of `reserved` the open claims are always believed.
Trust = Literal["ledger", "counter"]
_STATES = ("on_hand", "damaged", "quality_control")


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A stock row whose counters, claims and ledger differ, in units. `open` is what orders and carts hold."""

    sku_id: int
    sku: str
    location_id: int
    location: str
    on_hand: int
    damaged: int
    quality_control: int
    reserved: int
    open: int
    ledger_on_hand: int
    ledger_damaged: int
    ledger_quality_control: int
    ledger_reserved: int
    oversell_limit: int

    @property
    def units(self) -> int:
        """How many units the parts are off, added up."""
        off: int = sum(abs(getattr(self, state) - getattr(self, f"ledger_{state}")) for state in _STATES)
        return off + max(abs(self.reserved - self.open), abs(self.open - self.ledger_reserved))

    @property
    def counter(self) -> bool:
        """Whether a counter is off; else a movement is missing from the ledger."""
        same = all(getattr(self, state) == getattr(self, f"ledger_{state}") for state in _STATES)
        return not same or self.reserved != self.open


async def drift(
    tx: Tx, *, location_ids: Collection[int] | None = None, sku_ids: Collection[int] | None = None, limit: int
) -> list[Drift]:
    """Stock rows that do not add up, by (sku_id, location_id); None looks everywhere. Reads every movement there."""
    places = None if location_ids is None else sorted(location_ids)
    rows = await tx.fetch(SQL.drift, places, None if sku_ids is None else sorted(sku_ids), limit)
    return [Drift(**{field: row[field] for field in Drift.__struct_fields__}) for row in rows]


async def mend(
    tx: Tx, *, keys: Collection[Key], trust: Trust, reference: str, actor: str, now: datetime
) -> tuple[Sequence[Drift], Sequence[Drift]]:
    """Bring counters, claims and ledger of these keys together by a movement each; what was mended, and what cannot be.

    What is believed may be less than what is claimed: then only a count helps. Locks the stock of the keys. Keys that
    add up are left alone, so that the same again changes nothing.
    """
    await lock_stock(tx, keys=keys)
    found = await drift(
        tx, location_ids={key[1] for key in keys}, sku_ids={key[0] for key in keys}, limit=len(keys) ** 2 + 1
    )
    mine = [one for one in found if (one.sku_id, one.location_id) in keys]
    rows = [(one, _targets(one, trust)) for one in mine]
    good = [(one, to) for one, to in rows if _holds(one, to)]
    if good:
        columns: list[list[Any]] = [
            [one.sku_id for one, _ in good],
            [one.location_id for one, _ in good],
            *([to[state] for _, to in good] for state in (*_STATES, "reserved")),
            *([to[state] - getattr(one, f"ledger_{state}") for one, to in good] for state in (*_STATES, "reserved")),
            [_reason(one, to) for one, to in good],
        ]
        await tx.execute(SQL.mend, *columns, reference, actor, now)
    return [one for one, _ in good], [one for one, to in rows if not _holds(one, to)]


def _targets(one: Drift, trust: Trust) -> dict[str, int]:
    prefix = "ledger_" if trust == "ledger" else ""
    return {**{state: getattr(one, f"{prefix}{state}") for state in _STATES}, "reserved": one.open}


def _holds(one: Drift, to: dict[str, int]) -> bool:
    free = to["on_hand"] - to["damaged"] - to["quality_control"] + one.oversell_limit
    return min(to.values()) >= 0 and to["reserved"] <= free


def _reason(one: Drift, to: dict[str, int]) -> str:
    """What was changed in the counters, for the ledger's reader."""
    said = [
        f"{state} {getattr(one, state)} → {to[state]}"
        for state in (*_STATES, "reserved")
        if getattr(one, state) != to[state]
    ]
    return "counter corrected: " + ", ".join(said) if said else "a missing movement"
