-- name: lock_orders
SELECT order_id, channel_id, number, contact_id, address_id, placed_at, service, lane, currency, total_minor,
    shipping_minor, promised_from, promised_by, decision, awaiting_payment, open_holds, status, payment_status,
    fulfillment_status
FROM orders WHERE order_id = ANY($1) ORDER BY order_id FOR NO KEY UPDATE

-- name: read_orders
SELECT order_id, channel_id, number, contact_id, address_id, placed_at, service, lane, currency, total_minor,
    shipping_minor, promised_from, promised_by, decision, awaiting_payment, open_holds, status, payment_status,
    fulfillment_status
FROM orders WHERE order_id = ANY($1)

-- name: read_lines
SELECT * FROM order_lines WHERE order_id = ANY($1) ORDER BY order_id, line_no

-- name: read_services
SELECT * FROM line_services WHERE order_id = ANY($1) ORDER BY order_id, line_no, kind DESC

-- name: read_contacts
SELECT o.order_id, c.* FROM orders o JOIN contacts c USING (contact_id) WHERE o.order_id = ANY($1)

-- name: read_addresses
SELECT o.order_id, a.* FROM orders o JOIN addresses a USING (address_id) WHERE o.order_id = ANY($1)

-- name: move_units
-- A bucket that would go below zero leaves its line out, so that the caller sees the count differ; the CHECKs stand behind.
UPDATE order_lines l SET
    canceled = l.canceled + d.canceled, backordered = l.backordered + d.backordered,
    shortfall = l.shortfall + d.shortfall, reserved = l.reserved + d.reserved, activated = l.activated + d.activated,
    picked = l.picked + d.picked, packed = l.packed + d.packed, shipped = l.shipped + d.shipped,
    delivered = l.delivered + d.delivered, return_requested = l.return_requested + d.return_requested,
    returned = l.returned + d.returned
FROM unnest($1::uuid[], $2::smallint[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::integer[],
    $8::integer[], $9::integer[], $10::integer[], $11::integer[], $12::integer[], $13::integer[])
    AS d (order_id, line_no, canceled, backordered, shortfall, reserved, activated, picked, packed, shipped, delivered,
        return_requested, returned)
WHERE l.order_id = d.order_id AND l.line_no = d.line_no
    AND least(l.canceled + d.canceled, l.backordered + d.backordered, l.shortfall + d.shortfall,
        l.reserved + d.reserved, l.activated + d.activated, l.picked + d.picked, l.packed + d.packed,
        l.shipped + d.shipped, l.delivered + d.delivered, l.return_requested + d.return_requested,
        l.returned + d.returned) >= 0

-- name: refresh_axes
WITH units AS (
    SELECT order_id, sum(ordered - canceled) AS live, sum(returned) AS returned,
        sum(delivered + return_requested + returned) AS arrived,
        sum(shipped + delivered + return_requested + returned) AS gone,
        sum(activated + picked + packed) AS working, sum(reserved) AS reserved,
        sum(backordered + shortfall) AS waiting
    FROM order_lines WHERE order_id = ANY($1) GROUP BY order_id
), axes AS (
    SELECT o.order_id,
        CASE WHEN u.live = 0 THEN 'canceled'
            WHEN u.arrived = u.live THEN 'completed'
            WHEN o.awaiting_payment OR o.open_holds > 0 THEN 'on_hold'
            ELSE 'open' END AS status,
        CASE WHEN p.captured_minor > 0 THEN
                CASE WHEN p.refunded_minor = p.captured_minor THEN 'refunded'
                    WHEN p.refunded_minor > 0 THEN 'partially_refunded'
                    WHEN p.captured_minor < p.due_minor THEN 'partially_captured'
                    ELSE 'captured' END
            WHEN p.authorized_minor > p.voided_minor THEN 'authorized'
            WHEN p.authorized_minor > 0 THEN 'voided'
            WHEN u.live = 0 THEN CASE WHEN p.declines > 0 THEN 'failed' ELSE 'voided' END
            WHEN o.total_minor = 0 AND NOT o.awaiting_payment THEN 'captured'
            ELSE 'awaiting' END AS payment_status,
        CASE WHEN u.live = 0 THEN 'unfulfilled'
            WHEN u.returned = u.live THEN 'returned'
            WHEN u.returned > 0 THEN 'partially_returned'
            WHEN u.arrived = u.live THEN 'delivered'
            WHEN u.arrived > 0 THEN 'partially_delivered'
            WHEN u.gone = u.live THEN 'shipped'
            WHEN u.gone > 0 THEN 'partially_shipped'
            WHEN u.working > 0 THEN 'in_progress'
            WHEN u.waiting > 0 AND u.reserved = 0 THEN 'backordered'
            ELSE 'unfulfilled' END AS fulfillment_status
    FROM orders o JOIN units u USING (order_id) LEFT JOIN payments p USING (order_id)
)
UPDATE orders o SET status = a.status, payment_status = a.payment_status, fulfillment_status = a.fulfillment_status
FROM axes a
WHERE o.order_id = a.order_id
    AND (o.status, o.payment_status, o.fulfillment_status) IS DISTINCT FROM (a.status, a.payment_status, a.fulfillment_status)

-- name: terms
-- The brand's time, and the channels.
SELECT clock_now() AS now, (SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') FROM channels c) AS channels

-- name: look
-- All that placing looks at first, in one row, for rows by the hundred cost the driver more than PostgreSQL. The version is the
-- transaction that wrote a product. With what has expired in carts by that moment, read once, for whoever claims takes it back.
SELECT t.now, (SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') FROM channels c) AS channels, p.*, s.*, e.*
FROM (SELECT clock_now() AS now OFFSET 0) t
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(sku_id), '{}') AS sku_ids, coalesce(array_agg(xmin), '{}') AS versions
    FROM products WHERE sku_id = ANY($1)
) p CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(sku_id), '{}') AS stock_skus, coalesce(array_agg(location_id), '{}') AS stock_places,
        coalesce(array_agg(on_hand - damaged - quality_control - reserved - safety_stock + oversell_limit), '{}') AS stock_units
    FROM stock WHERE sku_id = ANY($1)
) s CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(sku_id), '{}') AS cart_skus, coalesce(array_agg(location_id), '{}') AS cart_places,
        coalesce(array_agg(open), '{}') AS cart_units
    FROM cart_claims WHERE sku_id = ANY($1) AND open > 0 AND expires_at <= t.now
) e

