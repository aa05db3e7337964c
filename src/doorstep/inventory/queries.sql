

-- name: read_stock
-- With what has expired in carts by $2, for whoever claims takes it back; and with what the cart $3 holds itself. A key may
-- come several times: adding up here would cost an order more than all the rest of the statement.
SELECT s.sku_id, s.location_id,
    s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock + s.oversell_limit AS available
FROM stock s WHERE s.sku_id = ANY($1)
UNION ALL SELECT c.sku_id, c.location_id, c.open FROM cart_claims c
    WHERE c.sku_id = ANY($1) AND c.open > 0 AND c.expires_at <= $2
UNION ALL SELECT c.sku_id, c.location_id, c.open FROM cart_claims c WHERE c.hold_id = $3 AND c.expires_at > $2

-- name: lock_stock
SELECT s.sku_id, s.location_id,
    s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock + s.oversell_limit AS available
FROM stock s JOIN unnest($1::integer[], $2::integer[]) AS k (sku_id, location_id)
    ON s.sku_id = k.sku_id AND s.location_id = k.location_id
ORDER BY s.sku_id, s.location_id FOR NO KEY UPDATE OF s

-- name: lock_stock_of_skus
SELECT s.sku_id, s.location_id,
    s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock + s.oversell_limit AS available
FROM stock s WHERE s.sku_id = ANY($1) ORDER BY s.sku_id, s.location_id FOR NO KEY UPDATE

-- name: claim
-- The guard: what is not there is not claimed, safety stock included. The caller compares the count.
WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::integer[], $4::integer[], $5::integer[])
        AS w (order_id, line_no, sku_id, location_id, quantity)
), taken AS (
    INSERT INTO reservations AS r (order_id, line_no, sku_id, location_id, claimed, open)
    SELECT order_id, line_no, sku_id, location_id, quantity, quantity FROM wanted
    ON CONFLICT (order_id, line_no, location_id)
        DO UPDATE SET claimed = r.claimed + excluded.claimed, open = r.open + excluded.open
), sums AS (
    SELECT sku_id, location_id, sum(quantity) AS quantity FROM wanted GROUP BY sku_id, location_id
)
UPDATE stock s SET reserved = s.reserved + sums.quantity FROM sums
WHERE s.sku_id = sums.sku_id AND s.location_id = sums.location_id
    AND s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock + s.oversell_limit >= sums.quantity

-- name: claim_first
-- The same for orders this transaction has just made: a plain INSERT, for ON CONFLICT writes a record more for each row.
WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::integer[], $4::integer[], $5::integer[])
        AS w (order_id, line_no, sku_id, location_id, quantity)
), taken AS (
    INSERT INTO reservations (order_id, line_no, sku_id, location_id, claimed, open)
    SELECT order_id, line_no, sku_id, location_id, quantity, quantity FROM wanted
), sums AS (
    SELECT sku_id, location_id, sum(quantity) AS quantity FROM wanted GROUP BY sku_id, location_id
)
UPDATE stock s SET reserved = s.reserved + sums.quantity FROM sums
WHERE s.sku_id = sums.sku_id AND s.location_id = sums.location_id
    AND s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock + s.oversell_limit >= sums.quantity

