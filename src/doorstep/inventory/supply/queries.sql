-- name: make_heads
INSERT INTO beyond_stock (sku_id) SELECT DISTINCT sku_id FROM unnest($1::integer[]) AS s (sku_id) ORDER BY 1
ON CONFLICT DO NOTHING

-- name: lock_heads
-- The lock of all that concerns the supply of these products. Taken after their stock rows.
SELECT b.sku_id FROM beyond_stock b WHERE b.sku_id = ANY($1) ORDER BY b.sku_id FOR NO KEY UPDATE

-- name: terms
SELECT b.sku_id, b.kind, b.cap, b.promised, b.sells, b.sold_until, p.release_at
FROM beyond_stock b JOIN products p USING (sku_id) WHERE b.sku_id = ANY($1)

-- name: channel_terms
SELECT sku_id, channel, sells, cap, promised FROM beyond_stock_channels WHERE sku_id = ANY($1) ORDER BY sku_id, channel

-- name: deliveries
SELECT incoming_id, reference, sku_id, location_id, quantity - arrived AS quantity, promised, expected_at FROM incoming
WHERE sku_id = ANY($1) AND received_at IS NULL AND canceled_at IS NULL ORDER BY expected_at, incoming_id

-- name: lock_deliveries
SELECT incoming_id, reference, sku_id, location_id, quantity - arrived AS quantity, promised, expected_at FROM incoming
WHERE sku_id = ANY($1) AND received_at IS NULL AND canceled_at IS NULL ORDER BY incoming_id FOR NO KEY UPDATE

-- name: waits_of_skus
SELECT order_id, line_no, sku_id, incoming_id, units, sold, needs, channel, lane, priority, news
FROM supply_claims WHERE sku_id = ANY($1)

-- name: waits_of_orders
SELECT order_id, line_no, sku_id, incoming_id, units, sold, needs, channel, lane, priority, news
FROM supply_claims WHERE order_id = ANY($1) ORDER BY order_id, line_no

-- name: anybody_waits
SELECT EXISTS (SELECT FROM supply_claims WHERE sku_id = ANY($1))

-- name: refused_by
-- Where lines may not be served: a location rejected them, or came up short.
SELECT order_id, line_no, location_id, cause = 'short_pick' AS lacking FROM excluded_locations WHERE order_id = ANY($1)

-- name: ranks
SELECT o.order_id, o.lane, c.priority, c.channel FROM orders o JOIN channels c USING (channel_id) WHERE o.order_id = ANY($1)

-- name: forget_waits
DELETE FROM supply_claims c USING unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::boolean[])
    AS k (order_id, line_no, incoming_id, sold)
WHERE c.order_id = k.order_id AND c.line_no = k.line_no AND c.incoming_id IS NOT DISTINCT FROM k.incoming_id AND c.sold = k.sold

-- name: put_waits
INSERT INTO supply_claims (order_id, line_no, sku_id, incoming_id, sold, channel, lane, priority, needs, units, news)
SELECT order_id, line_no, sku_id, incoming_id, sold, channel, lane, priority,
    CASE WHEN needs = '' THEN '{}' ELSE string_to_array(needs, ',') END, units, news
FROM unnest($1::uuid[], $2::smallint[], $3::integer[], $4::uuid[], $5::boolean[], $6::text[], $7::smallint[], $8::smallint[],
    $9::text[], $10::integer[], $11::text[])
    AS w (order_id, line_no, sku_id, incoming_id, sold, channel, lane, priority, needs, units, news)
ON CONFLICT ON CONSTRAINT supply_claims_once DO UPDATE SET units = excluded.units, news = excluded.news

-- name: promise_of_deliveries
UPDATE incoming i SET promised = i.promised + d.units FROM unnest($1::uuid[], $2::integer[]) AS d (incoming_id, units)
WHERE i.incoming_id = d.incoming_id

-- name: sell_beyond
UPDATE beyond_stock b SET promised = b.promised + d.units FROM unnest($1::integer[], $2::integer[]) AS d (sku_id, units)
WHERE b.sku_id = d.sku_id

-- name: sell_beyond_on_channel
UPDATE beyond_stock_channels b SET promised = b.promised + d.units
FROM unnest($1::integer[], $2::text[], $3::integer[]) AS d (sku_id, channel, units)
WHERE b.sku_id = d.sku_id AND b.channel = d.channel

