"""Keeps messages in groups: whoever waits at the same time shares one write to the disk, and waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from doorstep.adapters.twin.faults import BEFORE, CALL, Faults
from doorstep.adapters.twin.store import Store

MAIL_FAULTS = ("mail_451", "mail_hang_up_after")
SMS_FAULTS = CALL


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """A message at the door."""

    kind: str
    reference: str
    sender: str
    recipients: tuple[str, ...]
    raw: bytes


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: its number when it was kept, and the fault to show."""

    number: int | None
    fault: str | None = None
    conflict: bool = False


class PostOffice:
    """One writer for all who wait; nothing is answered before it is on the disk."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self.faults = faults
        self._store = store
        self._waiting: list[tuple[Arrived, asyncio.Future[Kept]]] = []
        self._wake = asyncio.Event()

    async def keep(self, message: Arrived) -> Kept:
        """Store one message, with whoever else waits."""
        done: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, done))
        self._wake.set()
        return await done

    async def work(self) -> None:
        """Write group after group, for as long as the process lives; a disk that fails ends it."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            group, self._waiting = self._waiting, []
            kept = await asyncio.to_thread(self._write, [message for message, _ in group])
            for (_, done), result in zip(group, kept, strict=True):
                if not done.done():  # its sender may have hung up
                    done.set_result(result)

    def _write(self, messages: Sequence[Arrived]) -> list[Kept]:
        with self._store.transaction():
            return [self._write_one(message) for message in messages]

    def _write_one(self, message: Arrived) -> Kept:
        self._store.run("count_attempt", reference=message.reference)
        row = self._store.row("attempts_at", reference=message.reference)
        kinds = MAIL_FAULTS if message.kind == "mail" else SMS_FAULTS
        fault = self.faults.draw_call(message.reference, row["count"] if row else 1, kinds=kinds)
        if fault in ("mail_451", *BEFORE):
            return Kept(number=None, fault=fault)
        if message.kind == "sms":
            before = self._store.row("sms_by_reference", reference=message.reference)
            if before is not None:
                return Kept(number=before["id"], fault=fault, conflict=before["raw"] != message.raw)
        added = self._store.row(
            "add_message", kind=message.kind, reference=message.reference, sender=message.sender, raw=message.raw
        )
        number = int(added["id"]) if added else None
        for address in message.recipients:
            self._store.run("add_recipient", address=address.lower(), message=number)
        return Kept(number=number, fault=fault)