-- name: give_back
-- Lowers claims and counters and writes the movement, together; what a claim does not hold lowers nothing, so that the
-- caller, who compares the count, can say so. $8: what a unit takes off on_hand (1: it leaves the house).
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::integer[], $4::integer[], $5::integer[])
        AS g (order_id, line_no, sku_id, location_id, quantity)
), lowered AS (
    UPDATE reservations r SET open = r.open - g.quantity FROM given g
    WHERE r.order_id = g.order_id AND r.line_no = g.line_no AND r.location_id = g.location_id AND r.open >= g.quantity
    RETURNING r.sku_id, r.location_id, g.quantity
), sums AS (
    SELECT sku_id, location_id, sum(quantity) AS quantity FROM lowered GROUP BY sku_id, location_id
), counters AS (
    UPDATE stock s SET reserved = s.reserved - sums.quantity, on_hand = s.on_hand - $8 * sums.quantity FROM sums
    WHERE s.sku_id = sums.sku_id AND s.location_id = sums.location_id
    RETURNING s.sku_id
), told AS (
    INSERT INTO stock_movements
        (sku_id, location_id, kind, on_hand_delta, reserved_delta, reason, reference, actor, occurred_at)
    SELECT sku_id, location_id, $6, -$8 * quantity, -quantity, $7, $9, $10, $11 FROM sums
)
SELECT (SELECT count(*) FROM lowered) AS claims, (SELECT count(*) FROM counters) AS counters,
    (SELECT count(*) FROM sums) AS keys

-- name: cart_claims
SELECT hold_id, sku_id, location_id, open AS quantity, expires_at FROM cart_claims WHERE hold_id = ANY($1) AND open > 0
ORDER BY hold_id, sku_id, location_id

-- name: ever_held
SELECT EXISTS (SELECT 1 FROM cart_claims WHERE hold_id = $1)

-- name: take_into_cart
-- The guard is the claim's own. The caller compares the count.
WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[], $5::timestamptz[])
        AS w (hold_id, sku_id, location_id, quantity, expires_at)
), taken AS (
    INSERT INTO cart_claims AS c (hold_id, sku_id, location_id, claimed, open, expires_at)
    SELECT hold_id, sku_id, location_id, quantity, quantity, expires_at FROM wanted
    ON CONFLICT (hold_id, sku_id, location_id) DO UPDATE SET claimed = c.claimed + excluded.claimed,
        open = c.open + excluded.open, expires_at = excluded.expires_at
), sums AS (
    SELECT sku_id, location_id, sum(quantity) AS quantity FROM wanted GROUP BY sku_id, location_id
)
UPDATE stock s SET reserved = s.reserved + sums.quantity FROM sums
WHERE s.sku_id = sums.sku_id AND s.location_id = sums.location_id
    AND s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock + s.oversell_limit >= sums.quantity

-- name: give_back_from_cart
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[])
        AS g (hold_id, sku_id, location_id, quantity)
), lowered AS (
    UPDATE cart_claims c SET open = c.open - g.quantity FROM given g
    WHERE c.hold_id = g.hold_id AND c.sku_id = g.sku_id AND c.location_id = g.location_id AND c.open >= g.quantity
    RETURNING c.hold_id, c.sku_id, c.location_id, g.quantity
), sums AS (
    SELECT sku_id, location_id, sum(quantity) AS quantity FROM lowered GROUP BY sku_id, location_id
), counters AS (
    UPDATE stock s SET reserved = s.reserved - sums.quantity FROM sums
    WHERE s.sku_id = sums.sku_id AND s.location_id = sums.location_id
), told AS (
    INSERT INTO stock_movements (sku_id, location_id, kind, reserved_delta, reason, reference, actor, occurred_at)
    SELECT sku_id, location_id, $5, -quantity, $6, 'cart:' || replace(hold_id::text, '-', ''), $7, $8 FROM lowered
)
SELECT count(*) FROM lowered

-- name: expired_in_carts
-- $3: carts to spare.
SELECT sku_id, location_id, sum(open)::integer AS quantity FROM cart_claims
WHERE sku_id = ANY($1) AND open > 0 AND expires_at <= $2 AND hold_id <> ALL($3::uuid[]) GROUP BY sku_id, location_id

