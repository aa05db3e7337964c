"""Ship: a label whose barcode reads as the tracking number, bought once though the carrier timed out after success."""

from __future__ import annotations

import pypdfium2  # type: ignore[import-untyped]  # ships no types
import pytest
import zxingcpp

from tests.support.shop import Shop
from tests.support.twins import first_attempt_only


async def test_the_labels_barcode_reads_as_the_tracking_number(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    await shop.drain()
    (work,) = await shop.work(placed["order_id"])
    await shop.fulfill(work)
    (shipment,) = (await shop.get("/v1/shipments", order=placed["order_id"]))["items"]
    label = await shop.client.get(f"/v1/shipments/{shipment['shipment_id']}/label.pdf")
    assert label.headers["content-type"].startswith("application/pdf")
    page = pypdfium2.PdfDocument(label.content)[0].render(scale=203 / 72).to_pil()
    assert [code.text for code in zxingcpp.read_barcodes(page)] == [shipment["tracking_number"]]


@pytest.mark.parametrize("fault", ["error_500_after", "hang_up_after"])
async def test_a_label_is_bought_once_though_the_answer_was_lost(shop: Shop, fault: str) -> None:
    shop.carrier.reset(**first_attempt_only(**{fault: 1.0}))
    placed = await shop.place({"sku": "MUG"})
    await shop.drain()
    (work,) = await shop.work(placed["order_id"])
    await shop.fulfill(work)
    for _ in range(5):
        await shop.retry_now()
        await shop.drain()
    (shipment,) = (await shop.get("/v1/shipments", order=placed["order_id"]))["items"]
    assert shipment["tracking_number"]
    (entry,) = shop.carrier.get("/sandbox/ledger")["labels"].values()
    assert entry["purchases"] == 1


async def test_handing_over_ships_the_units_and_lowers_the_stock(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 3})
    (shipment,) = await shop.ship(placed["order_id"])
    assert shipment["handed_over_at"] is not None
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert order["lines"][0]["units"] == {"shipped": 3}
    row = (await shop.stock("MUG"))["north"]
    assert (row["on_hand"], row["reserved"]) == (7, 0)
    await shop.audit()


async def test_nothing_is_handed_over_without_a_label(shop: Shop) -> None:
    shop.carrier.reset(faults={"error_500": 1.0})
    placed = await shop.place({"sku": "MUG"})
    await shop.drain()
    (work,) = await shop.work(placed["order_id"])
    await shop.fulfill(work)
    (shipment,) = (await shop.get("/v1/shipments", order=placed["order_id"]))["items"]
    await shop.send("POST", f"/v1/shipments/{shipment['shipment_id']}/hand-over", expect=409)
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["lines"][0]["units"] == {"packed": 1}
