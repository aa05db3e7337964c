"""Somebody at the desk sends it from elsewhere: claims, work and promise follow, and nothing is sold twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.shop import Shop
from tests.support.staff import Hire
from tests.web.test_console_deeds import done, log, seen


async def places(shop: Shop) -> dict[str, int]:
    """The locations' ids by code."""
    async with shop.brand.reading() as tx:
        return {row["code"]: row["location_id"] for row in await tx.fetch("SELECT code, location_id FROM locations")}


async def waiting(shop: Shop, sku: str = "MUG") -> tuple[dict[str, Any], str]:
    """An order that waits to be picked in the north, and its page."""
    placed = await shop.place({"sku": sku, "quantity": 2})
    await shop.drain()
    return placed, f"/console/orders/{placed['order_id']}"


async def test_it_is_sent_from_elsewhere_and_back(shop: Shop, hire: Hire) -> None:
    desk, at = await hire("agent"), await places(shop)
    placed, path = await waiting(shop)
    form = await desk.get(f"{path}/reroute")
    assert "Waits to be picked at North warehouse" in form
    assert "not enough stock" in form, "the workshop has no mugs"
    there, back = f"{at['north']}-{at['south']}", f"{at['south']}-{at['north']}"
    preview = await desk.post(f"{path}/reroute", {"way": there}, expect=200)
    assert "The work at North warehouse is taken back" in preview.text
    assert (await shop.stock("MUG"))["south"]["reserved"] == 0
    page = await done(desk, f"{path}/reroute", way=there)
    assert "It comes from elsewhere now" in page
    await shop.drain()
    stock = await shop.stock("MUG")
    assert (stock["north"]["reserved"], stock["south"]["reserved"]) == (0, 2)
    assert "A person chose it." in await desk.get(path)
    live = [work for work in await shop.work(placed["order_id"]) if work["status_category"] == "activated"]
    assert [work["location"] for work in live] == ["south"]
    await shop.audit()
    await done(desk, f"{path}/reroute", way=back)
    await shop.ship(placed["order_id"])
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 8
    assert [action for action, _ in await log(shop)] == ["orders.reroute"] * 2
    assert "Nothing waits to be picked" in await desk.get(f"{path}/reroute")
    await shop.audit()


async def test_what_another_order_took_meanwhile_is_not_taken_again(shop: Shop, hire: Hire) -> None:
    desk, at = await hire("agent"), await places(shop)
    _, path = await waiting(shop)
    way = f"{at['north']}-{at['south']}"
    confirmation = await seen(desk, f"{path}/reroute", way=way)
    counted = {"reference": "c-1", "location": "south", "lines": [{"sku": "MUG", "on_hand": 1}]}
    assert (await shop.client.post("/v1/stock/counts", json=counted)).is_success
    refused = await desk.post(f"{path}/reroute", dict(confirmation), expect=409)
    assert "That location cannot send it" in refused.text
    assert (await shop.stock("MUG"))["north"]["reserved"] == 2
    assert await log(shop) == []


async def test_a_picker_who_takes_it_just_then_is_refused(shop: Shop, hire: Hire) -> None:
    desk, at = await hire("agent"), await places(shop)
    placed, path = await waiting(shop)
    (work,) = await shop.work(placed["order_id"])
    await shop.send("POST", f"/v1/fulfillment-orders/{work['fulfillment_order_id']}/accept")
    await done(desk, f"{path}/reroute", way=f"{at['north']}-{at['south']}")
    await shop.send("POST", f"/v1/fulfillment-orders/{work['fulfillment_order_id']}/pick", {}, expect=409)
    await shop.drain()
    await shop.ship(placed["order_id"])
    stock = await shop.stock("MUG")
    assert (stock["north"]["on_hand"], stock["south"]["on_hand"]) == (10, 2)
    await shop.audit()


@pytest.mark.parametrize("way", ["", "x", "1-", "1-1", "0-2", "999-998", "-1-2"])
async def test_a_way_that_is_none_moves_nothing(shop: Shop, hire: Hire, way: str) -> None:
    desk = await hire("admin")
    _, path = await waiting(shop)
    answer = await desk.post(
        f"{path}/reroute", {"way": way}, expect=422 if way in ("", "x", "1-", "0-2", "-1-2") else 409
    )
    assert "note bad" in answer.text
    assert await log(shop) == []


async def test_from_a_location_that_is_not_theirs_nobody_moves_anything(shop: Shop, hire: Hire) -> None:
    at = await places(shop)
    placed = await shop.place({"sku": "GLASS"}, {"sku": "JERSEY"})
    await shop.drain()
    desk, path = await hire("agent", locations=["workshop"]), f"/console/orders/{placed['order_id']}"
    assert "Waits to be picked at North" not in await desk.get(f"{path}/reroute")
    await desk.post(f"{path}/reroute", {"way": f"{at['north']}-{at['south']}"}, expect=403)
    for role in ("viewer", "floor", "vendor"):
        other = await hire(role, locations=["north"])
        await other.post(f"{path}/reroute", {"way": f"{at['north']}-{at['south']}", "confirmed": "x"}, expect=403)
    assert await log(shop) == []