-- name: reclaim
-- What expired by $3 goes back, at keys whose stock rows the caller has locked in a statement before: the snapshot of one
-- statement for both would be older than the lock, and would give back what was just extended or sold. $4: carts to spare.
WITH found AS (
    SELECT c.hold_id, c.sku_id, c.location_id, c.open
    FROM unnest($1::integer[], $2::integer[]) AS k (sku_id, location_id)
    JOIN cart_claims c ON c.sku_id = k.sku_id AND c.location_id = k.location_id
    WHERE c.open > 0 AND c.expires_at <= $3 AND c.hold_id <> ALL($4::uuid[])
), emptied AS (
    UPDATE cart_claims c SET open = c.open - f.open FROM found f
    WHERE c.hold_id = f.hold_id AND c.sku_id = f.sku_id AND c.location_id = f.location_id
), sums AS (
    SELECT sku_id, location_id, sum(open)::integer AS quantity FROM found GROUP BY sku_id, location_id
), counters AS (
    UPDATE stock s SET reserved = s.reserved - sums.quantity FROM sums
    WHERE s.sku_id = sums.sku_id AND s.location_id = sums.location_id
), told AS (
    INSERT INTO stock_movements (sku_id, location_id, kind, reserved_delta, reason, reference, actor, occurred_at)
    SELECT sku_id, location_id, 'released', -open, 'cart hold expired', 'cart:' || replace(hold_id::text, '-', ''), $5, $6
    FROM found
)
SELECT sku_id, location_id, quantity FROM sums

-- name: keep_cart_until
UPDATE cart_claims SET expires_at = $2 WHERE hold_id = $1 AND open > 0 AND expires_at <> $2

-- name: lapsed_keys
SELECT DISTINCT sku_id, location_id FROM (
    SELECT sku_id, location_id FROM cart_claims WHERE open > 0 AND expires_at <= $1 ORDER BY sku_id, expires_at LIMIT $2) c

-- name: claims_of
SELECT order_id, line_no, sku_id, location_id, open AS quantity FROM reservations
WHERE order_id = ANY($1) AND open > 0 ORDER BY order_id, line_no, location_id

-- name: make_stock_rows
INSERT INTO stock (sku_id, location_id)
SELECT DISTINCT * FROM unnest($1::integer[], $2::integer[]) AS k (sku_id, location_id)
ORDER BY 1, 2 ON CONFLICT DO NOTHING

-- name: add_stock
-- What was told before under this reference is left out, so that a note sent twice counts once.
WITH told AS (
    INSERT INTO stock_movements (sku_id, location_id, kind, on_hand_delta, damaged_delta, quality_control_delta,
        reason, reference, actor, occurred_at)
    SELECT a.*, $7, $8, $9, $10
    FROM unnest($1::integer[], $2::integer[], $3::text[], $4::integer[], $5::integer[], $6::integer[])
        AS a (sku_id, location_id, kind, on_hand_delta, damaged_delta, quality_control_delta)
    ON CONFLICT DO NOTHING
    RETURNING sku_id, location_id, on_hand_delta, damaged_delta, quality_control_delta
)
UPDATE stock s SET on_hand = s.on_hand + t.on_hand_delta, damaged = s.damaged + t.damaged_delta,
    quality_control = s.quality_control + t.quality_control_delta
FROM (SELECT sku_id, location_id, sum(on_hand_delta) AS on_hand_delta, sum(damaged_delta) AS damaged_delta,
        sum(quality_control_delta) AS quality_control_delta FROM told GROUP BY sku_id, location_id) t
WHERE s.sku_id = t.sku_id AND s.location_id = t.location_id
RETURNING s.sku_id, s.location_id

-- name: told_before
-- What a note said before: the units received; or on_hand as it was counted, which is the sum of all that was booked by then
-- and had occurred when it was counted.
SELECT m.sku_id, m.location_id, p.sku, CASE m.kind WHEN 'received' THEN m.on_hand_delta ELSE
    (SELECT sum(b.on_hand_delta)::integer FROM stock_movements b
    WHERE b.sku_id = m.sku_id AND b.location_id = m.location_id AND b.movement_id <= m.movement_id
        AND b.occurred_at <= m.occurred_at) END AS quantity