-- name: put_channel
INSERT INTO channels (channel, title, currency, on_short, priority, risk_limit) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (channel) DO UPDATE SET title = excluded.title, currency = excluded.currency, on_short = excluded.on_short,
    priority = excluded.priority, risk_limit = excluded.risk_limit

-- name: list_channels
SELECT channel, title, currency, on_short, priority, risk_limit FROM channels ORDER BY channel

-- name: placed_before
-- One number after the other: PostgreSQL, while it takes the table for small, else compares each number with each order.
SELECT c.channel, o.number, o.order_id, o.body_hash, o.service, o.placed_at, o.currency, o.total_minor, o.promised_from, o.promised_by,
    o.decision
FROM unnest($1::text[], $2::text[]) AS k (channel, number)
JOIN channels c ON c.channel = k.channel
CROSS JOIN LATERAL (SELECT * FROM orders o WHERE o.channel_id = c.channel_id AND o.number = k.number OFFSET 0) o

-- name: place
-- Orders with contact, address, lines, claims and first event, in one statement, so that stock is locked for as short as can
-- be. Contact and address have the order's id: one drawn and sent instead of three. A number that is taken writes nothing.
-- What many orders or lines have alike is sent once (`terms`, `kinds`), for each value sent costs as much as a column written.
-- Stock is locked first, in key order, before a number is waited for. The guard is that of `claim`: it sees each row as it is
-- once locked. If not all claims were held, the statement divides by zero: nothing of it stays, also where it is a transaction
-- of its own. $3: whether to wake the workers, too.
WITH terms AS (
    SELECT * FROM unnest($4::smallint[], $5::text[], $6::smallint[], $7::text[], $8::text[], $9::text[], $10::text[],
        $11::text[], $12::jsonb[])
        WITH ORDINALITY
        AS t (channel_id, service, lane, on_short, currency, locale, country, actor, data, terms)
), new AS (
    SELECT * FROM unnest($13::integer[], $14::uuid[], $15::text[], $16::bytea[], $17::bigint[], $18::bigint[], $19::bigint[],
        $20::text[], $21::text[], $22::timestamptz[], $23::timestamptz[], $24::jsonb[], $25::smallint[],
        $26::text[], $27::text[], $28::text[], $29::text[], $30::text[], $31::text[], $32::text[], $33::text[],
        $34::uuid[], $35::smallint[])
        WITH ORDINALITY
        AS n (terms, order_id, number, body_hash, total_minor, shipping_minor, discount_minor,
            payment_token, payment_reference, promised_from, promised_by, decision, open_holds,
            contact_name, email, phone, address_name, street, city, region, postcode,
            event_id, partition, place)
    JOIN terms USING (terms)
), kinds AS (
    SELECT * FROM unnest($36::text[], $37::text[], $38::text[], $39::integer[], $40::integer[])
        WITH ORDINALITY AS k (routing_kind, kind_reason, instructions, backordered, shortfall, kinds)
), asked AS (
    SELECT *, a.ordered - k.backordered - k.shortfall AS reserved
    FROM unnest($41::integer[], $42::uuid[], $43::smallint[], $44::integer[], $45::integer[], $46::bigint[], $47::bigint[],
        $48::bigint[], $49::integer[])
        AS a (kinds, order_id, line_no, sku_id, ordered, unit_price_minor, tax_minor, discount_minor, location_id)
    JOIN kinds k USING (kinds)
), wished AS (
    SELECT order_id, line_no, sku_id, location_id, reserved AS quantity FROM asked WHERE location_id IS NOT NULL
    UNION ALL SELECT * FROM unnest($50::uuid[], $51::smallint[], $52::integer[], $53::integer[], $54::integer[])
), locked AS MATERIALIZED (
    SELECT s.sku_id FROM stock s JOIN (SELECT DISTINCT sku_id, location_id FROM wished) k
        ON s.sku_id = k.sku_id AND s.location_id = k.location_id
    ORDER BY s.sku_id, s.location_id FOR NO KEY UPDATE OF s
), written AS (
    INSERT INTO orders (order_id, channel_id, number, body_hash, contact_id, address_id, placed_at, service, lane, on_short,
        currency, total_minor, shipping_minor, discount_minor, payment_token, payment_reference, promised_from,
        promised_by, decision, awaiting_payment, open_holds, status)
    SELECT order_id, channel_id, number, body_hash, order_id, order_id, $1, service, lane, on_short,
        currency, total_minor, shipping_minor, discount_minor, payment_token, payment_reference, promised_from,
        promised_by, decision, total_minor > 0, open_holds,
        CASE WHEN total_minor > 0 OR open_holds > 0 THEN 'on_hold' ELSE 'open' END
    FROM new WHERE (SELECT count(*) FROM locked) >= 0 ORDER BY place
    ON CONFLICT ON CONSTRAINT orders_placed_once DO NOTHING
    RETURNING order_id, number, placed_at, currency, total_minor, promised_from, promised_by
), people AS (
    INSERT INTO contacts (contact_id, name, email, phone, locale)
    SELECT order_id, n.contact_name, n.email, n.phone, n.locale FROM new n JOIN written USING (order_id)
), places AS (
    INSERT INTO addresses (address_id, name, street, city, region, postcode, country)
    SELECT order_id, n.address_name, n.street, n.city, n.region, n.postcode, n.country
    FROM new n JOIN written USING (order_id)
), told AS (
    INSERT INTO events (event_id, order_id, seq, lane, partition, kind, actor, data, occurred_at)
    SELECT n.event_id, order_id, 1, n.lane, n.partition, $2, n.actor, n.data, $1
    FROM new n JOIN written USING (order_id)
    CROSS JOIN (SELECT CASE WHEN $3 THEN pg_notify('doorstep_events', current_schema()) END) woken
    ORDER BY n.place
), lined AS (
    INSERT INTO order_lines (order_id, line_no, sku_id, ordered, backordered, shortfall, reserved, unit_price_minor,
        tax_minor, discount_minor, routing_kind, kind_reason, instructions)
    SELECT order_id, a.line_no, a.sku_id, a.ordered, a.backordered, a.shortfall, a.reserved, a.unit_price_minor,
        a.tax_minor, a.discount_minor, a.routing_kind, a.kind_reason, a.instructions
    FROM asked a JOIN written USING (order_id)
), claimed AS (
    INSERT INTO reservations (order_id, line_no, sku_id, location_id, claimed, open)
    SELECT w.order_id, w.line_no, w.sku_id, w.location_id, w.quantity, w.quantity FROM wished w JOIN written USING (order_id)
), sums AS (
    SELECT w.sku_id, w.location_id, sum(w.quantity) AS quantity FROM wished w JOIN written USING (order_id)
    GROUP BY w.sku_id, w.location_id
), counted AS (
    UPDATE stock s SET reserved = s.reserved + sums.quantity FROM sums
    WHERE s.sku_id = sums.sku_id AND s.location_id = sums.location_id
        AND s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock + s.oversell_limit >= sums.quantity
    RETURNING 1
)
SELECT *, 1 / ((SELECT count(*) FROM counted) = (SELECT count(*) FROM sums))::integer AS held FROM written

