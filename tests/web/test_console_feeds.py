"""The console's feeds and differences: looked at first, applied or repaired then; nobody sees another's location."""

from __future__ import annotations

import gzip
import re
from typing import Any

from doorstep import reconciliation
from doorstep.kit.ids import new_id
from tests.support.shop import Shop
from tests.support.staff import Desk, Hire

FEEDS, DIFFERENCES = "/console/stock/feeds", "/console/stock/differences"


async def upload(shop: Shop, desk: Desk, content: bytes, *, expect: int = 303, times: int = 2, **fields: str) -> str:
    """Send a file by the form, twice; where it leads, or what is said."""
    data = {"csrf": desk.csrf, "key": new_id().hex, "location": "north", "kind": "delta", **fields}
    answers = [
        await shop.client.post(FEEDS, data=data, files={"file": ("x.csv", content, "text/csv")}, headers=desk.headers)
        for _ in range(times)
    ]
    assert [answer.status_code for answer in answers] == [expect] * times, answers[0].text
    assert len({answer.headers.get("location") for answer in answers}) == 1
    return str(answers[0].headers["location"] if expect == 303 else answers[0].text)


async def on_hand(shop: Shop, sku: str) -> int:
    return int((await shop.stock(sku))["north"]["on_hand"])


async def test_a_file_is_compared_first_and_applied_when_somebody_says_so(shop: Shop, hire: Hire) -> None:
    desk = await hire("floor")
    assert "No feeds yet" in await desk.get(FEEDS)
    path = await upload(shop, desk, gzip.compress(b"sku,on_hand\nMUG,12\nCARD,100\n<script>x</script>,1\n=SUM(A1),2\n"))
    assert "data-moving" in await desk.get(path)
    await shop.drain()
    page = await desk.get(path)
    assert "unusually many" in page.lower()
    assert "<script>x" not in page
    assert '<td class="num more" data-label="Difference">+2</td>' in page
    assert await on_hand(shop, "MUG") == 10
    table = await desk.get(f"{path}/bad.csv")
    assert table.split() == ["line,reason,row", "4,unknown_sku,<script>x</script>", "5,unknown_sku,'=SUM(A1)"]
    await desk.post(f"{path}/apply", {})
    await shop.drain()
    assert await on_hand(shop, "MUG") == 12
    page = await desk.get(path)
    assert "data-moving" not in page
    assert "Applied" in page
    assert path in await desk.get(FEEDS)
    actions = await shop.value("SELECT array_agg(action ORDER BY entry_id) FROM audit_log")
    assert actions == ["stock.feed", "stock.feed_apply"]


async def test_a_full_feed_that_empties_shelves_says_so_and_can_be_put_aside(shop: Shop, hire: Hire) -> None:
    desk = await hire("floor")
    path = await upload(shop, desk, b"sku,on_hand\nMUG,10\n", kind="full")
    await shop.drain()
    assert "2 SKUs are left out, with 105 of 115 units" in await desk.get(path)
    await desk.post(f"{path}/cancel", {})
    assert "Stopped" in await desk.get(path)
    assert await on_hand(shop, "CARD") == 100


async def test_what_is_no_feed_is_told_on_the_form(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    assert "first line must name" in await upload(shop, desk, b"name,units\n", expect=422)
    assert "Choose a file" in await upload(shop, desk, b"", expect=422)
    await upload(shop, desk, b"sku,on_hand\n", expect=422, kind="some")
    await upload(shop, desk, b"sku,on_hand\n", expect=404, location="mars")


async def test_feeds_and_differences_of_other_locations_are_not_there(shop: Shop, hire: Hire) -> None:
    chief, south = await hire("admin"), await hire("floor", locations=["south"])
    path = await upload(shop, chief, b"sku,on_hand\nMUG,12\n")
    await shop.drain()
    assert path not in await south.get(FEEDS)
    for address in (path, f"{path}/bad.csv"):
        await south.get(address, expect=404)
    await south.post(f"{path}/apply", {}, expect=404)
    await upload(shop, south, b"sku,on_hand\nMUG,1\n", expect=403)
    await drift(shop)
    assert "MUG" not in await south.get(f"{DIFFERENCES}?look=1")
    (name,) = re.findall(r'name="(d-counter[^"]+)"', await chief.get(f"{DIFFERENCES}?look=1"))
    await south.post(DIFFERENCES, {name: "1", "confirmed": "1"}, expect=422)
    viewer = await hire("viewer")
    assert 'type="file"' not in await viewer.get(FEEDS)
    await viewer.post(f"{path}/apply", {}, expect=403)


async def drift(shop: Shop) -> None:
    """A hand in the database."""
    async with shop.brand.transaction() as tx:
        await tx.execute("UPDATE stock SET on_hand = 13 WHERE on_hand = 10")


async def test_a_difference_is_shown_with_its_cause_and_put_right_after_a_look(shop: Shop, hire: Hire) -> None:
    desk = await hire("floor")
    assert "No night has been looked at yet" in await desk.get(DIFFERENCES)
    assert "All agrees." in await desk.get(f"{DIFFERENCES}?look=1")
    await drift(shop)
    await reconciliation.reconcile(shop.brand)
    assert "A counter is off" in await desk.get(DIFFERENCES)
    told = 'doorstep_stock_drift_units{brand="main",cause="counter_drift",location="north"} 3.0'
    assert told in (await shop.client.get("/metrics")).text
    page = await desk.get(f"{DIFFERENCES}?look=1")
    (name,) = re.findall(r'name="(d-[^"]+)"', page)
    preview: Any = await desk.post(DIFFERENCES, {name: "1", "trust": "ledger"}, expect=200)
    assert "1 would be put right by a movement" in preview.text
    assert await on_hand(shop, "MUG") == 13
    await desk.post(DIFFERENCES, {name: "1", "trust": "ledger", "confirmed": "1"})
    assert await on_hand(shop, "MUG") == 10
    assert "All agrees." in await desk.get(f"{DIFFERENCES}?look=1")
    mug = await shop.value("SELECT sku_id FROM products WHERE sku = 'MUG'")
    assert "Reconciled" in await desk.get(f"/console/stock/{mug}")
    assert await shop.value("SELECT detail ->> 'trust' FROM audit_log WHERE action = 'stock.reconcile'") == "ledger"
    await shop.audit()
