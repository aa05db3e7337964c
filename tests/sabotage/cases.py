"""The safeguards: where each stands, what taking it away looks like, and the test that must notice."""

from __future__ import annotations

from tests.sabotage.case import Case, Edit, code
from tests.sabotage.feeds import FEEDS
from tests.sabotage.intake import INTAKE
from tests.sabotage.placing import AVAILABLE, PLACING
from tests.sabotage.room import ROOM
from tests.sabotage.staff import STAFF
from tests.sabotage.supply import SUPPLY

_MIGRATION = "src/doorstep/db/migrations/brand/0001_initial.sql"


def _schema(old: str, new: str) -> tuple[Edit, ...]:
    """A change of the schema, where databases are made from."""
    return (Edit(_MIGRATION, old, new),)


_STOCK = "inventory/queries.sql"
_JOURNAL = "journal/queries.sql"
_JOBS = "jobs/queries.sql"
_ORDERS = "orders/queries.sql"
_DIGEST = 'await _digest(tx, reaction, [_recorded(row) for row in rows], parked, now=rows[0]["now"])'
_MOVED = 'moved = {row["partition"]: row["position"] for row in rows}'
_MOVE = "await tx.execute(SQL.move_cursors, reaction.name, lane, list(moved), list(moved.values()))"

STOCK = (
    Case(
        name="the guard: WHERE of the claim",
        edits=(code(_STOCK, f"\n    AND {AVAILABLE} >= sums.quantity", ""),),
        test="tests/inventory/test_claim.py::test_the_guard_leaves_the_safety_stock_alone",
    ),
    Case(
        name="the CHECK behind the guard",
        edits=_schema(
            "CHECK (reserved BETWEEN 0 AND on_hand - damaged - quality_control + oversell_limit)",
            "CHECK (reserved >= 0)",
        ),
        test="tests/inventory/test_claim.py::test_the_database_itself_refuses_to_sell_a_unit_twice",
    ),
    Case(
        name="the CHECK on a claim's open units",
        edits=_schema("CHECK (open BETWEEN 0 AND claimed)", "CHECK (claimed > 0)"),
        test="tests/inventory/test_claim.py::test_the_database_itself_refuses_a_claim_below_zero",
    ),
    Case(
        name="the second look at what is kept back from a channel",
        edits=(code("orders/place.py", "room = network.seen(made.request, fresh)", "room = fresh"),),
        test="tests/inventory/test_channel_stock.py::test_what_is_kept_back_is_kept_under_lock",
    ),
    Case(
        name="kits are written one at a time",
        edits=(code("catalog/put.py", "    await store.lock_kits(tx)\n", ""),),
        test="tests/orders/test_kits.py::test_of_two_kits_that_name_each_other_one_is_refused",
    ),
    Case(
        name="the lease of the watch over stock levels",
        edits=(
            code(
                _STOCK,
                "UPDATE stock_watch SET looked_at = $1\nWHERE one_row = (SELECT one_row FROM stock_watch FOR NO KEY "
                "UPDATE SKIP LOCKED) RETURNING true",
                "SELECT $1::timestamptz IS NOT NULL",
            ),
        ),
        test="tests/inventory/test_levels.py::test_two_who_look_at_once_tell_it_once",
    ),
    Case(
        name="what a claim does not hold lowers no counter",
        edits=(code(_STOCK, "FROM lowered GROUP BY", "FROM given GROUP BY"),),
        test="tests/inventory/test_stock.py::test_more_than_a_claim_holds_is_a_conflict_and_changes_nothing",
    ),
    Case(
        name="the lock on stock rows",
        edits=(
            code(_STOCK, "ORDER BY s.sku_id, s.location_id FOR NO KEY UPDATE OF s", "ORDER BY s.sku_id, s.location_id"),
        ),
        test="tests/races/test_last_unit.py::test_an_order_that_lost_the_race_is_refused_and_writes_nothing",
    ),
    Case(
        name="the order of the locks on stock",
        edits=(
            code(_STOCK, "ORDER BY s.sku_id, s.location_id FOR NO KEY UPDATE OF s", "FOR NO KEY UPDATE OF s"),
            code(_STOCK, "ORDER BY s.sku_id, s.location_id FOR NO KEY UPDATE\n", "FOR NO KEY UPDATE\n"),
        ),
        test="tests/inventory/test_claim.py::test_stock_is_locked_in_key_order_whatever_the_plan",
    ),
    Case(
        name="adding up lines of one SKU in the guard",
        edits=(
            code(
                _STOCK,
                "SELECT sku_id, location_id, sum(quantity) AS quantity FROM wanted",
                "SELECT sku_id, location_id, max(quantity) AS quantity FROM wanted",
            ),
        ),
        test="tests/inventory/test_claim.py::test_the_guard_adds_up_two_lines_of_one_sku",
    ),
    Case(
        name="adding up lines of one SKU before the second look",
        edits=(code("orders/draft.py", "self.units.get(key, 0) + claim.quantity", "claim.quantity"),),
        test="tests/races/test_last_unit.py::test_units_for_two_lines_are_added_up_before_the_second_look",
    ),
    Case(
        name="the row that remembers a delivery note",
        edits=_schema(
            "ON stock_movements (kind, reference, sku_id, location_id)",
            "ON stock_movements (kind, reference, sku_id, location_id, movement_id)",
        ),
        test="tests/inventory/test_stock.py::test_a_delivery_note_sent_twice_counts_once",
    ),
)