-- name: insert_kits
INSERT INTO order_kits (order_id, line_no, sku_id, quantity, unit_price_minor, tax_minor, discount_minor, parts)
SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::integer[], $4::integer[], $5::bigint[], $6::bigint[], $7::bigint[], $8::jsonb[])

-- name: order_kits
SELECT line_no, sku_id, quantity, unit_price_minor, tax_minor, discount_minor, parts FROM order_kits
WHERE order_id = $1 ORDER BY line_no

-- name: insert_services
INSERT INTO line_services (order_id, line_no, kind, detail, fee_minor)
SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::jsonb[], $5::bigint[])

-- name: insert_preferences
INSERT INTO contact_preferences (order_id, channel, events, only_if_late, quiet_from, quiet_until, timezone, locale)
SELECT order_id, channel, CASE WHEN events = '' THEN '{}' ELSE string_to_array(events, E'\n') END, only_if_late,
    quiet_from, quiet_until, timezone, locale
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::time[], $6::time[], $7::text[], $8::text[])
    AS p (order_id, channel, events, only_if_late, quiet_from, quiet_until, timezone, locale)

-- name: copy_preferences
INSERT INTO contact_preferences (order_id, channel, events, only_if_late, quiet_from, quiet_until, timezone, locale)
SELECT $2, channel, events, only_if_late, quiet_from, quiet_until, timezone, locale
FROM contact_preferences WHERE order_id = $1

