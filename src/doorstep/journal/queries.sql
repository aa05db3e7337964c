-- name: append
-- Wakes the workers, too, when its transaction is committed. Only a hint.
-- Locking the order's row before drawing `ord` is what makes `ord` follow `seq` within an order.
WITH new AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::text[], $5::jsonb[])
        WITH ORDINALITY AS n (event_id, order_id, partition, kind, data, place)
), locked AS (
    SELECT o.order_id FROM orders o WHERE o.order_id IN (SELECT order_id FROM new)
    ORDER BY o.order_id FOR NO KEY UPDATE
), bumped AS (
    UPDATE orders o SET event_seq = o.event_seq + c.added
    FROM (SELECT order_id, count(*)::integer AS added FROM new GROUP BY order_id) c
    WHERE o.order_id = c.order_id AND o.order_id IN (SELECT order_id FROM locked)
    RETURNING o.order_id, o.event_seq - c.added AS base, o.lane
), numbered AS (
    SELECT n.*, (row_number() OVER (PARTITION BY n.order_id ORDER BY n.place))::integer AS step FROM new n
)
INSERT INTO events (event_id, order_id, seq, lane, partition, kind, actor, data, occurred_at)
SELECT n.event_id, n.order_id, b.base + n.step, coalesce(b.lane, 1), n.partition, n.kind, $6, n.data, $7
FROM numbered n LEFT JOIN bumped b ON b.order_id = n.order_id
CROSS JOIN (SELECT pg_notify('doorstep_events', current_schema())) woken
WHERE n.order_id IS NULL OR b.order_id IS NOT NULL
ORDER BY n.place

-- name: take_relay
SELECT position FROM relay FOR UPDATE SKIP LOCKED

-- name: give_positions
-- Express first: an order keeps its lane, so its events keep their order. By ctid, which nobody but the relay, under its lease, can change: joined by `ord`, PostgreSQL, who takes what waits for
-- little, at times compared each event with each.
WITH next AS (
    SELECT at, row_number() OVER (ORDER BY lane, ord) AS step
    FROM (SELECT ctid AS at, lane, ord FROM events WHERE position IS NULL ORDER BY lane, ord LIMIT $2) waiting
), given AS (
    UPDATE events e SET position = $1 + next.step FROM next WHERE e.ctid = next.at
    RETURNING e.kind, e.lane, e.partition, e.position
), headed AS (
    INSERT INTO heads (kind, lane, partition, position, events)
    SELECT kind, lane, partition, max(position), count(*) FROM given GROUP BY kind, lane, partition
    ON CONFLICT (kind, lane, partition)
    DO UPDATE SET position = excluded.position, events = heads.events + excluded.events
)
SELECT count(*) FROM given

-- name: told_so_far
-- Events of a kind that have a position, ever.
SELECT coalesce(sum(events), 0)::bigint FROM heads WHERE kind = $1

-- name: move_relay
UPDATE relay SET position = $1

-- name: ensure_cursors
INSERT INTO cursors (reaction, lane, partition, position)
SELECT r.reaction, l.lane, p.partition, (SELECT position FROM relay)
FROM unnest($1::text[]) AS r (reaction), generate_series(0, 1) AS l (lane), generate_series(0, $2 - 1) AS p (partition)
ON CONFLICT DO NOTHING

-- name: due_cursors
-- `lag` is how many positions a cursor is behind, events of other kinds and partitions included: an upper bound.
SELECT c.reaction, c.lane, c.partition, max(h.position) - min(c.position) AS lag
FROM unnest($1::text[], $2::text[]) AS r (reaction, kind)
JOIN heads h ON h.kind = r.kind
JOIN cursors c ON c.reaction = r.reaction AND c.lane = h.lane AND c.partition = h.partition
WHERE h.position > c.position
GROUP BY c.reaction, c.lane, c.partition
ORDER BY c.lane, min(c.position)

-- name: take_cursors
SELECT partition, position FROM cursors
WHERE reaction = $1 AND lane = $2 AND partition = ANY($3) FOR UPDATE SKIP LOCKED

-- name: next_events
SELECT e.event_id, e.position, e.order_id, e.lane, e.partition, e.kind, e.actor, e.data, e.occurred_at,
    (SELECT clock_now()) AS now, EXISTS (SELECT 1 FROM parked p WHERE p.reaction = $6 AND p.order_id = e.order_id) AS parked
FROM unnest($2::smallint[], $3::bigint[]) AS c (partition, position)
CROSS JOIN LATERAL (
    SELECT * FROM events v WHERE v.lane = $1 AND v.partition = c.partition AND v.position > c.position AND v.kind = ANY($4)
    ORDER BY v.position LIMIT $5) e
ORDER BY e.position LIMIT $5

-- name: move_cursors
UPDATE cursors c SET position = n.position FROM unnest($3::smallint[], $4::bigint[]) AS n (partition, position)
WHERE c.reaction = $1 AND c.lane = $2 AND c.partition = n.partition

-- name: park
INSERT INTO parked (reaction, position, order_id, error, parked_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING

-- name: parked_events
SELECT e.event_id, e.position, e.order_id, e.lane, e.kind, e.actor, e.data, e.occurred_at
FROM parked p JOIN events e ON e.position = p.position
WHERE p.reaction = $1 AND p.order_id IS NOT DISTINCT FROM $2 ORDER BY p.position FOR UPDATE OF p

-- name: unpark
DELETE FROM parked WHERE reaction = $1 AND position = ANY($2)

-- name: backlog
SELECT
    (SELECT count(*) FROM events WHERE position IS NULL) AS unplaced,
    (SELECT count(*) FROM (
        SELECT 1 FROM unnest($1::text[], $2::text[]) AS r (reaction, kind)
        JOIN heads h ON h.kind = r.kind
        JOIN cursors c ON c.reaction = r.reaction AND c.lane = h.lane AND c.partition = h.partition
        WHERE h.position > c.position GROUP BY c.reaction, c.lane, c.partition) due) AS cursors_due,
    (SELECT count(*) FROM parked) AS parked

-- name: claim_command
INSERT INTO commands (key, route, body_hash) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: read_command
SELECT route, body_hash, status, answer FROM commands WHERE key = $1

-- name: answer_command
UPDATE commands SET status = $2, answer = $3 WHERE key = $1

-- name: prune_commands
DELETE FROM commands WHERE recorded_at < $1

-- name: prune_wrong_answers
DELETE FROM wrong_answers WHERE answered_at < $1

-- name: log_entry
INSERT INTO audit_log (entry_id, actor, action, subject, order_id, detail) VALUES ($1, $2, $3, $4, $5, $6)
