"""The tables of delivery over HTTP."""

from __future__ import annotations

from tests.support.shop import Shop

VAN = {
    "service": "van",
    "title": "Our van",
    "carrier": "sandbox",
    "price_minor": 500,
    "currency": "GBP",
    "parcel_cost_minor": 100,
    "cut_off": "12:30:00",
}


async def test_tables_are_written_and_read(shop: Shop) -> None:
    await shop.send("PUT", "/v1/services", [VAN])
    await shop.send("PUT", "/v1/transit", [{"service": "van", "country": "GB", "postcode_prefix": "LS", "days": 1}])
    await shop.send("PUT", "/v1/work-times", [{"work": "gift_wrap", "days": 1, "fee_minor": 250}])
    services = {item["service"]: item for item in (await shop.get("/v1/services"))["items"]}
    assert (services["van"]["cut_off"], services["van"]["enabled"]) == ("12:30:00", True)
    rows = (await shop.get("/v1/transit"))["items"]
    assert [(row["postcode_prefix"], row["days"]) for row in rows if row["service"] == "van"] == [("LS", 1)]
    assert {"work": "gift_wrap", "days": 1, "fee_minor": 250} in (await shop.get("/v1/work-times"))["items"]


async def test_bad_rows_are_refused_at_their_place(shop: Shop) -> None:
    for path, body, pointer in (
        ("/v1/services", [{**VAN, "cut_off": "25:00:00"}], "/0/cut_off"),
        ("/v1/services", [{**VAN, "cut_off": "12:00:00Z"}], "/0/cut_off"),
        ("/v1/services", [{**VAN, "price_minor": -1}], "/0/price_minor"),
        ("/v1/services", [VAN, VAN], "/1/service"),
        ("/v1/services", [{**VAN, "service": "Van"}], "/0/service"),
        ("/v1/transit", [{"service": "none", "country": "GB", "days": 1}], "/0/service"),
        ("/v1/transit", [{"service": "standard", "country": "gb", "days": 1}], "/0/country"),
        ("/v1/work-times", [{"work": "engrave", "days": 1, "fee_minor": 0}], "/0/work"),
        ("/v1/work-times", [], ""),
        ("/v1/calendars/opening", [{"location": "north", "weekdays": ["sun"]}], "/0/weekdays/0"),
        ("/v1/calendars/opening", [{"location": "north", "weekdays": ["sat"]}], "/0/weekdays"),
        ("/v1/calendars/days-off", [{"country": "de", "days": []}], "/0/country"),
        (
            "/v1/calendars/days-off",
            [{"country": "DE", "days": [{"day": "2027-02-29", "reason": "x"}]}],
            "/0/days/0/day",
        ),
    ):
        problem = await shop.send("PUT", path, body, expect=422)
        assert [error["pointer"] for error in problem["errors"]] == [pointer], (path, body)
