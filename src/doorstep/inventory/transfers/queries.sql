-- name: open_transfer
INSERT INTO transfers (transfer_id, reference, from_location_id, to_location_id, expected_at, opened_by, opened_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (reference) DO NOTHING RETURNING transfer_id

-- name: add_transfer_lines
INSERT INTO transfer_lines (transfer_id, sku_id, quantity) SELECT $1, * FROM unnest($2::integer[], $3::integer[])

-- name: transfer_named
SELECT transfer_id FROM transfers WHERE reference = $1

-- name: lock_transfer
SELECT 1 FROM transfers WHERE transfer_id = $1 FOR NO KEY UPDATE

-- name: read_transfers
SELECT transfer_id, reference, from_location_id, to_location_id, state, expected_at, opened_by, opened_at, shipped_at, ended_at, why
FROM transfers WHERE transfer_id = ANY($1)

-- name: transfer_lines
SELECT l.transfer_id, l.sku_id, p.sku, p.title, l.quantity, l.shipped, l.received, l.damaged, l.surplus, l.found, l.missing
FROM transfer_lines l JOIN products p USING (sku_id) WHERE l.transfer_id = ANY($1) ORDER BY l.transfer_id, p.sku

-- name: list_transfers
-- Newest first; of these locations, at either end.
SELECT transfer_id FROM transfers
WHERE transfer_id < $1 AND ($2::integer[] IS NULL OR from_location_id = ANY($2) OR to_location_id = ANY($2))
    AND ($3 OR ended_at IS NULL)
ORDER BY transfer_id DESC LIMIT $4

-- name: move_transfer
UPDATE transfers SET state = $3, shipped_at = CASE WHEN $3 = 'in_transit' THEN $4::timestamptz ELSE shipped_at END,
    ended_at = CASE WHEN $3 <> 'in_transit' THEN $4::timestamptz END, why = $5
WHERE transfer_id = $1 AND state = $2

-- name: ship_transfer_lines
UPDATE transfer_lines l SET shipped = s.units FROM unnest($2::integer[], $3::integer[]) AS s (sku_id, units)
WHERE l.transfer_id = $1 AND l.sku_id = s.sku_id

-- name: receive_transfer_lines
-- What is more than was still on its way is surplus.
UPDATE transfer_lines l SET received = l.received + a.good, damaged = l.damaged + a.damaged, surplus = l.surplus
    + greatest(0, a.good + a.damaged - (l.shipped + l.surplus - l.received - l.damaged - l.found - l.missing))
FROM unnest($2::integer[], $3::integer[], $4::integer[]) AS a (sku_id, good, damaged)
WHERE l.transfer_id = $1 AND l.sku_id = a.sku_id

-- name: close_transfer_lines
-- What is neither here nor found is written off.
UPDATE transfer_lines l SET found = f.units,
    missing = l.shipped + l.surplus - l.received - l.damaged - f.units
FROM unnest($2::integer[], $3::integer[]) AS f (sku_id, units) WHERE l.transfer_id = $1 AND l.sku_id = f.sku_id

-- name: audit_transfers
-- Of a transfer's SKU, movements that do not say what its line says: less at one end, more at the other.
SELECT t.transfer_id, l.sku_id FROM transfers t JOIN transfer_lines l USING (transfer_id)
LEFT JOIN (SELECT split_part(reference, ':', 2) AS transfer, sku_id, location_id, sum(on_hand_delta) AS units,
        sum(damaged_delta) AS damaged FROM stock_movements
    WHERE kind = 'transferred' AND reference LIKE 'transfer:%' GROUP BY 1, 2, 3) gone
    ON gone.transfer = replace(t.transfer_id::text, '-', '') AND gone.sku_id = l.sku_id AND gone.location_id = t.from_location_id
LEFT JOIN (SELECT split_part(reference, ':', 2) AS transfer, sku_id, location_id, sum(on_hand_delta) AS units,
        sum(damaged_delta) AS damaged FROM stock_movements
    WHERE kind = 'transferred' AND reference LIKE 'transfer:%' GROUP BY 1, 2, 3) come
    ON come.transfer = replace(t.transfer_id::text, '-', '') AND come.sku_id = l.sku_id AND come.location_id = t.to_location_id
WHERE (coalesce(gone.units, 0), coalesce(come.units, 0), coalesce(come.damaged, 0))
    IS DISTINCT FROM (l.found - l.shipped, l.received + l.damaged, l.damaged)

-- name: audit_in_transit
-- Units in transit that are not expected where they go, or the other way round; a closed transfer has none.
SELECT t.transfer_id, l.sku_id FROM transfers t JOIN transfer_lines l USING (transfer_id)
LEFT JOIN incoming i ON i.reference = 'transfer:' || replace(t.transfer_id::text, '-', '') AND i.sku_id = l.sku_id
    AND i.location_id = t.to_location_id AND i.received_at IS NULL AND i.canceled_at IS NULL
WHERE l.shipped + l.surplus - l.received - l.damaged - l.found - l.missing <> coalesce(i.quantity - i.arrived, 0)
    OR (t.state = 'closed' AND i.incoming_id IS NOT NULL)
