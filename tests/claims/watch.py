"""The log of the harness's database: made by triggers, read in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from doorstep.db import Brand, Tx

_COUNTERS = ("on_hand", "reserved", "safety_stock", "damaged", "quality_control", "oversell_limit")
_TABLES = (
    "CREATE SEQUENCE seen_seq",
    """CREATE UNLOGGED TABLE seen (
        seq bigint PRIMARY KEY DEFAULT nextval('seen_seq'),
        kind text NOT NULL CHECK (kind IN ('stock', 'cart', 'refusal')),
        sku_id integer,
        location_id integer,
        hold_id uuid,
        before integer[],
        after integer[],
        expires_at timestamptz,
        said jsonb
    )""",
)
_STOCK = """CREATE FUNCTION see_stock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO seen (kind, sku_id, location_id, before, after)
    VALUES ('stock', NEW.sku_id, NEW.location_id, CASE WHEN TG_OP = 'UPDATE' THEN ARRAY[{old}] END, ARRAY[{new}]);
    RETURN NULL; END $$"""
_CART = """CREATE FUNCTION see_cart() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO seen (kind, sku_id, location_id, hold_id, before, after, expires_at)
    VALUES ('cart', NEW.sku_id, NEW.location_id, NEW.hold_id,
        CASE WHEN TG_OP = 'UPDATE' THEN ARRAY[OLD.open] END, ARRAY[NEW.open], NEW.expires_at);
    RETURN NULL; END $$"""
_TRIGGERS = (
    _STOCK.format(
        old=", ".join(f"OLD.{name}" for name in _COUNTERS), new=", ".join(f"NEW.{name}" for name in _COUNTERS)
    ),
    _CART,
    "CREATE TRIGGER see_stock AFTER INSERT OR UPDATE ON stock FOR EACH ROW EXECUTE FUNCTION see_stock()",
    "CREATE TRIGGER see_cart AFTER INSERT OR UPDATE ON cart_claims FOR EACH ROW EXECUTE FUNCTION see_cart()",
)
_SO_FAR = (
    f"""INSERT INTO seen (kind, sku_id, location_id, after)
    SELECT 'stock', sku_id, location_id, ARRAY[{", ".join(_COUNTERS)}] FROM stock""",
    """INSERT INTO seen (kind, sku_id, location_id, hold_id, after, expires_at)
    SELECT 'cart', sku_id, location_id, hold_id, ARRAY[open], expires_at FROM cart_claims""",
)
_AT_ONCE = 20_000


async def install(brand: Brand) -> None:
    """Begin the log with what is there now."""
    async with brand.transaction() as tx:
        await tx.execute("LOCK TABLE stock, cart_claims IN SHARE ROW EXCLUSIVE MODE")
        for statement in (*_TABLES, *_TRIGGERS, *_SO_FAR):
            await tx.execute(statement)


async def refused_here(tx: Tx, said: dict[str, Any]) -> None:
    """Note refusals in the transaction that refuses, with the locks of all stock rows of their SKUs."""
    await tx.execute("INSERT INTO seen (kind, said) VALUES ('refusal', $1)", said)


async def moment(tx: Tx) -> int:
    """A number for a refusal whose transaction will be rolled back; drawn under the same locks."""
    drawn: int = await tx.fetchval("SELECT nextval('seen_seq')")
    return drawn


async def refused_at(tx: Tx, seq: int, said: dict[str, Any]) -> None:
    """Note such a refusal afterwards."""
    await tx.execute("INSERT INTO seen (seq, kind, said) VALUES ($1, 'refusal', $2)", seq, said)


async def in_order(brand: Brand) -> AsyncIterator[Any]:
    """The whole log, row by row, without holding it in memory."""
    async with brand.snapshot() as tx:
        async for row in tx.cursor("SELECT * FROM seen ORDER BY seq", prefetch=_AT_ONCE):
            yield row


def sellable(counters: list[int]) -> int:
    """What a stock row of the log has to claim: less than nothing when safety stock is short."""
    on_hand, reserved, safety_stock, damaged, quality_control, oversell_limit = counters
    return on_hand - damaged - quality_control - reserved - safety_stock + oversell_limit


def oversold(counters: list[int]) -> int:
    """Units claimed that are not there, nor may be owed."""
    on_hand, reserved, _, damaged, quality_control, oversell_limit = counters
    return max(0, reserved - (on_hand - damaged - quality_control + oversell_limit), -reserved)