-- name: numbers_like
-- Which of these numbers the order's channel has used.
SELECT n.number FROM orders o JOIN orders n USING (channel_id) WHERE o.order_id = $1 AND n.number = ANY($2)

-- name: insert_holds
INSERT INTO holds (hold_id, order_id, reason, note, placed_by, placed_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
ON CONFLICT DO NOTHING

-- name: open_hold
SELECT hold_id FROM holds WHERE order_id = $1 AND reason = $2 AND released_at IS NULL

-- name: hold_exists
SELECT 1 FROM holds WHERE hold_id = $1 AND order_id = $2

-- name: release_hold
UPDATE holds SET released_by = $3, released_at = $4 WHERE hold_id = $1 AND order_id = $2 AND released_at IS NULL
RETURNING reason

-- name: count_hold
UPDATE orders SET open_holds = open_holds + $2 WHERE order_id = $1

-- name: read_holds
SELECT hold_id, reason, note, placed_by, placed_at, released_by, released_at FROM holds WHERE order_id = $1 ORDER BY placed_at

-- name: release_payment
-- The hold that stood in the order's own row becomes history in `holds`.
WITH paid AS (
    UPDATE orders SET awaiting_payment = false WHERE order_id = ANY($1) AND awaiting_payment AND status <> 'canceled'
    RETURNING order_id, placed_at
), ids AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS i (order_id, hold_id)
), kept AS (
    INSERT INTO holds (hold_id, order_id, reason, placed_by, placed_at, released_by, released_at)
    SELECT i.hold_id, p.order_id, 'awaiting_payment', 'rule', p.placed_at, 'rule', $3 FROM paid p JOIN ids i USING (order_id)
)
SELECT order_id FROM paid

-- name: risk_limits
SELECT o.order_id, c.risk_limit FROM orders o JOIN channels c USING (channel_id) WHERE o.order_id = ANY($1)

-- name: work_on
-- Read upwards, on purpose: which units of a line are being worked on, and where, so that a cancel takes the right claim.
SELECT l.order_id, l.line_no, f.location_id, sum(l.quantity - l.withdrawn - l.picked)::integer AS unpicked,
    sum(l.picked - l.shipped)::integer AS in_hand
FROM fulfillment_lines l JOIN fulfillment_orders f USING (fulfillment_order_id)
WHERE l.order_id = ANY($1) AND f.status_category IN ('activated', 'fulfilling')
GROUP BY l.order_id, l.line_no, f.location_id

