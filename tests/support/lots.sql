-- name: chance
-- A number from 0 to below 1 that depends on order and purpose only: the same shop every time.
CREATE FUNCTION pg_temp.chance(i bigint, purpose integer) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashint8extended(i, purpose) & 1099511627775)::double precision / 1099511627776
$$

-- name: shop
WITH places AS (
    INSERT INTO locations (code, name, kind, country, postcode, city, street, latitude, longitude, timezone, capabilities)
    SELECT 'place-' || lpad(n::text, 2, '0'), 'Place ' || n, 'warehouse', 'DE', '10115', 'Berlin', 'Street ' || n, 52, 13,
        'Europe/Berlin', ARRAY['gift_wrap', 'personalize', 'fragile', 'returns']
    FROM generate_series(1, 12) n
), doors AS (
    INSERT INTO channels (channel, title, currency) SELECT c, c, 'EUR' FROM unnest(ARRAY['web', 'app', 'market', 'store', 'phone']) c
), ways AS (
    INSERT INTO services (service, title, carrier, lane, rank, price_minor, currency, parcel_cost_minor, kilogram_cost_minor,
        cut_off)
    SELECT s, s, 'sandbox', lane, rank, 495, 'EUR', 400, 50, '15:00'
    FROM (VALUES ('standard', 1, 1), ('express', 0, 2), ('economy', 1, 3), ('fast-track', 0, 4)) v (s, lane, rank)
)
INSERT INTO products (sku, title, weight_g, length_mm, width_mm, height_mm)
SELECT upper(left(t.thing, 3)) || '-' || lpad(n::text, 5, '0'), t.color || ' ' || t.thing || ' ' || t.word, 300, 200, 200, 50
FROM generate_series(1, $4::integer) n
CROSS JOIN LATERAL (SELECT ($1::text[])[1 + n % cardinality($1::text[])] AS thing,
    ($2::text[])[1 + n / 7 % cardinality($2::text[])] AS color, ($3::text[])[1 + n / 3 % cardinality($3::text[])] AS word) t

-- name: seed
-- One row an order, oldest first, evenly over the year before $2. `stage` is how far it came, by its age and by chance.
CREATE TEMP TABLE seed ON COMMIT DROP AS
SELECT i, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(i % 4096), 3, '0') || '8'
        || left(md5(i::text), 15))::uuid AS order_id,
    md5('contact' || i)::uuid AS contact_id, md5('address' || i)::uuid AS address_id, md5('work' || i)::uuid AS work_id,
    md5('parcel' || i)::uuid AS shipment_id, at AS placed_at,
    at + (1 + floor(pg_temp.chance(i, 1) * 3)) * interval '1 day' AS promised_by,
    (ARRAY['standard', 'standard', 'standard', 'standard', 'standard', 'standard', 'economy', 'express', 'express',
        'fast-track'])[1 + floor(pg_temp.chance(i, 2) * 10)] AS service,
    (ARRAY['web', 'web', 'web', 'web', 'web', 'app', 'app', 'market', 'market', 'store'])[1 + floor(pg_temp.chance(i, 3) * 10)]
        AS channel,
    1 + floor(12 * power(pg_temp.chance(i, 4), 2))::integer AS place,
    1 + floor(pg_temp.chance(i, 5) * 3)::integer AS lines,
    CASE WHEN i > 0.995 * $1 THEN CASE WHEN c < 0.25 THEN 'held' WHEN c < 0.7 THEN 'open' ELSE 'working' END
        WHEN i > 0.975 * $1 THEN CASE WHEN c < 0.7 THEN 'shipped' WHEN c < 0.75 THEN 'backordered' ELSE 'working' END
        WHEN c < 0.03 THEN 'canceled' WHEN c < 0.07 THEN 'returned' WHEN c < 0.074 THEN 'shipped' ELSE 'delivered' END AS stage
FROM generate_series(1, $1::bigint) i
CROSS JOIN LATERAL (SELECT $2::timestamptz - ($1::bigint - i) * (interval '365 days' / $1::bigint) AS at,
    pg_temp.chance(i, 6) AS c) x

-- name: people
-- Few names are many people's. A tenth buys again under the same address.
WITH named AS (
    SELECT s.*, 1 + floor(cardinality($1::text[]) * power(pg_temp.chance(b, 7), 2))::integer AS first,
        1 + floor(cardinality($3::text[]) * power(pg_temp.chance(b, 8), 2))::integer AS last, b
    FROM seed s CROSS JOIN LATERAL (SELECT CASE WHEN pg_temp.chance(i, 9) < 0.1 THEN i / 2 ELSE i END AS b) x
), contacted AS (
    INSERT INTO contacts (contact_id, name, email, locale)
    SELECT contact_id, ($1::text[])[first] || ' ' || ($3::text[])[last],
        ($2::text[])[first] || '.' || ($4::text[])[last] || b || '@'
            || (ARRAY['gmail.com', 'gmail.com', 'web.de', 'gmx.de', 'example.org'])[1 + floor(pg_temp.chance(b, 10) * 5)], 'de'
    FROM named
)
INSERT INTO addresses (address_id, name, street, city, postcode, country)
SELECT address_id, ($1::text[])[first] || ' ' || ($3::text[])[last], 'Hauptstraße ' || i % 200, 'Berlin', '10115', 'DE' FROM named

