"""Import from CSV: everything or nothing, bad rows by line and reason, the same file again changes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.cli.conftest import Run

PRODUCTS = """sku,title,weight_g,length_mm,width_mm,height_mm,handling,gift_wrap,personalization
MUG,A mug,350,100,100,110,,,
GLASS,"A glass, thin",200,80,80,150,fragile,false,
JERSEY,A jersey,250,300,250,30,,,"[{""name"":""name"",""label"":""Name"",""max_length"":12}]"
"""
LOCATIONS = """code,name,kind,country,postcode,city,street,latitude,longitude,timezone,capabilities
north,North,warehouse,GB,WA1 1AA,Warrington,1 Mill Lane,53.39,-2.59,Europe/London,gift_wrap|fragile|returns
"""
STOCK = "sku,location,on_hand\nMUG,north,7\nGLASS,north,0\n"


@pytest.fixture
def load(doorstep: Run, tmp_path: Path) -> Any:
    """Import a text as a file of a kind; the outcome as JSON, with its exit code."""

    def run(kind: str, text: str | bytes, *options: str) -> tuple[int, Any]:
        file = tmp_path / f"{kind}.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        ran = doorstep("import", kind, str(file), "--json", *options)
        return ran.code, ran.json

    return run


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    """What a query in the brand main finds."""

    async def act() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(dsn, server_settings={"search_path": "main,ext"})
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(act())


def test_products_locations_and_stock_come_in(load: Any, dsn: str) -> None:
    assert load("products", PRODUCTS) == (0, {"kind": "products", "rows": 3, "good": 3, "bad": [], "written": True})
    assert load("locations", LOCATIONS)[0] == 0
    assert load("stock", STOCK)[0] == 0
    assert rows(dsn, "SELECT sku, title, gift_wrap, handling FROM products ORDER BY sku") == [
        ("GLASS", "A glass, thin", False, ["fragile"]),
        ("JERSEY", "A jersey", True, []),
        ("MUG", "A mug", True, []),
    ]
    assert rows(dsn, "SELECT sku, on_hand FROM stock JOIN products USING (sku_id) WHERE on_hand > 0") == [("MUG", 7)]


def test_the_same_stock_file_again_counts_once(load: Any, dsn: str) -> None:
    load("products", PRODUCTS)
    load("locations", LOCATIONS)
    for _ in range(2):
        assert load("stock", STOCK)[0] == 0
    assert rows(dsn, "SELECT count(*) FROM stock_movements WHERE kind = 'counted' AND on_hand_delta <> 0") == [(1,)]
    assert rows(dsn, "SELECT sum(on_hand) FROM stock") == [(7,)]


def test_a_dry_run_checks_everything_and_writes_nothing(load: Any, dsn: str) -> None:
    code, outcome = load("products", PRODUCTS, "--dry-run")
    assert (code, outcome["good"], outcome["written"]) == (0, 3, False)
    assert rows(dsn, "SELECT count(*) FROM products") == [(0,)]


BAD = """sku,title,weight_g,length_mm,width_mm,height_mm,personalization
GOOD,Good,1,1,1,1,