-- name: who_gives_way
-- Claims at these keys that no work stands on, and what is set aside there, those that give way first before the others, as
-- many as units are short ($3); of the orders $4 only, when given. Otherwise it reads all claims, for they have no index by SKU:
-- placing would pay for it, and this is rare.
SELECT order_id, line_no, sku_id, location_id, units, aside FROM (
    SELECT h.*, k.short, o.lane, c.priority, sum(h.units) OVER (PARTITION BY h.sku_id, h.location_id
        ORDER BY o.lane DESC, c.priority DESC, h.order_id DESC, h.line_no, h.aside DESC) - h.units AS before
    FROM unnest($1::integer[], $2::integer[], $3::integer[]) AS k (sku_id, location_id, short)
    JOIN (
        SELECT r.order_id, r.line_no, r.sku_id, r.location_id, r.open - work.units AS units, false AS aside FROM reservations r
        CROSS JOIN LATERAL (SELECT coalesce(sum(l.quantity - l.withdrawn - l.shipped), 0)::integer AS units
            FROM fulfillment_lines l JOIN fulfillment_orders f USING (fulfillment_order_id)
            WHERE l.order_id = r.order_id AND l.line_no = r.line_no AND f.location_id = r.location_id
                AND f.status_category IN ('activated', 'fulfilling')) work
        WHERE ($4::uuid[] IS NULL OR r.order_id = ANY($4)) AND r.open > work.units
            AND (r.sku_id, r.location_id) IN (SELECT * FROM unnest($1::integer[], $2::integer[]))
        UNION ALL SELECT a.order_id, a.line_no, a.sku_id, a.location_id, a.units, true FROM set_aside a
        WHERE a.sku_id = ANY($1) AND ($4::uuid[] IS NULL OR a.order_id = ANY($4))
    ) h USING (sku_id, location_id)
    JOIN orders o USING (order_id) JOIN channels c USING (channel_id)
) given WHERE before < short ORDER BY lane DESC, priority DESC, order_id DESC, line_no, aside DESC

-- name: lock_free_orders
-- Whoever holds stock already must not wait for an order.
SELECT order_id FROM orders WHERE order_id = ANY($1) ORDER BY order_id FOR NO KEY UPDATE SKIP LOCKED

-- name: at_work
-- Read upwards, on purpose, like work_on.
SELECT DISTINCT o.number FROM unnest($1::integer[], $2::integer[]) AS k (sku_id, location_id)
JOIN fulfillment_orders f ON f.location_id = k.location_id AND f.status_category IN ('activated', 'fulfilling')
JOIN fulfillment_lines l ON l.fulfillment_order_id = f.fulfillment_order_id AND l.sku_id = k.sku_id
    AND l.quantity - l.withdrawn - l.shipped > 0
JOIN orders o ON o.order_id = l.order_id
ORDER BY o.number LIMIT $3

-- name: insert_change
INSERT INTO order_changes (change_id, order_id, kind, detail, reason, actor, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: exclude
INSERT INTO excluded_locations (order_id, line_no, location_id, cause)
SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::integer[], $4::text[]) ON CONFLICT DO NOTHING

-- name: excluded
SELECT order_id, line_no, location_id, cause FROM excluded_locations WHERE order_id = ANY($1)

-- name: forgive
-- Goods came in where a picker had found none: those lines may look there again.
DELETE FROM excluded_locations e USING order_lines l
WHERE e.location_id = $1 AND e.cause = 'short_pick' AND l.order_id = e.order_id AND l.line_no = e.line_no
    AND l.sku_id = ANY($2) AND l.backordered + l.shortfall > 0

-- name: insert_decision
INSERT INTO routing_decisions (decision_id, order_id, attempt, cause, decision, decided_at)
SELECT $1, $2, coalesce(max(attempt), 0) + 1, $3, $4, $5 FROM routing_decisions WHERE order_id = $2

-- name: waiting_orders
-- First come, first served, within the lanes. Only orders for which something may be there.
SELECT DISTINCT o.lane, c.priority, o.order_id FROM order_lines l JOIN orders o USING (order_id) JOIN channels c USING (channel_id)
WHERE l.sku_id = ANY($1) AND l.backordered + l.shortfall > 0 AND o.status IN ('open', 'on_hold')
    AND EXISTS (SELECT 1 FROM stock s WHERE s.sku_id = l.sku_id
        AND s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock + s.oversell_limit > 0)
ORDER BY o.lane, c.priority, o.order_id LIMIT $2

-- name: list_orders
SELECT o.order_id, c.channel, o.number, o.placed_at, o.service, o.status, o.payment_status, o.fulfillment_status, o.currency,
    o.total_minor, o.promised_by
