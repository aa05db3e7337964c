-- name: orders_of
SELECT DISTINCT order_id FROM fulfillment_orders WHERE fulfillment_order_id = ANY($1)

-- name: read
SELECT * FROM fulfillment_orders WHERE fulfillment_order_id = ANY($1) ORDER BY lane, pick_by, fulfillment_order_id

-- name: read_lines
SELECT * FROM fulfillment_lines WHERE fulfillment_order_id = ANY($1) ORDER BY fulfillment_order_id, line_no

-- name: read_steps
SELECT * FROM work_steps WHERE fulfillment_order_id = ANY($1) ORDER BY fulfillment_order_id, line_no, step

-- name: of_orders
SELECT fulfillment_order_id FROM fulfillment_orders WHERE order_id = ANY($1)

-- name: of_step
SELECT fulfillment_order_id FROM work_steps WHERE work_step_id = $1

-- name: drafts
SELECT fulfillment_order_id FROM fulfillment_orders WHERE order_id = ANY($1) AND status_category = 'draft'

-- name: standing_lines
-- What fulfillment orders still hold of the orders' claims; those of a rejected one until their claim has moved.
SELECT l.fulfillment_order_id, l.order_id, l.line_no, f.location_id, f.status_category,
    l.quantity - l.withdrawn - l.shipped AS standing, l.quantity - l.withdrawn - l.picked AS to_pick
FROM fulfillment_lines l JOIN fulfillment_orders f USING (fulfillment_order_id)
WHERE l.order_id = ANY($1) AND l.quantity - l.withdrawn - l.shipped > 0
ORDER BY l.fulfillment_order_id, l.line_no

-- name: advance
-- The one door: only from the categories the move allows.
UPDATE fulfillment_orders SET status_category = $3, status = $4, request_status = coalesce($5, request_status),
    activated_at = CASE WHEN $6 = 'activated_at' THEN $7 ELSE activated_at END,
    accepted_at = CASE WHEN $6 = 'accepted_at' THEN $7 ELSE accepted_at END,
    packed_at = CASE WHEN $6 = 'packed_at' THEN $7 ELSE packed_at END,
    closed_at = CASE WHEN $6 = 'closed_at' THEN $7 ELSE closed_at END,
    -- What was held until its time had passed has a day from now.
    pick_by = CASE WHEN $6 = 'activated_at' AND pick_by <= $7 THEN $7 + interval '1 day' ELSE pick_by END
WHERE fulfillment_order_id = ANY($1) AND status_category = ANY($2)
RETURNING fulfillment_order_id

-- name: make_drafts
INSERT INTO fulfillment_orders (fulfillment_order_id, order_id, location_id, service, lane, status_category, status,
    created_at, pick_by, promised_by)
SELECT d.id, d.order_id, d.location_id, d.service, d.lane, 'draft', 'draft', $8, d.pick_by, d.promised_by
FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::smallint[], $6::timestamptz[], $7::timestamptz[])
    AS d (id, order_id, location_id, service, lane, pick_by, promised_by)
ON CONFLICT (order_id, location_id) WHERE status_category = 'draft' DO UPDATE SET
    pick_by = least(fulfillment_orders.pick_by, excluded.pick_by),
    promised_by = least(fulfillment_orders.promised_by, excluded.promised_by)
RETURNING fulfillment_order_id, order_id, location_id

-- name: add_lines
INSERT INTO fulfillment_lines AS l (fulfillment_order_id, order_id, line_no, sku_id, quantity)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::integer[], $5::integer[])
ON CONFLICT (fulfillment_order_id, line_no) DO UPDATE SET quantity = l.quantity + excluded.quantity

-- name: add_steps
-- A step that was canceled with its line waits again when units come back to the line.
INSERT INTO work_steps (work_step_id, fulfillment_order_id, line_no, kind, step, detail)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::text[], $5::smallint[], $6::jsonb[])
ON CONFLICT (fulfillment_order_id, line_no, kind) DO UPDATE SET status = 'waiting' WHERE work_steps.status = 'canceled'

-- name: withdraw
UPDATE fulfillment_lines l SET withdrawn = l.withdrawn + w.quantity
FROM unnest($1::uuid[], $2::smallint[], $3::integer[]) AS w (fulfillment_order_id, line_no, quantity)
WHERE l.fulfillment_order_id = w.fulfillment_order_id AND l.line_no = w.line_no

-- name: pick
UPDATE fulfillment_lines l SET picked = l.picked + p.quantity
FROM unnest($1::uuid[], $2::smallint[], $3::integer[]) AS p (fulfillment_order_id, line_no, quantity)
WHERE l.fulfillment_order_id = p.fulfillment_order_id AND l.line_no = p.line_no

-- name: pack
UPDATE fulfillment_lines SET packed = picked WHERE fulfillment_order_id = ANY($1)

-- name: ship
UPDATE fulfillment_lines l SET shipped = l.shipped + s.quantity
FROM unnest($1::uuid[], $2::smallint[], $3::integer[]) AS s (fulfillment_order_id, line_no, quantity)
WHERE l.fulfillment_order_id = s.fulfillment_order_id AND l.line_no = s.line_no

-- name: without_lines
SELECT f.fulfillment_order_id FROM fulfillment_orders f
WHERE f.fulfillment_order_id = ANY($1) AND NOT EXISTS (SELECT 1 FROM fulfillment_lines l
    WHERE l.fulfillment_order_id = f.fulfillment_order_id AND l.quantity > l.withdrawn)

