"""A shop with as many orders as one likes, made by PostgreSQL itself: what a list touches, as a year would leave it.

The same number of orders makes the same shop. The orders agree with one another as far as lists and search look: money
and messages are left out, so that the audit would find much to say.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from doorstep.db import Brand
from doorstep.db.sql import Statements


def _words(text: str) -> list[str]:
    return text.split()


UNTIL: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # when the newest order was placed
SKUS: Final = 3_000
FIRST: Final = _words("""
    Anna Lena Max Paul Marie Sophie Lukas Leon Mia Emma Jonas Felix Jürgen Jörg Müzeyyen Zoë François Łukasz Søren
    Åsa Olga Pavel Ivan Nina Clara Emil Ida Otto Karl Hugo Greta Frieda Mats Nils Ole Pia Rosa Selma Theo Uwe Vera
    Wim Xenia Yara Zora Ada Björn Çelik Dörte Élodie
""")
LAST: Final = _words("""
    Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf
    Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Krause Meier Lehmann
    Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn Schubert Vogel
    Friedrich Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster Simon Ludwig
    Böhm Winter Kraus Martin Schumacher Krämer Vogt Stein Jäger Otto Sommer Groß Seidel Heinrich Brandt Haas
    Schreiber Graf Dietrich Ziegler Kuhn Kühn Pohl Engel Horn Busch Bergmann Thomas Voigt Sauer Arnold Wolff
    Pfeiffer Nowak Åström O'Brien
""")
_THINGS: Final = _words("""
    Jersey Mug Lamp Chair Scarf Boots Jacket Poster Candle Backpack Bottle Puzzle Blanket Clock Vase
""")
_COLORS: Final = _words("""
    red blue green black white yellow purple silver golden striped
""")
_WORDS: Final = _words("""
    classic home away kids outdoor vintage deluxe mini slim organic winter summer city alpine nordic
""")
_STEPS: Final = ("wraps", "promises", "claims", "work", "parcels", "movements", "returns", "holds", "troubles")

SQL: Final = Statements("tests/support/lots.sql", Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


async def fill(brand: Brand, orders: int) -> None:
    """Fill an empty brand and stop its clock at `UNTIL`. A million takes some minutes; the search index is not made."""
    async with brand.transaction() as tx:
        await tx.execute("UPDATE clock SET wall_from = clock_timestamp(), clock_from = $1, rate = 0", UNTIL)
        await tx.execute(SQL.chance)
        await tx.execute(SQL.shop, _THINGS, _COLORS, _WORDS, SKUS)
        await tx.execute("SET LOCAL work_mem = '256MB'")
        # A statement that makes a table takes no values of its own; the two are ours.
        await tx.execute(SQL.seed.replace("$1", str(orders)).replace("$2", f"'{UNTIL.isoformat()}'"))
        await tx.execute("ANALYZE seed")
        await tx.execute(SQL.people, FIRST, _plain(FIRST), LAST, _plain(LAST), timeout=1800)
        await tx.execute(SQL.orders, timeout=1800)
        await tx.execute(SQL.lines, SKUS, timeout=1800)
        for name, statement in SQL:
            if name in _STEPS:
                await tx.execute(statement, timeout=1800)
        await tx.execute(SQL.story, orders, timeout=1800)


def _plain(names: list[str]) -> list[str]:
    """As people write themselves in an address."""
    return [
        "".join(letter for letter in unicodedata.normalize("NFKD", name.lower()) if "a" <= letter <= "z")
        for name in names
    ]
