"""Changes of stock by hand: what a form wishes, what is wrong with it, and the verb that does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from doorstep import inventory, orders
from doorstep.db import Tx
from doorstep.inventory import Change, Displaced, Limits, Location, Reason, State
from doorstep.kit.errors import Conflict, Fault, Invalid, NotFound
from doorstep.web.console.scope import place_named
from doorstep.web.console.staff import Staff
from doorstep.web.console.stock import reads
from doorstep.web.console.stock.reads import SQL
from doorstep.web.pages import whole

Deed = Literal["count", "receive", "adjust", "sort", "transfer", "limits", "undo"]
DEEDS: Final[tuple[Deed, ...]] = get_args(Deed)
STATES: Final[tuple[State, ...]] = get_args(State)
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
_UNITS_MOST: Final = 1_000_000
_TEXT_MOST: Final = 100


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is well-formed. `units` counted, received or moved; of an adjustment, more or less than nothing."""

    deed: Deed
    place: Location
    units: int
    reason: str = ""
    reference: str = ""
    to: Location | None = None
    source: State = "sellable"
    target: State = "damaged"
    movement_id: int = 0
    counted_at: datetime | None = None
    oversell: int = 0  # of limits; `units` are the safety stock

    @property
    def places(self) -> list[Location]:
        """Where something changes."""
        return [self.place, *([self.to] if self.to else [])]


async def wish_of(tx: Tx, staff: Staff, sku_id: int, fields: Mapping[str, str]) -> Wish:
    """What the form wishes. Raises Invalid naming every field that is wrong, NotFound or Forbidden for a location."""
    deed = next((one for one in DEEDS if one == fields.get("deed")), None)
    if deed is None:
        raise NotFound("There is no such change.")
    if deed == "undo":
        return await _undo(tx, staff, sku_id, fields)
    place = await place_named(tx, staff, fields.get("location", ""))
    faults: list[Fault] = []
    wish: dict[str, Any] = {"deed": deed, "place": place, "units": _units(deed, fields.get("units", ""), faults)}
    if deed == "receive":
        wish["reference"] = _text("reference", fields, faults)
    elif deed == "count":
        wish["counted_at"] = _time(fields.get("counted_at", ""), place, faults)
    elif deed == "adjust":
        wish["reason"] = _reason(fields, faults)
    elif deed == "limits":
        wish["oversell"] = whole(fields.get("oversell", ""), _UNITS_MOST)
        if wish["oversell"] is None:
            faults.append(Fault("/oversell", f"A whole number up to {_UNITS_MOST}."))
    elif deed == "sort":
        wish |= _sorting(fields, faults)
    elif deed == "transfer":
        wish["to"] = await place_named(tx, staff, fields.get("to", ""))
        if wish["to"] == place:
            faults.append(Fault("/to", "Another location than this one."))
    if faults:
        raise Invalid(faults)
    return Wish(**wish)


def _units(deed: Deed, text: str, faults: list[Fault]) -> int:
    digits = text[1:] if deed == "adjust" and text[:1] in ("-", "+") else text
    units = whole(digits, _UNITS_MOST, least=0 if deed in ("count", "limits") else 1)
    if units is None:
        faults.append(Fault("/units", f"A whole number up to {_UNITS_MOST}."))
        return 0
    return -units if text.startswith("-") else units


def _time(text: str, place: Location, faults: list[Fault]) -> datetime | None:
    """A time of day as a browser writes it, of the location's zone; None when it is left out."""
    if not text:
        return None
    try:
        return datetime.strptime(text[:16], "%Y-%m-%dT%H:%M").replace(tzinfo=ZoneInfo(place.timezone))
    except ValueError:
        faults.append(Fault("/counted_at", "A day and a time."))
        return None


def _reason(fields: Mapping[str, str], faults: list[Fault]) -> str:
    """Why, as the movement keeps it: one of the reasons, and a note in their own words."""
    reason, note = fields.get("reason", ""), fields.get("note", "").strip()
    if reason not in REASONS or (reason == "other" and not note):
        faults.append(Fault("/reason", "One of the reasons, or another in your own words."))
    if note and not (len(note) <= _TEXT_MOST and note.isprintable()):
        faults.append(Fault("/note", f"Up to {_TEXT_MOST} printable characters."))
    return f"{reason}: {note}" if note else reason


def _text(name: str, fields: Mapping[str, str], faults: list[Fault]) -> str:
    text = fields.get(name, "")
    if not 1 <= len(text) <= _TEXT_MOST or not text.isprintable():
        faults.append(Fault(f"/{name}", f"1 to {_TEXT_MOST} printable characters."))
    return text