-- name: set_aside
-- Counts units as reserved that are there, for lines that waited for them; the guard is that of a claim.
WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::integer[], $4::integer[], $5::integer[])
        AS w (order_id, line_no, sku_id, location_id, units)
), kept AS (
    INSERT INTO set_aside AS a (order_id, line_no, sku_id, location_id, units) SELECT * FROM wanted
    ON CONFLICT (order_id, line_no, location_id) DO UPDATE SET units = a.units + excluded.units
), sums AS (
    SELECT sku_id, location_id, sum(units) AS units FROM wanted GROUP BY sku_id, location_id
)
UPDATE stock s SET reserved = s.reserved + sums.units FROM sums
WHERE s.sku_id = sums.sku_id AND s.location_id = sums.location_id
    AND s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock + s.oversell_limit >= sums.units

-- name: asides_of_orders
SELECT order_id, line_no, sku_id, location_id, units FROM set_aside WHERE order_id = ANY($1) ORDER BY order_id, line_no, location_id

-- name: put_back
-- What was set aside goes back to the shelf.
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::integer[], $4::integer[], $5::integer[])
        AS g (order_id, line_no, sku_id, location_id, units)
), gone AS (
    DELETE FROM set_aside a USING given g
    WHERE a.order_id = g.order_id AND a.line_no = g.line_no AND a.location_id = g.location_id AND a.units = g.units
), less AS (
    UPDATE set_aside a SET units = a.units - g.units FROM given g
    WHERE a.order_id = g.order_id AND a.line_no = g.line_no AND a.location_id = g.location_id AND a.units > g.units
), sums AS (
    SELECT sku_id, location_id, sum(units) AS units FROM given GROUP BY sku_id, location_id
)
UPDATE stock s SET reserved = s.reserved - sums.units FROM sums
WHERE s.sku_id = sums.sku_id AND s.location_id = sums.location_id

-- name: orders_with_asides
-- Of products that are released; first come, first served.
SELECT DISTINCT o.lane, c.priority, a.order_id
FROM set_aside a JOIN products p USING (sku_id) JOIN orders o USING (order_id) JOIN channels c USING (channel_id)
WHERE a.sku_id = ANY($1) AND (p.release_at IS NULL OR p.release_at <= $2)
ORDER BY o.lane, c.priority, a.order_id LIMIT $3

-- name: bring
-- What is set aside becomes a claim; the counter of reserved units stays as it is. In one statement, so that units set
-- aside meanwhile are not lost.
WITH brought AS (
    DELETE FROM set_aside a USING products p
    WHERE a.order_id = ANY($1) AND p.sku_id = a.sku_id AND (p.release_at IS NULL OR p.release_at <= $2)
    RETURNING a.order_id, a.line_no, a.sku_id, a.location_id, a.units
), claimed AS (
    INSERT INTO reservations AS r (order_id, line_no, sku_id, location_id, claimed, open)
    SELECT order_id, line_no, sku_id, location_id, units, units FROM brought
    ON CONFLICT (order_id, line_no, location_id)
        DO UPDATE SET claimed = r.claimed + excluded.claimed, open = r.open + excluded.open
)
SELECT order_id, line_no, sku_id, location_id, units FROM brought ORDER BY order_id, line_no, location_id

-- name: shelves_with_asides
SELECT DISTINCT location_id FROM set_aside WHERE sku_id = $1 ORDER BY location_id

-- name: released_asides
SELECT DISTINCT a.sku_id FROM set_aside a JOIN products p USING (sku_id)
WHERE p.release_at IS NULL OR p.release_at <= $1 ORDER BY a.sku_id

-- name: orders_with_news
SELECT order_id FROM supply_claims WHERE news IS NOT NULL AND sku_id = ANY($1)
UNION SELECT order_id FROM set_aside WHERE news IS NOT NULL AND sku_id = ANY($1)
ORDER BY order_id LIMIT $2

-- name: followed
WITH waiting AS (UPDATE supply_claims SET news = NULL WHERE order_id = ANY($1) AND news IS NOT NULL)
UPDATE set_aside SET news = NULL WHERE order_id = ANY($1) AND news IS NOT NULL

