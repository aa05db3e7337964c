-- name: backlog
-- How many kinds of thing are due: events without a place, jobs, cursors behind.
SELECT (SELECT count(*) FROM (SELECT 1 FROM events WHERE position IS NULL LIMIT 1) e)
    + (SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state = 'waiting' AND kind = ANY($3) AND due_at <= clock_now()
        LIMIT 1) j)
    + (SELECT count(*) FROM unnest($1::text[], $2::text[]) AS r (reaction, kind) JOIN heads h ON h.kind = r.kind
        JOIN cursors c ON c.reaction = r.reaction AND c.lane = h.lane AND c.partition = h.partition
        WHERE h.position > c.position)

-- name: behind
-- Seconds since the oldest thing that is still due became so: an event without a place in the line, one that a reaction has not
-- had, a job.
SELECT coalesce(extract(epoch FROM clock_timestamp() - least(
    (SELECT min(recorded_at) FROM events WHERE position IS NULL),
    (SELECT min(due_at) FROM jobs WHERE state = 'waiting' AND kind = ANY($3) AND due_at <= clock_now()),
    (SELECT min(e.recorded_at) FROM unnest($1::text[], $2::text[]) AS r (reaction, kind) JOIN heads h ON h.kind = r.kind
        JOIN cursors c ON c.reaction = r.reaction AND c.lane = h.lane AND c.partition = h.partition
        CROSS JOIN LATERAL (SELECT v.recorded_at FROM events v WHERE v.lane = c.lane AND v.partition = c.partition
            AND v.position > c.position AND v.kind = r.kind ORDER BY v.position LIMIT 1) e
        WHERE h.position > c.position))), 0)::float8

-- name: on_the_floor
-- What may be done next at a location, as its work list has it.
SELECT fulfillment_order_id FROM fulfillment_orders
WHERE location_id = $1 AND status_category = $2 AND status = $3 AND status_category IN ('activated', 'fulfilling')
ORDER BY lane, pick_by, fulfillment_order_id LIMIT $4

-- name: for_the_van
SELECT shipment_id FROM shipments WHERE handed_over_at IS NULL AND tracking_number IS NOT NULL ORDER BY shipment_id LIMIT $1

-- name: on_the_road
SELECT tracking_number FROM shipments
WHERE status = $1 AND status <> 'delivered' AND handed_over_at IS NOT NULL ORDER BY shipment_id LIMIT $2

-- name: delivered
SELECT count(*) FROM shipments WHERE delivered_at IS NOT NULL

-- name: backend
SELECT pg_backend_pid()

-- name: watch_statements
CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA ext

-- name: forget_statements
SELECT ext.pg_stat_statements_reset()

-- name: dearest_statements
SELECT calls, round(total_exec_time::numeric, 1) AS ms, rows, left(regexp_replace(query, '\s+', ' ', 'g'), 110) AS query
FROM ext.pg_stat_statements ORDER BY total_exec_time DESC LIMIT $1
