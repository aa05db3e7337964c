"""Sell what is not there yet: against goods on their way, with a cap, dated; and keep to it when the goods come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.shop import MONDAY, Shop, receive

SUPPLY = MONDAY + timedelta(days=7)  # the Monday after
LATER = MONDAY + timedelta(days=14)


async def sell_beyond(shop: Shop, sku: str = "GLASS", **terms: Any) -> None:
    """Set the terms of a product."""
    body = [{"sku": sku, "kind": "backorder", "cap": 100, **terms}]
    assert (await shop.send("PUT", "/v1/beyond-stock", body))["changed"] == 1


async def expect(
    shop: Shop, reference: str, quantity: int, at: datetime, *, sku: str = "GLASS", location: str = "north"
) -> None:
    """Goods are on their way, or something else is said of them."""
    lines = [{"sku": sku, "quantity": quantity}]
    note = {"reference": reference, "location": location, "expected_at": at.isoformat(), "lines": lines}
    for _ in range(2):
        assert (await shop.client.post("/v1/stock/incoming", json=note)).status_code == 200


async def units(shop: Shop, placed: Any) -> dict[str, int]:
    """Where the units of an order's first line are."""
    found: dict[str, int] = (await shop.get(f"/v1/orders/{placed['order_id']}"))["lines"][0]["units"]
    return found


async def dates(shop: Shop, placed: Any) -> list[str | None]:
    """All that was promised for an order's first line, as days."""
    promises = (await shop.get(f"/v1/orders/{placed['order_id']}"))["promises"]
    return [one["promised_by"] and one["promised_by"][:10] for one in promises if one["line_no"] == 1]


async def told(shop: Shop, placed: Any, kind: str) -> int:
    """How many messages of a kind an order's customer was sent."""
    updates = (await shop.get(f"/v1/orders/{placed['order_id']}/updates"))["items"]
    return sum(one["kind"] == kind and one["status"] == "sent" for one in updates)


async def test_what_is_not_there_is_sold_against_goods_on_their_way_with_their_date(shop: Shop) -> None:
    await expect(shop, "PO-1", 10, SUPPLY)
    refused = await shop.place({"sku": "GLASS", "quantity": 6}, expect=409)
    assert refused["lines"][0]["available"] == 5
    await sell_beyond(shop, cap=4)
    placed = await shop.place({"sku": "GLASS", "quantity": 6})
    assert placed["short"] == []
    assert [(part["location"], part["lines"]) for part in placed["parts"]] == [("north", [[1, 5]])]
    (later,) = placed["awaited"]
    assert (later["location"], later["lines"], later["ready_at"]) == ("north", [[1, 1]], "2026-03-09T09:00:00Z")
    assert placed["promised_by"] == later["promised_by"] > placed["parts"][0]["promised_by"]
    await shop.drain()
    assert await units(shop, placed) == {"backordered": 1, "activated": 5}
    (version,) = await dates(shop, placed)
    assert version == placed["promised_by"][:10]
    (terms,) = (await shop.get("/v1/beyond-stock", sku="GLASS"))["items"]
    assert (terms["cap"], terms["promised"]) == (4, 1)
    refused = await shop.place({"sku": "GLASS", "quantity": 4}, expect=409)
    assert refused["lines"][0]["later"] == [{"quantity": 3, "ready_at": "2026-03-09T09:00:00Z"}]
    await shop.audit()


async def test_goods_that_arrive_serve_who_was_promised_them(shop: Shop) -> None:
    await expect(shop, "PO-1", 10, SUPPLY)
    await sell_beyond(shop)
    first = await shop.place({"sku": "GLASS", "quantity": 8})
    second = await shop.place({"sku": "GLASS", "quantity": 7})
    assert [len(one["awaited"]) for one in (first, second)] == [1, 1]
    await shop.pass_time(SUPPLY)
    await receive(shop, "north", {"GLASS": 10}, "PO-1")
    # Nobody has looked after the waiting orders yet, and still their units are not for sale.
    await shop.place({"sku": "GLASS", "quantity": 1}, expect=409)
    await shop.drain()
    assert await units(shop, first) == {"activated": 8}
    assert await units(shop, second) == {"activated": 7}
    assert await dates(shop, second) == [second["promised_by"][:10]]
    assert await told(shop, second, "in_stock") == 1
    await shop.audit()