FROM orders o JOIN channels c USING (channel_id)
WHERE o.order_id < $1 AND ($2::text IS NULL OR o.status = $2) AND ($3::text IS NULL OR o.number = $3)
    AND ($4::text IS NULL OR c.channel = $4)
ORDER BY o.order_id DESC LIMIT $5

-- name: read_channel
SELECT c.channel FROM channels c WHERE c.channel_id = $1

-- name: read_decisions
SELECT attempt, cause, decision, decided_at FROM routing_decisions WHERE order_id = $1 ORDER BY attempt

-- name: change_address
UPDATE addresses a SET name = $2, street = $3, city = $4, region = $5, postcode = $6, country = $7
FROM orders o WHERE o.order_id = $1 AND a.address_id = o.address_id

-- name: keep_address
-- The address as it was before a change, so that the change can be taken back.
INSERT INTO addresses (address_id, name, street, city, region, postcode, country)
SELECT $2, a.name, a.street, a.city, a.region, a.postcode, a.country
FROM orders o JOIN addresses a USING (address_id) WHERE o.order_id = $1

-- name: former_address
SELECT a.name, a.street, a.city, a.region, a.postcode, a.country
FROM order_changes c JOIN addresses a ON a.address_id = (c.detail ->> 'before')::uuid
WHERE c.order_id = $1 AND c.kind = 'address' ORDER BY c.changed_at DESC, c.change_id DESC LIMIT 1

-- name: insert_note
INSERT INTO order_notes (note_id, order_id, text, author, written_at) VALUES ($1, $2, $3, $4, $5)

-- name: remove_note
UPDATE order_notes SET text = '', removed_by = $3, removed_at = $4
WHERE note_id = $1 AND order_id = $2 AND removed_at IS NULL

-- name: note_exists
SELECT 1 FROM order_notes WHERE note_id = $1 AND order_id = $2

-- name: read_notes
SELECT note_id, text, author, written_at, removed_by, removed_at FROM order_notes WHERE order_id = $1 ORDER BY note_id

-- name: skus
SELECT sku_id, sku, title FROM products WHERE sku_id = ANY($1)

-- name: audit_claims
SELECT l.order_id, l.line_no, l.reserved + l.activated + l.picked + l.packed AS units, coalesce(r.open, 0) AS open
FROM order_lines l LEFT JOIN (SELECT order_id, line_no, sum(open) AS open FROM reservations GROUP BY order_id, line_no) r
    USING (order_id, line_no)
WHERE l.reserved + l.activated + l.picked + l.packed <> coalesce(r.open, 0)

-- name: audit_holds
SELECT o.order_id FROM orders o LEFT JOIN (SELECT order_id, count(*) AS open FROM holds WHERE released_at IS NULL GROUP BY order_id) h
    USING (order_id)
WHERE o.open_holds <> coalesce(h.open, 0)

-- name: audit_stories
SELECT o.order_id FROM orders o LEFT JOIN (SELECT order_id, count(*) AS told, max(seq) AS last FROM events
    WHERE order_id IS NOT NULL GROUP BY order_id) e USING (order_id)
WHERE coalesce(e.told, 0) <> o.event_seq OR coalesce(e.last, 0) <> o.event_seq

-- name: not_waiting
SELECT order_id FROM order_lines WHERE order_id = ANY($1) GROUP BY order_id HAVING sum(backordered + shortfall) = 0

-- name: money_told
-- What the orders' stories say of their money so far, exact under the orders' locks though reactions may lag behind.
SELECT order_id, coalesce(sum((data ->> 'amount_minor')::bigint) FILTER (WHERE kind = 'orders.canceled'), 0)::bigint AS canceled,
    coalesce(sum((data ->> 'amount_minor')::bigint) FILTER (WHERE kind = 'shipping.handed_over'), 0)::bigint AS shipped,
    (coalesce(sum((data ->> 'amount_minor')::bigint) FILTER (WHERE kind IN ('shipping.lost', 'shipping.came_back')), 0)
        + coalesce(sum((data ->> 'refund_minor')::bigint + coalesce((data ->> 'exchanged_minor')::bigint, 0))
            FILTER (WHERE kind IN ('returns.received', 'returns.lost', 'returns.waived', 'orders.canceled')), 0))::bigint AS refunded,
    coalesce(sum((data ->> 'amount_minor')::bigint) FILTER (WHERE kind = 'orders.goodwill_given'), 0)::bigint AS goodwill
FROM events WHERE order_id = ANY($1) GROUP BY order_id
