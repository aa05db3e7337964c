"""Updates as types: which event is told as what, and when and how a customer wants to hear it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

Kind = Literal[
    "placed",
    "payment_declined",
    "on_hold",
    "canceled",
    "address_changed",
    "backordered",
    "late",
    "date_known",
    "sooner",
    "in_stock",
    "shipped",
    "lost",
    "came_back",
    "delivered",
    "return_requested",
    "return_label",
    "return_received",
    "return_declined",
    "return_expired",
    "refunded",
    "goodwill",
]
Channel = Literal["email", "sms"]
Status = Literal["wanted", "sent", "refused", "suppressed"]

# From where an update may go where. A refused one is wanted again when a person has corrected the address.
TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    "wanted": frozenset({"sent", "refused", "suppressed"}),
    "refused": frozenset({"wanted"}),
    "sent": frozenset(),
    "suppressed": frozenset(),
}

# About a date that was promised: the customer must know before the old date passes.
DATE_KINDS: frozenset[Kind] = frozenset({"late", "backordered"})
# Told whatever kinds the customer chose: bad news, what guards them, and what they need in hand.
ESSENTIAL: frozenset[Kind] = DATE_KINDS | {
    "payment_declined",
    "on_hold",
    "canceled",
    "address_changed",
    "lost",
    "came_back",
    "return_label",
    "return_declined",
}
# Holds a customer can do something about. Of suspicion and of our own trouble they hear nothing here.
TOLD_HOLDS = frozenset({"incorrect_address", "awaiting_personalization_proof"})
LATE_CAUSES = frozenset({"carrier_delay", "attempt_failed", "not_on_time", "not_handed_over"})


class Letterhead(msgspec.Struct, frozen=True, kw_only=True):
    """Who speaks: `base_url` without a slash at its end, `sender` is a bare e-mail address, `secret` signs links.

    A port: the worker puts one under the name `Letterhead`.
    """

    base_url: str
    sender: str
    secret: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What an event means to a customer. `silent` says why it means nothing to them."""

    kind: Kind
    data: dict[str, Any]
    bad_news: bool = False
    silent: str | None = None


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How a customer wants to be spoken to, and how they can be."""

    channel: Literal["email", "sms", "both", "none"] = "email"
    events: Sequence[str] = ()
    only_if_late: bool = False
    quiet_from: time | None = None
    quiet_until: time | None = None
    timezone: str = "UTC"
    has_email: bool = True
    has_phone: bool = False


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One message to be: over which channel, not before when; or why not at all."""

    channel: Channel
    due_at: datetime
    suppressed_because: str | None = None


def _lines(data: Mapping[str, Any]) -> list[list[int]]:
    return [[line["line_no"], line["quantity"]] for line in data["lines"]]


def _declined(data: Mapping[str, Any]) -> Told:
    # After the last attempt the order is canceled, and that is told with its reason.
    return Told(
        kind="payment_declined",
        bad_news=True,
        data={"lines": [], "attempt": data["attempt"], "next_at": data.get("next_at")},
        silent="told_by_cancellation" if data["final"] else None,
    )


def _held(data: Mapping[str, Any]) -> Told:
    reason = data["reason"]
    silent = None if reason in TOLD_HOLDS else "not_for_customers"
    return Told(kind="on_hold", bad_news=True, data={"lines": [], "reason": reason}, silent=silent)


def _canceled(data: Mapping[str, Any]) -> Told:
    facts = {
        "lines": _lines(data),
        "by_payment": data["reason"] == "payment declined",
        "everything": data["everything"],
        "amount_minor": data["amount_minor"],
    }
    return Told(kind="canceled", bad_news=True, data=facts)


def _repromised(data: Mapping[str, Any]) -> Told:
    kind: Kind
    if data["was_promised_by"] is None and data["promised_by"] is not None:
        kind = "date_known"
    elif _earlier(data["promised_by"], data["was_promised_by"]):
        kind = "sooner"
    else:
        kind = "late" if data["cause"] in LATE_CAUSES else "backordered"
    facts = {field: data[field] for field in ("version", "promised_by", "was_promised_by", "cause")}
    facts["lines"] = [[line_no, None] for line_no in data["line_nos"]]
    return Told(kind=kind, bad_news=kind not in ("date_known", "sooner"), data=facts)


def _earlier(promised_by: str | None, was: str | None) -> bool:
    """Whether a date moved to earlier; both as the journal keeps them."""
    return bool(promised_by and was) and _time(promised_by) < _time(was)


def _time(said: Any) -> datetime:
    return said if isinstance(said, datetime) else datetime.fromisoformat(said)


