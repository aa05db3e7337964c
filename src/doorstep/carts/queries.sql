-- name: channel_id
-- Read upwards, on purpose: channels are the orders' table, a hold belongs to one of them.
SELECT channel_id FROM channels WHERE channel = $1

-- name: insert_hold
INSERT INTO cart_holds (hold_id, channel_id, lines, made_at, expires_at) VALUES ($1, $2, $3, $4, $5)

-- name: lock_holds
-- In id order, so that no two callers can deadlock; before stock.
SELECT h.hold_id, h.channel_id, h.lines, h.expires_at, h.ended, h.order_id FROM cart_holds h
WHERE h.hold_id = ANY($1) ORDER BY h.hold_id FOR NO KEY UPDATE

-- name: read_hold
SELECT h.hold_id, h.channel_id, h.lines, h.expires_at, h.ended, h.order_id FROM cart_holds h WHERE h.hold_id = $1

-- name: channel_of
SELECT channel FROM channels WHERE channel_id = $1

-- name: change_hold
UPDATE cart_holds SET lines = $2, expires_at = $3 WHERE hold_id = $1

-- name: release_hold
UPDATE cart_holds SET ended = 'released', ended_at = $2 WHERE hold_id = $1 AND ended IS NULL

-- name: convert_holds
-- The caller compares the count: a hold becomes one order.
UPDATE cart_holds h SET ended = 'converted', ended_at = $3, order_id = c.order_id
FROM unnest($1::uuid[], $2::uuid[]) AS c (hold_id, order_id) WHERE h.hold_id = c.hold_id AND h.ended IS NULL

-- name: audit_ended
SELECT h.hold_id FROM cart_holds h JOIN cart_claims c USING (hold_id) WHERE h.ended IS NOT NULL AND c.open > 0

-- name: audit_claims
-- What a cart's claims say of it: whose they are, when they expire, and that they hold no more than was asked for.
SELECT c.hold_id, c.sku_id FROM cart_claims c LEFT JOIN cart_holds h USING (hold_id)
WHERE c.open > 0
GROUP BY c.hold_id, c.sku_id, h.hold_id
HAVING h.hold_id IS NULL OR bool_or(c.expires_at <> h.expires_at)
    OR sum(c.open) > coalesce((SELECT sum((pair ->> 1)::integer) FROM jsonb_array_elements(h.lines) pair
        WHERE (pair ->> 0)::integer = c.sku_id), 0)