-- name: orders
INSERT INTO orders (order_id, channel_id, number, body_hash, contact_id, address_id, placed_at, recorded_at, service, lane,
    on_short, currency, total_minor, shipping_minor, promised_from, promised_by, decision, awaiting_payment, status,
    payment_status, fulfillment_status, open_holds)
SELECT s.order_id, c.channel_id, upper(left(s.channel, 1)) || (1000000 + s.i), '\x00', s.contact_id, s.address_id, s.placed_at,
    s.placed_at, s.service, CASE WHEN s.service IN ('express', 'fast-track') THEN 0 ELSE 1 END, 'accept', 'EUR',
    1000 + s.i % 20000, 495, s.placed_at, CASE WHEN s.stage <> 'backordered' THEN s.promised_by END,
    jsonb_build_object('why', 'seeded', 'short', '[]'::jsonb, 'candidates', '{}'::jsonb, 'parts', '[]'::jsonb),
    s.stage = 'held' AND s.i % 3 > 0, CASE WHEN s.stage = 'held' THEN 'on_hold' WHEN s.stage = 'canceled' THEN 'canceled'
        WHEN s.stage IN ('delivered', 'returned') THEN 'completed' ELSE 'open' END,
    CASE s.stage WHEN 'held' THEN 'awaiting' WHEN 'canceled' THEN 'voided' WHEN 'returned' THEN 'refunded'
        WHEN 'delivered' THEN 'captured' WHEN 'shipped' THEN 'captured' ELSE 'authorized' END,
    CASE s.stage WHEN 'working' THEN 'in_progress' WHEN 'shipped' THEN 'shipped' WHEN 'delivered' THEN 'delivered'
        WHEN 'returned' THEN 'returned' WHEN 'backordered' THEN 'backordered' ELSE 'unfulfilled' END,
    CASE WHEN s.stage = 'held' AND s.i % 3 = 0 THEN 1 ELSE 0 END
FROM seed s JOIN channels c USING (channel) ORDER BY s.i

-- name: lines
-- A twentieth of the goods is most of what is bought.
INSERT INTO order_lines (order_id, line_no, sku_id, ordered, unit_price_minor, routing_kind, canceled, backordered, reserved,
    activated, shipped, delivered, returned)
SELECT s.order_id, l, 1 + floor($1::integer * power(pg_temp.chance(s.i, 20 + l), 3))::integer, 1, 1000,
    CASE WHEN pg_temp.chance(s.i, 11) < 0.03 THEN 'personalized' WHEN pg_temp.chance(s.i, 12) < 0.05 THEN 'special' ELSE 'regular' END,
    (s.stage = 'canceled')::integer, (s.stage = 'backordered')::integer, (s.stage IN ('held', 'open'))::integer,
    (s.stage = 'working')::integer, (s.stage = 'shipped')::integer, (s.stage = 'delivered')::integer,
    (s.stage = 'returned')::integer
FROM seed s CROSS JOIN LATERAL generate_series(1, s.lines) l ORDER BY s.i, l

-- name: wraps
INSERT INTO line_services (order_id, line_no, kind, detail)
SELECT order_id, 1, 'gift_wrap', '{"paper": "red"}' FROM seed WHERE pg_temp.chance(i, 12) < 0.05

-- name: promises
INSERT INTO promises (order_id, line_no, version, service, promised_from, promised_by, cause, made_at)
SELECT s.order_id, l, v, s.service, s.placed_at, CASE WHEN s.stage <> 'backordered' OR v = 2 THEN s.promised_by + (v - 1) * interval '2 days' END,
    CASE v WHEN 1 THEN 'placed' ELSE 'late' END, s.placed_at
FROM seed s CROSS JOIN LATERAL generate_series(1, s.lines) l
CROSS JOIN LATERAL generate_series(1, CASE WHEN pg_temp.chance(s.i, 13) < 0.03 THEN 2 ELSE 1 END) v ORDER BY s.i, l, v

-- name: claims
INSERT INTO reservations (order_id, line_no, sku_id, location_id, claimed, open)
SELECT l.order_id, l.line_no, l.sku_id, n.location_id, 1, l.reserved + l.activated
FROM seed s JOIN order_lines l USING (order_id) JOIN locations n ON n.code = 'place-' || lpad(s.place::text, 2, '0')
WHERE s.stage <> 'backordered' ORDER BY s.i

