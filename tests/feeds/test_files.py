"""Files as they come from elsewhere: whatever stands in a line, it is one bad row, and the others are taken."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from tests.feeds.test_journey import NDJSON, bad, done, on_hand
from tests.support.shop import Shop

GOOD = b'{"sku": "MUG", "on_hand": 12}'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1, 2", "not_json"),
        (b'{"sku": 5, ', "not_json"),
        (b'{"sku": "CARD", "on_hand": 1e999}', "not_json"),
        (b"[" * 1_900, "not_json"),
        (b'{"sku": "CARD", "on_hand": ' + b"[" * 1_500 + b"]" * 1_500 + b"}", "not_json"),
        (b'{"sku": "CARD", "on_hand": 1, "location": "\\u0000north"}', "nul"),
        (b'{"sku": "CARD\\ud800", "on_hand": 1}', "not_json"),
    ],
)
async def test_a_hostile_line_is_one_bad_row(shop: Shop, line: bytes, reason: str) -> None:
    body = line + b"\n" + GOOD + b"\n"
    feed = await done(shop, body, form=NDJSON, location="north", most_bad_percent=50)
    assert (feed["state"], feed["rows_bad"], feed["rows_applied"]) == ("done", 1, 1)
    assert await bad(shop, feed) == [(1, reason)]
    assert await on_hand(shop, "MUG") == 12


async def test_a_byte_order_mark_is_no_part_of_the_first_row(shop: Shop) -> None:
    feed = await done(shop, b"\xef\xbb\xbf" + GOOD, form=NDJSON, location="north")
    assert (feed["state"], feed["rows_bad"], feed["rows_applied"]) == ("done", 0, 1)


async def test_every_member_of_an_archive_is_read(shop: Shop) -> None:
    first, second = (gzip.compress(part) for part in (b"sku,on_hand\nMUG,12\n", b"CARD,99\n"))
    packed = {"content-encoding": "gzip"}
    feed = await done(shop, first + second + b"\0" * 512, location="north", headers=packed)
    assert (feed["state"], feed["rows_read"], feed["rows_applied"]) == ("done", 2, 2)
    cut = await shop.client.post(
        "/v1/stock/feeds",
        params={"reference": "feed-2", "kind": "delta", "location": "north"},
        content=first + second[:-4],
        headers={"content-type": "text/csv", **packed},
    )
    assert cut.status_code == 400, cut.text


async def test_a_sender_that_falls_silent_is_told_so_and_may_send_the_feed_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doorstep.feeds.api.BODY_IDLE_S", 0.05)
    whole = asyncio.Event()

    async def sending() -> AsyncIterator[bytes]:
        yield b"sku,on_hand\nMUG,12\n"
        await whole.wait()
        yield b"CARD,99\n"

    async def send() -> int:
        params = {"reference": "feed-1", "kind": "delta", "location": "north"}
        sent = await shop.client.post(
            "/v1/stock/feeds", params=params, content=sending(), headers={"content-type": "text/csv"}
        )
        return sent.status_code

    assert await send() == 408
    (feed,) = (await shop.get("/v1/stock/feeds"))["items"]
    assert (feed["state"], feed["problem"]) == ("failed", "cut_short")
    whole.set()
    assert await send() == 202
    await shop.drain()
    assert [await on_hand(shop, sku) for sku in ("MUG", "CARD")] == [12, 99]