def _sorting(fields: Mapping[str, str], faults: list[Fault]) -> dict[str, State]:
    source = next((one for one in STATES if one == fields.get("source") and one != "nowhere"), None)
    target = next((one for one in STATES if one == fields.get("target")), None)
    if source is None or target is None or source == target:
        faults.append(Fault("/target", "From one state into another."))
        return {}
    return {"source": source, "target": target}


async def _undo(tx: Tx, staff: Staff, sku_id: int, fields: Mapping[str, str]) -> Wish:
    movement_id = whole(fields.get("movement", ""), 2**63 - 1)
    row = None if movement_id is None else await tx.fetchrow(SQL.movement, movement_id)
    if row is None or row["sku_id"] != sku_id:
        raise NotFound("There is no such movement.")
    staff.require_at(row["location_id"])
    place = (await inventory.locations(tx))[row["location_id"]]
    if not reads.undoable(row):
        raise Conflict("Only what a person adjusted can be taken back. Count the shelf instead.")
    return Wish(deed="undo", place=place, units=0, movement_id=row["movement_id"])


async def do(tx: Tx, wish: Wish, *, sku_id: int, reference: str, actor: str, now: datetime) -> Sequence[Displaced]:
    """Do it; who had to give way. `reference` is new for each form. Raises Conflict when it does not fit the stock, and
    Invalid for a count at a time to come.
    """
    claimants = orders.Claimants()
    at = wish.place.location_id
    if wish.deed == "count":
        counted = {(sku_id, at): wish.units}
        await inventory.count(
            tx,
            reference=reference,
            counted=counted,
            counted_at=wish.counted_at,
            claimants=claimants,
            actor=actor,
            now=now,
        )
    elif wish.deed == "limits":
        limits = Limits(safety_stock=wish.units, oversell_limit=wish.oversell)
        await inventory.set_limits(tx, limits={(sku_id, at): limits}, claimants=claimants, actor=actor, now=now)
    elif wish.deed == "receive":
        units = {sku_id: wish.units}
        if not await inventory.receive(tx, reference=wish.reference, location_id=at, units=units, actor=actor, now=now):
            raise Conflict("This delivery note was booked here before, with as many. It counts once.")
    else:
        changes, kind = await _changes(tx, wish, sku_id)
        await inventory.adjust(
            tx,
            changes=changes,
            kind="transferred" if kind == "transferred" else "adjusted",
            reason=_why(wish),
            reference=reads.undo_reference(wish.movement_id) if wish.deed == "undo" else reference,
            claimants=claimants,
            actor=actor,
            now=now,
        )
    return claimants.moved


async def _changes(tx: Tx, wish: Wish, sku_id: int) -> tuple[list[Change], str]:
    at = wish.place.location_id
    if wish.deed == "adjust":
        return [Change(sku_id=sku_id, location_id=at, on_hand=wish.units)], "adjusted"
    if wish.deed == "transfer":
        assert wish.to is not None
        gone = Change(sku_id=sku_id, location_id=at, on_hand=-wish.units)
        come = Change(sku_id=sku_id, location_id=wish.to.location_id, on_hand=wish.units)
        return [gone, come], "transferred"
    if wish.deed == "sort":
        held = {state: wish.units * ((wish.target == state) - (wish.source == state)) for state in STATES}
        return [
            Change(
                sku_id=sku_id,
                location_id=at,
                on_hand=-held["nowhere"],
                damaged=held["damaged"],
                quality_control=held["quality_control"],
            )
        ], "adjusted"
    row = await tx.fetchrow(SQL.movement, wish.movement_id)
    assert row is not None
    if await tx.fetch(SQL.undone, sku_id, [at], [reads.undo_reference(wish.movement_id)]):
        raise Conflict("It was taken back before.")
    return [
        Change(
            sku_id=sku_id,
            location_id=at,
            on_hand=-row["on_hand_delta"],
            damaged=-row["damaged_delta"],
            quality_control=-row["quality_control_delta"],
        )
    ], "adjusted"


def _why(wish: Wish) -> str:
    """The movement's reason, as the book keeps it."""
    if wish.deed == "transfer":
        assert wish.to is not None
        return f"{wish.place.code} to {wish.to.code}"
    if wish.deed == "sort":
        return f"{wish.source} to {wish.target}".replace("_", " ")
    return "undone" if wish.deed == "undo" else wish.reason


def said_of(wish: Wish) -> dict[str, object]:
    """The wish for the audit log."""
    return {
        "location": wish.place.code,
        "units": wish.units,
        **{name: text for name in ("reason", "reference") if (text := getattr(wish, name))},
        **({"to": wish.to.code} if wish.to else {}),
        **({"from": wish.source, "into": wish.target} if wish.deed == "sort" else {}),
        **({"movement": wish.movement_id} if wish.deed == "undo" else {}),
        **({"oversell": wish.oversell} if wish.deed == "limits" else {}),
        **({"counted_at": wish.counted_at.isoformat()} if wish.counted_at else {}),
    }
