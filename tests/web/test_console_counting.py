"""Count jobs in the console: shelf by shelf without a look at the book, decided by an admin, only where one works."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.shop import Shop
from tests.support.staff import Desk, Hire

JOB: dict[str, object] = {
    "location": "north", "reference": "C-1", "by": "list", "skus": "MUG GLASS", "days": 30, "most": 20,
    "tolerance_units": 1, "tolerance_percent": 0,
}  # fmt: skip


async def opened(desk: Desk, **more: Any) -> str:
    """The path of a new job."""
    answer = await desk.post("/console/stock/counts/new", {**JOB, **more})
    return answer.headers["location"].partition("?")[0]


async def counted(shop: Shop, desk: Desk, path: str, sku: str, units: Any, *, expect: int = 303) -> str:
    """Enter a count; where it leads."""
    line = await shop.value("SELECT sku_id FROM products WHERE sku = $1", sku)
    answer = await desk.post(f"{path}/enter", {"line": line, "counted": units}, expect=expect)
    return answer.headers["location"].rpartition("=")[2] if expect == 303 else answer.text


async def test_a_floor_counts_blind_and_an_admin_decides(shop: Shop, hire: Hire) -> None:
    one, two, boss = [await hire(role, locations=["north"]) for role in ("floor", "floor", "admin")]
    path = await opened(boss)
    page = await one.get(path)
    assert "GLASS" in page  # the first to count
    assert "A mug" in await one.get(f"{path}?sku=mug")
    assert "not on the list" in await one.get(f"{path}?sku=CARD")
    assert await counted(shop, one, path, "MUG", 9) == "booked"
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 9
    assert await counted(shop, one, path, "GLASS", 1) == "to_recount"
    page = await one.get(path)
    assert "-4" not in page  # how far it is off, they do not see
    assert "To decide" not in page
    assert await counted(shop, two, path, "GLASS", 2) == "to_approve"
    line = await shop.value("SELECT sku_id FROM products WHERE sku = 'GLASS'")
    await one.post(f"{path}/approve", {"line": line}, expect=403)
    await one.get(f"{path}/approve?line={line}", expect=403)
    order = await shop.place({"sku": "GLASS", "quantity": 4})
    page = await boss.get(path)
    assert "-3" in page
    preview = await boss.get(f"{path}/approve?line={line}")
    assert order["number"] in preview
    assert "Who gives way" in preview
    await boss.post(f"{path}/approve", {"line": line})
    assert (await shop.stock("GLASS"))["north"]["on_hand"] == 2
    assert "Closed" in await boss.get(path)
    assert await shop.value("SELECT array_agg(action ORDER BY entry_id) FROM audit_log") == [
        "stock.open_count", "stock.enter_count", "stock.enter_count", "stock.enter_count", "stock.approve_count"
    ]  # fmt: skip
    await shop.drain()
    await shop.audit()


async def test_a_shelf_is_counted_again_and_a_job_is_closed_with_what_is_left(shop: Shop, hire: Hire) -> None:
    boss, floor = await hire("admin"), await hire("floor", locations=["north"])
    path = await opened(boss)
    await counted(shop, floor, path, "MUG", 1)
    await counted(shop, boss, path, "MUG", 3)
    line = await shop.value("SELECT sku_id FROM products WHERE sku = 'MUG'")
    await floor.post(f"{path}/end", {"state": "closed"}, expect=409)
    await boss.post(f"{path}/recount", {"line": line})
    assert await counted(shop, floor, path, "MUG", 3) == "booked"
    assert "already" in await counted(shop, floor, path, "MUG", 3, expect=409)
    assert "1 shelves stay uncounted" in await floor.get(f"{path}?end=closed")
    await floor.post(f"{path}/end", {"state": "closed"})
    assert "Skipped" in await floor.get(f"{path}?said=closed")
    assert "C-1" not in await boss.get("/console/stock/counts")
    assert "C-1" in await boss.get("/console/stock/counts?ended=1")
    await shop.audit()


@pytest.mark.parametrize("units", ["", "-1", "1.5", "9" * 50, "٣", "<script>"])
async def test_what_is_no_number_books_nothing(shop: Shop, hire: Hire, units: str) -> None:
    desk = await hire("floor", locations=["north"])
    path = await opened(desk)
    page = await counted(shop, desk, path, "MUG", units, expect=422)
    assert "aria-invalid" in page
    assert await shop.value("SELECT count(*) FROM stock_movements WHERE kind = 'counted'") == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"by": "mood"}, {"skus": ""}, {"skus": "NOPE"}, {"reference": ""}, {"days": "0"}, {"most": "501"},
        {"tolerance_units": "-1"}, {"tolerance_percent": "101"}, {"by": "losing"}, {"reference": "x" * 101},
    ],
)  # fmt: skip
async def test_a_job_that_makes_no_sense_is_not_opened(shop: Shop, hire: Hire, wrong: dict[str, str]) -> None:
    desk = await hire("floor")
    answer = await desk.post("/console/stock/counts/new", {**JOB, **wrong}, expect=422)
    assert "aria-invalid" in answer.text
    assert await shop.value("SELECT count(*) FROM count_jobs") == 0


async def test_nobody_counts_where_they_do_not_work(shop: Shop, hire: Hire) -> None:
    north, south = await hire("floor", locations=["north"]), await hire("floor", locations=["south"])
    path = await opened(north)
    line = await shop.value("SELECT sku_id FROM products WHERE sku = 'MUG'")
    await south.get(path, expect=403)
    assert "C-1" not in await south.get("/console/stock/counts")
    await south.post("/console/stock/counts/new", {**JOB, "reference": "C-2"}, expect=403)
    deeds: list[tuple[str, dict[str, object]]] = [("enter", {"line": line, "counted": 1}), ("end", {"state": "closed"})]
    for act, fields in deeds:
        await south.post(f"{path}/{act}", fields, expect=403)
        viewer = await hire("viewer")
        await viewer.post(f"{path}/{act}", fields, expect=403)
    elsewhere = await hire("admin", locations=["south"])
    await elsewhere.post(f"{path}/approve", {"line": line}, expect=403)
    await elsewhere.post(f"{path}/recount", {"line": line}, expect=403)
    viewer = await hire("viewer")
    assert "How many are there?" not in await viewer.get(path)
    await north.get(f"{path}?{urlencode({'sku': '<script>alert(1)</script>' * 9})}")
    await north.get("/console/stock/counts/cnt_" + "0" * 32, expect=404)
    await north.post(f"{path}/enter", {"line": "x", "counted": 1}, expect=404)


async def test_every_job_is_on_exactly_one_page(shop: Shop, hire: Hire) -> None:
    desk = await hire("floor")
    for n in range(30):
        body = {"reference": f"P-{n:02}", "location": "north", "skus": ["MUG"]}
        await shop.send("POST", "/v1/stock/count-jobs", body, expect=201)
    seen: list[str] = []
    path = "/console/stock/counts"
    while path:
        page = await desk.get(path)
        seen += re.findall(r">(P-\d+)</a>", page)
        found = re.search(r'<a href="([^"]+)" rel="next"', page)
        path = found[1].replace("&amp;", "&") if found else ""
    assert seen == [f"P-{n:02}" for n in reversed(range(30))]
