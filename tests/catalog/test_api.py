"""Products over HTTP."""

from __future__ import annotations

from tests.support.shop import PRODUCTS, Shop

BOX = {"sku": "BOX/1 ä", "title": "A box", "weight_g": 1, "length_mm": 1, "width_mm": 1, "height_mm": 1}


async def test_products_are_written_listed_and_read(shop: Shop) -> None:
    assert await shop.send("PUT", "/v1/products", [BOX]) == {"stored": 1, "created": 1, "changed": 0}
    first = await shop.get("/v1/products", limit=3)
    second = await shop.get("/v1/products", limit=3, cursor=first["next_cursor"])
    assert [item["sku"] for item in first["items"] + second["items"]] == [
        *sorted(str(p["sku"]) for p in PRODUCTS),
        "BOX/1 ä",
    ]
    assert second["next_cursor"] is None
    assert (await shop.get("/v1/products/MUG"))["weight_g"] == 350
    assert "sku_id" not in second["items"][0]


async def test_a_bad_product_is_refused_at_its_place(shop: Shop) -> None:
    await shop.get("/v1/products/NONE", expect=404)
    await shop.get("/v1/products", limit=0, expect=422)
    for bad, pointer in (
        ([{**BOX, "sku": ""}], "/0/sku"),
        ([{**BOX, "handling": ["explosive"]}], "/0/handling/0"),
        ([{**BOX, "weight_g": "5"}], "/0/weight_g"),
        ([{**BOX, "price": 5}], "/0/price"),
        ([BOX, BOX], "/1/sku"),
        ([{**BOX, "title": "a\0b"}], "/0/title"),
        ([], ""),
    ):
        problem = await shop.send("PUT", "/v1/products", bad, expect=422)
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
