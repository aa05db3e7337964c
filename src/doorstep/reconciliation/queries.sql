-- name: lines
-- Lines that say other than their claims: reserved, activated, picked and packed units are what is claimed. A claim whose order
-- is not there at all counts as one without a line.
SELECT x.order_id, o.number, x.line_no, x.sku_id, p.sku, x.location_id, l.code AS location, x.units, x.open
FROM (
    SELECT coalesce(n.order_id, r.order_id) AS order_id, coalesce(n.line_no, r.line_no) AS line_no,
        coalesce(n.sku_id, r.sku_id) AS sku_id, r.location_id,
        coalesce(n.reserved + n.activated + n.picked + n.packed, 0) AS units, coalesce(r.open, 0)::integer AS open
    FROM order_lines n
    FULL JOIN (SELECT order_id, line_no, min(sku_id) AS sku_id, sum(open) AS open,
            coalesce(max(location_id) FILTER (WHERE open > 0), max(location_id)) AS location_id
        FROM reservations GROUP BY order_id, line_no) r
        ON r.order_id = n.order_id AND r.line_no = n.line_no
    WHERE coalesce(n.reserved + n.activated + n.picked + n.packed, 0) <> coalesce(r.open, 0)
) x
LEFT JOIN orders o USING (order_id) JOIN products p USING (sku_id) LEFT JOIN locations l ON l.location_id = x.location_id
WHERE ($1::integer[] IS NULL OR x.location_id = ANY($1))
ORDER BY x.order_id, x.line_no LIMIT $2

-- name: books
-- Where the last full feed of each location still differs from the book: it was only compared or held by a guard, or a row could
-- not be applied. With what may be the cause: shipped or received by us shortly before the feed's moment, on its way, claimed.
WITH last AS (
    SELECT DISTINCT ON (u.location_id) u.location_id, f.feed_id, f.as_of, f.state
    FROM feeds f CROSS JOIN LATERAL unnest(f.location_ids) AS u (location_id)
    WHERE f.kind = 'full' AND f.state IN ('done', 'checked', 'refused') AND ($1::integer[] IS NULL OR u.location_id = ANY($1))
    ORDER BY u.location_id, f.feed_id DESC
)
SELECT c.feed_id, c.sku_id, p.sku, c.location_id, l.code AS location, c.theirs, c.ours, c.outcome, s.reserved,
    coalesce(m.shipped, 0) AS shipped, coalesce(m.received, 0) AS received, coalesce(i.coming, 0) AS coming
FROM last t JOIN feed_changes c ON c.feed_id = t.feed_id AND c.location_id = t.location_id
JOIN products p ON p.sku_id = c.sku_id JOIN locations l ON l.location_id = c.location_id
LEFT JOIN stock s ON s.sku_id = c.sku_id AND s.location_id = c.location_id
LEFT JOIN LATERAL (
    SELECT -sum(v.on_hand_delta) FILTER (WHERE v.kind = 'shipped') AS shipped,
        sum(v.on_hand_delta) FILTER (WHERE v.kind IN ('received', 'returned')) AS received
    FROM stock_movements v
    WHERE v.location_id = c.location_id AND v.occurred_at > t.as_of - $2::interval AND v.occurred_at <= t.as_of
        AND (v.on_hand_delta <> 0 OR v.kind = 'counted') AND v.sku_id = c.sku_id
) m ON true
LEFT JOIN LATERAL (
    SELECT sum(n.quantity - n.arrived) AS coming FROM incoming n
    WHERE n.sku_id = c.sku_id AND n.location_id = c.location_id AND n.received_at IS NULL AND n.canceled_at IS NULL
        AND n.expected_at <= t.as_of + $2::interval
) i ON true
WHERE (t.state <> 'done' AND c.outcome IS NULL) OR c.outcome IN ('kept', 'below_claims', 'below_zero', 'too_large')
ORDER BY c.sku_id, c.location_id LIMIT $3

-- name: due
-- Locations whose night ($1 after midnight of their own calendar) has not been looked at.
SELECT l.location_id, (clock_now() AT TIME ZONE l.timezone - $1::interval)::date AS day
FROM locations l
WHERE l.enabled AND NOT EXISTS (
    SELECT 1 FROM reconciliations r
    WHERE r.location_id = l.location_id AND r.day = (clock_now() AT TIME ZONE l.timezone - $1::interval)::date)
ORDER BY l.location_id

-- name: keep
INSERT INTO reconciliations (location_id, day, cause, keys, units, looked_at)
SELECT * FROM unnest($1::integer[], $2::date[], $3::text[], $4::integer[], $5::bigint[], $6::timestamptz[]) ON CONFLICT DO NOTHING

-- name: latest
-- Of each location the last night.
SELECT r.location_id, l.code AS location, r.day, r.cause, r.keys, r.units, r.looked_at
FROM locations l JOIN reconciliations r USING (location_id)
WHERE r.day = (SELECT max(x.day) FROM reconciliations x WHERE x.location_id = l.location_id)
    AND ($1::integer[] IS NULL OR l.location_id = ANY($1))
ORDER BY l.code, r.cause

-- name: nights
SELECT r.location_id, l.code AS location, r.day, r.cause, r.keys, r.units, r.looked_at
FROM reconciliations r JOIN locations l USING (location_id)
WHERE r.day > $2 AND ($1::integer[] IS NULL OR r.location_id = ANY($1)) ORDER BY r.day DESC, l.code, r.cause

-- name: excess
-- What lines whose orders are locked hold more than they need, from the newest location back.
SELECT r.order_id, r.line_no, r.sku_id, r.location_id, r.open,
    coalesce((SELECT n.reserved + n.activated + n.picked + n.packed FROM order_lines n
        WHERE n.order_id = r.order_id AND n.line_no = r.line_no), 0) AS units
FROM reservations r JOIN unnest($1::uuid[], $2::smallint[]) AS w (order_id, line_no)
    ON r.order_id = w.order_id AND r.line_no = w.line_no
WHERE r.open > 0 ORDER BY r.order_id, r.line_no, r.location_id DESC
