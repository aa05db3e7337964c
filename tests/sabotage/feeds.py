"""The safeguards of feeds."""

from __future__ import annotations

from tests.sabotage.case import Case, Edit


def _code(path: str, old: str, new: str) -> Edit:
    return Edit(f"src/doorstep/{path}", old, new)


FEEDS = (
    Case(
        name="a feed looks at the book under the lock",
        edits=(_code("inventory/fed.py", "    await lock_stock(tx, keys=keys)\n", ""),),
        test="tests/races/test_feeds.py::test_a_feed_leaves_what_is_being_claimed",
    ),
    Case(
        name="two feeds of one location take turns",
        edits=(
            _code("feeds/apply.py", 'if any(row["feed_id"] not in (None, feed.feed_id) for row in rows):', "if False:"),
        ),
        test="tests/races/test_feeds.py::test_two_feeds_of_one_location_take_turns_and_the_older_one_changes_nothing",
    ),
    Case(
        name="a full feed does not empty many shelves unseen",
        edits=(
            _code(
                "feeds/apply.py", 'return "too_much_left_out" if any(', 'return "too_much_left_out" if False and any('
            ),
        ),
        test="tests/feeds/test_journey.py::test_a_full_feed_empties_what_it_leaves_out_once_a_person_has_looked",
    ),
    Case(
        name="a feed adds what came and went since its moment",
        edits=(
            _code(
                "inventory/queries.sql",
                "coalesce(m.units, 0) AS since, coalesce(m.counted",
                "0 AS since, coalesce(m.counted",
            ),
        ),
        test="tests/feeds/test_journey.py::test_what_was_shipped_since_the_feeds_moment_is_not_brought_back",
    ),
)
