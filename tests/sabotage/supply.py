"""The safeguards of supply that is promised before it is here."""

from __future__ import annotations

from tests.sabotage.case import Case, code, schema

_RACES = "tests/races/test_supply.py"
_SUPPLY = "inventory/supply/queries.sql"

SUPPLY = (
    Case(
        name="supply: the CHECK on what is promised of a delivery",
        edits=schema(
            "THEN quantity - arrived ELSE 0 END)",
            "THEN 1000000 ELSE 0 END)",
        ),
        test=f"{_RACES}::test_the_check_alone_promises_the_last_unit_of_a_delivery_once",
    ),
    Case(
        name="supply: the CHECK on the cap",
        edits=schema(
            "CONSTRAINT beyond_stock_within_cap CHECK (promised BETWEEN 0 AND cap)",
            "CONSTRAINT beyond_stock_within_cap CHECK (promised >= 0)",
        ),
        test=f"{_RACES}::test_the_check_alone_sells_the_last_unit_of_a_cap_once",
    ),
    Case(
        name="supply: the lock",
        edits=(
            code(_SUPPLY, "ORDER BY b.sku_id FOR NO KEY UPDATE", "ORDER BY b.sku_id"),
            code(_SUPPLY, "ORDER BY incoming_id FOR NO KEY UPDATE", "ORDER BY incoming_id"),
        ),
        test=f"{_RACES}::test_the_lock_alone_promises_the_last_unit_of_a_delivery_once",
    ),
    Case(
        name="supply: the order of the locks",
        edits=(code(_SUPPLY, "ORDER BY b.sku_id FOR NO KEY UPDATE", "FOR NO KEY UPDATE"),),
        test=f"{_RACES}::test_supply_is_locked_in_order_whatever_the_plan",
    ),
    Case(
        name="supply: who waits is served before anybody else sees the goods",
        edits=(
            code(
                "inventory/move.py",
                "    await serve_waiting(tx, free, came=arrived, arrived=deliveries, now=now)\n",
                "",
            ),
        ),
        test=f"{_RACES}::test_a_new_order_never_takes_what_arrives_for_another",
    ),
)