CARTS = (
    Case(
        name="the guard: WHERE of what a cart takes",
        edits=(
            code(
                _STOCK,
                f"\n    AND {AVAILABLE} >= sums.quantity\n\n-- name: give_back_from_cart",
                "\n\n-- name: give_back_from_cart",
            ),
        ),
        test="tests/races/test_carts.py::test_the_guard_alone_holds_the_last_unit_once",
    ),
    Case(
        name="the condition that only what has expired is reclaimed",
        edits=(
            code(_STOCK, "c.open > 0 AND c.expires_at <= $3 AND", "c.open > 0 AND $3::timestamptz IS NOT NULL AND"),
        ),
        test="tests/races/test_carts.py::test_an_extended_cart_keeps_its_unit",
    ),
    Case(
        name="the second look of a cart that is extended",
        edits=(code("carts/keep.py", "    return await inventory.cart_claims(tx, [hold_id])\n", "    return seen\n"),),
        test="tests/races/test_carts.py::test_a_cart_whose_unit_is_taken_back_is_not_extended",
    ),
    Case(
        name="the lock on a cart's hold",
        edits=(code("carts/queries.sql", "ORDER BY h.hold_id FOR NO KEY UPDATE", "ORDER BY h.hold_id"),),
        test="tests/races/test_carts.py::test_one_cart_becomes_one_order",
    ),
    Case(
        name="the condition that a hold has not ended",
        edits=(
            code("carts/queries.sql", "ORDER BY h.hold_id FOR NO KEY UPDATE", "ORDER BY h.hold_id"),
            code("carts/queries.sql", "h.hold_id = c.hold_id AND h.ended IS NULL", "h.hold_id = c.hold_id"),
        ),
        test="tests/races/test_carts.py::test_the_condition_alone_lets_one_cart_become_one_order",
    ),
    Case(
        name="the CHECK on a cart's open units",
        edits=_schema(
            "CONSTRAINT cart_claims_within_claim CHECK (open BETWEEN 0 AND claimed)",
            "CONSTRAINT cart_claims_within_claim CHECK (claimed > 0)",
        ),
        test="tests/carts/test_holds.py::test_the_database_itself_refuses_a_cart_that_gives_back_more_than_it_took",
    ),
    Case(
        name="sparing the carts of one's own batch",
        edits=(code(_STOCK, " AND c.hold_id <> ALL($4::uuid[])", " AND $4::uuid[] IS NOT NULL"),),
        test="tests/carts/test_holds.py::test_an_expired_cart_that_is_bought_in_the_batch_is_not_taken_by_its_neighbor",
    ),
)

