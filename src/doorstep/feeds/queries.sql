-- name: feed
SELECT * FROM feeds WHERE feed_id = $1

-- name: feed_by_reference
SELECT * FROM feeds WHERE reference = $1

-- name: lock_feed
SELECT * FROM feeds WHERE feed_id = $1 FOR UPDATE

-- name: lock_reference
-- One after the other: whoever sends the same feed at the same time.
SELECT pg_advisory_xact_lock(hashtextextended($1, 7411))

-- name: begin_feed
INSERT INTO feeds (feed_id, reference, kind, applies, strict, most_bad_percent, allow_zeroing, as_of, actor, location_ids, begun_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING *

-- name: begin_again
-- A feed that never came to its end is sent anew: as asked now, with an attempt of its own.
UPDATE feeds SET attempt = DEFAULT, kind = $2, applies = $3, strict = $4, most_bad_percent = $5, allow_zeroing = $6,
    as_of = $7, actor = $8, location_ids = $9, begun_at = $10, ended_at = NULL, state = 'receiving', problem = NULL,
    digest = NULL, rows_read = 0, rows_bad = 0, rows_unreadable = 0, rows_unchanged = 0, rows_changed = 0, left_out = 0,
    units_left_out = 0, units_before = 0, done_sku_id = 0, done_location_id = 0, rows_applied = 0, rows_skipped = 0,
    units_up = 0, units_down = 0, touched_at = clock_timestamp()
WHERE feed_id = $1 RETURNING *

-- name: forget_rows
DELETE FROM feed_rows WHERE attempt = $1

-- name: forget_bad
DELETE FROM feed_bad WHERE feed_id = $1

-- name: forget_changes
DELETE FROM feed_changes WHERE feed_id = $1

-- name: count_read
-- Nothing when the feed was sent anew meanwhile, or ended.
UPDATE feeds SET rows_read = rows_read + $3, rows_bad = rows_bad + $4, rows_unreadable = rows_unreadable + $5,
    touched_at = clock_timestamp()
WHERE feed_id = $1 AND attempt = $2 AND state = 'receiving' RETURNING rows_bad

-- name: received
UPDATE feeds SET state = 'checking', digest = $3, location_ids = $4
WHERE feed_id = $1 AND attempt = $2 AND state = 'receiving' RETURNING *

-- name: end
UPDATE feeds SET state = $3, problem = $4, ended_at = $5
WHERE feed_id = $1 AND attempt = $2 AND ended_at IS NULL RETURNING feed_id

-- name: hold
-- It goes on when its turn comes, or when a person says so.
UPDATE feeds SET state = $2, problem = $3 WHERE feed_id = $1

-- name: make_turns
INSERT INTO feed_turns (location_id) SELECT unnest($1::integer[]) ORDER BY 1 ON CONFLICT DO NOTHING

-- name: lock_turns
SELECT location_id, feed_id FROM feed_turns WHERE location_id = ANY($1) ORDER BY location_id FOR UPDATE

-- name: take_turns
UPDATE feed_turns SET feed_id = $2 WHERE location_id = ANY($1)

-- name: end_turns
UPDATE feed_turns SET feed_id = NULL WHERE feed_id = $1

-- name: waiting
SELECT feed_id FROM feeds WHERE state = 'waiting' AND location_ids && $1::integer[] ORDER BY feed_id

-- name: enough_memory
SET LOCAL work_mem = '64MB'

-- name: know_rows
-- The planner has never seen these rows.
ANALYZE feed_rows

-- name: rows_here
-- The good ones.
SELECT count(on_hand) FROM feed_rows WHERE attempt = $1

-- name: compare
-- All rows against the book as of the feed's moment ($3), in one snapshot: what is bad, what is the same, what differs. A key
-- that stands twice counts for neither. $4: the locations; $5: a full feed. $6: how what is left out comes out.
WITH told AS MATERIALIZED (
    SELECT r.line, r.location_id, r.on_hand, r.sku, p.sku_id
    FROM feed_rows r LEFT JOIN products p ON p.sku = r.sku WHERE r.attempt = $2
), twice AS MATERIALIZED (
    SELECT sku_id, location_id FROM told WHERE sku_id IS NOT NULL GROUP BY sku_id, location_id HAVING count(*) > 1
), since AS MATERIALIZED (
    SELECT m.sku_id, m.location_id, sum(m.on_hand_delta)::integer AS units, bool_or(m.kind = 'counted') AS counted
    FROM stock_movements m
    WHERE m.location_id = ANY($4) AND m.occurred_at > $3 AND (m.on_hand_delta <> 0 OR m.kind = 'counted')
    GROUP BY m.sku_id, m.location_id
), book AS MATERIALIZED (
    SELECT s.sku_id, s.location_id, s.on_hand - coalesce(m.units, 0) AS units, coalesce(m.counted, false) AS counted
    FROM stock s LEFT JOIN since m ON m.sku_id = s.sku_id AND m.location_id = s.location_id
    WHERE s.location_id = ANY($4)
), bad AS MATERIALIZED (
    SELECT t.line, CASE WHEN t.sku_id IS NULL THEN 'unknown_sku' ELSE 'twice' END AS reason, left(t.sku, 120) AS said
    FROM told t LEFT JOIN twice w ON w.sku_id = t.sku_id AND w.location_id = t.location_id
    WHERE t.on_hand IS NOT NULL AND (t.sku_id IS NULL OR w.sku_id IS NOT NULL)
), noted AS (
    INSERT INTO feed_bad (feed_id, line, reason, said)
    SELECT $1, line, reason, said FROM bad ORDER BY line LIMIT $7 ON CONFLICT DO NOTHING
), good AS MATERIALIZED (
    SELECT t.line, t.sku_id, t.location_id, t.on_hand AS theirs, coalesce(b.units, 0) AS ours, coalesce(b.counted, false) AS counted
    FROM told t LEFT JOIN book b ON b.sku_id = t.sku_id AND b.location_id = t.location_id
        LEFT JOIN twice w ON w.sku_id = t.sku_id AND w.location_id = t.location_id
    WHERE t.sku_id IS NOT NULL AND t.on_hand IS NOT NULL AND w.sku_id IS NULL
), left_out AS MATERIALIZED (
    SELECT b.sku_id, b.location_id, b.units FROM book b
    WHERE $5 AND b.units > 0 AND NOT b.counted
        AND NOT EXISTS (SELECT 1 FROM told t WHERE t.sku_id = b.sku_id AND t.location_id = b.location_id)
), differing AS (
    INSERT INTO feed_changes (feed_id, sku_id, location_id, line, theirs, ours, outcome)
    SELECT $1, sku_id, location_id, line, theirs, ours, NULL FROM good WHERE theirs <> ours AND NOT counted
    UNION ALL SELECT $1, sku_id, location_id, NULL, 0, units, $6 FROM left_out
    ORDER BY 2, 3
)
SELECT (SELECT count(*) FROM bad) AS bad,
    (SELECT count(*) FROM good WHERE theirs <> ours AND NOT counted) AS changed,
    (SELECT count(*) FROM good WHERE theirs = ours OR counted) AS unchanged,
    (SELECT count(*) FROM left_out) AS left_out,
    (SELECT coalesce(sum(units), 0)::bigint FROM left_out) AS units_left_out,
    (SELECT coalesce(sum(units), 0)::bigint FROM book WHERE units > 0) AS units_before,
    (SELECT count(*) FROM book WHERE units > 0) AS keys_before

-- name: compared
UPDATE feeds SET rows_bad = rows_bad + $2, rows_changed = $3, rows_unchanged = $4, left_out = $5, units_left_out = $6,
    units_before = $7
WHERE feed_id = $1

-- name: apply_anyway
UPDATE feeds SET state = 'applying', problem = NULL, applies = true WHERE feed_id = $1

-- name: next_changes
-- By row comparison, so that the index is read from where the last slice ended. What was decided already is passed over.
SELECT sku_id, location_id, theirs, outcome FROM feed_changes
WHERE feed_id = $1 AND (sku_id, location_id) > ($2, $3) ORDER BY sku_id, location_id LIMIT $4

-- name: note_outcomes
UPDATE feed_changes c SET outcome = o.outcome, ours = c.ours + o.delta
FROM unnest($2::integer[], $3::integer[], $4::text[], $5::integer[]) AS o (sku_id, location_id, outcome, delta)
WHERE c.feed_id = $1 AND c.sku_id = o.sku_id AND c.location_id = o.location_id

-- name: slice_done
UPDATE feeds SET done_sku_id = $2, done_location_id = $3, rows_applied = rows_applied + $4, rows_skipped = rows_skipped + $5,
    units_up = units_up + $6, units_down = units_down + $7, touched_at = clock_timestamp()
WHERE feed_id = $1

-- name: silent
SELECT feed_id, attempt FROM feeds WHERE state = 'receiving' AND touched_at < clock_timestamp() - $1::interval

-- name: prune_changes
DELETE FROM feed_changes WHERE feed_id IN (SELECT feed_id FROM feeds WHERE ended_at < $1)

-- name: prune_bad
DELETE FROM feed_bad WHERE feed_id IN (SELECT feed_id FROM feeds WHERE ended_at < $1)

-- name: prune_rows
-- What nobody is going to look at any more: a process died before it took its rows away.
DELETE FROM feed_rows WHERE attempt NOT IN (SELECT attempt FROM feeds WHERE state IN ('receiving', 'waiting', 'checking'))

-- name: page
-- Newest first; where $4 is given, those that speak only of these locations.
SELECT * FROM feeds
WHERE feed_id < $1 AND ($2::integer IS NULL OR $2 = ANY(location_ids)) AND ($4::integer[] IS NULL OR location_ids <@ $4)
ORDER BY feed_id DESC LIMIT $3

-- name: bad_rows
SELECT line, reason, said FROM feed_bad WHERE feed_id = $1 AND line > $2 ORDER BY line LIMIT $3

-- name: changes
-- $5: only what was not applied in turn.
SELECT c.sku_id, p.sku, c.location_id, l.code AS location, c.line, c.theirs, c.ours, c.outcome
FROM feed_changes c JOIN products p USING (sku_id) JOIN locations l USING (location_id)
WHERE c.feed_id = $1 AND (c.sku_id, c.location_id) > ($2, $3) AND (NOT $5 OR c.outcome IS NOT NULL)
ORDER BY c.sku_id, c.location_id LIMIT $4