-- name: all_shipped
SELECT f.fulfillment_order_id FROM fulfillment_orders f
WHERE f.fulfillment_order_id = ANY($1) AND NOT EXISTS (SELECT 1 FROM fulfillment_lines l
    WHERE l.fulfillment_order_id = f.fulfillment_order_id AND l.quantity - l.withdrawn > l.shipped)

-- name: all_picked
SELECT f.fulfillment_order_id FROM fulfillment_orders f
WHERE f.fulfillment_order_id = ANY($1) AND NOT EXISTS (SELECT 1 FROM fulfillment_lines l
    WHERE l.fulfillment_order_id = f.fulfillment_order_id AND l.quantity - l.withdrawn > l.picked)

-- name: cancel_steps
-- Work on lines that are no longer wanted here.
UPDATE work_steps w SET status = 'canceled'
FROM fulfillment_lines l JOIN fulfillment_orders f USING (fulfillment_order_id)
WHERE w.fulfillment_order_id = ANY($1) AND w.status = 'waiting'
    AND l.fulfillment_order_id = w.fulfillment_order_id AND l.line_no = w.line_no
    AND (l.quantity = l.withdrawn OR f.status_category = 'rejected')

-- name: finish_steps
UPDATE work_steps SET status = 'done', done_by = $2, done_at = $3 WHERE work_step_id = ANY($1) AND status = 'waiting'

-- name: reopen_step
UPDATE work_steps SET status = 'waiting', done_by = NULL, done_at = NULL WHERE work_step_id = $1 AND status = 'done'

-- name: decisions
-- Later routing decisions of orders (the first is on the order), oldest first; written by orders.reroute.
SELECT order_id, decision FROM routing_decisions WHERE order_id = ANY($1) ORDER BY order_id, attempt

-- name: page
SELECT fulfillment_order_id, lane, pick_by FROM fulfillment_orders
WHERE status_category = ANY($1) AND ($2::integer IS NULL OR location_id = $2) AND ($3::uuid IS NULL OR order_id = $3)
    AND (lane, pick_by, fulfillment_order_id) > ($4, $5, $6)
ORDER BY lane, pick_by, fulfillment_order_id LIMIT $7

-- name: audit_buckets
-- Lines whose buckets say something else than their fulfillment orders.
SELECT o.order_id, o.line_no FROM order_lines o
LEFT JOIN (
    SELECT l.order_id, l.line_no,
        sum(l.quantity - l.withdrawn - l.picked) FILTER (WHERE f.status_category IN ('activated', 'fulfilling')) AS activated,
        sum(l.picked - l.packed) AS picked, sum(l.packed - l.shipped) AS packed
    FROM fulfillment_lines l JOIN fulfillment_orders f USING (fulfillment_order_id) GROUP BY l.order_id, l.line_no
) w USING (order_id, line_no)
WHERE (o.activated, o.picked, o.packed)
    IS DISTINCT FROM (coalesce(w.activated, 0), coalesce(w.picked, 0), coalesce(w.packed, 0))

-- name: audit_claims
-- Claims that no fulfillment order stands for, or the other way round. What stands on a rejected one may have moved on.
SELECT coalesce(c.order_id, w.order_id) AS order_id, coalesce(c.line_no, w.line_no) AS line_no,
    coalesce(c.open, 0) AS claimed, coalesce(w.standing, 0) AS standing, coalesce(w.rejected, 0) AS rejected
FROM (SELECT order_id, line_no, location_id, open FROM reservations WHERE open > 0) c
FULL JOIN (
    SELECT l.order_id, l.line_no, f.location_id,
        coalesce(sum(l.quantity - l.withdrawn - l.shipped) FILTER (WHERE f.status_category <> 'rejected'), 0) AS standing,
        coalesce(sum(l.quantity - l.withdrawn - l.shipped) FILTER (WHERE f.status_category = 'rejected'), 0) AS rejected
    FROM fulfillment_lines l JOIN fulfillment_orders f USING (fulfillment_order_id)
    WHERE l.quantity - l.withdrawn - l.shipped > 0 GROUP BY l.order_id, l.line_no, f.location_id
) w USING (order_id, line_no, location_id)
WHERE coalesce(c.open, 0) NOT BETWEEN coalesce(w.standing, 0) AND coalesce(w.standing, 0) + coalesce(w.rejected, 0)

-- name: audit_empty
SELECT f.fulfillment_order_id FROM fulfillment_orders f
WHERE f.status_category IN ('draft', 'activated', 'fulfilling') AND NOT EXISTS (SELECT 1 FROM fulfillment_lines l
    WHERE l.fulfillment_order_id = f.fulfillment_order_id AND l.quantity - l.withdrawn > l.shipped)

-- name: audit_closed
SELECT f.fulfillment_order_id FROM fulfillment_orders f
WHERE f.status_category = 'closed' AND EXISTS (SELECT 1 FROM fulfillment_lines l
    WHERE l.fulfillment_order_id = f.fulfillment_order_id AND l.quantity - l.withdrawn <> l.shipped)

-- name: audit_undone_work
SELECT DISTINCT f.fulfillment_order_id FROM fulfillment_orders f JOIN work_steps w USING (fulfillment_order_id)
WHERE f.status IN ('packed', 'handed_over') AND w.status = 'waiting'

-- name: audit_asleep
-- Drafts of orders that nothing holds: they should have been activated.
SELECT f.fulfillment_order_id FROM fulfillment_orders f JOIN orders o USING (order_id)
WHERE f.status_category = 'draft' AND NOT o.awaiting_payment AND o.open_holds = 0