NEWS = (
    Case(
        name="what a delivery note said before",
        edits=(code("inventory/receive.py", 'if row["quantity"] != said:', "if False:"),),
        test="tests/journey/test_01_load.py::test_a_note_that_says_something_else_the_second_time_is_refused_and_books_nothing",
    ),
    Case(
        name="the lock on tracking numbers",
        edits=(
            code(
                "shipping/buy_label.py",
                "await store.lock_numbers(tx, [(label.carrier, sold.tracking_number) for label, sold in bought])",
                "pass",
            ),
        ),
        test="tests/races/test_news_of_a_new_label.py::test_news_of_a_label_just_bought_is_applied",
    ),
    Case(
        name="a parcel that is paid back is not looked at again",
        edits=(
            code(
                "shipping/canon.py",
                "left = shipment.handed_over_at is not None and not shipment.paid_back",
                "left = shipment.handed_over_at is not None",
            ),
            code("shipping/receive_tracking.py", "and not step.after.paid_back ", ""),
        ),
        test="tests/journey/test_11_track.py::test_what_the_carrier_tells_of_a_parcel_that_is_back_moves_no_money",
    ),
)

DOORS = (
    Case(
        name="the postcode before a cancel",
        edits=(code("web/shopper/handlers.py", "    if not guest.known:\n", "    if False:\n"),),
        test="tests/web/test_shopper.py::test_nothing_that_hurts_is_changed_without_the_postcode",
    ),
    Case(
        name="the postcode before a return's label",
        edits=(
            code(
                "web/shopper/giving_back.py", "    if not guest.known:\n        raise", "    if False:\n        raise"
            ),
        ),
        test="tests/web/test_shopper_returns.py::"
        "test_the_link_alone_neither_asks_for_a_return_nor_shows_where_its_sender_lives",
    ),
    Case(
        name="one answer at a time at a door",
        edits=(code("web/shopper/door.py", "    await tx.execute(SQL.queue_at, doors)\n", ""),),
        test="tests/web/test_shopper.py::test_many_guesses_at_once_are_counted_one_by_one",
    ),
    Case(
        name="the signature of an order's link",
        edits=(
            code("updates/links.py", "if hmac.compare_digest(raw[16:], _mac(secret, brand, order_id)) else None", ""),
        ),
        test="tests/web/test_shopper.py::test_a_link_for_another_order_cannot_be_made_from_ones_own",
    ),
)

ORDERS = (
    Case(
        name="the order's key: channel and number",
        edits=_schema(
            "CONSTRAINT orders_placed_once UNIQUE (channel_id, number)",
            "CONSTRAINT orders_placed_once UNIQUE (channel_id, number, order_id)",
        ),
        test="tests/races/test_orders.py::test_the_same_number_in_two_processes_is_placed_once",
    ),
    Case(
        name="the Idempotency-Key of a command",
        edits=_schema("key text PRIMARY KEY CHECK", "key text NOT NULL CHECK"),
        test="tests/races/test_orders.py::test_a_cancel_sent_twice_at_once_cancels_once",
    ),
    Case(
        name="the lock on orders",
        edits=(code(_ORDERS, "ORDER BY order_id FOR NO KEY UPDATE", "ORDER BY order_id"),),
        test="tests/races/test_orders.py::test_locking_an_order_keeps_every_other_writer_out",
    ),
    Case(
        name="the order of the locks on orders",
        edits=(code(_ORDERS, "ORDER BY order_id FOR NO KEY UPDATE", "FOR NO KEY UPDATE"),),
        test="tests/races/test_orders.py::test_orders_are_locked_by_id_in_whatever_order_they_are_named",
    ),
    Case(
        name="a unit is in exactly one bucket",
        edits=_schema(
            "CONSTRAINT order_lines_units_add_up CHECK (ordered =",
            "CONSTRAINT order_lines_units_add_up CHECK (ordered > 0 OR ordered =",
        ),
        test="tests/orders/test_units.py::test_the_database_itself_keeps_every_unit_in_exactly_one_bucket",
    ),
    Case(
        name="looking again after a cancel, when re-routing",
        edits=(
            code(
                "orders/reroute.py",
                "units = min(wish.quantity, left[wish.line_no, wish.source])",
                "units = wish.quantity",
            ),
            # The claim it gives back stands behind the bucket as a second guard.
            code("orders/reroute.py", "units = min(units, held.get(place, 0))", "pass"),
        ),
        test="tests/races/test_orders.py::test_a_reroute_that_waits_for_a_cancel_claims_nothing",
    ),
    Case(
        name="looking again after a cancel, when picking",
        edits=(code("fulfillment/take.py", "    await align(tx, rows, now=now)\n", ""),),
        test="tests/races/test_orders.py::test_a_pick_that_waits_for_a_cancel_takes_nothing",
    ),
    Case(
        name="the brand's schema in the search path",
        edits=(code("db/pool.py", 'f"{schema},ext"', """f"{'main' if schema == 'other' else schema},ext\""""),),
        test="tests/races/test_orders.py::test_two_brands_at_once_and_nothing_crosses",
    ),
)

