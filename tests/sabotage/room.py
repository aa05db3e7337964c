"""The safeguards of what is really there: claims that give way, counts of a past moment, transfers, count jobs."""

from __future__ import annotations

from tests.sabotage.case import Case, code

ROOM = (
    Case(
        name="the second look of a count, under the lock",
        edits=(
            code(
                "inventory/room.py",
                "    found = await shelves(tx, keys)\n    changes = await plan(found)",
                "    found = guess\n    changes = await plan(found)",
            ),
        ),
        test="tests/races/test_room.py::test_a_count_that_comes_second_moves_the_claims_that_came_first",
    ),
    Case(
        name="who holds stock waits for no order",
        edits=(code("orders/queries.sql", "FOR NO KEY UPDATE SKIP LOCKED", "FOR NO KEY UPDATE"),),
        test="tests/races/test_room.py::test_a_count_that_finds_a_locked_order_gives_its_locks_back_and_begins_anew",
    ),
    Case(
        name="begun work does not give way",
        edits=(
            code(
                "orders/queries.sql",
                "AND f.status_category IN ('activated', 'fulfilling')) work",
                "AND f.status_category IN ('closed')) work",
            ),
        ),
        test="tests/inventory/test_room.py::test_begun_work_that_is_newer_is_not_asked_for_what_others_can_give",
    ),
    Case(
        name="the least important gives way first",
        edits=(
            code(
                "orders/queries.sql",
                "ORDER BY lane DESC, priority DESC, order_id DESC, line_no, aside DESC",
                "ORDER BY lane, priority, order_id, line_no, aside",
            ),
            code(
                "orders/queries.sql",
                "ORDER BY o.lane DESC, c.priority DESC, h.order_id DESC, h.line_no, h.aside DESC",
                "ORDER BY o.lane, c.priority, h.order_id, h.line_no, h.aside",
            ),
        ),
        test="tests/inventory/test_room.py::test_the_newest_standard_order_gives_way_first_and_waits",
    ),
    Case(
        name="what came and went since a count",
        edits=(
            code(
                "inventory/receive.py",
                "on_hand=counted[key] + since.get(key, 0) - found[key].on_hand",
                "on_hand=counted[key] - found[key].on_hand",
            ),
        ),
        test="tests/inventory/test_counted_at.py::test_a_note_as_of_the_past_sent_again_is_the_same_note",
    ),
    Case(
        name="a transfer takes what is free only",
        edits=(code("inventory/adjust.py", "found[key].free + change.on_hand < 0", "found[key].on_hand < 0"),),
        test="tests/inventory/test_transfers.py::test_nothing_that_is_claimed_is_sent_away",
    ),
    Case(
        name="the CHECK that a transfer adds up",
        edits=(
            code(
                "db/migrations/brand/0001_initial.sql",
                "CHECK (received + damaged + found + missing <= shipped + surplus)",
                "CHECK (received + damaged >= 0)",
            ),
        ),
        test="tests/inventory/test_transfers.py::test_the_database_itself_keeps_a_transfer_adding_up",
    ),
    Case(
        name="a receipt of a transfer counts once",
        edits=(
            code(
                "inventory/transfers/transfer.py",
                "if (one.sku_id, target) in wanted.keys() - told",
                "if one.good + one.damaged",
            ),
        ),
        test="tests/inventory/test_transfers.py::test_a_receipt_sent_twice_at_once_counts_once",
    ),
    Case(
        name="the lock on a count job",
        edits=(
            code("inventory/counting/job.py", "await tx.execute(SQL.lock_count_job, count_job_id)\n    job", "job"),
        ),
        test="tests/inventory/test_counting.py::test_who_counts_a_shelf_while_another_does_is_told_that_it_is_counted",
    ),
    Case(
        name="what was called off is not opened by an old message",
        edits=(
            code(
                "inventory/supply/queries.sql",
                "WHERE incoming.received_at IS NULL AND incoming.canceled_at IS NULL\n",
                "WHERE incoming.received_at IS NULL\n",
            ),
        ),
        test="tests/journey/test_17_stock.py::test_supply_is_announced_dated_anew_comes_in_parts_and_is_called_off",
    ),
)
