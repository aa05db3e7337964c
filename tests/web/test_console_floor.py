"""The console's floor: the whole way of a piece of work, by people at their own location only."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from typing import Any

from tests.support.shop import ADDRESS, Shop
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


async def test_what_is_not_there_is_shown_first_and_changes_the_book_only_when_confirmed(
    shop: Shop, hire: Hire
) -> None:
    order, work = await placed(shop, {"sku": "MUG", "quantity": 3})
    desk = await hire("floor", locations=["north"])
    path = f"/console/floor/{work}"
    await desk.post(f"{path}/accept")
    assert "I cannot find it" in await desk.get(f"{path}/short?line=1")
    page = await desk.get(f"{path}/short?line=1&units=2&reason=not_found")
    assert "The book says 10 on the shelf of North warehouse; it will say 8." in page
    assert "MUG: South warehouse has 4 to sell" in page
    vendor = await hire("vendor", locations=["north"])
    for page in (await vendor.get(f"{path}/short?line=1&units=2&reason=not_found"), await vendor.get(f"{path}/reject")):
        assert "South" not in page, "what lies elsewhere is not for another house"
    assert "another place may have it" in await vendor.get(f"{path}/short?line=1&units=2&reason=not_found")
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 10
    for wrong in ("units=0&reason=damaged", "units=4&reason=damaged", "units=x&reason=damaged", "units=1&reason=bored"):
        await desk.get(f"{path}/short?line=1&{wrong}", expect=422)
    await desk.get(f"{path}/short?line=7&units=1&reason=damaged", expect=404)
    fields = {"line": 1, "units": 2, "reason": "not_found"}
    assert await goes_to(desk, f"{path}/short", fields) == f"{path}?said=short"
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 8
    await desk.post(f"{path}/short", fields, expect=409)
    await shop.drain()
    assert {one["location"] for one in await shop.work(order)} == {"north", "south"}
    await shop.audit()


async def test_rejected_work_goes_elsewhere_and_cannot_be_rejected_later(shop: Shop, hire: Hire) -> None:
    order, work = await placed(shop, {"sku": "MUG"})
    desk = await hire("floor", locations=["north"])
    path = f"/console/floor/{work}"
    assert "South warehouse has 4" in await desk.get(f"{path}/reject")
    await desk.post(f"{path}/reject", {"other": "x" * 201}, expect=422)
    await desk.post(f"{path}/reject", expect=422)
    await desk.post(f"{path}/reject", {"reason": "a machine is down", "other": "<b>Press broken</b>"})
    assert "Not wanted here" in await desk.get(path)
    await shop.drain()
    (other,) = [one for one in await shop.work(order) if one["status_category"] == "activated"]
    assert other["location"] == "south"
    south = await hire("floor", locations=["south"])
    await south.post(f"/console/floor/{other['fulfillment_order_id']}/accept")
    await south.post(f"/console/floor/{other['fulfillment_order_id']}/reject", {"reason": "closed early"}, expect=409)
    await shop.audit()


async def test_a_step_called_done_by_mistake_is_taken_back_until_it_is_packed(shop: Shop, hire: Hire) -> None:
    order, work = await placed(shop, {"sku": "JERSEY", **PRINTED, **GIFT})
    desk = await hire("floor", locations=["workshop"])
    path = f"/console/floor/{work}"
    await desk.post(f"{path}/accept")
    await desk.post(f"{path}/pick", {"all": 1})
    printed, wrapped = [step["step_id"] for step in (await shop.work(order))[0]["steps"]]
    await desk.post(f"{path}/steps/{wrapped}/done", expect=409)
    for step in (printed, wrapped):
        await desk.post(f"{path}/steps/{step}/done")
    await desk.post(f"{path}/steps/{printed}/undo", expect=409)
    for step in (wrapped, printed):
        await desk.post(f"{path}/steps/{step}/undo")
    assert "Print on it" in await desk.get(f"{path}?said=step_undone")
    await desk.post(f"{path}/pack", expect=409)
    for step in (printed, wrapped):
        await desk.post(f"{path}/steps/{step}/done")
    await desk.post(f"{path}/pack")
    await desk.post(f"{path}/steps/{wrapped}/undo", expect=409)
    assert "Gift-wrapping A jersey is to be done again." in await shop.story(order)
    await shop.audit()


async def test_the_slip_speaks_the_customers_language_and_keeps_prices_to_whom_they_concern(
    shop: Shop, hire: Hire
) -> None:
    customer = {"name": "Ada", "email": "ada@example.test", "locale": "de"}
    hostile = {**ADDRESS, "name": "<script>alert(1)</script>\u202eevil"}
    _, open_work = await placed(shop, {"sku": "MUG"}, customer=customer, ship_to=hostile)
    _, gift_work = await placed(shop, {"sku": "MUG", **GIFT})
    desk, vendor = await hire("floor"), await hire("vendor", locations=["north"])
    page = await desk.get(f"/console/floor/{open_work}/slip")
    assert "Lieferschein" in page
    assert "10,00\xa0£" in page or "10,00 £" in page
    assert "<script>alert" not in page
    assert "ada@example.test" not in page
    assert "10.00" not in await desk.get(f"/console/floor/{gift_work}/slip")
    for work in (open_work, gift_work):
        slip = await vendor.get(f"/console/floor/{work}/slip")
        assert "£" not in slip
        assert "£" not in await vendor.get(f"/console/floor/{work}")


async def test_what_is_on_hold_stays_where_it_is(shop: Shop, hire: Hire) -> None:
    order, work = await placed(shop, {"sku": "MUG"})
    await shop.send("POST", f"/v1/orders/{order}/holds", {"reason": "other", "note": "wait"}, expect=201)
    desk = await hire("floor", locations=["north"])
    path = f"/console/floor/{work}"
    assert "On hold" in await desk.get("/console/floor?location=north&step=accept")
    assert "Accept</button>" not in await desk.get(path)
    await desk.post(f"{path}/accept", expect=409)
    answer = await shop.client.get("/console/floor/next?location=north", headers=desk.headers)
    assert "nothing_left" in answer.headers["location"]
    await desk.post("/console/floor/accept", {"location": "north"}, expect=404)


async def test_the_van_takes_the_ticked_parcels_all_or_none(shop: Shop, hire: Hire) -> None:
    orders = [await placed(shop, {"sku": "CARD"}) for _ in range(3)]
    for order, _ in orders:
        await shop.fulfill((await shop.work(order))[0])
    keys = [(await shop.get("/v1/shipments", order=order))["items"][0]["shipment_id"] for order, _ in orders]
    desk, other = await hire("floor", locations=["north"]), await hire("floor", locations=["south"])
    page = await desk.get("/console/floor?location=north&step=ship")
    assert all(f'name="parcel-{key}" value="1" checked' in page for key in keys)
    await desk.get(f"/console/floor/parcels/{keys[0]}/label.pdf")
    await other.get(f"/console/floor/parcels/{keys[0]}/label.pdf", expect=403)
    await other.post("/console/floor/hand-over", {"location": "north", f"parcel-{keys[0]}": 1}, expect=403)
    await other.post("/console/floor/hand-over", {"location": "south", f"parcel-{keys[0]}": 1}, expect=404)
    await desk.post("/console/floor/hand-over", {"location": "north"}, expect=422)
    await desk.post("/console/floor/hand-over", {"location": "north", "parcel-shp_1": 1}, expect=404)
    await shop.send("POST", f"/v1/orders/{orders[2][0]}/holds", {"reason": "other", "note": "wait"}, expect=201)
    both = {f"parcel-{key}": 1 for key in keys}
    await desk.post("/console/floor/hand-over", {"location": "north", **both}, expect=409)
    assert await shop.value("SELECT count(*) FROM shipments WHERE handed_over_at IS NOT NULL") == 0
    del both[f"parcel-{keys[2]}"]
    await desk.post("/console/floor/hand-over", {"location": "north", **both})
    assert await shop.value("SELECT count(*) FROM shipments WHERE handed_over_at IS NOT NULL") == 2
    assert "checked" not in await desk.get("/console/floor?location=north&step=ship")
    await shop.audit()


async def test_no_page_of_the_floor_holds_a_connection_and_wants_another(shop: Shop, hire: Hire) -> None:
    _, work = await placed(shop, {"sku": "MUG"})
    desk = await hire("floor")  # of several locations: the first page is that of all
    async with AsyncExitStack() as others:
        for _ in range(shop.brand._pool.get_max_size() - 1):
            await others.enter_async_context(shop.brand.reading())
        assert "Where do you work?" in await desk.get("/console/floor")
        for path in ("?location=north", "?location=north&step=ship", f"/{work}", f"/{work}/reject", f"/{work}/slip"):
            await desk.get(f"/console/floor{path}")


async def test_the_floor_reads_german_too(shop: Shop, hire: Hire) -> None:
    _, work = await placed(shop, {"sku": "MUG"})
    desk = await hire("floor", locations=["north"], language="de")
    assert "Annehmen" in await desk.get(f"/console/floor/{work}")
    assert "Alles entnehmen" not in await desk.get("/console/floor")