ONCE = (
    Case(
        name="the row that remembers a tracking event",
        edits=_schema(
            "PRIMARY KEY (carrier, carrier_event_id)", "PRIMARY KEY (carrier, carrier_event_id, recorded_at)"
        ),
        test="tests/races/test_once.py::test_a_tracking_event_on_two_connections_at_once_is_new_once",
    ),
    Case(
        name="the row that remembers what was told",
        edits=_schema("UNIQUE (event_id, kind, channel)", "UNIQUE (event_id, kind, channel, update_id)"),
        test="tests/races/test_once.py::test_a_customer_is_told_of_an_event_once_over_a_channel",
    ),
    Case(
        name="the row that remembers a capture",
        edits=_schema("UNIQUE (kind, cause)", "UNIQUE (kind, cause, transaction_id)"),
        test="tests/races/test_once.py::test_a_shipment_is_charged_once",
    ),
    Case(
        name="one living authorization an order",
        edits=_schema(
            "CREATE UNIQUE INDEX payment_transactions_one_authorize", "CREATE INDEX payment_transactions_one_authorize"
        ),
        test="tests/races/test_once.py::test_an_order_has_one_living_authorization",
    ),
    Case(
        name="one job an intent",
        edits=_schema("UNIQUE (kind, subject)", "UNIQUE (kind, subject, job_id)"),
        test="tests/races/test_once.py::test_an_intent_gets_one_job",
    ),
)

