-- name: events_of_order
SELECT seq, kind, actor, data, occurred_at FROM events WHERE order_id = $1 ORDER BY seq

-- name: told
SELECT kind, channel, status, suppressed_because, coalesce(sent_at, wanted_at) AS at FROM updates
WHERE order_id = $1 AND (sent_at IS NOT NULL OR status = 'suppressed') ORDER BY 5

-- name: facts
SELECT o.currency, (SELECT json_object_agg(l.line_no, p.title) FROM order_lines l JOIN products p USING (sku_id)
    WHERE l.order_id = o.order_id)::text AS titles
FROM orders o WHERE o.order_id = $1

-- name: location_names
SELECT location_id, name FROM locations

-- name: order_facts
-- All an order is found by and shown with in a list. A line's date is the newest of its promises; version 1 stands on the
-- order itself, for the ledger may not be open yet. What waits for goods has no date of its own before version 2.
-- Subqueries with LIMIT instead of EXISTS: PostgreSQL must not read a whole table to look up a few orders.
SELECT o.order_id, o.number, c.channel, o.placed_at, o.service, o.lane, o.status, o.payment_status, o.fulfillment_status,
    o.currency, o.total_minor, p.name AS customer, p.email, a.name AS recipient,
    l.units, l.kinds, l.skus, l.titles, l.promised_by, CASE WHEN o.status IN ('open', 'on_hold') THEN l.due END AS due,
    coalesce((SELECT true FROM line_services s WHERE s.order_id = o.order_id AND s.kind = 'gift_wrap' LIMIT 1), false)
        AS gift_wrap,
    CASE WHEN o.status IN ('open', 'on_hold') THEN ARRAY(
        SELECT h.reason FROM holds h WHERE h.order_id = o.order_id AND h.released_at IS NULL
        UNION SELECT 'awaiting_payment' WHERE o.awaiting_payment ORDER BY 1) ELSE '{}' END AS holds,
    ARRAY(SELECT n.code FROM locations n WHERE n.location_id IN (
        SELECT r.location_id FROM reservations r WHERE r.order_id = o.order_id AND r.open > 0
        UNION SELECT s.location_id FROM shipments s WHERE s.order_id = o.order_id AND s.handed_over_at IS NOT NULL)
        ORDER BY 1) AS locations,
    ARRAY(SELECT s.tracking_number FROM shipments s WHERE s.order_id = o.order_id AND s.tracking_number IS NOT NULL
        UNION SELECT r.tracking_number FROM returns r WHERE r.order_id = o.order_id AND r.tracking_number IS NOT NULL
        ORDER BY 1) AS tracking,
    coalesce((SELECT true FROM shipments s WHERE s.order_id = o.order_id AND s.expected_by > s.promised_by
        AND s.delivered_at IS NULL AND s.lost_at IS NULL AND s.came_back_at IS NULL LIMIT 1), false) AS announced_late
FROM orders o
JOIN channels c USING (channel_id) JOIN contacts p USING (contact_id) JOIN addresses a USING (address_id)
CROSS JOIN LATERAL (
    SELECT sum(l.ordered - l.canceled)::integer AS units, array_agg(DISTINCT l.routing_kind) AS kinds,
        array_agg(DISTINCT x.sku) AS skus, array_agg(DISTINCT x.title) AS titles, max(d.promised_by) AS promised_by,
        min(d.promised_by) FILTER (WHERE l.ordered > l.canceled + l.delivered + l.return_requested + l.returned) AS due
    FROM order_lines l JOIN products x USING (sku_id)
    LEFT JOIN LATERAL (
        SELECT v.version, v.promised_by FROM promises v
        WHERE v.order_id = l.order_id AND v.line_no = l.line_no AND v.version >= 2 ORDER BY v.version DESC LIMIT 1
    ) w ON true
    CROSS JOIN LATERAL (
        SELECT CASE WHEN w.version IS NOT NULL THEN w.promised_by
            WHEN l.backordered + l.shortfall = 0 THEN o.promised_by END AS promised_by
    ) d
    WHERE l.order_id = o.order_id
) l
WHERE o.order_id = ANY($1)

-- name: open_exceptions
SELECT order_id, count(*)::integer AS open FROM exceptions WHERE order_id = ANY($1) AND resolved_at IS NULL GROUP BY order_id