async def test_when_fewer_arrive_the_last_move_to_the_next_delivery_and_are_told(shop: Shop) -> None:
    await expect(shop, "PO-1", 10, SUPPLY)
    await expect(shop, "PO-2", 10, LATER)
    await sell_beyond(shop)
    first = await shop.place({"sku": "GLASS", "quantity": 9})  # 5 of stock, 4 of PO-1
    second = await shop.place({"sku": "GLASS", "quantity": 3})
    express = await shop.place({"sku": "GLASS", "quantity": 3}, service="express")
    await shop.pass_time(SUPPLY)
    await receive(shop, "north", {"GLASS": 8}, "PO-1", last=True)
    await shop.drain()
    assert await units(shop, express) == {"activated": 3}
    assert await units(shop, first) == {"activated": 9}
    assert await units(shop, second) == {"backordered": 2, "activated": 1}
    before, after = await dates(shop, second)
    assert before is not None
    assert after is not None
    assert after > before
    assert await told(shop, second, "backordered") == 1
    order = await shop.get(f"/v1/orders/{second['order_id']}")
    assert set(order["delay"]["choices"]) == {"wait", "cancel"}
    await receive(shop, "north", {"GLASS": 2}, "PO-2")
    await shop.drain()
    assert await units(shop, second) == {"activated": 3}
    await shop.audit()


async def test_of_a_part_the_first_are_served_and_the_rest_moves_on_when_it_is_called_off(shop: Shop) -> None:
    await expect(shop, "PO-1", 10, SUPPLY)
    await expect(shop, "PO-2", 10, LATER)
    await sell_beyond(shop)
    first = await shop.place({"sku": "GLASS", "quantity": 9})  # 5 of stock, 4 of PO-1
    second = await shop.place({"sku": "GLASS", "quantity": 4})
    await receive(shop, "north", {"GLASS": 6}, "PO-1")
    await shop.drain()
    assert await units(shop, first) == {"activated": 9}
    assert await units(shop, second) == {"backordered": 2, "activated": 2}
    (_,) = await dates(shop, second)  # what is left of it has the date it had
    supply = {one["reference"]: one for one in (await shop.get("/v1/stock/incoming"))["items"]}
    part = supply["PO-1"]
    assert (part["arrived"], part["promised"]) == (6, 2)
    path = f"/v1/stock/incoming/{part['incoming_id']}"
    await shop.send("PUT", path, {"quantity": 7, "expected_at": part["expected_at"]})
    await shop.drain()
    assert (await shop.get(path))["promised"] == 1  # one of the two has no place there any more
    await shop.send("POST", f"{path}/cancel")
    await shop.drain()
    assert (await shop.get(path))["promised"] == 0
    assert (await shop.get(f"/v1/stock/incoming/{supply['PO-2']['incoming_id']}"))["promised"] == 2
    before, after = await dates(shop, second)
    assert before is not None
    assert after is not None
    assert after > before
    assert await told(shop, second, "backordered") == 1
    await receive(shop, "north", {"GLASS": 2}, "PO-2")
    await shop.drain()
    assert await units(shop, second) == {"activated": 4}
    await shop.audit()


async def test_supply_that_is_called_off_leaves_who_waits_without_a_date_and_before_a_person(shop: Shop) -> None:
    await expect(shop, "PO-1", 3, SUPPLY)
    await sell_beyond(shop)
    placed = await shop.place({"sku": "GLASS", "quantity": 7})
    (supply,) = (await shop.get("/v1/stock/incoming"))["items"]
    await shop.send("POST", f"/v1/stock/incoming/{supply['incoming_id']}/cancel")
    await shop.drain()
    assert await units(shop, placed) == {"shortfall": 2, "activated": 5}
    exceptions = (await shop.get("/v1/exceptions"))["items"]
    assert [(one["kind"], one["order_id"]) for one in exceptions] == [("stock_short", placed["order_id"])]
    await shop.audit()


