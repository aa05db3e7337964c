-- name: skus
-- Products in the order of their SKUs; where $2 is given, those that have ever been at one of these locations.
SELECT p.sku_id, p.sku, p.title, p.active FROM products p
WHERE p.sku > $1
    AND ($2::integer[] IS NULL OR EXISTS (SELECT 1 FROM stock s WHERE s.sku_id = p.sku_id AND s.location_id = ANY($2)))
ORDER BY p.sku LIMIT $3

-- name: skus_found
-- The same, of those that hold words beginning so, or that are the SKU itself.
SELECT p.sku_id, p.sku, p.title, p.active FROM products p
WHERE p.sku > $1
    AND ($2::integer[] IS NULL OR EXISTS (SELECT 1 FROM stock s WHERE s.sku_id = p.sku_id AND s.location_id = ANY($2)))
    AND (to_tsvector('simple', p.sku || ' ' || p.title) @@ to_tsquery('simple', $4) OR p.sku = ANY($5))
ORDER BY p.sku LIMIT $3

-- name: skus_low
-- Products by what may still be sold of them at these locations, least first.
SELECT p.sku_id, p.sku, p.title, p.active, s.available
FROM (
    SELECT sku_id, sum(on_hand - damaged - quality_control - reserved - safety_stock) AS available FROM stock
    WHERE $3::integer[] IS NULL OR location_id = ANY($3) GROUP BY sku_id
) s JOIN products p USING (sku_id)
WHERE p.active AND (s.available, p.sku_id) > ($1, $2)
    AND ($5 = '' OR to_tsvector('simple', p.sku || ' ' || p.title) @@ to_tsquery('simple', $5) OR p.sku = ANY($6))
ORDER BY s.available, p.sku_id LIMIT $4

-- name: counters
SELECT s.sku_id, s.location_id, s.on_hand, s.reserved, s.safety_stock, s.damaged, s.quality_control, s.oversell_limit,
    s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock AS available
FROM stock s WHERE s.sku_id = ANY($1) AND ($2::integer[] IS NULL OR s.location_id = ANY($2))

-- name: incoming
-- What is on its way, the nearest first.
SELECT sku_id, location_id, reference, quantity - arrived AS quantity, promised, expected_at FROM incoming
WHERE received_at IS NULL AND canceled_at IS NULL AND sku_id = ANY($1) AND ($2::integer[] IS NULL OR location_id = ANY($2))
ORDER BY expected_at, incoming_id LIMIT $3

-- name: movements
-- Newest first, of these locations; of each only as many as may be needed, by its index.
SELECT m.* FROM unnest($2::integer[]) AS l (location_id) CROSS JOIN LATERAL (
    SELECT m.movement_id, m.location_id, m.kind, m.on_hand_delta, m.reserved_delta, m.damaged_delta,
        m.quality_control_delta, m.reason, m.reference, m.actor, m.occurred_at
    FROM stock_movements m
    WHERE m.sku_id = $1 AND m.location_id = l.location_id AND m.movement_id < $3 ORDER BY m.movement_id DESC LIMIT $4
) m ORDER BY m.movement_id DESC LIMIT $4

-- name: undone
-- Which of these movements were taken back by another.
SELECT reference FROM stock_movements
WHERE kind = 'adjusted' AND sku_id = $1 AND location_id = ANY($2) AND reference = ANY($3)

-- name: orders_behind
-- The orders behind parcels, changes of orders, and returns.
SELECT s.shipment_id AS id, o.order_id, o.number FROM shipments s JOIN orders o USING (order_id) WHERE s.shipment_id = ANY($1)
UNION ALL
SELECT c.change_id, o.order_id, o.number FROM order_changes c JOIN orders o USING (order_id) WHERE c.change_id = ANY($1)
UNION ALL
SELECT r.return_id, o.order_id, o.number FROM returns r JOIN orders o USING (order_id) WHERE r.return_id = ANY($1)

-- name: movement
SELECT movement_id, sku_id, location_id, kind, on_hand_delta, reserved_delta, damaged_delta, quality_control_delta, reference
FROM stock_movements WHERE movement_id = $1

