"""An order as the staff reads it: where it stands, what is to be done next, what may be done. Pure; words are in the
templates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from doorstep import orders, shipping
from doorstep.kit.ids import show
from doorstep.web.console.orders.reading import Known
from doorstep.web.console.staff import Staff

_UNPICKED = ("shortfall", "backordered", "reserved", "activated")


def describe(known: Known) -> dict[str, Any]:
    """What the page of an order shows."""
    return {
        "known": known,
        "figures": known.figures,
        "order": known.view,
        "head": known.head,
        "state": state_of(known),
        "promised": promise_of(known),
        "first_promise": known.view.promised_by,
        "late": is_late(known),
        "todo": todo(known),
        "lines": [_line(known, line) for line in known.view.lines],
        "decisions": [_decision(known, one) for one in reversed(known.view.decisions)],
        "parcels": [_parcel(known, one, no) for no, one in enumerate(known.parcels, start=1)],
        "work": [_work(known, one) for one in known.work],
        "money": money_of(known),
        "returned": [_returned(known, one) for one in known.returned],
        "open_holds": [one for one in known.view.holds if one.released_at is None],
        "past_holds": [one for one in known.view.holds if one.released_at is not None],
    }


def state_of(known: Known) -> str:
    """Where the order is, in one word."""
    view = known.view
    if view.status == "canceled":
        return "canceled"
    if not any(_to_come(line) for line in known.lines.values()):
        return "returned" if view.fulfillment_status == "returned" else "delivered"
    if view.status == "on_hold":
        return "on_hold"
    if any(one.handed_over_at is not None and not one.ended for one in known.parcels):
        return "sent" if view.fulfillment_status == "shipped" else "partly_sent"
    if view.fulfillment_status == "backordered":
        return "waiting"
    return "preparing" if view.fulfillment_status == "in_progress" else "placed"


def _to_come(line: orders.LineRow) -> int:
    """Units the customer still waits for."""
    return line.ordered - line.canceled - line.delivered - line.return_requested - line.returned


def _latest(known: Known) -> dict[int, Any]:
    """The newest promise of each line."""
    return {one.line_no: one for one in sorted(known.view.promises, key=lambda one: one.version)}


def promise_of(known: Known) -> datetime | None:
    """By when the last of what is not canceled was or is promised; None when no one knows."""
    live = {line.line_no for line in known.lines.values() if line.ordered > line.canceled}
    latest = _latest(known)
    if not latest:
        return known.view.promised_by
    dates = [one.promised_by for line_no, one in latest.items() if line_no in live]
    return None if None in dates else max(dates, default=None)


def is_late(known: Known) -> bool:
    """Promised by now and not there, or announced to come late."""
    to_come = {line.line_no for line in known.lines.values() if _to_come(line)}
    due = [one.promised_by for line_no, one in _latest(known).items() if line_no in to_come and one.promised_by]
    if known.view.status == "canceled":
        return False
    return any(date < known.figures.now for date in due) or any(
        one.late_at is not None and not one.ended for one in known.parcels
    )


def todo(known: Known) -> list[dict[str, Any]]:
    """What somebody should do next, the most pressing first; `kind` names the sentence."""
    missing = any(line.shortfall + line.backordered for line in known.lines.values()) and not known.exceptions
    return [
        *(
            _item("exception", "bad", text=one["next_action"], due=one["due_at"], owner=one["owner"])
            for one in known.exceptions
        ),
        *_holding(known),
        *_working(known),
        *(_item("goods", "warn") for _ in range(missing)),
    ]


def _item(kind: str, tone: str, **facts: Any) -> dict[str, Any]:
    return {"kind": kind, "tone": tone, **facts}


def _holding(known: Known) -> Iterator[dict[str, Any]]:
    for hold in known.view.holds:
        if hold.released_at is None:
            yield _item("hold", "warn", reason=hold.reason, hold_id=hold.hold_id, note=hold.note)
    if known.view.awaiting_payment and known.view.status == "on_hold":
        declined = known.balance is not None and known.balance.declines > 0
        yield _item("declined", "warn") if declined else _item("payment", "plain")


def _working(known: Known) -> Iterator[dict[str, Any]]:
    """What the floor, the carrier and the customer do next."""
    now = known.figures.now
    for one in known.work:
        if one.live and not one.packed_at:
            tone = "warn" if one.pick_by < now else "plain"
            yield _item(f"work_{one.status_category}", tone, place=known.places[one.location_id].name, by=one.pick_by)
    for parcel in known.parcels:
        if parcel.handed_over_at is None:
            place = known.places[parcel.location_id].name
            yield _item("hand_over", "plain", place=place, number=parcel.tracking_number)
        elif not parcel.ended:
            carrier, by = parcel.carrier.title(), parcel.expected_by or parcel.promised_by
            tone = "warn" if parcel.late_at else "plain"
            yield _item("road", tone, carrier=carrier, status=parcel.status, by=by)
    for back in known.returned:
        if back.status in ("requested", "in_transit", "received"):
            place = known.places[back.location_id].name
            yield _item(f"return_{back.status}", "plain", number=back.number, by=back.expires_at, place=place)


def not_now(known: Known, staff: Staff) -> dict[str, str]:
    """For each act, why it cannot be done now; empty when it can."""
    over = known.view.status in ("completed", "canceled")
    rows = known.lines.values()
    left = (known.balance.captured_minor - known.balance.refunded_minor) if known.balance else 0
    started = any(line.picked or line.packed or line.kept or line.returned for line in rows)
    codes = [one.code for one in known.returnable]
    back = any(one.quantity for one in known.returnable)
    return {
        "hold": "over" if over else "",
        "cancel": "" if any(getattr(line, bucket) for line in rows for bucket in _UNPICKED) else "nothing_to_cancel",
        "address": "over" if over else "started" if started else "",
        "reroute": "" if any(line.reserved + line.activated for line in rows) else "nothing_to_move",
        "return": "" if back else (codes[0] if len(set(codes)) == 1 else "nothing_to_return"),
        "refund": "" if any(line.delivered for line in rows) and left > 0 else "nothing_delivered",
        "goodwill": "" if left > 0 else "nothing_paid",
    }


def _line(known: Known, line: Any) -> dict[str, Any]:
    claims = [(one.quantity, one.location) for one in known.view.claims if one.line_no == line.line_no]
    names = {place.code: place.name for place in known.places.values()}
    latest = [one for one in known.view.promises if one.line_no == line.line_no]
    return {
        "row": line,
        "claims": [(units, names[code]) for units, code in claims],
        "waits": [
            {
                "quantity": one.quantity,
                "reference": one.reference,
                "place": names.get(one.location or "", ""),
                "expected_at": one.expected_at,
                "ready_at": one.ready_at,
                "here": one.here,
            }
            for one in known.view.waits
            if one.line_no == line.line_no
        ],
        "services": line.services,
        "promised_by": max(latest, key=lambda one: one.version).promised_by if latest else known.view.promised_by,
        "units": sorted(line.units.items(), key=lambda item: orders.BUCKETS.index(item[0])),
    }


def _decision(known: Known, one: Any) -> dict[str, Any]:
    """A choice of locations: those that send something first, then the others by cost, then those that were out."""
    names = {place.code: place.name for place in known.places.values()}
    chosen = {part.location for part in one.parts}
    rest = [candidate for candidate in one.candidates if candidate.location not in chosen]
    costs = {candidate.location: candidate.cost_minor for candidate in one.candidates}
    return {
        "attempt": one.attempt,
        "cause": one.cause,
        "at": one.decided_at,
        "why": one.why,
        "short": sum(units for _, units in one.short),
        "chosen": [
            {"name": names[part.location], "cost_minor": costs.get(part.location), "by": part.promised_by,
             "hand_over_by": part.hand_over_by, "units": sum(units for _, units in part.lines)}
            for part in one.parts
        ],
        "later": [
            {"name": names[part.location], "by": part.promised_by, "ready_at": part.ready_at} for part in one.awaited
        ],
        "rest": [
            {"name": names[candidate.location], "cost_minor": candidate.cost_minor, "out": candidate.out}
            for candidate in sorted(rest, key=lambda c: (c.cost_minor is None, c.cost_minor or 0, c.location))
        ],
    }  # fmt: skip


def _goods(known: Known, lines: Sequence[Any]) -> list[tuple[int, str]]:
    return [(one.quantity, known.goods[one.line_no][1]) for one in lines]


def _parcel(known: Known, one: shipping.Shipment, no: int) -> dict[str, Any]:
    status: str = "lost" if one.lost_at else "came_back" if one.came_back_at else one.status
    if one.handed_over_at is None:
        status = "packed" if one.tracking_number else "label"
    return {
        "no": no,
        "status": status,
        "carrier": one.carrier.title(),
        "number": one.tracking_number,
        "place": known.places[one.location_id].name,
        "handed_over_at": one.handed_over_at,
        "delivered_at": one.delivered_at,
        "heard_at": one.last_heard_at,
        "promised_by": one.promised_by,
        "expected_by": one.expected_by if one.late_at else None,
        "goods": _goods(known, one.lines),
        "amount_minor": one.amount_minor,
    }


def _work(known: Known, one: Any) -> dict[str, Any]:
    return {
        "id": show("fo", one.fulfillment_order_id),
        "place": known.places[one.location_id].name,
        "category": one.status_category,
        "status": one.status,
        "pick_by": one.pick_by,
        "late": one.live and not one.packed_at and one.pick_by < known.figures.now,
        "lines": [
            {"title": known.goods[line.line_no][1], "wanted": line.quantity - line.withdrawn, "picked": line.picked,
             "packed": line.packed, "withdrawn": line.withdrawn}
            for line in one.lines
        ],
        "steps": [
            {"kind": step.kind, "status": step.status, "title": known.goods[step.line_no][1], "by": step.done_by,
             "at": step.done_at}
            for step in one.steps
        ],
    }  # fmt: skip


def money_of(known: Known) -> dict[str, int]:
    """What was agreed and what moved; `coming`: refunds asked for and not paid yet; `expected`: what open returns will
    give back when everything comes and is taken back.
    """
    view, balance = known.view, known.balance
    kept = {line_no: line.kept for line_no, line in known.lines.items()}
    expected = 0
    for back in known.returned:
        for one in back.lines:
            if one.open and back.outcome == "refund":
                kept[one.line_no] -= one.open
                expected += known.lines[one.line_no].value(kept[one.line_no], one.open)
    wanted = sum(one.amount_minor for one in known.transactions if one.kind == "refund" and one.status == "wanted")
    return {
        "total": view.money.total_minor,
        "shipping": view.money.shipping_minor,
        "due": balance.due_minor if balance else view.money.total_minor,
        "authorized": view.money.authorized_minor,
        "captured": view.money.captured_minor,
        "refunded": view.money.refunded_minor,
        "voided": view.money.voided_minor,
        "coming": wanted,
        "expected": expected,
        "left": view.money.captured_minor - view.money.refunded_minor - wanted,
    }


def _returned(known: Known, one: Any) -> dict[str, Any]:
    return {
        "id": show("ret", one.return_id),
        "number": one.number,
        "status": one.status,
        "handover": one.handover,
        "place": known.places[one.location_id].name,
        "goods": [(line.quantity, known.goods[line.line_no][1], line.reason) for line in one.lines],
        "label": one.handover == "label" and one.tracking_number is not None,
        "code": one.qr_token is not None,
        "tracking_number": one.tracking_number,
        "refund_minor": one.refund_minor,
        "refund_by": one.refund_by,
        "exchange_number": one.exchanges[0].exchange_number if one.exchanges else "",
        "exchange_id": show("ord", one.exchanges[0].exchange_order_id) if one.exchanges else "",
        "expires_at": one.expires_at,
        "requested_at": one.requested_at,
        "open": one.status in ("requested", "in_transit", "received"),
    }