async def test_goods_of_another_note_serve_who_waits_and_the_next_moves_up(shop: Shop) -> None:
    await expect(shop, "PO-1", 2, SUPPLY)
    await expect(shop, "PO-2", 2, LATER)
    await sell_beyond(shop)
    first = await shop.place({"sku": "GLASS", "quantity": 7})  # 2 of PO-1
    second = await shop.place({"sku": "GLASS", "quantity": 2})  # of PO-2
    assert second["awaited"][0]["ready_at"] > first["awaited"][0]["ready_at"]
    await receive(shop, "north", {"GLASS": 2}, "found behind the shelf")
    await shop.drain()
    assert await units(shop, first) == {"activated": 7}
    assert await units(shop, second) == {"backordered": 2}
    before, after = await dates(shop, second)
    assert after is not None
    assert before is not None
    assert after < before  # it has the place on PO-1 now
    assert await told(shop, second, "sooner") == 1
    assert (await shop.get(f"/v1/orders/{second['order_id']}"))["delay"] is None
    await shop.audit()


async def test_a_date_that_slips_is_told_once_with_the_choices_and_back_again(shop: Shop) -> None:
    await expect(shop, "PO-1", 10, SUPPLY)
    await sell_beyond(shop)
    placed = await shop.place({"sku": "GLASS", "quantity": 6})
    await shop.drain()
    await expect(shop, "PO-1", 10, LATER)
    await expect(shop, "PO-1", 10, LATER)
    await shop.drain()
    before, after = await dates(shop, placed)
    assert after is not None
    assert before is not None
    assert after > before
    assert await told(shop, placed, "backordered") == 1
    delay = (await shop.get(f"/v1/orders/{placed['order_id']}"))["delay"]
    assert (delay["cause"], set(delay["choices"])) == ("supply_late", {"wait", "cancel"})
    await expect(shop, "PO-1", 10, SUPPLY)
    await shop.drain()
    assert await dates(shop, placed) == [before, after, before]
    assert await told(shop, placed, "sooner") == 1
    assert await told(shop, placed, "backordered") == 1
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["delay"] is None
    await shop.audit()


async def test_who_cancels_gives_the_place_back_and_the_next_moves_up(shop: Shop) -> None:
    await expect(shop, "PO-1", 1, SUPPLY)
    await expect(shop, "PO-2", 1, LATER)
    await sell_beyond(shop, cap=2)
    first = await shop.place({"sku": "GLASS", "quantity": 6})
    second = await shop.place({"sku": "GLASS", "quantity": 1})
    await shop.drain()
    await shop.place({"sku": "GLASS", "quantity": 1}, expect=409)
    cancel = {"lines": [{"line_no": 1, "quantity": 1}], "reason": "changed my mind"}
    await shop.send("POST", f"/v1/orders/{first['order_id']}/cancel", cancel)
    await shop.drain()
    assert await units(shop, first) == {"canceled": 1, "activated": 5}
    before, after = await dates(shop, second)
    assert after is not None
    assert before is not None
    assert after < before
    third = await shop.place({"sku": "GLASS", "quantity": 1})
    assert third["awaited"][0]["ready_at"] == "2026-03-16T09:00:00Z"
    await shop.audit()