FROM unnest($3::integer[], $4::integer[]) AS k (sku_id, location_id)
JOIN stock_movements m ON m.kind = $1 AND m.reference = $2 AND m.sku_id = k.sku_id AND m.location_id = k.location_id
JOIN products p ON p.sku_id = m.sku_id ORDER BY m.sku_id, m.location_id

-- name: since
-- What occurred at these keys after $3: found from the newest movement backwards, up to one that occurred an hour before,
-- for none is written an hour after it occurred but counts, which are looked up by themselves.
SELECT k.sku_id, k.location_id, coalesce(sum(m.on_hand_delta), 0)::integer AS on_hand,
    max(m.occurred_at) AS latest, max(m.occurred_at) FILTER (WHERE m.kind = 'counted') AS counted_later
FROM unnest($1::integer[], $2::integer[]) AS k (sku_id, location_id)
CROSS JOIN LATERAL (SELECT coalesce((SELECT b.movement_id FROM stock_movements b
    WHERE b.sku_id = k.sku_id AND b.location_id = k.location_id AND b.kind <> 'counted'
        AND b.occurred_at < $3::timestamptz - interval '1 hour' ORDER BY b.movement_id DESC LIMIT 1), 0) AS movement_id) long_before
JOIN stock_movements m ON m.sku_id = k.sku_id AND m.location_id = k.location_id
    AND m.movement_id > long_before.movement_id AND m.occurred_at > $3
GROUP BY k.sku_id, k.location_id

-- name: stock_as_of
-- What the book said at $3 of keys whose rows are locked: less what came and went since; and who was counted since.
WITH since AS MATERIALIZED (
    SELECT m.sku_id, m.location_id, sum(m.on_hand_delta)::integer AS units, bool_or(m.kind = 'counted') AS counted
    FROM stock_movements m
    WHERE m.location_id = ANY($2) AND m.occurred_at > $3 AND (m.on_hand_delta <> 0 OR m.kind = 'counted') AND m.sku_id = ANY($1)
    GROUP BY m.sku_id, m.location_id
)
SELECT s.sku_id, s.location_id, s.on_hand, s.reserved + s.damaged + s.quality_control - s.oversell_limit AS floor,
    coalesce(m.units, 0) AS since, coalesce(m.counted, false) AS counted
FROM unnest($1::integer[], $2::integer[]) AS k (sku_id, location_id)
JOIN stock s ON s.sku_id = k.sku_id AND s.location_id = k.location_id
LEFT JOIN since m ON m.sku_id = k.sku_id AND m.location_id = k.location_id

-- name: fed
UPDATE locations SET fed_as_of = $2 WHERE location_id = ANY($1) AND (fed_as_of IS NULL OR fed_as_of < $2)

-- name: fed_after
SELECT code FROM locations WHERE location_id = ANY($1) AND fed_as_of > $2 ORDER BY code LIMIT 1

-- name: shelves
SELECT s.sku_id, s.location_id, s.on_hand, s.reserved, s.safety_stock, s.damaged, s.quality_control, s.oversell_limit
FROM stock s JOIN unnest($1::integer[], $2::integer[]) AS k (sku_id, location_id)
    ON s.sku_id = k.sku_id AND s.location_id = k.location_id

-- name: in_carts_newest_first
SELECT c.hold_id, c.sku_id, c.location_id, c.open AS quantity, c.expires_at
FROM unnest($1::integer[], $2::integer[]) AS k (sku_id, location_id)
JOIN cart_claims c ON c.sku_id = k.sku_id AND c.location_id = k.location_id
WHERE c.open > 0 ORDER BY c.hold_id DESC

-- name: adjusted_before
SELECT m.sku_id, m.location_id, p.sku, m.on_hand_delta, m.damaged_delta, m.quality_control_delta, m.reason
FROM unnest($2::integer[], $3::integer[]) AS k (sku_id, location_id)
JOIN stock_movements m ON m.kind = $4 AND m.reference = $1 AND m.sku_id = k.sku_id AND m.location_id = k.location_id
JOIN products p ON p.sku_id = m.sku_id

