"""Search as one would write it without an index: read everything, look at each order. Slow, and easy to believe."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from doorstep.db import Tx
from doorstep.insights import Axis, Wanted

ALL: Final = """
SELECT o.order_id, o.number, o.placed_at, o.status, o.payment_status, o.fulfillment_status, o.service, o.lane,
    c.channel, p.name, p.email, a.name AS recipient, o.awaiting_payment,
    (SELECT array_agg(x.sku) FROM order_lines l JOIN products x USING (sku_id) WHERE l.order_id = o.order_id) AS skus,
    (SELECT array_agg(x.title) FROM order_lines l JOIN products x USING (sku_id) WHERE l.order_id = o.order_id)
        AS titles,
    (SELECT array_agg(l.routing_kind) FROM order_lines l WHERE l.order_id = o.order_id) AS kinds,
    (SELECT count(*) FROM order_lines l WHERE l.order_id = o.order_id AND l.backordered > 0) AS waiting,
    (SELECT min(d) FROM (SELECT DISTINCT ON (line_no) promised_by AS d FROM promises v WHERE v.order_id = o.order_id
        ORDER BY line_no, version DESC) newest) AS promised_by,
    EXISTS (SELECT FROM line_services s WHERE s.order_id = o.order_id AND s.kind = 'gift_wrap') AS gift_wrap,
    (SELECT array_agg(reason) FROM holds h WHERE h.order_id = o.order_id AND h.released_at IS NULL) AS holds,
    (SELECT array_agg(n.code) FROM reservations r JOIN locations n USING (location_id)
        WHERE r.order_id = o.order_id AND r.open > 0) AS claimed,
    (SELECT array_agg(n.code) FROM shipments s JOIN locations n USING (location_id) WHERE s.order_id = o.order_id)
        AS left_from,
    (SELECT array_agg(s.tracking_number) FROM shipments s WHERE s.order_id = o.order_id) AS tracking,
    EXISTS (SELECT FROM shipments s WHERE s.order_id = o.order_id AND s.expected_by > s.promised_by
        AND s.delivered_at IS NULL) AS announced,
    EXISTS (SELECT FROM exceptions e WHERE e.order_id = o.order_id AND e.resolved_at IS NULL) AS excepted