-- name: put_terms
INSERT INTO beyond_stock (sku_id, kind, cap, sells, sold_until) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (sku_id) DO UPDATE SET kind = excluded.kind, cap = excluded.cap, sells = excluded.sells,
    sold_until = excluded.sold_until

-- name: forget_channels
DELETE FROM beyond_stock_channels WHERE sku_id = $1 AND channel <> ALL($2)

-- name: put_channel_terms
-- A channel that gets terms of its own while it has sold already starts with what it has sold.
INSERT INTO beyond_stock_channels (sku_id, channel, sells, cap, promised)
SELECT $1, t.channel, t.sells, t.cap, coalesce((SELECT sum(c.units) FROM supply_claims c
    WHERE c.sku_id = $1 AND c.channel = t.channel AND c.sold), 0)
FROM unnest($2::text[], $3::boolean[], $4::integer[]) AS t (channel, sells, cap) ORDER BY t.channel
ON CONFLICT (sku_id, channel) DO UPDATE SET sells = excluded.sells, cap = excluded.cap

-- name: sold_on_channels
SELECT channel, sum(units)::integer AS units FROM supply_claims WHERE sku_id = $1 AND sold GROUP BY channel

-- name: terms_page
SELECT sku_id FROM beyond_stock WHERE sku_id > $1 AND kind <> 'none' ORDER BY sku_id LIMIT $2

-- name: redate
-- The claims on a delivery whose date moved have news.
UPDATE supply_claims SET news = $2 WHERE incoming_id = ANY($1)

-- name: news_of_product
WITH waiting AS (UPDATE supply_claims SET news = $2 WHERE sku_id = $1 RETURNING 1),
    here AS (UPDATE set_aside SET news = $2 WHERE sku_id = $1 RETURNING 1)
SELECT (SELECT count(*) FROM waiting) + (SELECT count(*) FROM here) AS rows

-- name: by_reference
SELECT incoming_id, sku_id, quantity, arrived, promised, expected_at, received_at IS NOT NULL OR canceled_at IS NOT NULL AS ended
FROM incoming WHERE reference = $1 AND location_id = $2 AND sku_id = ANY($3)

-- name: overdue
SELECT i.reference, p.sku, l.code AS location, i.quantity - i.arrived AS quantity, i.promised, clock_now() AS now
FROM incoming i JOIN products p USING (sku_id) JOIN locations l USING (location_id)
WHERE i.incoming_id = $1 AND i.received_at IS NULL AND i.canceled_at IS NULL AND i.promised > 0 AND i.expected_at + $2::interval <= clock_now()

-- name: what_waits
-- What lines of orders wait for: deliveries (none: nobody knows which), and what is there but not released yet.
SELECT c.order_id, c.line_no, c.sku_id, c.units, c.sold, c.news, i.incoming_id, i.reference, i.location_id, i.expected_at,
    p.release_at, CASE WHEN i.incoming_id IS NOT NULL THEN greatest(i.expected_at, p.release_at) END AS ready_at,
    false AS here
FROM supply_claims c JOIN products p USING (sku_id) LEFT JOIN incoming i USING (incoming_id) WHERE c.order_id = ANY($1)
UNION ALL
SELECT a.order_id, a.line_no, a.sku_id, a.units, false, a.news, NULL, NULL, a.location_id, NULL, p.release_at, p.release_at, true
FROM set_aside a JOIN products p USING (sku_id) WHERE a.order_id = ANY($1)
ORDER BY 1, 2, 10 NULLS LAST, 7

-- name: known_channels
SELECT channel FROM channels WHERE channel = ANY($1)

-- name: audit_promised
SELECT i.incoming_id, i.reference, i.promised, i.quantity - i.arrived AS coming, coalesce(c.units, 0) AS claims
FROM incoming i LEFT JOIN (SELECT incoming_id, sum(units) AS units FROM supply_claims GROUP BY incoming_id) c USING (incoming_id)
WHERE i.promised <> coalesce(c.units, 0) OR i.promised > greatest(0, i.quantity - i.arrived)
    OR (i.promised > 0 AND (i.received_at IS NOT NULL OR i.canceled_at IS NOT NULL))

