"""Drop-off points: found by postcode, kept from lists that may be sent again, refused whole when a line is bad."""

from __future__ import annotations

from typing import Any

import pytest

from tests.returns.world import AREAS, POINTS, point
from tests.support.shop import Shop


async def codes(shop: Shop, **query: Any) -> list[str]:
    """The codes of the nearest points."""
    wanted = {"country": "GB", "postcode": "SW1Y 4JH", **query}
    return [one["code"] for one in (await shop.get("/v1/drop-off-points", **wanted))["items"]]


async def test_the_nearest_points_come_first_with_their_distance(shop: Shop) -> None:
    await shop.send("PUT", "/v1/postcode-areas", AREAS)
    assert await shop.send("PUT", "/v1/drop-off-points", POINTS) == {"count": len(POINTS)}
    found = await shop.get("/v1/drop-off-points", country="GB", postcode="sw1y4jh", carrier="sandbox", limit=3)
    assert [(one["code"], round(one["distance_km"], 1)) for one in found["items"]] == [
        ("near", 0.1),
        ("middle", 1.7),
        ("far", 11.3),
    ]
    assert await codes(shop, limit=2) == ["theirs", "near"]
    assert await codes(shop, carrier="nobody") == []
    assert (await codes(shop, postcode="M1 1AA"))[0] == "manchester"
    assert await codes(shop, country="FR", postcode="75001") == []
    unknown = await shop.get("/v1/drop-off-points", country="FR", postcode="75001")
    assert unknown == {"known": False, "items": []}


@pytest.mark.parametrize(
    ("country", "postcode", "latitude"),
    [("GB", "M1 1AA", 53.478), ("GB", "M11AA", 53.478), ("GB", "M11 1AA", 53.477), ("GB", "M11", 53.477),
     ("DE", "10117", 52.52), ("DE", "19999", 52.5)],
)  # fmt: skip
async def test_the_longest_prefix_counts_and_a_british_outcode_is_told_from_what_follows(
    shop: Shop, country: str, postcode: str, latitude: float
) -> None:
    await shop.send("PUT", "/v1/postcode-areas", AREAS)
    here = [point("here", latitude, 0.0, country=country), point("there", latitude + 0.0004, 90.0, country=country)]
    await shop.send("PUT", "/v1/drop-off-points", here)
    found = await shop.get("/v1/drop-off-points", country=country, postcode=postcode)
    known = await shop.value(
        "SELECT count(*) FROM postcode_areas WHERE latitude = $1 AND country = $2", latitude, country
    )
    assert (found["known"], known, found["items"][0]["code"]) == (True, 1, "here")


async def test_the_same_list_again_touches_no_row_and_a_changed_one_only_its_own(shop: Shop) -> None:
    await shop.send("PUT", "/v1/drop-off-points", POINTS)
    before = await shop.value("SELECT string_agg(xmin::text, ' ' ORDER BY code) FROM drop_off_points")
    await shop.send("PUT", "/v1/drop-off-points", POINTS)
    assert await shop.value("SELECT string_agg(xmin::text, ' ' ORDER BY code) FROM drop_off_points") == before
    await shop.send("PUT", "/v1/drop-off-points", [{**POINTS[0], "hours": "Closed"}])
    assert await shop.value("SELECT count(*) FROM drop_off_points WHERE hours = 'Closed'") == 1


@pytest.mark.parametrize(
    "bad",
    [{"latitude": 91}, {"longitude": "x"}, {"country": "gb"}, {"carrier": "a b"}, {"code": ""}, {"hours": "x" * 501},
     {"name": "a\0b"}, {"color": "red"}],
)  # fmt: skip
async def test_a_bad_point_is_refused_with_all_the_others(shop: Shop, bad: dict[str, Any]) -> None:
    await shop.send("PUT", "/v1/drop-off-points", [POINTS[0], {**POINTS[1], **bad}], expect=422)
    await shop.send("PUT", "/v1/drop-off-points", [POINTS[0], POINTS[0]], expect=422)
    assert await shop.value("SELECT count(*) FROM drop_off_points") == 0


async def test_a_question_that_makes_no_sense_is_refused(shop: Shop) -> None:
    for query in ({"country": "GB"}, {"country": "gbr", "postcode": "1"}, {"country": "GB", "postcode": "1" * 30}):
        await shop.get("/v1/drop-off-points", expect=422, **query)
    assert (await shop.get("/v1/drop-off-points", country="GB", postcode="' OR 1=1"))["known"] is False