JOURNAL = (
    Case(
        name="the relay's lease",
        edits=(code(_JOURNAL, "SELECT position FROM relay FOR UPDATE SKIP LOCKED", "SELECT position FROM relay"),),
        test="tests/journal/test_relay.py::test_only_one_relay_works_at_a_time",
    ),
    Case(
        name="the relay looks for what has no place, not for what is newer",
        edits=(
            code(
                _JOURNAL,
                "FROM events WHERE position IS NULL ORDER BY lane, ord LIMIT $2",
                "FROM events WHERE ord > coalesce((SELECT max(ord) FROM events WHERE position IS NOT NULL), 0)"
                " ORDER BY lane, ord LIMIT $2",
            ),
        ),
        test="tests/journal/test_relay.py::test_an_event_that_commits_late_is_not_missed",
    ),
    Case(
        name="one event a place in an order's story",
        edits=_schema(
            "CONSTRAINT events_one_per_seq UNIQUE (order_id, seq)",
            "CONSTRAINT events_one_per_seq UNIQUE (order_id, seq, event_id)",
        ),
        test="tests/journal/test_relay.py::test_two_events_cannot_share_a_place_in_an_orders_story",
    ),
    Case(
        name="cursor and effects in one transaction",
        edits=(
            code(
                "journal/react.py",
                f"                {_DIGEST}\n                {_MOVED}\n                {_MOVE}\n",
                f"                {_MOVED}\n"
                f"                {_MOVE}\n"
                "            async with self._brand.transaction() as tx:\n"
                f"                {_DIGEST}\n",
            ),
        ),
        test="tests/journal/test_react.py::test_a_worker_killed_before_its_commit_has_done_nothing_and_moved_nowhere",
    ),
    Case(
        name="the lock on a reaction's cursor",
        edits=(
            code(
                _JOURNAL,
                "WHERE reaction = $1 AND lane = $2 AND partition = ANY($3) FOR UPDATE SKIP LOCKED",
                "WHERE reaction = $1 AND lane = $2 AND partition = ANY($3)",
            ),
        ),
        test="tests/journal/test_react.py::test_a_batch_in_hand_is_left_alone_by_other_workers",
    ),
    Case(
        name="waiting behind a parked event",
        edits=(
            code(
                "journal/react.py",
                'parked = {row["order_id"] for row in rows if row["parked"]}',
                "parked = {None for row in rows[:0]}",
            ),
        ),
        test="tests/journal/test_react.py::test_later_events_queue_up_behind_a_parked_one_and_go_through_in_order",
    ),
    Case(
        name="a job's lease, when it is claimed",
        edits=(code(_JOBS, " AND (j.leased_until IS NULL OR j.leased_until < clock_timestamp())", ""),),
        test="tests/jobs/test_jobs.py::test_a_job_whose_holder_died_is_done_again_once_when_its_lease_has_run_out",
    ),
    Case(
        name="jobs have a turn in a burst",
        edits=(code("worker.py", "express_only=resting and not turn", "express_only=resting"),),
        test="tests/journal/test_courtesy.py::test_in_a_burst_jobs_have_one_turn_after_each_round_of_reactions",
    ),
    Case(
        name="a claim locks no more than it takes",
        edits=(
            code(_JOBS, "ELSE k.most - (SELECT count(*) FROM express e WHERE e.kind = k.kind) END", "ELSE k.most END"),
        ),
        test="tests/jobs/test_jobs.py::test_a_claim_locks_no_more_than_it_takes",
    ),
    Case(
        name="who renews leases waits for nobody",
        edits=(
            code(_JOBS, "j.leased_until IS NOT NULL FOR NO KEY UPDATE OF j SKIP LOCKED", "j.leased_until IS NOT NULL"),
        ),
        test="tests/jobs/test_jobs.py::test_what_is_being_ended_is_not_waited_for_by_who_renews",
    ),
    Case(
        name="express first among the jobs that wait for a hand",
        edits=(code("jobs/errands.py", "(lane, next(self._turn), future)", "(0, next(self._turn), future)"),),
        test="tests/jobs/test_errands.py::test_no_more_call_at_once_than_there_are_hands_and_express_goes_first",
    ),
    Case(
        name="what cannot be kept together is kept one by one",
        edits=(
            code("jobs/errands.py", "if len(batch) > 1 and not isinstance(", "if len(batch) > 999 and not isinstance("),
        ),
        test="tests/jobs/test_errands.py::test_one_that_fails_takes_no_other_down_and_no_call_is_made_twice",
    ),
    Case(
        name="a job's lease, when it is finished",
        edits=(
            code(
                _JOBS,
                "WHERE j.job_id = n.job_id AND j.lease = n.lease AND j.state = 'waiting'",
                "WHERE j.job_id = n.job_id",
            ),
        ),
        test="tests/jobs/test_jobs.py::test_a_result_that_comes_after_the_lease_was_lost_is_rolled_back",
    ),
)

CASES: tuple[Case, ...] = (
    *STOCK,
    *ROOM,
    *SUPPLY,
    *FEEDS,
    *CARTS,
    *NEWS,
    *DOORS,
    *ORDERS,
    *PLACING,
    *INTAKE,
    *ONCE,
    *JOURNAL,
    *STAFF,
)