-- name: audit_sold
SELECT b.sku_id, b.promised, b.cap, coalesce(c.units, 0) AS claims
FROM beyond_stock b
LEFT JOIN (SELECT sku_id, sum(units) AS units FROM supply_claims WHERE sold GROUP BY sku_id) c USING (sku_id)
WHERE b.promised <> coalesce(c.units, 0) OR b.promised > b.cap

-- name: audit_lines
-- Lines that have more claims on supply, and units set aside, than they wait for.
SELECT c.order_id, c.line_no, c.units AS claims, l.backordered, l.shortfall
FROM (SELECT order_id, line_no, sum(units) AS units FROM (
        SELECT order_id, line_no, units FROM supply_claims
        UNION ALL SELECT order_id, line_no, units FROM set_aside) every GROUP BY order_id, line_no) c
LEFT JOIN order_lines l USING (order_id, line_no)
WHERE c.units > coalesce(l.backordered + l.shortfall, 0)

-- name: add_incoming
-- What has ended stays as it was: an old message that comes again opens nothing.
INSERT INTO incoming (incoming_id, reference, sku_id, location_id, quantity, expected_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::integer[], $5::integer[], $6::timestamptz[])
ON CONFLICT (reference, sku_id, location_id) DO UPDATE SET quantity = excluded.quantity, expected_at = excluded.expected_at,
        received_at = CASE WHEN incoming.arrived >= excluded.quantity THEN $7::timestamptz END
    WHERE incoming.received_at IS NULL AND incoming.canceled_at IS NULL
        AND (incoming.quantity, incoming.expected_at) IS DISTINCT FROM (excluded.quantity, excluded.expected_at)
RETURNING sku_id

-- name: arriving
-- Supply of which a part arrives now; what was called off stays called off.
SELECT incoming_id, sku_id, quantity, arrived, received_at FROM incoming
WHERE reference = $1 AND location_id = $2 AND sku_id = ANY($3) AND canceled_at IS NULL

-- name: arrive
-- What comes after the last is added all the same. Claims on what does not come any more must have moved before.
UPDATE incoming i SET arrived = i.arrived + a.quantity,
    received_at = coalesce(i.received_at, CASE WHEN $3 OR i.arrived + a.quantity >= i.quantity THEN $4::timestamptz END)
FROM unnest($1::uuid[], $2::integer[]) AS a (incoming_id, quantity) WHERE i.incoming_id = a.incoming_id

-- name: change_incoming
UPDATE incoming SET quantity = $2, expected_at = $3, received_at = CASE WHEN arrived >= $2 THEN $4::timestamptz END
WHERE incoming_id = $1

-- name: cancel_incoming
UPDATE incoming SET canceled_at = $2 WHERE incoming_id = $1

-- name: still_expected
SELECT incoming_id, sku_id, location_id FROM incoming WHERE reference = $1 AND received_at IS NULL AND canceled_at IS NULL

-- name: end_incoming
-- No more of it will come.
UPDATE incoming SET received_at = $2 WHERE incoming_id = ANY($1)

-- name: read_incoming
SELECT i.incoming_id, i.reference, i.sku_id, p.sku, i.location_id, l.code AS location, i.quantity, i.arrived, i.promised,
    i.expected_at, i.received_at, i.canceled_at
FROM incoming i JOIN products p USING (sku_id) JOIN locations l USING (location_id) WHERE i.incoming_id = $1

-- name: list_incoming
SELECT i.incoming_id, i.reference, p.sku, l.code AS location, i.quantity, i.arrived, i.promised, i.expected_at, i.received_at, i.canceled_at
FROM incoming i JOIN products p USING (sku_id) JOIN locations l USING (location_id)
WHERE (cardinality($1::text[]) = 0 OR i.sku_id IN (SELECT sku_id FROM products WHERE sku = ANY($1)))
    AND ($2::text IS NULL OR l.code = $2) AND ($3 OR (i.received_at IS NULL AND i.canceled_at IS NULL))
    AND (i.expected_at, i.incoming_id) > ($4, $5)
ORDER BY i.expected_at, i.incoming_id LIMIT $6

-- name: expected
SELECT sku_id, min(expected_at) AS expected_at FROM incoming
WHERE sku_id = ANY($1) AND received_at IS NULL AND canceled_at IS NULL GROUP BY sku_id
