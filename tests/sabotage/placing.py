"""The safeguards of placing in one statement."""

from __future__ import annotations

from tests.sabotage.case import Case, code

AVAILABLE = "s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock + s.oversell_limit"

PLACING = (
    Case(
        name="the guard of placing",
        edits=(code("orders/queries.sql", f"\n        AND {AVAILABLE} >= sums.quantity", ""),),
        test="tests/races/test_last_unit.py::test_an_order_that_lost_the_race_leaves_the_safety_stock_alone",
    ),
    Case(
        name="claims that were not held take the batch back",
        edits=(
            code(
                "orders/queries.sql",
                "1 / ((SELECT count(*) FROM counted) = (SELECT count(*) FROM sums))::integer AS held",
                "1 AS held",
            ),
        ),
        test="tests/races/test_last_unit.py::test_an_order_that_lost_the_race_is_refused_and_writes_nothing",
    ),
    Case(
        name="a batch that was refused is looked at again under lock",
        edits=(
            code(
                "orders/place.py",
                "        return await brand.run(partial(attempt, refused=True), open_one=False)\n",
                "        return {}\n",
            ),
        ),
        test="tests/races/test_carts.py::"
        "test_what_has_expired_is_sold_where_it_lies_and_sends_no_neighbor_into_the_second_round",
    ),
    Case(
        name="an order with more than one statement writes is not called plain",
        edits=(
            code(
                "orders/write.py",
                "    return not any(line.line.personalization or line.line.gift_wrap for line in made.lines)",
                "    return True",
            ),
        ),
        test="tests/orders/test_place.py::test_what_only_some_orders_have_is_written_beside_orders_without_it",
    ),
    Case(
        name="what is remembered of a product is compared with its row",
        edits=(code("catalog/kept.py", " and versions.get(known[1].sku_id) == known[0]", ""),),
        test="tests/catalog/test_kept.py::test_a_product_is_read_once_and_again_when_it_was_written",
    ),
    Case(
        name="what has expired in carts counts in the first look",
        edits=(
            code(
                "orders/look.py",
                "= available.get((sku_id, location_id), 0) + units",
                "= available[sku_id, location_id]",
            ),
        ),
        test="tests/orders/test_look.py::test_what_has_expired_in_carts_counts_and_what_is_held_does_not",
    ),
    Case(
        name="stock is locked before a number is waited for",
        edits=(
            code(
                "orders/queries.sql",
                "FROM new WHERE (SELECT count(*) FROM locked) >= 0 ORDER BY place",
                "FROM new ORDER BY place",
            ),
        ),
        test="tests/races/test_orders.py::test_who_waits_for_stock_has_no_number_yet",
    ),
    Case(
        name="ON CONFLICT of placing",
        edits=(code("orders/queries.sql", "    ON CONFLICT ON CONSTRAINT orders_placed_once DO NOTHING\n", ""),),
        test="tests/races/test_orders.py::test_the_same_number_in_two_processes_is_placed_once",
    ),
    Case(
        name="comparing the body of a retry",
        edits=(code("orders/place.py", "        if fields:\n", "        if not fields and fields:\n"),),
        test="tests/races/test_orders.py::test_the_same_number_in_two_processes_is_placed_once",
    ),
)