async def test_a_delivery_that_brings_less_lets_the_last_wait_without_a_date(shop: Shop) -> None:
    await expect(shop, "PO-1", 3, SUPPLY)
    await sell_beyond(shop)
    first = await shop.place({"sku": "GLASS", "quantity": 7})
    second = await shop.place({"sku": "GLASS", "quantity": 1})
    await shop.drain()
    await expect(shop, "PO-1", 2, SUPPLY)
    await shop.drain()
    assert await units(shop, first) == {"backordered": 2, "activated": 5}
    assert await units(shop, second) == {"shortfall": 1}
    assert (await dates(shop, second))[-1] is None
    assert [one["kind"] for one in (await shop.get("/v1/exceptions"))["items"]] == ["stock_short"]
    await expect(shop, "PO-2", 5, LATER)
    await shop.drain()
    assert await units(shop, second) == {"backordered": 1}
    assert (await dates(shop, second))[-1] is not None
    assert await told(shop, second, "date_known") == 1
    await shop.audit()


async def test_a_pre_order_is_sold_before_its_release_and_never_leaves_before_it(shop: Shop) -> None:
    release = MONDAY + timedelta(days=21)
    await expect(shop, "PO-1", 10, SUPPLY)
    await sell_beyond(shop, kind="preorder", release_at=release.isoformat())
    placed = await shop.place({"sku": "GLASS", "quantity": 7}, {"sku": "MUG", "quantity": 1})
    assert {part["ready_at"] for part in placed["awaited"]} == {"2026-03-23T09:00:00Z"}
    await shop.drain()
    assert await units(shop, placed) == {"backordered": 7}
    await shop.pass_time(SUPPLY)
    await receive(shop, "north", {"GLASS": 10}, "PO-1")
    await shop.drain()
    assert await units(shop, placed) == {"backordered": 7}
    work = await shop.work(placed["order_id"])
    assert [line["sku"] for one in work for line in one["lines"]] == ["MUG"]
    await shop.audit()
    moved = release + timedelta(days=7)
    await sell_beyond(shop, kind="preorder", release_at=moved.isoformat())
    await shop.drain()
    assert await told(shop, placed, "backordered") == 1
    await shop.pass_time(release)
    assert await units(shop, placed) == {"backordered": 7}
    await shop.pass_time(moved)
    assert await units(shop, placed) == {"activated": 7}
    await shop.audit()


async def test_an_order_that_was_confirmed_elsewhere_gets_what_deliveries_have_left(shop: Shop) -> None:
    await expect(shop, "PO-1", 3, SUPPLY)
    placed = await shop.place({"sku": "GLASS", "quantity": 10}, on_short="accept")
    assert placed["short"] == [[1, 2]]
    await shop.drain()
    assert await units(shop, placed) == {"backordered": 3, "shortfall": 2, "activated": 5}
    assert [one["kind"] for one in (await shop.get("/v1/exceptions"))["items"]] == ["stock_short"]
    await receive(shop, "north", {"GLASS": 4}, "PO-1")
    await shop.drain()
    assert await units(shop, placed) == {"shortfall": 1, "activated": 9}
    await receive(shop, "north", {"GLASS": 4}, "PO-9")
    await shop.drain()
    assert await units(shop, placed) == {"activated": 10}
    assert (await shop.get("/v1/exceptions"))["items"] == []
    await shop.audit()


async def test_a_delivery_that_is_overdue_is_a_persons_trouble_until_it_has_another_date(shop: Shop) -> None:
    await expect(shop, "PO-1", 3, SUPPLY)
    await expect(shop, "PO-2", 3, SUPPLY, sku="CARD")
    await sell_beyond(shop)
    await shop.place({"sku": "GLASS", "quantity": 6})
    await shop.pass_time(datetime(2026, 3, 10, 10, 0, tzinfo=UTC))
    found = (await shop.get("/v1/exceptions"))["items"]
    assert [(one["kind"], one["detail"]["reference"]) for one in found] == [("supply_overdue", "PO-1")]
    await shop.place({"sku": "GLASS", "quantity": 1}, expect=409)
    await expect(shop, "PO-1", 3, LATER)
    await shop.drain()
    assert (await shop.get("/v1/exceptions"))["items"] == []
    await shop.place({"sku": "GLASS", "quantity": 1})
    await shop.audit()
