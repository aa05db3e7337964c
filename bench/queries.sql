-- name: products
INSERT INTO products (sku, title, weight_g, length_mm, width_mm, height_mm)
SELECT 'S' || lpad(n::text, 6, '0'), 'Thing ' || n, 300, 200, 150, 40 FROM generate_series(1, $1::integer) n
UNION ALL SELECT 'HOT', 'What everybody wants', 300, 200, 150, 40

-- name: stock
-- Every SKU at every location, but the hot one, which lies at the first only.
INSERT INTO stock (sku_id, location_id, on_hand)
SELECT p.sku_id, l.location_id, 100000000 FROM products p CROSS JOIN locations l
WHERE p.sku <> 'HOT' OR l.location_id = (SELECT min(location_id) FROM locations)
ORDER BY p.sku_id, l.location_id

-- name: movements
INSERT INTO stock_movements (sku_id, location_id, kind, on_hand_delta, reason, reference, actor, occurred_at)
SELECT sku_id, location_id, 'received', on_hand, 'bench', 'bench', 'bench', clock_timestamp() FROM stock

-- name: clone_orders
-- $1 further copies of every order there is, as placing writes them: ids keep their order in time, before those that are there.
CREATE TEMP TABLE copies AS
SELECT o.order_id AS original, n AS copy, (lpad(to_hex(1700000000000 + (n * 100000 + row_number() OVER (ORDER BY o.order_id))), 12, '0')
    || '7' || left(md5(n || o.number), 3) || '8' || right(md5(o.number || n), 15))::uuid AS order_id
FROM orders o CROSS JOIN generate_series(1, $1) n

-- name: clone_contacts
INSERT INTO contacts SELECT k.order_id, c.name, c.email, c.phone, c.locale
FROM copies k JOIN contacts c ON c.contact_id = k.original ORDER BY 1

-- name: clone_addresses
INSERT INTO addresses SELECT k.order_id, a.name, a.street, a.city, a.region, a.postcode, a.country
FROM copies k JOIN addresses a ON a.address_id = k.original ORDER BY 1

-- name: clone_order_rows
INSERT INTO orders (order_id, channel_id, number, body_hash, contact_id, address_id, placed_at, service, lane, on_short,
    currency, total_minor, shipping_minor, discount_minor, payment_token, payment_reference, promised_from, promised_by,
    decision, awaiting_payment, open_holds, status)
SELECT k.order_id, channel_id, number || '-' || copy, body_hash, k.order_id, k.order_id, placed_at - copy * interval '1 hour',
    service, lane, on_short, currency, total_minor, shipping_minor, discount_minor, payment_token, payment_reference,
    promised_from, promised_by, decision, awaiting_payment, open_holds, status
FROM copies k JOIN orders o ON o.order_id = k.original ORDER BY 1

-- name: clone_lines
INSERT INTO order_lines (order_id, line_no, sku_id, ordered, reserved, unit_price_minor, routing_kind)
SELECT k.order_id, line_no, sku_id, ordered, reserved, unit_price_minor, routing_kind
FROM copies k JOIN order_lines l ON l.order_id = k.original ORDER BY 1, 2

-- name: clone_reservations
INSERT INTO reservations (order_id, line_no, sku_id, location_id, claimed, open)
SELECT k.order_id, line_no, sku_id, location_id, claimed, open
FROM copies k JOIN reservations r ON r.order_id = k.original ORDER BY 1, 2

-- name: clone_events
INSERT INTO events (event_id, order_id, seq, lane, partition, kind, actor, data, occurred_at)
SELECT k.order_id, k.order_id, e.seq, e.lane, e.partition, e.kind, e.actor, e.data, e.occurred_at
FROM copies k JOIN events e ON e.order_id = k.original AND e.seq = 1 ORDER BY 1

-- name: claim_again
-- The counters say what the claims say.
UPDATE stock s SET reserved = r.open
FROM (SELECT sku_id, location_id, sum(open)::integer AS open FROM reservations GROUP BY 1, 2) r
WHERE (s.sku_id, s.location_id) = (r.sku_id, r.location_id) AND s.reserved <> r.open

-- name: place_events
-- Every event has its place in the line, as if the relay had come by.
UPDATE events e SET position = n.position
FROM (SELECT ord, row_number() OVER (ORDER BY ord) AS position FROM events) n WHERE e.ord = n.ord

-- name: place_relay
UPDATE relay SET position = (SELECT coalesce(max(position), 0) FROM events)

-- name: place_heads
INSERT INTO heads (kind, lane, partition, position, events)
SELECT kind, lane, partition, max(position), count(*) FROM events GROUP BY 1, 2, 3
ON CONFLICT (kind, lane, partition) DO UPDATE SET position = excluded.position, events = excluded.events

-- name: place_cursors
-- What came before the measurement is nobody's work any more.
UPDATE cursors SET position = (SELECT position FROM relay)

-- name: count_orders
SELECT count(*) FROM orders

-- name: read_settings
SELECT pg_reload_conf()

-- name: reset_statements
SELECT pg_stat_statements_reset()

-- name: statements
-- The dearest statements since the reset.
SELECT left(regexp_replace(query, '\s+', ' ', 'g'), 100) AS statement, calls, round(total_exec_time::numeric, 1)::float8 AS total_ms,
    round(mean_exec_time::numeric, 3)::float8 AS mean_ms, rows
FROM pg_stat_statements WHERE query !~ 'pg_stat_|typeinfo_tree|^SELECT count' ORDER BY total_exec_time DESC LIMIT $1

-- name: log_forced_18
-- fsyncs of the write-ahead log so far, and milliseconds spent in them.
SELECT coalesce(sum(fsyncs), 0)::bigint AS fsyncs, coalesce(sum(fsync_time), 0)::float8 AS fsync_ms FROM pg_stat_io WHERE object = 'wal'

-- name: log_forced_15
SELECT wal_sync AS fsyncs, wal_sync_time AS fsync_ms FROM pg_stat_wal
