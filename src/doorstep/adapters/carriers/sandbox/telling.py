"""The twin's mouth: tells what is due as signed webhooks, and misbehaves on the way as the faults say."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from datetime import UTC, datetime
from hashlib import blake2b

import httpx2
import msgspec
from standardwebhooks import Webhook

from doorstep.adapters.carriers.sandbox.shop import milliseconds
from doorstep.adapters.twin.faults import Faults
from doorstep.adapters.twin.store import Store
from doorstep.kit.clock import wall_now

log = logging.getLogger(__name__)

MISHAPS_OF_SENDING = ("garbage_webhook", "bad_signature", "repeat_webhook")
EVENTS_PER_WEBHOOK = 50
TRIES_PER_ADVANCE = 3
PAUSE_S = 0.1
ANSWER_WITHIN_S = 30.0  # a receiver that commits what it accepted may be slow under load


class Advanced(msgspec.Struct, frozen=True, kw_only=True):
    """What an advance of the carrier's clock did: events accepted now, events still owed, when the next is due."""

    sent: int
    due_left: int
    next_at: datetime | None


class Teller:
    """Sends webhooks to one receiver."""

    def __init__(self, store: Store, secret: str) -> None:
        self._store = store
        self._webhook = Webhook(secret)
        self._client = httpx2.AsyncClient(timeout=httpx2.Timeout(ANSWER_WITHIN_S, connect=2.0), trust_env=False)
        self._one_at_a_time = asyncio.Lock()

    async def advance(self, now: datetime, url: str, faults: Faults) -> Advanced:
        """Tell everything due by `now` in its order; what is not accepted after a few tries stays due."""
        now_ms = milliseconds(now)
        sent, after = 0, (-1, -1)
        async with self._one_at_a_time:
            while url:
                due = self._store.rows(
                    "due", now_ms=now_ms, after_ms=after[0], after_id=after[1], most=EVENTS_PER_WEBHOOK
                )
                if not due:
                    break
                after = (due[-1]["tell_ms"], due[-1]["id"])
                status = await self._tell(due, url, faults)
                if status is None:  # nobody there: the next webhook would fare no better
                    break
                sent += len(due) if 200 <= status < 300 else 0
        left = self._store.row("due_left", now_ms=now_ms)
        following = self._store.row("next_due", now_ms=now_ms)
        return Advanced(
            sent=sent,
            due_left=left["count"] if left else 0,
            next_at=_moment(following["tell_ms"] if following else None),
        )

    async def _tell(self, due: list[sqlite3.Row], url: str, faults: Faults) -> int | None:
        """Tell one batch until it is accepted or the tries are used up; the last status, None for no answer."""
        body = b'{"events":[' + b",".join(row["event"] for row in due) + b"]}"
        name = "-".join(str(row["id"]) for row in due).encode()
        message_id = f"msg_{blake2b(name, digest_size=12).hexdigest()}"
        if faults.happens("garbage_webhook", message_id):
            garbage = body[: len(body) // 2].decode(errors="ignore").encode()
            self._count("garbage", await self._post(url, f"{message_id}g", garbage, signed_over=garbage))
        if faults.happens("bad_signature", message_id):
            self._count("forged", await self._post(url, f"{message_id}f", body, signed_over=b"something else"))
        status: int | None = None
        for trial in range(TRIES_PER_ADVANCE):
            if trial:
                await asyncio.sleep(PAUSE_S * trial)
            status = await self._post(url, message_id, body, signed_over=body)
            self._count("webhooks", status)
            if status is not None and 200 <= status < 300:
                with self._store.transaction():
                    for row in due:
                        self._store.run("accept", id=row["id"])
                break
        else:
            log.warning("webhook %s with %d events stays due: %s", message_id, len(due), status or "no answer")
        if faults.happens("repeat_webhook", message_id):
            self._count("repeated", await self._post(url, message_id, body, signed_over=body))
        return status

    async def _post(self, url: str, message_id: str, body: bytes, *, signed_over: bytes) -> int | None:
        at = wall_now()
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._webhook.sign(message_id, at, signed_over.decode()),
        }
        try:
            response = await self._client.post(url, content=body, headers=headers)
        except httpx2.HTTPError as error:
            log.info("webhook not delivered: %s", type(error).__name__)
            return None
        return response.status_code

    def _count(self, kind: str, status: int | None) -> None:
        with self._store.transaction():
            self._store.run("count", name=f"{kind}_sent", by=1)
            self._store.run("count", name=f"{kind}_accepted", by=int(status is not None and 200 <= status < 300))


def _moment(value_ms: int | None) -> datetime | None:
    return None if value_ms is None else datetime.fromtimestamp(value_ms / 1000, UTC)