-- name: claims
-- Who holds units of it: by the work that is open for them, for a claim has no index by SKU (placing would pay for it).
SELECT l.fulfillment_order_id, f.location_id, f.status_category, f.status, f.lane, f.pick_by, l.order_id, o.number,
    sum(l.quantity - l.withdrawn - l.shipped)::integer AS units
FROM fulfillment_orders f JOIN fulfillment_lines l USING (fulfillment_order_id) JOIN orders o ON o.order_id = l.order_id
WHERE f.status_category IN ('draft', 'activated', 'fulfilling') AND l.sku_id = $1
    AND ($2::integer[] IS NULL OR f.location_id = ANY($2)) AND l.quantity - l.withdrawn - l.shipped > 0
GROUP BY l.fulfillment_order_id, f.location_id, f.status_category, f.status, f.lane, f.pick_by, l.order_id, o.number
ORDER BY f.lane, f.pick_by, l.fulfillment_order_id LIMIT $3

-- name: in_carts
-- Units that carts hold now.
SELECT location_id, sum(open)::integer AS units FROM cart_claims
WHERE sku_id = $1 AND open > 0 AND expires_at > $3 AND ($2::integer[] IS NULL OR location_id = ANY($2))
GROUP BY location_id ORDER BY location_id

-- name: waited_for
-- Products that orders wait for, or that are sold beyond their stock, in the order of their SKUs. Where $2 is given, only
-- what waits for deliveries to these locations counts.
SELECT p.sku_id, p.sku, p.title, coalesce(w.units, 0)::integer AS units, coalesce(w.undated, 0)::integer AS undated,
    coalesce(w.orders, 0)::integer AS orders, b.kind, b.cap, b.promised
FROM beyond_stock b JOIN products p USING (sku_id) LEFT JOIN (
    SELECT c.sku_id, sum(c.units) AS units, sum(c.units) FILTER (WHERE c.incoming_id IS NULL) AS undated,
        count(DISTINCT c.order_id) AS orders
    FROM supply_claims c LEFT JOIN incoming i USING (incoming_id)
    WHERE $2::integer[] IS NULL OR i.location_id = ANY($2) GROUP BY c.sku_id
) w USING (sku_id)
WHERE p.sku > $1 AND (w.units > 0 OR (b.kind <> 'none' AND ($2::integer[] IS NULL
    OR EXISTS (SELECT FROM incoming i WHERE i.sku_id = p.sku_id AND i.received_at IS NULL AND i.canceled_at IS NULL
        AND i.location_id = ANY($2)))))
ORDER BY p.sku LIMIT $3

-- name: waiters
SELECT c.order_id, o.number, o.placed_at, c.units, c.lane, i.reference
FROM supply_claims c JOIN orders o USING (order_id) LEFT JOIN incoming i USING (incoming_id)
WHERE c.sku_id = $1 AND ($2::integer[] IS NULL OR i.location_id = ANY($2))
ORDER BY i.expected_at NULLS LAST, i.incoming_id, c.lane, c.priority, c.order_id, c.line_no LIMIT $3

-- name: supply
-- What is on its way to these locations, the nearest first.
SELECT i.incoming_id, i.reference, i.sku_id, p.sku, p.title, i.location_id, i.quantity, i.arrived, i.promised, i.expected_at
FROM incoming i JOIN products p USING (sku_id)
WHERE i.received_at IS NULL AND i.canceled_at IS NULL AND i.location_id = ANY($1) AND (i.expected_at, i.incoming_id) > ($2, $3)
ORDER BY i.expected_at, i.incoming_id LIMIT $4

-- name: one_supply
SELECT i.incoming_id, i.reference, i.sku_id, p.sku, p.title, i.location_id, i.quantity, i.arrived, i.promised, i.expected_at,
    i.received_at, i.canceled_at
FROM incoming i JOIN products p USING (sku_id) WHERE i.incoming_id = $1

-- name: count_job_named
SELECT count_job_id FROM count_jobs WHERE reference = $1