-- name: newest_orders
SELECT order_id FROM orders WHERE order_id < $1 ORDER BY order_id DESC LIMIT $2

-- name: take_search
SELECT one_row FROM search_writer FOR UPDATE

-- name: places_of
SELECT order_id, segment, place, terms FROM search_orders WHERE order_id = ANY($1)

-- name: segments
-- Newest first: those that hold ids below $1.
SELECT segment, first_id, orders FROM search_segments WHERE first_id < $1 ORDER BY first_id DESC

-- name: segments_from
-- The segment an id belongs to, and all after it, oldest first.
SELECT segment, first_id, orders FROM search_segments
WHERE first_id >= (SELECT first_id FROM search_segments WHERE first_id <= $1 ORDER BY first_id DESC LIMIT 1)
ORDER BY first_id

-- name: newest_found
SELECT order_id FROM search_orders ORDER BY order_id DESC LIMIT 1

-- name: open_segment
INSERT INTO search_segments (segment, first_id, orders) SELECT max(segment) + 1, $1, 0 FROM search_segments RETURNING segment

-- name: count_places
UPDATE search_segments s SET orders = n.orders FROM unnest($1::integer[], $2::integer[]) AS n (segment, orders)
WHERE s.segment = n.segment

-- name: put_order_terms
INSERT INTO search_orders (order_id, segment, place, terms)
SELECT order_id, segment, place, string_to_array(terms, E'\n')
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[]) AS n (order_id, segment, place, terms)
ON CONFLICT (order_id) DO UPDATE SET terms = excluded.terms

-- name: read_terms
SELECT t.* FROM unnest($1::integer[], $2::text[]) AS k (segment, term)
CROSS JOIN LATERAL (SELECT * FROM search_terms t WHERE t.segment = k.segment AND t.term = k.term OFFSET 0) t

-- name: put_terms
INSERT INTO search_terms (segment, term, places) SELECT * FROM unnest($1::integer[], $2::text[], $3::bytea[])
ON CONFLICT (segment, term) DO UPDATE SET places = excluded.places

-- name: drop_terms
DELETE FROM search_terms t USING unnest($1::integer[], $2::text[]) AS k (segment, term)
WHERE t.segment = k.segment AND t.term = k.term

-- name: empty_terms
DELETE FROM search_terms WHERE segment = $1

-- name: empty_places
DELETE FROM search_orders WHERE segment = $1

-- name: segment_at
SELECT s.segment, (SELECT n.first_id FROM search_segments n WHERE n.first_id > s.first_id ORDER BY n.first_id LIMIT 1) AS until
FROM search_segments s WHERE s.first_id = $1

-- name: orders_found_before
SELECT coalesce(sum(orders), 0)::bigint FROM search_segments WHERE first_id < $1

-- name: orders_from
SELECT order_id FROM orders WHERE order_id >= $1 AND order_id < $2 ORDER BY order_id LIMIT $3

-- name: find_places
-- For each segment and range of a condition, the sets of all terms in it.
SELECT s.segment, k.condition, ARRAY(
    SELECT t.places FROM search_terms t WHERE t.segment = s.segment AND t.term >= k.low AND t.term <= k.high) AS places
FROM unnest($1::integer[]) AS s (segment)
CROSS JOIN unnest($2::integer[], $3::text[], $4::text[]) AS k (condition, low, high)

-- name: find_values
-- The sets of each term in a range, by segment. OFFSET 0 here and below: PostgreSQL, who cannot know how little stands in
-- a range, must look into the index once for each instead of reading the whole table once.
SELECT t.segment, t.term, t.places
FROM unnest($1::integer[]) AS s (segment)
CROSS JOIN LATERAL (
    SELECT * FROM search_terms t WHERE t.segment = s.segment AND t.term >= $2 AND t.term <= $3 OFFSET 0
) t

-- name: find_excepted
SELECT f.segment, array_agg(DISTINCT f.place) AS places
FROM exceptions e JOIN search_orders f USING (order_id)
WHERE e.resolved_at IS NULL AND e.order_id >= $1 AND e.order_id < $2 GROUP BY f.segment