-- name: work
INSERT INTO fulfillment_orders (fulfillment_order_id, order_id, location_id, service, lane, status_category, status, created_at,
    pick_by, promised_by)
SELECT s.work_id, s.order_id, n.location_id, s.service, o.lane, CASE WHEN s.stage = 'working' THEN 'activated' ELSE 'closed' END,
    'seeded', s.placed_at, s.promised_by, s.promised_by
FROM seed s JOIN orders o USING (order_id) JOIN locations n ON n.code = 'place-' || lpad(s.place::text, 2, '0')
WHERE s.stage IN ('working', 'shipped', 'delivered', 'returned') ORDER BY s.i

-- name: parcels
INSERT INTO shipments (shipment_id, fulfillment_order_id, parcel_no, order_id, location_id, carrier, service, status,
    tracking_number, promised_by, expected_by, amount_minor, created_at, handed_over_at, delivered_at, late_at)
SELECT s.shipment_id, s.work_id, 1, s.order_id, n.location_id, 'sandbox', s.service,
    CASE s.stage WHEN 'shipped' THEN 'in_transit' ELSE 'delivered' END, 'SB' || lpad((s.i * 7919 % 999999937)::text, 9, '0') || 'DE',
    s.promised_by, CASE WHEN s.stage = 'shipped' AND s.i % 20 = 0 THEN s.promised_by + interval '1 day' END, 1000, s.placed_at,
    s.placed_at + interval '12 hours', CASE WHEN s.stage <> 'shipped' THEN s.promised_by - interval '6 hours' END,
    CASE WHEN s.stage = 'shipped' AND s.i % 20 = 0 THEN s.placed_at END
FROM seed s JOIN locations n ON n.code = 'place-' || lpad(s.place::text, 2, '0')
WHERE s.stage IN ('shipped', 'delivered', 'returned') ORDER BY s.i

-- name: movements
INSERT INTO stock_movements (sku_id, location_id, kind, on_hand_delta, reserved_delta, reason, reference, actor, occurred_at)
SELECT l.sku_id, n.location_id, 'shipped', -1, -1, 'handed over', s.shipment_id::text, 'seed', s.placed_at
FROM seed s JOIN order_lines l USING (order_id) JOIN locations n ON n.code = 'place-' || lpad(s.place::text, 2, '0')
WHERE s.stage IN ('shipped', 'delivered', 'returned') ORDER BY s.i

-- name: returns
INSERT INTO returns (return_id, order_id, number, status, outcome, handover, location_id, refund_by, refund_minor, requested_at,
    received_at, closed_at, expires_at)
SELECT md5('return' || s.i)::uuid, s.order_id, 'R' || s.i, 'closed', 'refund', 'label', n.location_id, s.placed_at, 1000,
    s.placed_at, s.placed_at, s.placed_at, s.placed_at
FROM seed s JOIN locations n ON n.code = 'place-' || lpad(s.place::text, 2, '0') WHERE s.stage = 'returned'

-- name: holds
INSERT INTO holds (hold_id, order_id, reason, placed_by, placed_at)
SELECT md5('hold' || i)::uuid, order_id, (ARRAY['high_risk_of_fraud', 'incorrect_address', 'customer_request'])[1 + i / 3 % 3],
    'rule', placed_at
FROM seed WHERE stage = 'held' AND i % 3 = 0

-- name: troubles
INSERT INTO exceptions (exception_id, kind, subject, order_id, priority, owner, next_action, due_at, detail, opened_at,
    resolved_at, resolved_by, resolution)
SELECT md5('trouble' || i)::uuid, (ARRAY['label_refused', 'payment_failed', 'short_pick'])[1 + i % 3], shipment_id, order_id,
    (i % 4)::smallint, 'warehouse', 'Look at it.', placed_at, '{}', placed_at,
    CASE WHEN NOT open THEN placed_at END, CASE WHEN NOT open THEN 'ada' END, CASE WHEN NOT open THEN 'done' END
FROM (SELECT *, stage IN ('working', 'shipped', 'backordered') AND pg_temp.chance(i, 15) < 0.5 AS open FROM seed
    WHERE pg_temp.chance(i, 14) < 0.02) s

-- name: story
WITH told AS (
    INSERT INTO events (event_id, position, order_id, seq, lane, partition, kind, actor, data, occurred_at, recorded_at)
    SELECT md5('event' || s.i)::uuid, s.i, s.order_id, 1, o.lane, 0, 'orders.placed', 'seed', '{"short": false}', s.placed_at,
        s.placed_at
    FROM seed s JOIN orders o USING (order_id) ORDER BY s.i
), headed AS (
    INSERT INTO heads (kind, lane, partition, position, events) SELECT 'orders.placed', lane, 0, $1, $1 FROM generate_series(0, 1) lane
)
UPDATE relay SET position = $1
