-- name: open_count_job
INSERT INTO count_jobs (count_job_id, reference, location_id, chosen_by, tolerance_units, tolerance_percent, opened_by, opened_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (reference) DO NOTHING RETURNING count_job_id

-- name: count_job_named
SELECT count_job_id FROM count_jobs WHERE reference = $1

-- name: add_count_lines
INSERT INTO count_lines (count_job_id, sku_id) SELECT $1, unnest($2::integer[])

-- name: not_counted
-- What lies at a location, or is claimed there, and was not counted since.
SELECT s.sku_id FROM stock s WHERE s.location_id = $1 AND (s.on_hand > 0 OR s.reserved > 0)
    AND NOT EXISTS (SELECT 1 FROM stock_movements m WHERE m.location_id = s.location_id AND m.sku_id = s.sku_id
        AND m.kind = 'counted' AND m.kind IN ('counted', 'adjusted') AND m.occurred_at > $2)
ORDER BY s.sku_id LIMIT $3

-- name: losing
-- What was corrected downwards since, all in all; those that lost most first.
SELECT m.sku_id FROM stock_movements m
WHERE m.location_id = $1 AND m.kind IN ('counted', 'adjusted') AND m.occurred_at > $2
GROUP BY m.sku_id HAVING sum(m.on_hand_delta) < 0 ORDER BY sum(m.on_hand_delta), m.sku_id LIMIT $3

-- name: at_zero
-- What is sold, was here since, and is not said to be any more.
SELECT s.sku_id FROM stock s JOIN products p USING (sku_id)
WHERE s.location_id = $1 AND s.on_hand = 0 AND p.active AND EXISTS (SELECT 1 FROM stock_movements m
    WHERE m.sku_id = s.sku_id AND m.location_id = s.location_id AND m.occurred_at > $2)
ORDER BY s.sku_id LIMIT $3

-- name: lock_count_job
SELECT 1 FROM count_jobs WHERE count_job_id = $1 FOR NO KEY UPDATE

-- name: read_count_jobs
SELECT count_job_id, reference, location_id, chosen_by, tolerance_units, tolerance_percent, state, opened_by, opened_at, ended_at
FROM count_jobs WHERE count_job_id = ANY($1)

-- name: list_count_jobs
SELECT count_job_id FROM count_jobs
WHERE count_job_id < $1 AND ($2::integer[] IS NULL OR location_id = ANY($2)) AND ($3 OR ended_at IS NULL)
ORDER BY count_job_id DESC LIMIT $4

-- name: count_lines
SELECT l.count_job_id, l.sku_id, p.sku, p.title, l.state, l.counted, l.counted_at, l.counted_by, l.difference, l.first_difference,
    l.approved_by, l.problem
FROM count_lines l JOIN products p USING (sku_id) WHERE l.count_job_id = ANY($1) ORDER BY l.count_job_id, p.sku

-- name: write_count
UPDATE count_lines SET state = $3, counted = $4, counted_at = $5, counted_by = $6, difference = $7, first_difference = $8,
    problem = $9
WHERE count_job_id = $1 AND sku_id = $2 AND state IN ('to_count', 'to_recount')

-- name: approve_count
UPDATE count_lines SET state = 'booked', approved_by = $3, problem = ''
WHERE count_job_id = $1 AND sku_id = $2 AND state IN ('to_recount', 'to_approve')

-- name: recount
UPDATE count_lines SET state = 'to_recount', problem = ''
WHERE count_job_id = $1 AND sku_id = $2 AND state = 'to_approve'

-- name: skip_uncounted
UPDATE count_lines SET state = 'skipped' WHERE count_job_id = $1 AND state = ANY($2)

-- name: end_count_job
UPDATE count_jobs SET state = $2, ended_at = $3 WHERE count_job_id = $1 AND state = 'open'

-- name: end_count_job_when_done
UPDATE count_jobs j SET state = 'closed', ended_at = $2 WHERE count_job_id = $1 AND state = 'open' AND NOT EXISTS
    (SELECT 1 FROM count_lines l WHERE l.count_job_id = j.count_job_id AND l.state IN ('to_count', 'to_recount', 'to_approve'))

-- name: audit_counts
-- Lines that are booked without a movement, or the other way round.
SELECT l.count_job_id, l.sku_id FROM count_lines l JOIN count_jobs j USING (count_job_id)
WHERE (l.state = 'booked') <> EXISTS (SELECT 1 FROM stock_movements m WHERE m.kind = 'counted'
    AND m.reference = 'count-job:' || replace(l.count_job_id::text, '-', '') AND m.sku_id = l.sku_id
    AND m.location_id = j.location_id)