FROM orders o JOIN channels c USING (channel_id) JOIN contacts p USING (contact_id) JOIN addresses a USING (address_id)
ORDER BY o.order_id DESC
"""
_FIELDS: Final[dict[Axis, str]] = {
    "status": "status", "payment_status": "payment_status", "fulfillment_status": "fulfillment_status",
    "service": "service", "channel": "channel", "kind": "kinds", "location": "locations", "hold": "holds",
}  # fmt: skip


class Reference:
    """All orders in memory."""

    def __init__(self, rows: Sequence[Any], now: datetime) -> None:
        self.orders = [self._order(dict(row)) for row in rows]
        self.now = now

    @classmethod
    async def read(cls, tx: Tx, now: datetime) -> Reference:
        """Everything there is."""
        return cls(await tx.fetch(ALL), now)

    def _order(self, row: dict[str, Any]) -> dict[str, Any]:
        live = row["status"] in ("open", "on_hold")
        row["words"] = set(_words(row))
        row["locations"] = [*(row["claimed"] or ()), *(row["left_from"] or ())]
        row["holds"] = (
            [*(row["holds"] or ()), *(["awaiting_payment"] if row["awaiting_payment"] else [])] if live else []
        )
        row["due"] = row["promised_by"] if live else None
        return row

    def find(self, wanted: Wanted, leave_out: Axis | None = None) -> list[dict[str, Any]]:
        """The orders, newest first."""
        return [order for order in self.orders if self._is(order, wanted, leave_out)]

    def _is(self, order: dict[str, Any], wanted: Wanted, leave_out: Axis | None) -> bool:
        for axis, field in _FIELDS.items():
            values: tuple[str, ...] = getattr(wanted, axis)
            if values and axis != leave_out and not set(values) & values_of(order, field):
                return False
        late = order["announced"] or (order["due"] is not None and order["due"] <= self.now)
        return (
            (wanted.lane is None or order["lane"] == wanted.lane)
            and (not wanted.gift_wrap or order["gift_wrap"])
            and (not wanted.late or late)
            and (not wanted.excepted or order["excepted"])
            and (wanted.placed_from is None or order["placed_at"] >= wanted.placed_from)
            and (wanted.placed_until is None or order["placed_at"] < wanted.placed_until)
            and all(any(has.startswith(word) for has in order["words"]) for word in _asked(wanted.text))
        )


def values_of(order: dict[str, Any], field: str) -> set[str]:
    """What an order has of an axis."""
    return {order[field]} if isinstance(order[field], str) else set(order[field])


def _words(row: dict[str, Any]) -> Iterator[str]:
    people = [row["name"], row["recipient"]]
    spelled = [name.lower().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue") for name in people]
    for name in (*people, *spelled, row["number"]):
        for word in name.split():
            yield _plain(word)
            yield from (_plain(part) for part in re.split(r"[^\w]|_", word))
    yield from (_plain(row["email"]), _plain(row["email"].split("@")[1]))
    yield from (_plain(code) for code in (*row["skus"], *(row["tracking"] or ())))
    yield from (_plain(word) for title in row["titles"] for word in title.split())


@lru_cache
def _asked(text: str) -> list[str]:
    return [_plain(word) for word in text.split()]


@lru_cache(maxsize=200_000)
def _plain(word: str) -> str:
    small = unicodedata.normalize("NFKD", word.lower().replace("ß", "ss").replace("ø", "o").replace("ł", "l"))
    return "".join(letter for letter in small if letter.isalnum())


class Asking:
    """Searches as people make them, the same every time."""

    def __init__(self, reference: Reference, seed: int) -> None:
        self._orders, self._random = reference.orders, random.Random(seed)
        self._day = timedelta(days=1)

    def text(self) -> str:
        """One to three words or beginnings of words of one order; now and then of two."""
        chance = self._random
        words = sorted(chance.choice(self._orders)["words"] - {""}) + sorted(
            chance.choice(self._orders)["words"] - {""}
        )
        count = chance.choice((1, 1, 1, 2, 2, 3))
        source = words if chance.random() < 0.2 else words[: len(words) // 2]
        chosen = chance.sample(source, min(count, len(source)))
        return " ".join(word[: chance.choice((1, 2, 3, 5, 40))] for word in chosen)

    def filters(self, count: int) -> dict[str, Any]:
        """So many conditions, of values that some order has."""
        chance = self._random
        found: dict[str, Any] = {}
        for name in chance.sample([*_FIELDS, "lane", "gift_wrap", "late", "excepted", "placed"], count):
            order = chance.choice(self._orders if chance.random() < 0.5 else self._orders[: len(self._orders) // 40])
            if name == "placed":
                found["placed_from"] = order["placed_at"].replace(minute=0, second=0, microsecond=0) - 3 * self._day
                found["placed_until"] = found["placed_from"] + chance.choice((1, 7, 30)) * self._day
            elif name == "lane":
                found["lane"] = order["lane"]
            elif name in ("gift_wrap", "late", "excepted"):
                found[name] = True
            else:
                values = sorted(values_of(order, _FIELDS[name]))  # type: ignore[index]  # the others are above
                found[name] = tuple(chance.sample(values, min(len(values), chance.choice((1, 1, 2)))))
        return found

    def wanted(self) -> Wanted:
        """Words, filters, or both."""
        chance = self._random
        kind = chance.random()
        return Wanted(
            text=self.text() if kind < 0.7 else "", **self.filters(0 if kind < 0.35 else chance.choice((1, 1, 2, 3)))
        )
