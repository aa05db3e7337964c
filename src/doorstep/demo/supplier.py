"""The suppliers: what they announce, what they must put off, and what they deliver."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from doorstep.demo.calls import Calls
from doorstep.demo.model import Receipt
from doorstep.demo.runfile import Done


class Supplier:
    """All deliveries, by delivery note. A note sent again counts once."""

    def __init__(self, api: Calls, done: Done, receipts: Sequence[Receipt]) -> None:
        self._api, self._done = api, done
        self._notes: dict[tuple[datetime, str], list[Receipt]] = defaultdict(list)
        self._put_off: dict[tuple[datetime, str], list[Receipt]] = defaultdict(list)
        self._all = receipts
        for receipt in receipts:
            self._notes[receipt.arrives_at, receipt.reference].append(receipt)
            if receipt.due_at < receipt.arrives_at:
                self._put_off[receipt.due_at, receipt.reference].append(receipt)
        self._notes = {key: notes for key, notes in self._notes.items() if f"receipt {key[1]}" not in done}
        self._put_off = {key: notes for key, notes in self._put_off.items() if self._word(key) not in done}

    @property
    def next_at(self) -> datetime | None:
        """When the next delivery comes, or the next excuse."""
        return min((at for at, _ in (*self._notes, *self._put_off)), default=None)

    async def announce(self) -> None:
        """Tell what is on its way, with the dates known at the start."""
        notes: dict[tuple[str, datetime], list[Receipt]] = defaultdict(list)
        for receipt in self._all:
            notes[receipt.reference, receipt.due_at].append(receipt)
        for (_, due_at), lines in sorted(notes.items()):
            await self._expect(lines, due_at)

    async def act(self, now: datetime) -> int:
        """Deliver what is due, and tell the new date of what should be here and is not."""
        for key in sorted(key for key in self._notes if key[0] <= now):
            lines = self._notes.pop(key)
            body = {"reference": key[1], "location": lines[0].location, "lines": _lines(lines)}
            await self._api.do("POST", "/v1/stock/receipts", body)
            self._done.add(f"receipt {key[1]}")
        for key in sorted(key for key in self._put_off if key[0] <= now):
            lines = self._put_off.pop(key)
            if f"receipt {key[1]}" not in self._done:
                await self._expect(lines, lines[0].arrives_at)
            self._done.add(self._word(key))
        return 0

    async def _expect(self, lines: Sequence[Receipt], at: datetime) -> None:
        body = {
            "reference": lines[0].reference,
            "location": lines[0].location,
            "expected_at": at,
            "lines": _lines(lines),
        }
        await self._api.do("POST", "/v1/stock/incoming", body)

    def _word(self, key: tuple[datetime, str]) -> str:
        return f"put off {key[1]} {key[0]:%Y-%m-%d}"


def _lines(receipts: Sequence[Receipt]) -> list[dict[str, object]]:
    return [{"sku": receipt.sku, "quantity": receipt.quantity} for receipt in receipts]