def _plain(kind: Kind, *fields: str, bad_news: bool = False) -> Callable[[Mapping[str, Any]], Told]:
    def told(data: Mapping[str, Any]) -> Told:
        facts: dict[str, Any] = {"lines": _lines(data) if "lines" in data else []}
        return Told(kind=kind, bad_news=bad_news, data=facts | {field: data[field] for field in fields})

    return told


def _refunded(data: Mapping[str, Any]) -> Told:
    silent = "told_as_goodwill" if data["cause"].startswith("goodwill:") else None
    return Told(kind="refunded", data={"lines": [], "amount_minor": data["amount_minor"]}, silent=silent)


def _placed(data: Mapping[str, Any]) -> Told:
    facts = {"short": data["short"], "awaited": data.get("awaited", False)}
    return Told(kind="placed", data=facts)  # no `lines`: all of the order's


# Which events are told, and as what. A new date is told from the ledger's event, not from the lateness or shortage
# that caused it: so the message and the promise it quotes are the same version, and nothing is told twice.
TELLS: Mapping[str, Callable[[Mapping[str, Any]], Told]] = {
    "orders.placed": _placed,
    "payments.declined": _declined,
    "orders.hold_placed": _held,
    "orders.canceled": _canceled,
    "orders.address_changed": _plain("address_changed"),
    "delivery.repromised": _repromised,
    "orders.allocated": _plain("in_stock"),
    "shipping.handed_over": _plain("shipped", "tracking_number"),
    "shipping.lost": _plain("lost", "amount_minor", bad_news=True),
    "shipping.came_back": _plain("came_back", "amount_minor", bad_news=True),
    "shipping.delivered": _plain("delivered"),
    "returns.requested": _plain("return_requested", "return_id", "handover", "collect_on", "exchange_number"),
    "returns.label_bought": _plain("return_label", "return_id", "tracking_number", "collect_on"),
    "returns.received": _plain("return_received", "return_id", "refund_minor", "exchanged_minor"),
    "returns.declined": _plain("return_declined", "return_id", bad_news=True),
    "returns.expired": _plain("return_expired", "return_id"),
    "payments.refunded": _refunded,
    "orders.goodwill_given": _plain("goodwill", "amount_minor"),
}


def plan(told: Told, terms: Terms, now: datetime) -> list[Planned]:
    """Which messages an event becomes, at least one row: what is not said is kept with the reason.

    Bad news is said whatever kinds were chosen. By e-mail it does not wait for the quiet hours; a text message always
    does, and when that would be after the date it takes back, the news goes by e-mail as well, if there is an address.
    """
    channels = _channels(terms)
    why = told.silent or _unwanted(told, terms) or (None if channels else "no_address")
    if why:
        return [Planned(channel=(channels or ["email"])[0], due_at=now, suppressed_because=why)]
    later = after_quiet(now, terms)
    planned = [
        Planned(channel=channel, due_at=now if told.bad_news and channel == "email" else later) for channel in channels
    ]
    if channels == ["sms"] and told.bad_news and terms.has_email and _too_late(told, later, now):
        planned.append(Planned(channel="email", due_at=now))
    return planned


def _channels(terms: Terms) -> list[Channel]:
    """The channels asked for that lead somewhere; when none does, the other one."""
    can: dict[Channel, bool] = {"email": terms.has_email, "sms": terms.has_phone}
    asked = [c for c in can if terms.channel in (c, "both") and can[c]]
    return asked or [c for c in can if can[c]][:1]


def _unwanted(told: Told, terms: Terms) -> str | None:
    if terms.channel == "none":
        return "no_messages_wanted"
    if told.kind in ESSENTIAL:
        return None
    if terms.only_if_late:
        return "only_if_late"
    return "kind_not_wanted" if terms.events and told.kind not in terms.events else None


def _too_late(told: Told, due_at: datetime, now: datetime) -> bool:
    was = told.data.get("was_promised_by")
    if due_at == now or not was:
        return False
    return due_at >= _time(was)


def after_quiet(now: datetime, terms: Terms) -> datetime:
    """`now`, or the end of the quiet hours it falls into, on the customer's clock."""
    start, end = terms.quiet_from, terms.quiet_until
    if start is None or end is None or start == end:
        return now
    zone = zone_of(terms.timezone)
    local = now.astimezone(zone)
    clock = local.time()
    quiet = start <= clock < end if start < end else clock >= start or clock < end
    if not quiet:
        return now
    day = local.date() if clock < end else local.date() + timedelta(days=1)
    return datetime.combine(day, end, zone).astimezone(now.tzinfo)


def zone_of(name: str) -> ZoneInfo:
    """The zone of this name, UTC for a name nobody knows: a bad zone must not keep anybody from being told."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