,No SKU,1,1,1,1,
HEAVY,Heavy,-5,1,1,1,
WORDS,Words,many,1,1,1,
SHORT,Short,1
GOOD,Again,1,1,1,1,
LOOP,Loop,1,1,1,1,"[{""name"":""n"",""label"":""N"",""pattern"":""(a+)+""}]"
"""


def test_bad_rows_are_named_by_line_and_reason_and_nothing_is_written(load: Any, dsn: str) -> None:
    code, outcome = load("products", BAD)
    assert (code, outcome["written"]) == (1, False)
    assert [bad["line"] for bad in outcome["bad"]] == [4, 5, 6, 7, 8, 9]
    reasons = {bad["line"]: bad["reason"] for bad in outcome["bad"]}
    assert "sku" in reasons[4]
    assert "weight_g" in reasons[5]
    assert "weight_g" in reasons[6]
    assert "columns" in reasons[7]
    assert "twice" in reasons[8]
    assert rows(dsn, "SELECT count(*) FROM products") == [(0,)]


def test_good_rows_are_written_beside_bad_ones_when_asked_for(load: Any, dsn: str) -> None:
    code, outcome = load("products", BAD, "--skip-bad")
    assert (code, outcome["good"], outcome["written"]) == (0, 1, True)
    assert rows(dsn, "SELECT sku, title FROM products") == [("GOOD", "Good")]


def test_stock_of_what_there_is_not_is_named(load: Any) -> None:
    load("products", PRODUCTS)
    load("locations", LOCATIONS)
    stock = "sku,location,on_hand\nMUG,north,1\nCUP,north,1\nMUG,south,1\nMUG,north,2\nMUG,north,-1\nGLASS,north,1.5\n"
    code, outcome = load("stock", stock)
    assert code == 1
    assert [bad["line"] for bad in outcome["bad"]] == [3, 4, 5, 6, 7]


def test_an_unknown_time_zone_is_named(load: Any) -> None:
    code, outcome = load("locations", LOCATIONS.replace("Europe/London", "Mars/Olympus"))
    assert code == 1
    assert outcome["bad"][0]["line"] == 2
    assert "Mars/Olympus" in outcome["bad"][0]["reason"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("sku,title\nMUG,A mug\n", "lacks"),
        (PRODUCTS.replace("handling", "color"), "color"),
        (PRODUCTS.replace("handling", "sku"), "twice"),
        (b"sku,title\n\xff,x\n", "UTF-8"),
        (PRODUCTS + '"open,north\n', "CSV"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_whole(load: Any, text: str | bytes, word: str) -> None:
    code, outcome = load("products", text)
    assert code == 1
    assert word in outcome["error"]


def test_more_rows_than_a_batch_come_in(load: Any, dsn: str) -> None:
    lines = [f"S{n},Thing {n},1,1,1,1" for n in range(1_200)]
    code, outcome = load("products", "sku,title,weight_g,length_mm,width_mm,height_mm\n" + "\n".join(lines))
    assert (code, outcome["good"]) == (0, 1_200)
    assert rows(dsn, "SELECT count(*) FROM products") == [(1_200,)]


def test_people_read_the_line_and_the_reason(doorstep: Run, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text(BAD)
    ran = doorstep("import", "products", str(file))
    assert ran.code == 1
    assert "line 5" in ran.err
    assert "Nothing was written" in ran.out


POINTS = """carrier,code,name,street,postcode,city,country,latitude,longitude,hours
sandbox,A1,"Corner shop, Leeds",1 Kirkgate,LS1 6BY,Leeds,GB,53.796,-1.541,Mon-Sat 7-20
sandbox,A2,Kiosk,2 Kirkgate,LS1 6BY,Leeds,GB,{latitude},-1.541,
"""


def test_drop_off_points_and_postcode_areas_come_in_once(load: Any, dsn: str) -> None:
    bad = load("drop-off-points", POINTS.format(latitude="north"))
    assert (bad[0], [(one["line"], one["reason"][:8]) for one in bad[1]["bad"]]) == (1, [(3, "latitude")])
    for latitude in ("91", "nan", "inf"):
        assert load("drop-off-points", POINTS.format(latitude=latitude))[1]["bad"][0]["line"] == 3
    assert rows(dsn, "SELECT count(*) FROM drop_off_points") == [(0,)]
    for _ in range(2):
        assert load("drop-off-points", POINTS.format(latitude="53.797"))[0] == 0
        assert load("postcode-areas", "country,prefix,latitude,longitude\nGB,ls1,53.797,-1.548\n")[0] == 0
    assert rows(dsn, "SELECT code, hours, enabled, xmin = (SELECT min(xmin::text)::xid FROM drop_off_points) "
                "FROM drop_off_points ORDER BY code") == [
        ("A1", "Mon-Sat 7-20", True, True), ("A2", "", True, True)]  # fmt: skip
    assert rows(dsn, "SELECT prefix FROM postcode_areas") == [("LS1",)]
