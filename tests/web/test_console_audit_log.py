"""The audit log's page: what it shows, filters, and gives away as CSV."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from doorstep.journal.audit_log import record
from doorstep.kit.clock import wall_now
from tests.support.shop import Shop
from tests.support.staff import Hire

LOG = "/console/audit-log"
HOSTILE = '=HYPERLINK("http://evil.test")<script>alert(1)</script>\u202e'


async def note(shop: Shop, subject: str, **more: Any) -> None:
    async with shop.brand.transaction() as tx:
        facts = {"actor": "user:ada", "action": "orders.cancel", "detail": {}, **more}
        await record(tx, subject=subject, **facts)


async def test_an_empty_log_says_so(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    assert "Nobody has done anything by hand yet." in await desk.get(LOG)
    assert "Nothing was done that fits." in await desk.get(f"{LOG}?person=user:nobody")


async def test_entries_show_what_was_and_what_is(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    await note(shop, "W-1", detail={"before": {"a": 1, "same": 2}, "after": {"a": 5, "same": 2}, "note": HOSTILE})
    page = await desk.get(LOG)
    cells = '<td data-label="Before" class="text">1</td><td data-label="After" class="text">5</td>'
    assert cells in page
    assert "same" not in page
    assert "<script>alert" not in page


async def test_the_log_is_looked_through_by_person_action_order_and_day(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    order = await shop.place({"sku": "MUG"})
    order_id = await shop.value("SELECT order_id FROM orders WHERE number = $1", order["number"])
    await note(shop, "one", actor="user:ada", action="orders.cancel")
    await note(shop, "two", actor="user:bob", action="orders.hold", order_id=order_id)
    today = wall_now().date().isoformat()
    for query, shown in (
        ("person=user:ada", {"one"}),
        ("action=orders.hold", {"two"}),
        (f"order={order['number']}", {"two"}),
        (f"day={today}", {"one", "two"}),
        ("day=2020-02-02", set()),
        ("day=nonsense", {"one", "two"}),
        ("day=9999-12-31", {"one", "two"}),
        ("day=0001-01-01", {"one", "two"}),
        ("person=user:ada&action=orders.hold", set()),
    ):
        page = await desk.get(f"{LOG}?{query}")
        assert set(re.findall(r"<span>(one|two)</span>", page)) == shown, query
    assert f"To order {order['number']}" in await desk.get(LOG)
    assert set(re.findall(r"<option[^>]*>(ada|bob)<", await desk.get(LOG))) == {"ada", "bob"}


async def test_older_entries_are_a_page_further(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    for n in range(120):
        await note(shop, f"s{n:03}")
    seen: list[str] = []
    path = LOG
    while path:
        page = await desk.get(path)
        seen += re.findall(r"<span>(s\d{3})</span>", page)
        older = re.search(r'href="([^"]+before=aud_[^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert seen == [f"s{n:03}" for n in reversed(range(120))]
    await desk.get(f"{LOG}?before=nonsense", expect=404)


async def test_the_csv_holds_all_and_no_spreadsheet_computes_it(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    for n in range(510):
        await note(shop, f"s{n}")
    for subject in (HOSTILE, "+1", "-1", "@sum", "\tx"):
        await note(shop, subject, detail={"before": {"a": "=1+1"}, "after": {"a": 'quote " and , comma'}})
    answer = await shop.client.get(f"{LOG}.csv", headers=desk.headers)
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) == 1 + 515
    assert rows[0][0] == "time"
    assert {row[3] for row in rows[1:6]} == {f"'{one}" for one in (HOSTILE, "+1", "-1", "@sum", "\tx")}
    assert all(not cell.startswith(("=", "+", "-", "@", "\t")) for row in rows for cell in row)
