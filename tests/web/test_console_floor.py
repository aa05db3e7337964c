"""The console's floor: the whole way of a piece of work, by people at their own location only."""

from __future__ import annotations

import re
from typing import Any

from tests.support.shop import Shop
from tests.support.staff import Desk, Hire

PRINTED = {"personalization": {"fields": {"name": "ADA", "number": "10"}}}
GIFT = {"gift_wrap": {"paper": "stars", "message": "Happy <birthday>\nAda", "hide_prices": True}}


async def placed(shop: Shop, *lines: dict[str, Any], **more: Any) -> tuple[str, str]:
    """An order that the floor may work on: its id, and that of its only fulfillment order."""
    order = (await shop.place(*lines, **more))["order_id"]
    await shop.drain()
    (work,) = await shop.work(order)
    return order, work["fulfillment_order_id"]


def step_id(page: str) -> str:
    """The first work step that a page offers as to be done."""
    found = re.search(r"/steps/(wst_[0-9a-f]{32})/done", page)
    assert found, page
    return found[1]


async def goes_to(desk: Desk, path: str, fields: dict[str, object] | None = None) -> str:
    """Send a form; where it leads."""
    location: str = (await desk.post(path, fields)).headers["location"]
    return location


async def test_a_printed_and_wrapped_jersey_goes_from_accept_to_the_carrier_by_console_only(
    shop: Shop, hire: Hire
) -> None:
    order, work = await placed(shop, {"sku": "JERSEY", **PRINTED, **GIFT})
    desk = await hire("floor", locations=["workshop"])
    path = f"/console/floor/{work}"
    board = await desk.get("/console/floor")
    assert "Print workshop" in board
    assert path in board
    assert ">Accept<" in (await desk.get(path)).replace("> ", ">").replace(" <", "<")
    assert await goes_to(desk, f"{path}/accept") == f"{path}?said=accepted"
    assert "Pick all" in await desk.get(path)
    assert await goes_to(desk, f"{path}/pick", {"all": 1}) == f"{path}?said=picked"
    page = await desk.get(path)
    assert "ADA" in page
    assert "<dt>Number</dt>" in page
    await desk.post(f"{path}/steps/{step_id(page)}/done")
    page = await desk.get(path)
    assert "stars" in page
    assert "Happy &lt;birthday&gt;" in page
    assert "Hide prices" in page
    await desk.post(f"{path}/steps/{step_id(page)}/done")
    assert await goes_to(desk, f"{path}/pack", {"weight_g": 640}) == f"{path}?said=packed"
    assert "being bought" in await desk.get(path)
    await shop.drain()
    page = await desk.get(path)
    assert "640 g" in page
    label = re.search(r"/console/floor/parcels/shp_\w+/label.pdf", page)
    assert label
    pdf = await shop.client.get(label[0], headers=desk.headers)
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF")
    await desk.post(f"{path}/hand-over")
    assert "Handed over" in await desk.get(f"{path}?said=handed_over")
    await shop.drain()
    (parcel,) = (await shop.get("/v1/shipments", order=order))["items"]
    assert parcel["handed_over_at"] is not None
    done = await shop.value(
        "SELECT array_agg(action ORDER BY entry_id) FROM audit_log WHERE actor = $1", f"user:{desk.login}"
    )
    assert done == [
        "fulfillment.accept", "fulfillment.pick", "fulfillment.step_done", "fulfillment.step_done", "fulfillment.pack",
        "shipping.hand_over",
    ]  # fmt: skip
    await shop.audit()


async def test_scans_count_up_and_a_wrong_one_is_told_loudly_and_looking_changes_nothing(
    shop: Shop, hire: Hire
) -> None:
    _, work = await placed(shop, {"sku": "MUG", "quantity": 2}, {"sku": "CARD"})
    desk = await hire("floor", locations=["north"])
    path = f"/console/floor/{work}"
    await desk.post(f"{path}/accept")
    page = await desk.get(f"{path}?n1=1&scan=mug")
    assert 'name="n1" min="0" max="2" value="2"' in page
    assert "Put it back" in await desk.get(f"{path}?scan=GLASS")
    assert "counted already" in await desk.get(f"{path}?n1=2&scan=MUG")
    await desk.get(f"{path}?n1=-1&n2=99999999999&scan=%3Cscript%3E{'x' * 5000}&n3=٣&nx=1")
    assert await shop.value("SELECT sum(picked) FROM fulfillment_lines") == 0
    assert "Nothing is counted yet" in (await desk.post(f"{path}/pick", {"n1": 0, "n2": 0}, expect=422)).text
    await desk.post(f"{path}/pick", {"n1": 2, "n2": 0})
    assert await shop.value("SELECT array_agg(picked ORDER BY line_no) FROM fulfillment_lines") == [2, 0]
    await desk.post(f"{path}/pick", {"n1": 1}, expect=409)
    await desk.post(f"{path}/pick", {"n2": 1})
    assert ">Pack<" in (await desk.get(path)).replace("> ", ">").replace(" <", "<")


async def test_at_a_station_the_next_work_opens_by_itself(shop: Shop, hire: Hire) -> None:
    _, first = await placed(shop, {"sku": "MUG"}, service="express")
    _, second = await placed(shop, {"sku": "CARD"})
    desk = await hire("floor", locations=["north"])
    await desk.post("/console/floor/accept", {"location": "north"})
    answer = await shop.client.get("/console/floor/next?location=north&step=pick", headers=desk.headers)
    assert answer.headers["location"] == f"/console/floor/{first}?station=pick"
    onwards = await goes_to(desk, f"/console/floor/{first}/pick", {"all": 1, "station": "pick"})
    assert onwards == f"/console/floor/{second}?station=pick&said=picked&was={first}"
    assert "Go on with it" in await desk.get(onwards)
    onwards = await goes_to(desk, f"/console/floor/{second}/pick", {"all": 1, "station": "pick"})
    assert onwards == "/console/floor?location=north&step=pick&said=station_done"


async def test_nobody_sees_or_acts_where_they_do_not_work(shop: Shop, hire: Hire) -> None:
    _, work = await placed(shop, {"sku": "MUG"})
    path = f"/console/floor/{work}"
    for desk in (await hire("floor", locations=["south"]), await hire("vendor", locations=["south"])):
        for address in (path, "/console/floor?location=north", "/console/floor/next?location=north"):
            await desk.get(address, expect=403)
        assert "North" not in await desk.get("/console/floor")
        for verb in ("accept", "pick", "pack", "hand-over", f"steps/wst_{'0' * 32}/done"):
            await desk.post(f"{path}/{verb}", {"all": 1}, expect=403)
        await desk.post("/console/floor/accept", {"location": "north"}, expect=403)
    viewer = await hire("viewer")
    assert "Accept</button>" not in await viewer.get(path)
    await viewer.post(f"{path}/accept", expect=403)
    await (await hire("agent")).get(path, expect=403)
    assert await shop.value("SELECT status_category FROM fulfillment_orders") == "activated"
