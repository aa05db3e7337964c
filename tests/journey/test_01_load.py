"""Load: products, locations and stock; counts are the sums of movements."""

from __future__ import annotations

from tests.support.shop import Shop, receive


async def test_counts_are_the_sums_of_movements(shop: Shop) -> None:
    await receive(shop, "north", {"MUG": 7})
    row = (await shop.stock("MUG"))["north"]
    movements = (await shop.get("/v1/stock/movements", sku="MUG", location="north"))["items"]
    assert row["on_hand"] == 17 == sum(movement["on_hand_delta"] for movement in movements)
    assert [movement["kind"] for movement in movements] == ["received", "received"]
    await shop.audit()


async def test_a_delivery_note_sent_twice_counts_once_and_says_so(shop: Shop) -> None:
    note = {"reference": "note-1", "location": "south", "lines": [{"sku": "GLASS", "quantity": 3}]}
    first = await shop.client.post("/v1/stock/receipts", json=note)
    second = await shop.client.post("/v1/stock/receipts", json=note)
    assert (first.json(), second.json()) == ({"changed": 1}, {"changed": 0})
    assert (await shop.stock("GLASS"))["south"]["on_hand"] == 3


async def test_a_note_that_says_something_else_the_second_time_is_refused_and_books_nothing(shop: Shop) -> None:
    note = {"reference": "note-3", "location": "south", "lines": [{"sku": "GLASS", "quantity": 3}]}
    await shop.client.post("/v1/stock/receipts", json=note)
    other = {**note, "lines": [{"sku": "CARD", "quantity": 1}, {"sku": "GLASS", "quantity": 30}]}
    refused = await shop.send("POST", "/v1/stock/receipts", other, expect=409)
    assert refused["type"].endswith("body-differs")
    assert (refused["field"], refused["sku"], refused["was"], refused["now"]) == ("quantity", "GLASS", 3, 30)
    more = {**note, "lines": [{"sku": "CARD", "quantity": 1}, {"sku": "GLASS", "quantity": 3}]}
    assert (await shop.client.post("/v1/stock/receipts", json=more)).json() == {"changed": 1}
    count = {"reference": "count-3", "location": "south", "lines": [{"sku": "GLASS", "on_hand": 2}]}
    assert (await shop.client.post("/v1/stock/counts", json=count)).json() == {"changed": 1, "moved": []}
    await receive(shop, "south", {"GLASS": 4})
    assert (await shop.client.post("/v1/stock/counts", json=count)).json() == {"changed": 0, "moved": []}
    refused = await shop.send(
        "POST", "/v1/stock/counts", {**count, "lines": [{"sku": "GLASS", "on_hand": 6}]}, expect=409
    )
    assert (refused["sku"], refused["was"], refused["now"]) == ("GLASS", 2, 6)
    stock = [(await shop.stock(sku))["south"]["on_hand"] for sku in ("GLASS", "CARD")]
    assert stock == [6, 51]
    await shop.audit()


async def test_a_count_sets_what_is_there_and_not_below_what_is_worked_on(shop: Shop) -> None:
    order = await shop.place({"sku": "MUG", "quantity": 6})
    await shop.drain()
    count = {"reference": "count-1", "location": "north", "lines": [{"sku": "MUG", "on_hand": 8}]}
    assert (await shop.client.post("/v1/stock/counts", json=count)).json() == {"changed": 1, "moved": []}
    assert (await shop.client.post("/v1/stock/counts", json=count)).json() == {"changed": 0, "moved": []}
    low = {"reference": "count-2", "location": "north", "lines": [{"sku": "MUG", "on_hand": 5}]}
    refused = await shop.send("POST", "/v1/stock/counts", low, expect=409)
    assert refused["orders"] == [order["number"]]
    assert refused["missing"] == 1
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 8
    await shop.audit()


async def test_unknown_codes_are_all_named_and_nothing_is_booked(shop: Shop) -> None:
    lines = [{"sku": "MUG", "quantity": 1}, {"sku": "NOPE", "quantity": 1}, {"sku": "MUG", "quantity": 2}]
    note = {"reference": "note-2", "location": "nowhere", "lines": lines}
    problem = await shop.send("POST", "/v1/stock/receipts", note, expect=422)
    pointers = [error["pointer"] for error in problem["errors"]]
    assert pointers == ["/location", "/lines/1/sku", "/lines/2/sku"]
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 10
