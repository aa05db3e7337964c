"""The safeguards of feeds."""

from __future__ import annotations

from tests.sabotage.case import Case, code

FEEDS = (
    Case(
        name="a feed looks at the book under the lock",
        edits=(code("inventory/fed.py", "    await lock_stock(tx, keys=keys)\n", ""),),
        test="tests/races/test_feeds.py::test_a_feed_leaves_what_is_being_claimed",
    ),
    Case(
        name="two feeds of one location take turns",
        edits=(
            code("feeds/apply.py", 'if any(row["feed_id"] not in (None, feed.feed_id) for row in rows):', "if False:"),
        ),
        test="tests/races/test_feeds.py::test_two_feeds_of_one_location_take_turns_and_the_older_one_changes_nothing",
    ),
    Case(
        name="a full feed does not empty many shelves unseen",
        edits=(
            code(
                "feeds/apply.py", 'return "too_much_left_out" if any(', 'return "too_much_left_out" if False and any('
            ),
        ),
        test="tests/feeds/test_journey.py::test_a_full_feed_empties_what_it_leaves_out_once_a_person_has_looked",
    ),
    Case(
        name="a feed adds what came and went since its moment",
        edits=(
            code(
                "inventory/queries.sql",
                "coalesce(m.units, 0) AS since, coalesce(m.counted",
                "0 AS since, coalesce(m.counted",
            ),
        ),
        test="tests/feeds/test_journey.py::test_what_was_shipped_since_the_feeds_moment_is_not_brought_back",
    ),
    Case(
        name="what claims do not leave to a feed is not sold again",
        edits=(code("inventory/fed.py", '"below_claims": min(0, delta + floor - after)', '"below_claims": 0'),),
        test="tests/feeds/test_journey.py::test_what_is_claimed_stays_and_is_told_and_nothing_more_is_sold_there",
    ),
    Case(
        name="half a feed is not taken for a whole one",
        edits=(code("feeds/apply.py", "if here < feed.rows_read - feed.rows_bad:", "if not here:"),),
        test="tests/races/test_feeds.py::test_a_database_that_crashes_while_rows_arrive_leaves_no_half_of_a_file",
    ),
    Case(
        name="a feed sent anew moves units under a name of its own",
        edits=(code("feeds/model.py", 'f"feed:{feed.feed_id.hex}:{feed.attempt}"', 'f"feed:{feed.feed_id.hex}"'),),
        test="tests/races/test_feeds.py::test_a_feed_canceled_halfway_and_sent_anew_is_applied_whole",
    ),
    Case(
        name="a job is not ended while its feed is not",
        edits=(
            code(
                "feeds/apply.py",
                '.state in ("checking", "applying"):\n        return False',
                ".state == '':\n        return False",
            ),
        ),
        test="tests/races/test_feeds.py::test_a_feed_canceled_halfway_and_sent_anew_is_applied_whole",
    ),
    Case(
        name="every member of an archive is read",
        edits=(
            code(
                "feeds/parse.py",
                "self._unzip.unused_data if self._unzip.eof else self._unzip.unconsumed_tail",
                "self._unzip.unconsumed_tail",
            ),
        ),
        test="tests/feeds/test_files.py::test_every_member_of_an_archive_is_read",
    ),
)