-- name: orders_at
SELECT f.order_id FROM unnest($1::integer[], $2::integer[]) AS k (segment, place)
CROSS JOIN LATERAL (
    SELECT f.order_id FROM search_orders f WHERE f.segment = k.segment AND f.place = k.place OFFSET 0
) f
WHERE f.order_id < $3 ORDER BY f.order_id DESC LIMIT $4

-- name: orders_among
-- The newest orders from $1 to before $2 that a bitmap names.
SELECT order_id FROM search_orders
WHERE order_id >= $1 AND order_id < $2 AND segment = $3 AND get_bit($4::bytea, place) = 1 ORDER BY order_id DESC LIMIT $5

-- name: lanes_of
-- The lane of each order: special when any of its lines is, else personalized when any is.
SELECT order_id, CASE WHEN bool_or(routing_kind = 'special') THEN 'special'
    WHEN bool_or(routing_kind = 'personalized') THEN 'personalized' ELSE 'regular' END AS lane
FROM order_lines WHERE order_id = ANY($1) GROUP BY order_id

-- name: first_promises
-- By shipment: the first date that was promised for what is in it, null when there was none.
-- One parcel after the other: PostgreSQL, who does not know how few lines one has, else compares each with each.
SELECT n.shipment_id, d.first_date FROM unnest($1::uuid[]) AS n (shipment_id)
CROSS JOIN LATERAL (
    SELECT max(p.promised_by) AS first_date
    FROM package_lines l JOIN shipments s USING (shipment_id)
    JOIN promises p ON p.order_id = s.order_id AND p.line_no = l.line_no AND p.version = 1
    WHERE l.shipment_id = n.shipment_id
) d

-- name: add_figures
-- In the order of the key, so that two workers do not wait for each other in a circle.
INSERT INTO figures (hour, measure, value)
SELECT hour, measure, value FROM unnest($1::timestamptz[], $2::text[], $3::bigint[]) AS f (hour, measure, value)
ORDER BY hour, measure
ON CONFLICT (hour, measure) DO UPDATE SET value = figures.value + excluded.value

-- name: figures
SELECT hour, measure, value FROM figures WHERE hour >= $1 ORDER BY hour

-- name: open_exceptions_by_kind
SELECT kind, min(priority) AS priority, count(*) AS open FROM exceptions WHERE resolved_at IS NULL
GROUP BY kind ORDER BY min(priority), count(*) DESC, kind

-- name: open_work
-- What lies on the floor, by what is to be done next; bounded by what is open.
SELECT status, count(*) AS open FROM fulfillment_orders WHERE status_category IN ('activated', 'fulfilling') GROUP BY status

-- name: undigested
-- Orders with something in the journal that the index may not know of yet.
SELECT DISTINCT e.order_id FROM generate_series(0, 1) AS l (lane) CROSS JOIN generate_series(0, 3) AS p (partition)
LEFT JOIN cursors c ON c.reaction = 'insights.index_orders' AND c.lane = l.lane AND c.partition = p.partition
CROSS JOIN LATERAL (SELECT order_id FROM events v WHERE v.lane = l.lane AND v.partition = p.partition
    AND v.position > coalesce(c.position, 0)) e
WHERE e.order_id IS NOT NULL
UNION SELECT order_id FROM events WHERE position IS NULL AND order_id IS NOT NULL
UNION SELECT order_id FROM parked WHERE reaction = 'insights.index_orders' AND order_id IS NOT NULL

-- name: audit_axes
SELECT o.order_id FROM orders o LEFT JOIN search_orders f USING (order_id)
WHERE o.order_id <> ALL($1) AND (f.order_id IS NULL OR NOT f.terms @> ARRAY['=status=' || o.status,
    '=payment=' || o.payment_status, '=fulfillment=' || o.fulfillment_status])

-- name: audit_terms
SELECT order_id, terms FROM search_orders WHERE order_id <> ALL($1) ORDER BY order_id DESC LIMIT $2

-- name: audit_sets
-- The same in both tables, counted: a list of places has two bytes each, a bitmap a bit.
SELECT coalesce((SELECT sum(cardinality(terms)) FROM search_orders), 0)::bigint AS terms,
    coalesce((SELECT sum(CASE get_byte(places, 0) WHEN 0 THEN (length(places) - 1) / 2
        ELSE bit_count(substr(places, 2)) END) FROM search_terms), 0)::bigint AS places
