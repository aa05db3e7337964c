"""The commands of the page on imports, run as they stand there."""

from __future__ import annotations

from pathlib import Path

from doorstep.db import Database
from tests.docs.shell import environment, needs_shell, run_commands


@needs_shell
async def test_the_import_goes_as_the_page_says(tmp_path: Path, dsn: str, database: Database) -> None:
    said = await run_commands("docs/howto/import.md", tmp_path, environment(tmp_path, dsn))
    assert "2 of 2 locations of locations.csv are good. Nothing was written." in said
    async with (await database.brand("main")).reading() as tx:
        stock = await tx.fetch(
            "SELECT p.sku, l.code, s.on_hand FROM stock s"
            " JOIN products p USING (sku_id) JOIN locations l USING (location_id)"
        )
        assert {tuple(row) for row in stock} == {("MUG", "leeds", 20), ("TEA", "leeds", 50), ("TEA", "york", 5)}
        assert await tx.fetchval("SELECT count(*) FROM stock_movements") == 3
        field = await tx.fetchval("SELECT personalization FROM products WHERE sku = 'MUG'")
        assert field[0]["max_length"] == 12
