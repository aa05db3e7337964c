"""A feed's journey over HTTP: it arrives, is compared, is applied; what it says twice counts once."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.support.shop import MONDAY, Shop

CSV, NDJSON = "text/csv", "application/x-ndjson"


async def send(
    shop: Shop, body: str | bytes, *, form: str = CSV, expect: int = 202, headers: Mapping[str, str] = {}, **query: Any
) -> Any:
    """Send a feed twice, and insist that the second time changes nothing; the first answer."""
    content = body.encode() if isinstance(body, str) else body
    params = {"reference": "feed-1", "kind": "delta", **query}
    answers = [
        await shop.client.post(
            "/v1/stock/feeds", params=params, content=content, headers={"content-type": form, **headers}
        )
        for _ in range(2)
    ]
    assert answers[0].status_code == expect, answers[0].text
    if expect == 202:
        assert answers[0].content == answers[1].content
    return answers[0].json()


async def done(shop: Shop, body: str | bytes, **more: Any) -> Any:
    """Send a feed and let it be worked on; the feed as it stands then."""
    sent = await send(shop, body, **more)
    await shop.drain()
    return await shop.get(f"/v1/stock/feeds/{sent['feed_id']}")


async def bad(shop: Shop, feed: Any) -> list[tuple[int, str]]:
    found = await shop.get(f"/v1/stock/feeds/{feed['feed_id']}/bad-rows")
    return [(one["line"], one["reason"]) for one in found["items"]]


async def odd(shop: Shop, feed: Any) -> list[tuple[str, str]]:
    found = await shop.get(f"/v1/stock/feeds/{feed['feed_id']}/changes", odd=True)
    return [(one["sku"], one["outcome"]) for one in found["items"]]


async def on_hand(shop: Shop, sku: str, location: str = "north") -> int:
    return int((await shop.stock(sku))[location]["on_hand"])


async def test_a_delta_changes_what_it_names_and_leaves_the_rest(shop: Shop) -> None:
    feed = await done(shop, "sku,location,on_hand\nMUG,north,12\nCARD,north,100\nMUG,south,3\n")
    assert feed["state"] == "done"
    assert (feed["rows_read"], feed["rows_unchanged"], feed["rows_applied"], feed["rows_bad"]) == (3, 1, 2, 0)
    assert (feed["units_up"], feed["units_down"], feed["locations"]) == (2, 1, ["north", "south"])
    assert [await on_hand(shop, "MUG"), await on_hand(shop, "MUG", "south"), await on_hand(shop, "GLASS")] == [12, 3, 5]
    movements = (await shop.get("/v1/stock/movements", sku="CARD"))["items"]
    assert [one["kind"] for one in movements] == ["received", "received"]
    assert await shop.value("SELECT array_agg(code ORDER BY code) FROM locations WHERE fed_as_of = $1", MONDAY) == [
        "north",
        "south",
    ]
    await shop.audit()


async def test_a_full_feed_empties_what_it_leaves_out_once_a_person_has_looked(shop: Shop) -> None:
    feed = await done(shop, "sku;on_hand\nMUG;10\nCARD;100\n", kind="full", location="north")
    assert (feed["state"], feed["problem"], feed["left_out"], feed["units_left_out"]) == (
        "refused",
        "too_much_left_out",
        1,
        5,
    )
    assert await on_hand(shop, "GLASS") == 5
    await shop.send("POST", f"/v1/stock/feeds/{feed['feed_id']}/apply")
    await shop.drain()
    feed = await shop.get(f"/v1/stock/feeds/{feed['feed_id']}")
    assert (feed["state"], feed["rows_applied"], feed["units_down"]) == ("done", 1, 5)
    assert [await on_hand(shop, "GLASS"), await on_hand(shop, "MUG", "south")] == [0, 4]
    await shop.audit()


async def test_a_full_feed_may_say_beforehand_that_it_empties_shelves(shop: Shop) -> None:
    feed = await done(shop, "sku,on_hand\nMUG,10\n", kind="full", location="north", allow_zeroing=True)
    assert (feed["state"], feed["rows_applied"]) == ("done", 2)
    assert [await on_hand(shop, "GLASS"), await on_hand(shop, "CARD")] == [0, 0]


async def test_bad_rows_are_told_by_line_and_the_good_ones_are_applied(shop: Shop) -> None:
    lines = [
        b"sku,location,on_hand", b"MUG,north,7", b"NOPE,north,1", b"MUG,mars,1", b"CARD,north,many", b"CARD,south,-1",
        b"GLASS,north,12345678901", b"JERSEY,workshop,1", b"JERSEY,workshop,1", b"M\xffG,north,1", b"MUG,south",
        b"A\0B,north,1",
        b'"MUG,south,1', b"", b",north,1", b'"MUG","south",9',
    ]  # fmt: skip
    feed = await done(shop, b"\r\n".join(lines), most_bad_percent=100)
    assert await bad(shop, feed) == [
        (3, "unknown_sku"), (4, "unknown_location"), (5, "not_a_number"), (6, "negative"), (7, "too_large"),
        (8, "twice"),
        (9, "twice"), (10, "encoding"), (11, "columns"), (12, "nul"), (13, "quotes"), (15, "no_sku"),
    ]  # fmt: skip
    assert (feed["state"], feed["rows_read"], feed["rows_bad"], feed["rows_applied"]) == ("done", 14, 12, 2)
    assert [await on_hand(shop, "MUG"), await on_hand(shop, "MUG", "south"), await on_hand(shop, "CARD")] == [7, 9, 100]


async def test_ndjson_is_read_by_the_same_rules(shop: Shop) -> None:
    lines = [
        '{"sku": "MUG", "location": "north", "on_hand": 8}', '{"sku": "CARD", "location": "north", "on_hand": "9"}',
        "{",
        '{"sku": "A\\u0000", "location": "north", "on_hand": 1}', "[1]",
        '{"sku": "MUG", "location": "south", "on_hand": -4}',
        '{"sku": "GLASS", "location": "north", "on_hand": 5, "bin": "A-12"}',
    ]  # fmt: skip
    feed = await done(shop, gzip.compress("\n".join(lines).encode()), form=NDJSON, most_bad_percent=100,
        headers={"content-encoding": "gzip"})  # fmt: skip
    assert await bad(shop, feed) == [
        (2, "not_a_number"), (3, "not_json"), (4, "nul"), (5, "no_sku"), (6, "negative"),
    ]  # fmt: skip
    assert (feed["state"], feed["rows_applied"], feed["rows_unchanged"]) == ("done", 1, 1)


@pytest.mark.parametrize(
    ("more", "problem"), [({"strict": True}, "bad_rows"), ({"most_bad_percent": 49}, "too_many_bad")]
)
async def test_too_many_bad_rows_stop_the_good_ones_until_a_person_has_looked(
    shop: Shop, more: dict[str, Any], problem: str
) -> None:
    feed = await done(shop, "sku,location,on_hand\nMUG,north,7\nNOPE,north,1\n", **more)
    assert (feed["state"], feed["problem"]) == ("refused", problem)
    assert await on_hand(shop, "MUG") == 10
    await shop.send("POST", f"/v1/stock/feeds/{feed['feed_id']}/apply")
    await shop.drain()
    assert await on_hand(shop, "MUG") == 7


async def test_a_bad_row_is_not_taken_for_left_out(shop: Shop) -> None:
    feed = await done(shop, "sku,on_hand\nMUG,10\nCARD,100\nGLASS,five\n", kind="full", location="north",
        most_bad_percent=50)  # fmt: skip
    assert (feed["state"], feed["left_out"]) == ("done", 0)
    assert await on_hand(shop, "GLASS") == 5


async def test_nothing_is_emptied_when_a_row_cannot_be_read(shop: Shop) -> None:
    feed = await done(shop, b"sku,on_hand\nMUG,9\nCARD,100\nGL\xff\xff,5\n", kind="full", location="north",
        most_bad_percent=50)  # fmt: skip
    assert (feed["state"], feed["left_out"], await odd(shop, feed)) == ("done", 1, [("GLASS", "kept")])
    assert [await on_hand(shop, "GLASS"), await on_hand(shop, "MUG")] == [5, 9]


async def test_what_was_shipped_since_the_feeds_moment_is_not_brought_back(shop: Shop) -> None:
    order = await shop.place({"sku": "MUG", "quantity": 2})
    await shop.set_clock(MONDAY + timedelta(hours=1))
    shop.now = MONDAY + timedelta(hours=1)
    await shop.ship(order["order_id"])
    assert await on_hand(shop, "MUG") == 8
    same = await done(shop, "sku,on_hand\nMUG,10\n", location="north", as_of=MONDAY.isoformat())
    assert (same["rows_unchanged"], same["rows_applied"]) == (1, 0)
    fewer = await done(shop, "sku,on_hand\nMUG,9\n", location="north", as_of=MONDAY.isoformat(), reference="feed-2")
    assert fewer["rows_applied"] == 1
    assert await on_hand(shop, "MUG") == 7
    later = await done(shop, "sku,on_hand\nMUG,7\n", location="north", reference="feed-3")
    assert later["rows_unchanged"] == 1
    await shop.audit()


async def test_what_is_claimed_stays_and_is_told_and_nothing_more_is_sold_there(shop: Shop) -> None:
    await shop.place({"sku": "MUG", "quantity": 6})
    feed = await done(shop, "sku,on_hand\nMUG,5\nCARD,90\n", location="north")
    assert (feed["state"], feed["rows_applied"], feed["rows_skipped"], feed["units_down"]) == ("done", 1, 1, 14)
    assert await odd(shop, feed) == [("MUG", "below_claims")]
    assert [await on_hand(shop, "MUG"), await on_hand(shop, "CARD")] == [6, 90]
    assert (await shop.stock("MUG"))["north"]["available"] == 0
    again = await done(shop, "sku,on_hand\nMUG,5\nCARD,90\n", location="north", reference="feed-2")
    assert (again["rows_changed"], again["units_down"], await on_hand(shop, "MUG")) == (1, 0, 6)
    await shop.audit()


async def test_what_somebody_counted_since_stands(shop: Shop) -> None:
    await shop.set_clock(MONDAY + timedelta(hours=2))
    note = {"reference": "count-1", "location": "north", "lines": [{"sku": "MUG", "on_hand": 9}]}
    await shop.client.post("/v1/stock/counts", json=note)
    feed = await done(shop, "sku,on_hand\nMUG,3\nCARD,90\n", location="north", as_of=MONDAY.isoformat())
    assert feed["rows_applied"] == 1
    assert [await on_hand(shop, "MUG"), await on_hand(shop, "CARD")] == [9, 90]


async def test_an_older_feed_after_a_newer_one_changes_nothing(shop: Shop) -> None:
    await shop.set_clock(MONDAY + timedelta(hours=2))
    await done(shop, "sku,on_hand\nMUG,8\n", location="north")
    feed = await done(shop, "sku,on_hand\nMUG,3\n", location="north", as_of=MONDAY.isoformat(), reference="feed-2")
    assert (feed["state"], feed["problem"]) == ("failed", "older")
    assert await on_hand(shop, "MUG") == 8


async def test_a_feed_is_compared_only_when_asked_so_and_applied_when_told(shop: Shop) -> None:
    feed = await done(shop, "sku,on_hand\nMUG,8\n", location="north", applies=False)
    assert (feed["state"], feed["rows_changed"]) == ("checked", 1)
    assert await on_hand(shop, "MUG") == 10
    await shop.send("POST", f"/v1/stock/feeds/{feed['feed_id']}/cancel")
    await shop.send("POST", f"/v1/stock/feeds/{feed['feed_id']}/apply", expect=409)
    assert [one["state"] for one in (await shop.get("/v1/stock/feeds", location="north"))["items"]] == ["canceled"]


async def test_the_same_reference_with_another_file_is_refused(shop: Shop) -> None:
    await send(shop, "sku,on_hand\nMUG,8\n", location="north")
    await send(shop, "sku,on_hand\nMUG,9\n", location="north", expect=409)
    await shop.drain()
    assert await on_hand(shop, "MUG") == 8


async def test_goods_a_feed_finds_serve_who_waits(shop: Shop) -> None:
    await shop.place({"sku": "MUG", "quantity": 20}, on_short="accept")
    await shop.drain()
    await done(shop, "sku,on_hand\nMUG,40\n", location="north")
    await shop.drain()
    assert await shop.value("SELECT sum(backordered + shortfall) FROM order_lines") == 0
    await shop.audit()


@pytest.mark.parametrize(
    ("body", "query"),
    [
        ("name,units\nMUG,1\n", {}),
        ("sku,on_hand\nMUG,1\n", {}),
        ("sku,sku,on_hand\nMUG,MUG,1\n", {"location": "north"}),
        ("sku,on_hand\nMUG,1\n".encode("utf-16"), {"location": "north"}),
    ],
)
async def test_a_file_that_is_no_feed_is_refused_at_once(shop: Shop, body: str | bytes, query: dict[str, Any]) -> None:
    problem = await send(shop, body, expect=400, **query)
    assert "first line" in problem["detail"]
    assert [one["state"] for one in (await shop.get("/v1/stock/feeds"))["items"]] == ["failed"]


@pytest.mark.parametrize(
    "query", [{"location": "mars"}, {"as_of": "2027-01-01T00:00:00Z"}, {"as_of": "2026-01-01T00:00:00"}]
)
async def test_a_wish_that_makes_no_sense_is_refused(shop: Shop, query: dict[str, Any]) -> None:
    await send(shop, "sku,on_hand\nMUG,1\n", expect=422, **query)
    assert (await shop.get("/v1/stock/feeds"))["items"] == []


async def test_an_archive_that_is_cut_short_or_none_at_all_is_refused(shop: Shop) -> None:
    packed = gzip.compress(b"sku,location,on_hand\n" + b"MUG,north,1\n" * 10)
    for content in (packed[:-6], b"sku,location,on_hand\n"):
        await send(shop, content, expect=400, headers={"content-encoding": "gzip"})
    assert await shop.value("SELECT count(*) FROM feed_rows") == 0


async def test_an_empty_feed_empties_nothing(shop: Shop) -> None:
    feed = await done(shop, "sku,on_hand\n", kind="full", location="north", allow_zeroing=True)
    assert (feed["state"], feed["problem"]) == ("failed", "empty")
