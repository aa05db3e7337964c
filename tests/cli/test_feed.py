"""The command that takes in a feed works on it itself, and says how it came out."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.cli.test_import import LOCATIONS, PRODUCTS


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
