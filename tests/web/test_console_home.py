"""The console's first page and the queue of exceptions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from doorstep.kit.ids import new_id, show
from doorstep.web.console import home
from tests.support.shop import MONDAY, STOCK, Shop
from tests.support.staff import Desk, Hire

EVIL = "<script>alert(1)</script>"


async def trouble(shop: Shop, kind: str = "carrier_exception", order: str | None = None, **detail: str) -> str:
    """An exception as a noun opens it; its shown id."""
    from doorstep import jobs
    from doorstep.kit.ids import parse

    subject = new_id()
    async with shop.brand.transaction() as tx:
        await jobs.open_exception(
            tx,
            kind=kind,
            subject=subject,
            order_id=parse("ord", order) if order else None,
            owner="customer_care",
            next_action="Ask the carrier",
            detail=detail,
            now=shop.now,
        )
    return show("exc", await shop.value("SELECT exception_id FROM exceptions WHERE subject = $1", subject))


async def state(shop: Shop, exception: str) -> dict[str, Any]:
    found: dict[str, Any] = await shop.get(f"/v1/exceptions/{exception}")
    return found


async def test_the_first_page_of_an_empty_shop_says_so(shop: Shop, hire: Hire) -> None:
    text = await (await hire("viewer")).get("/console")
    assert "No order in the last 24 hours." in text
    assert "No parcel has arrived" in text
    assert "Nothing waits for a person." in text


async def test_the_first_page_adds_up_what_happened(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    placed = await shop.place({"sku": "MUG"})
    await shop.place({"sku": "JERSEY", "personalization": {"fields": {"name": "ADA", "number": "10"}, "fee_minor": 0}})
    await shop.ship(placed["order_id"])
    text = await desk.get("/console")
    assert '<strong class="num">2</strong>' in text  # orders in 24 hours
    assert "<title>09: 2</title>" in text  # at nine on the shop's clock
    for _ in range(30):
        await shop.pass_time(timedelta(hours=4))
    assert "of 1 parcels in two weeks" in await desk.get("/console")
    rows = await shop.value("SELECT json_object_agg(measure, value) FROM figures")
    import json

    found = json.loads(rows)
    # The carrier is a process of its own: on a busy machine its news comes when the shop's clock is hours further.
    assert found.pop("delivered_in_time", 0) + found.pop("delivered_late", 0) == 1
    assert found == {"placed_regular": 1, "placed_personalized": 1, "handed_over": 1}


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"])
def test_a_parcel_arrives_on_a_day_of_the_shop_whatever_its_zone(zone: str) -> None:
    hour = datetime(2026, 3, 2, 18, tzinfo=UTC)
    today = datetime(2026, 3, 3, tzinfo=ZoneInfo(zone))
    found = home._by_day({hour: {"delivered_in_time": 3, "delivered_late": 1}}, today)
    assert (found["arrived"], found["kept_percent"], sum(found["parcels"])) == (4, 75.0, 4)


async def test_a_figure_counts_each_event_once_however_often_the_worker_starts(shop: Shop) -> None:
    for _ in range(2):  # of the same hour, in batches of their own
        await shop.place({"sku": "MUG"})
        await shop.drain()
        await shop.drain()
    assert await shop.value("SELECT sum(value) FROM figures WHERE measure LIKE 'placed%'") == 2
    assert await shop.value("SELECT hour FROM figures") == MONDAY


async def test_who_works_on_the_floor_goes_straight_there(shop: Shop, hire: Hire) -> None:
    for role in ("floor", "vendor"):
        desk = await hire(role, locations=["north"])
        answer = await shop.client.get("/console", headers=desk.headers)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/floor")
        assert "customer" not in await desk.get("/console/exceptions", expect=403)


async def test_an_exception_is_taken_on_given_away_and_closed(shop: Shop, hire: Hire) -> None:
    desk, other = await hire("agent"), await hire("agent")
    one = await trouble(shop, description=EVIL)
    text = await desk.get("/console/exceptions")
    assert "Carrier reports a problem" in text
    assert EVIL not in text
    await desk.post("/console/exceptions", {"deed": "take", f"e-{one}": 1})
    assert f"taken on by {desk.login}" in await other.get("/console/exceptions")
    assert "Nothing waits here" in await other.get("/console/exceptions?whose=mine")
    await desk.post("/console/exceptions", {"deed": "assign", "to": other.login, f"e-{one}": 1})
    assert "Ask the carrier" in await other.get("/console/exceptions?whose=mine")
    preview = await desk.post("/console/exceptions", {"deed": "resolve", f"e-{one}": 1}, expect=200)
    assert "What was done about it?" in preview.text
    assert (await state(shop, one))["resolved_at"] is None
    closing = {"deed": "resolve", "confirmed": 1, "resolution": "They found it.", f"e-{one}": 1}
    await desk.post("/console/exceptions", closing)
    found = await state(shop, one)
    assert (found["resolved_by"], found["resolution"]) == (f"user:{desk.login}", "They found it.")
    actions = await shop.value("SELECT array_agg(action ORDER BY entry_id) FROM audit_log")
    assert actions == ["exceptions.assign", "exceptions.assign", "exceptions.resolve"]


async def test_many_are_tried_again_together_and_what_cannot_be_stays(shop: Shop, hire: Hire) -> None:
    desk = await hire("agent")
    placed = await shop.place({"sku": "MUG"})
    await shop.drain()
    async with shop.brand.transaction() as tx:
        await tx.execute("UPDATE jobs SET state = 'poisoned' WHERE kind = 'updates.send'")
        subject = await tx.fetchval("SELECT subject FROM jobs WHERE kind = 'updates.send' LIMIT 1")
    poisoned = await trouble(shop, "job_poisoned", placed["order_id"], job="updates.send")
    async with shop.brand.transaction() as tx:
        await tx.execute("UPDATE exceptions SET subject = $1 WHERE kind = 'job_poisoned'", subject)
    human = await trouble(shop)
    ticked = {f"e-{poisoned}": 1, f"e-{human}": 1}
    preview = await desk.post("/console/exceptions", {"deed": "retry", **ticked}, expect=200)
    assert "left as it is" in preview.text
    assert "will be tried again" in preview.text
    await desk.post("/console/exceptions", {"deed": "retry", "confirmed": 1, **ticked})
    assert (await state(shop, poisoned))["resolution"] == "retried"
    assert (await state(shop, human))["resolved_at"] is None


@pytest.mark.parametrize("role", ["viewer", "floor", "vendor"])
async def test_only_who_may_act_acts(shop: Shop, hire: Hire, role: Any) -> None:
    one = await trouble(shop)
    desk = await hire(role, locations=["north"])
    fields = {"deed": "resolve", "confirmed": 1, "resolution": "x", f"e-{one}": 1}
    await desk.post("/console/exceptions", fields, expect=403)
    assert (await state(shop, one))["resolved_at"] is None


async def test_an_agent_of_one_location_sees_the_exceptions_of_its_orders_only(shop: Shop, hire: Hire) -> None:
    placed = await shop.place({"sku": "GLASS"})  # north has it
    await shop.drain()
    one, free = await trouble(shop, order=placed["order_id"]), await trouble(shop, "label_refused")
    north, south = await hire("agent", locations=["north"]), await hire("agent", locations=["south"])
    assert one in await north.get("/console/exceptions")
    assert free not in await north.get("/console/exceptions")
    assert one not in await south.get("/console/exceptions")
    await south.post("/console/exceptions", {"deed": "take", f"e-{one}": 1}, expect=404)
    assert STOCK["north"]["GLASS"]


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"deed": "delete"}, {"deed": "take"}, {"deed": "take", "e-x": 1}, {"deed": "take", f"e-exc_{'0' * 32}": 1},
        {"deed": "assign", "to": "nobody"}, {"deed": "take", "key": ""}, {"deed": "take", "key": "../" * 50},
        {"deed": "resolve", "confirmed": 1, "resolution": ""},
        {"deed": "resolve", "confirmed": 1, "resolution": "x" * 2001},
    ],
)  # fmt: skip
async def test_a_form_that_makes_no_sense_changes_nothing(shop: Shop, hire: Hire, fields: dict[str, object]) -> None:
    one = await trouble(shop)
    desk: Desk = await hire("admin")
    if not any(name.startswith("e-") for name in fields) and fields.get("deed") in ("assign", "resolve", "take"):
        fields = {**fields, **({f"e-{one}": 1} if len(fields) > 1 else {})}
    answer = await shop.client.post(
        "/console/exceptions", data={"csrf": desk.csrf, "key": "k1", **fields}, headers=desk.headers
    )
    assert answer.status_code in (400, 404, 422), answer.text
    assert "Nothing was changed." in answer.text
    found = await state(shop, one)
    assert found["resolved_at"] is None


@pytest.mark.parametrize("query", ["cursor=x", "cursor=W10", "kind=%3Cscript%3E", "whose=x", "kind=" + "a" * 500])
async def test_a_query_that_makes_no_sense_is_answered_in_words(shop: Shop, hire: Hire, query: str) -> None:
    answer = await shop.client.get(f"/console/exceptions?{query}", headers=(await hire("admin")).headers)
    assert answer.status_code in (200, 422)
    assert "<script>alert" not in answer.text