-- name: set_limits
UPDATE stock s SET safety_stock = coalesce(l.safety_stock, s.safety_stock), oversell_limit = coalesce(l.oversell_limit, s.oversell_limit)
FROM unnest($1::integer[], $2::integer[], $3::integer[], $4::integer[]) AS l (sku_id, location_id, safety_stock, oversell_limit)
WHERE s.sku_id = l.sku_id AND s.location_id = l.location_id
    AND (s.safety_stock, s.oversell_limit)
        IS DISTINCT FROM (coalesce(l.safety_stock, s.safety_stock), coalesce(l.oversell_limit, s.oversell_limit))
RETURNING s.sku_id, s.location_id

-- name: stock_for_channels
-- One statement, so one moment, in one row of arrays, which are cheap to read: products that are sold of the SKUs $1, and
-- the components of kits; their stock; what has expired in carts, but for the hold $2; what that hold has, expired or not; supply by its date, and the
-- units of the lines that wait for it (they are the orders', read upwards).
WITH asked AS MATERIALIZED (
    SELECT p.sku_id, p.sku, p.handling, p.components FROM products p WHERE p.sku = ANY($1) AND p.active
), every AS MATERIALIZED (
    SELECT sku_id, sku, handling FROM asked
    UNION ALL SELECT p.sku_id, p.sku, p.handling FROM products p
    WHERE p.active AND p.components = '[]' AND NOT p.sku = ANY($1) AND p.sku = ANY(ARRAY(
        SELECT part ->> 'sku' FROM asked a, jsonb_array_elements(a.components) part WHERE a.components <> '[]'))
), moment AS MATERIALIZED (SELECT clock_now() AS now)
SELECT (SELECT now FROM moment) AS now, product.*, kit.*, stock.*, expired.*, own.*, coming.*,
    ARRAY(SELECT sum(l.backordered + l.shortfall)::integer FROM order_lines l
        WHERE l.sku_id = ANY(coming_skus) AND l.backordered + l.shortfall > 0 GROUP BY l.sku_id ORDER BY l.sku_id) AS waiting_units,
    ARRAY(SELECT DISTINCT l.sku_id FROM order_lines l
        WHERE l.sku_id = ANY(coming_skus) AND l.backordered + l.shortfall > 0 ORDER BY l.sku_id) AS waiting_skus,
    $2::uuid IS NULL OR EXISTS (SELECT FROM cart_claims WHERE hold_id = $2) AS held
FROM (SELECT array_agg(sku) AS skus, array_agg(sku_id) AS sku_ids,
        array_agg(sku_id) FILTER (WHERE handling <> '{}') AS handled_skus,
        array_agg(array_to_string(handling, ' ')) FILTER (WHERE handling <> '{}') AS handling FROM every) product,
    (SELECT array_agg(sku) AS kits, array_agg(components) AS kit_components FROM asked WHERE components <> '[]') kit,
    (SELECT array_agg(s.sku_id) AS stock_skus, array_agg(s.location_id) AS stock_places,
        array_agg(s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock + s.oversell_limit) AS stock_units
        FROM stock s WHERE s.sku_id = ANY(ARRAY(SELECT sku_id FROM every))) stock,
    (SELECT array_agg(c.sku_id) AS expired_skus, array_agg(c.location_id) AS expired_places, array_agg(c.open) AS expired_units
        FROM cart_claims c WHERE c.sku_id = ANY(ARRAY(SELECT sku_id FROM every)) AND c.open > 0
            AND c.expires_at <= (SELECT now FROM moment) AND c.hold_id IS DISTINCT FROM $2) expired,
    (SELECT array_agg(c.sku_id) AS own_skus, array_agg(c.location_id) AS own_places, array_agg(c.open) AS own_units
        FROM cart_claims c WHERE c.hold_id = $2) own,
    (SELECT array_agg(i.sku_id) AS coming_skus, array_agg(i.location_id) AS coming_places,
        array_agg(i.expected_at) AS coming_at, array_agg(i.quantity - i.arrived) AS coming_units
        FROM incoming i WHERE i.sku_id = ANY(ARRAY(SELECT sku_id FROM every))
            AND i.received_at IS NULL AND i.canceled_at IS NULL) coming

-- name: channel_id
SELECT channel_id FROM channels WHERE channel = $1

-- name: put_channel_stock
INSERT INTO channel_stock (channel_id, location_ids, buffer_units, buffer_percent, show_at_most, bands)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (channel_id) DO UPDATE SET location_ids = excluded.location_ids, buffer_units = excluded.buffer_units,
    buffer_percent = excluded.buffer_percent, show_at_most = excluded.show_at_most, bands = excluded.bands

-- name: channel_stock
-- Of every channel, those too without a row; channels are the orders', read upwards.
SELECT c.channel_id, c.channel, r.location_ids, coalesce(r.buffer_units, 0) AS buffer_units,
    coalesce(r.buffer_percent, 0) AS buffer_percent, r.show_at_most, coalesce(r.bands, '{}') AS bands
FROM channels c LEFT JOIN channel_stock r USING (channel_id) ORDER BY c.channel_id

-- name: take_watch
-- A statement of its own: the next one must see what whoever had the lease before has told.
UPDATE stock_watch SET looked_at = $1
WHERE one_row = (SELECT one_row FROM stock_watch FOR NO KEY UPDATE SKIP LOCKED) RETURNING true

-- name: tell_levels
-- Levels that stand otherwise than was told last, noted as told; $3 of them at most. What carts hold is not gone yet. $1:
-- what is low where nothing else is said.
WITH units AS (
    SELECT s.sku_id, s.location_id, CASE WHEN l.enabled THEN greatest(0, s.on_hand - s.damaged - s.quality_control
        - s.reserved - s.safety_stock + s.oversell_limit + coalesce(c.open, 0)) ELSE 0 END AS units
    FROM stock s JOIN locations l USING (location_id)
    LEFT JOIN (SELECT sku_id, location_id, sum(open) AS open FROM cart_claims WHERE open > 0 GROUP BY sku_id, location_id) c
        USING (sku_id, location_id)
), watched AS (
    SELECT sku_id, 0 AS location_id, sum(units) AS units FROM units GROUP BY sku_id
    UNION ALL SELECT u.sku_id, u.location_id, u.units FROM units u JOIN stock_levels w USING (sku_id, location_id)
    WHERE w.low_at IS NOT NULL
), seen AS (
    SELECT k.sku_id, k.location_id, k.units, w.told, CASE WHEN k.units = 0 THEN 'out'
        WHEN k.units <= coalesce(w.low_at, $1) THEN 'low' ELSE 'in_stock' END AS state
    FROM watched k LEFT JOIN stock_levels w USING (sku_id, location_id)
), changed AS (
    SELECT * FROM seen WHERE told IS DISTINCT FROM state ORDER BY sku_id, location_id LIMIT $3
), noted AS (
    INSERT INTO stock_levels AS l (sku_id, location_id, told, told_at)
    SELECT sku_id, location_id, state, $2 FROM changed
    ON CONFLICT (sku_id, location_id) DO UPDATE SET told = excluded.told, told_at = excluded.told_at
)
SELECT p.sku, l.code AS location, c.units::bigint AS units, c.told AS before, c.state
FROM changed c JOIN products p USING (sku_id) LEFT JOIN locations l USING (location_id) ORDER BY c.sku_id, c.location_id

-- name: set_thresholds
INSERT INTO stock_levels AS l (sku_id, location_id, low_at)
SELECT * FROM unnest($1::integer[], $2::integer[], $3::integer[]) AS t (sku_id, location_id, low_at) ORDER BY 1, 2
ON CONFLICT (sku_id, location_id) DO UPDATE SET low_at = excluded.low_at

-- name: list_levels
SELECT p.sku, l.code AS location, coalesce(w.low_at, $1) AS low_at, w.told AS state, w.told_at AS since, w.sku_id,
    w.location_id
FROM stock_levels w JOIN products p USING (sku_id) LEFT JOIN locations l USING (location_id)
WHERE w.told = ANY($2) AND (w.sku_id, w.location_id) > ($3, $4) AND w.told IN ('low', 'out')
ORDER BY w.sku_id, w.location_id LIMIT $5

-- name: locations
SELECT * FROM locations ORDER BY location_id

-- name: put_location
INSERT INTO locations (code, name, kind, enabled, priority, country, postcode, city, street, latitude, longitude, timezone, capabilities,
    feed_max_age_minutes, stale_stock)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (code) DO UPDATE SET name = excluded.name, kind = excluded.kind, enabled = excluded.enabled,
    priority = excluded.priority, country = excluded.country, postcode = excluded.postcode, city = excluded.city,
    street = excluded.street, latitude = excluded.latitude, longitude = excluded.longitude,
    timezone = excluded.timezone, capabilities = excluded.capabilities,
    feed_max_age_minutes = excluded.feed_max_age_minutes, stale_stock = excluded.stale_stock
RETURNING location_id

-- name: list_stock
SELECT p.sku, l.code AS location, s.on_hand, s.reserved, s.safety_stock, s.damaged, s.quality_control, s.oversell_limit,
    s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock AS available
FROM stock s JOIN products p USING (sku_id) JOIN locations l USING (location_id)
WHERE (cardinality($1::text[]) = 0 OR p.sku = ANY($1)) AND ($2::text IS NULL OR l.code = $2) AND (p.sku, l.code) > ($3, $4)
ORDER BY p.sku, l.code LIMIT $5

-- name: list_movements
SELECT m.movement_id, p.sku, l.code AS location, m.kind, m.on_hand_delta, m.reserved_delta, m.damaged_delta,
    m.quality_control_delta, m.reason, m.reference, m.actor, m.occurred_at
FROM stock_movements m JOIN products p USING (sku_id) JOIN locations l USING (location_id)
WHERE m.sku_id = (SELECT sku_id FROM products WHERE sku = $1) AND ($2::text IS NULL OR l.code = $2) AND m.movement_id > $3
ORDER BY m.movement_id LIMIT $4

-- name: audit_on_hand
SELECT s.sku_id, s.location_id, s.on_hand, s.damaged, s.quality_control, coalesce(m.on_hand, 0) AS ledger
FROM stock s LEFT JOIN (
    SELECT sku_id, location_id, sum(on_hand_delta) AS on_hand, sum(damaged_delta) AS damaged,
        sum(quality_control_delta) AS quality_control FROM stock_movements GROUP BY sku_id, location_id) m
    USING (sku_id, location_id)
WHERE (s.on_hand, s.damaged, s.quality_control)
    IS DISTINCT FROM (coalesce(m.on_hand, 0), coalesce(m.damaged, 0), coalesce(m.quality_control, 0))

-- name: audit_reserved
SELECT s.sku_id, s.location_id, s.reserved, coalesce(r.firm, 0) AS firm, coalesce(r.soft, 0) AS soft,
    coalesce(r.claimed, 0) + coalesce(m.reserved, 0) AS ledger
FROM stock s
LEFT JOIN (SELECT sku_id, location_id, sum(firm) AS firm, sum(soft) AS soft, sum(claimed) AS claimed
    FROM (SELECT sku_id, location_id, open AS firm, 0 AS soft, claimed FROM reservations
        UNION ALL SELECT sku_id, location_id, units, 0, units FROM set_aside
        UNION ALL SELECT sku_id, location_id, 0, open, claimed FROM cart_claims) every
    GROUP BY sku_id, location_id) r USING (sku_id, location_id)
LEFT JOIN (SELECT sku_id, location_id, sum(reserved_delta) AS reserved FROM stock_movements
    GROUP BY sku_id, location_id) m USING (sku_id, location_id)
WHERE s.reserved <> coalesce(r.firm, 0) + coalesce(r.soft, 0) OR s.reserved <> coalesce(r.claimed, 0) + coalesce(m.reserved, 0)

-- name: audit_oversold
SELECT count(*) AS keys, coalesce(sum(reserved - (on_hand - damaged - quality_control + oversell_limit)), 0) AS units
FROM stock WHERE reserved > on_hand - damaged - quality_control + oversell_limit

-- name: drift
-- Where a counter, the claims that are open and the ledger of movements do not say the same; at these locations, or of these
-- SKUs there, or everywhere. With the rows locked nothing of them moves.
WITH moved AS (
    SELECT sku_id, location_id, sum(on_hand_delta) AS on_hand, sum(damaged_delta) AS damaged,
        sum(quality_control_delta) AS quality_control, sum(reserved_delta) AS reserved
    FROM stock_movements
    WHERE ($1::integer[] IS NULL OR location_id = ANY($1)) AND ($2::integer[] IS NULL OR sku_id = ANY($2))
    GROUP BY sku_id, location_id
), held AS (
    SELECT sku_id, location_id, sum(open) AS open, sum(claimed) AS claimed FROM (
        SELECT sku_id, location_id, open, claimed FROM reservations
        UNION ALL SELECT sku_id, location_id, units, units FROM set_aside
        UNION ALL SELECT sku_id, location_id, open, claimed FROM cart_claims) every
    WHERE ($1::integer[] IS NULL OR location_id = ANY($1)) AND ($2::integer[] IS NULL OR sku_id = ANY($2))
    GROUP BY sku_id, location_id
), told AS (
    SELECT s.sku_id, s.location_id, s.on_hand, s.damaged, s.quality_control, s.reserved, s.oversell_limit,
        coalesce(m.on_hand, 0)::integer AS ledger_on_hand, coalesce(m.damaged, 0)::integer AS ledger_damaged,
        coalesce(m.quality_control, 0)::integer AS ledger_quality_control, coalesce(h.open, 0)::integer AS open,
        (coalesce(h.claimed, 0) + coalesce(m.reserved, 0))::integer AS ledger_reserved
    FROM stock s
    LEFT JOIN moved m ON m.sku_id = s.sku_id AND m.location_id = s.location_id
    LEFT JOIN held h ON h.sku_id = s.sku_id AND h.location_id = s.location_id
    WHERE ($1::integer[] IS NULL OR s.location_id = ANY($1)) AND ($2::integer[] IS NULL OR s.sku_id = ANY($2))
)
SELECT t.*, p.sku, l.code AS location FROM told t JOIN products p USING (sku_id) JOIN locations l USING (location_id)
WHERE (on_hand, damaged, quality_control) <> (ledger_on_hand, ledger_damaged, ledger_quality_control)
    OR reserved <> open OR open <> ledger_reserved
ORDER BY t.sku_id, t.location_id LIMIT $3

-- name: mend
-- Counters and ledger are brought together, never without a movement that says so.
WITH mended AS (
    SELECT * FROM unnest($1::integer[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::integer[],
        $8::integer[], $9::integer[], $10::integer[], $11::text[])
        AS m (sku_id, location_id, on_hand, damaged, quality_control, reserved,
            on_hand_delta, damaged_delta, quality_control_delta, reserved_delta, reason)
), told AS (
    INSERT INTO stock_movements (sku_id, location_id, kind, on_hand_delta, damaged_delta, quality_control_delta,
        reserved_delta, reason, reference, actor, occurred_at)
    SELECT sku_id, location_id, 'reconciled', on_hand_delta, damaged_delta, quality_control_delta, reserved_delta, reason,
        $12, $13, $14
    FROM mended
)
UPDATE stock s SET on_hand = m.on_hand, damaged = m.damaged, quality_control = m.quality_control, reserved = m.reserved
FROM mended m WHERE s.sku_id = m.sku_id AND s.location_id = m.location_id
