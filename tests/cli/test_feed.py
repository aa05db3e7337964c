"""The command that takes in a feed works on it itself, and says how it came out."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.cli.test_import import LOCATIONS, PRODUCTS, STOCK, rows


def test_a_feed_comes_in_from_the_command_line_once(doorstep: Run, tmp_path: Path) -> None:
    for kind, text in (("products", PRODUCTS), ("locations", LOCATIONS)):
        (tmp_path / kind).write_text(text)
        assert doorstep("import", kind, str(tmp_path / kind), "--json").code == 0
    file = tmp_path / "stock.csv"
    file.write_text("sku,location,on_hand\nMUG,north,7\nGLASS,north,2\n")
    look = doorstep("feed", str(file), "--kind", "full", "--dry-run", "--json")
    assert (look.code, look.json["state"], look.json["rows_changed"]) == (0, "checked", 2)
    for _ in range(2):
        done = doorstep("feed", str(file), "--kind", "full", "--json")
        assert (done.code, done.json["state"], done.json["rows_applied"]) == (0, "done", 2)
    assert "2 changed" in doorstep("feed", str(file), "--kind", "full").out
    assert doorstep("feed", str(tmp_path / "products"), "--kind", "full").code == 2


def test_the_audit_lists_drift_with_its_cause_and_puts_it_right(doorstep: Run, tmp_path: Path, dsn: str) -> None:
    for kind, text in (("products", PRODUCTS), ("locations", LOCATIONS), ("stock", STOCK)):
        (tmp_path / kind).write_text(text)
        assert doorstep("import", kind, str(tmp_path / kind), "--json").code == 0
    assert doorstep("audit", "--drift").code == 0
    rows(dsn, "UPDATE stock SET on_hand = 9 WHERE on_hand = 7 RETURNING sku_id")
    found = doorstep("audit", "--drift", "--json")
    assert (found.code, [one["cause"] for one in found.json["main"]["differences"]]) == (1, ["counter_drift"])
    assert "counter_drift" in doorstep("audit", "--drift").out
    assert doorstep("audit", "--drift", "--repair").code == 0
    assert rows(dsn, "SELECT kind, actor FROM stock_movements ORDER BY movement_id DESC LIMIT 1") == [
        ("reconciled", "audit")
    ]
    assert (doorstep("audit", "--drift").code, doorstep("audit").code) == (0, 0)
    assert doorstep("audit", "--repair").code == 2
