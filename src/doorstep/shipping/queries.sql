-- name: by_id
SELECT * FROM shipments WHERE shipment_id = ANY($1) ORDER BY shipment_id

-- name: by_number
SELECT * FROM shipments WHERE carrier = $1 AND tracking_number = ANY($2) ORDER BY shipment_id

-- name: by_order
SELECT * FROM shipments WHERE order_id = ANY($1) ORDER BY created_at, shipment_id

-- name: by_fulfillment_order
SELECT * FROM shipments WHERE fulfillment_order_id = ANY($1) ORDER BY fulfillment_order_id, parcel_no

-- name: read_lines
SELECT shipment_id, line_no, quantity FROM package_lines WHERE shipment_id = ANY($1) ORDER BY shipment_id, line_no

-- name: orders_of
SELECT DISTINCT order_id FROM shipments WHERE shipment_id = ANY($1)

-- name: add_shipments
INSERT INTO shipments (shipment_id, fulfillment_order_id, parcel_no, order_id, location_id, carrier, service, promised_by,
    created_at)
SELECT s.*, $9 FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::uuid[], $5::integer[], $6::text[], $7::text[],
    $8::timestamptz[]) AS s
ON CONFLICT ON CONSTRAINT shipments_one_per_parcel DO NOTHING
RETURNING shipment_id

-- name: add_packages
INSERT INTO packages (package_id, shipment_id, weight_g, length_mm, width_mm, height_mm)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::integer[], $5::integer[], $6::integer[])

-- name: add_package_lines
INSERT INTO package_lines (shipment_id, line_no, quantity)
SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::integer[])

-- name: add_labels
INSERT INTO labels (label_id, parcel_id, direction, order_id, location_id, carrier, service, weight_g, length_mm,
    width_mm, height_mm, collect_on, wanted_at)
SELECT l.*, $13 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::integer[], $6::text[], $7::text[],
    $8::integer[], $9::integer[], $10::integer[], $11::integer[], $12::date[]) AS l
ON CONFLICT (parcel_id) DO NOTHING
RETURNING label_id

-- name: labels
-- `tried`: its job ended badly before; what it did then must be looked up.
SELECT l.label_id, l.parcel_id, l.direction, l.order_id, l.location_id, l.carrier, l.service, l.weight_g, l.length_mm,
    l.width_mm, l.height_mm, l.collect_on, l.status, l.refused_because, l.tracking_number, l.cost_minor, l.currency, l.wanted_at,
    l.bought_at, l.tracked_status, l.tracked_substatus, l.tracked_at,
    EXISTS (SELECT 1 FROM exceptions e WHERE e.subject = l.label_id) AS tried
FROM labels l WHERE l.label_id = ANY($1)

-- name: label_of
SELECT label_id, parcel_id, direction, order_id, location_id, carrier, service, weight_g, length_mm, width_mm, height_mm,
    collect_on, status, refused_because, tracking_number, cost_minor, currency, wanted_at, bought_at, tracked_status,
    tracked_substatus, tracked_at
FROM labels WHERE parcel_id = $1

-- name: labels_of
SELECT label_id, parcel_id, direction, order_id, location_id, carrier, service, weight_g, length_mm, width_mm, height_mm,
    collect_on, status, refused_because, tracking_number, cost_minor, currency, wanted_at, bought_at, tracked_status,
    tracked_substatus, tracked_at
FROM labels WHERE parcel_id = ANY($1)

-- name: label_pdf
SELECT pdf FROM labels WHERE parcel_id = $1 AND status = 'bought'

-- name: parcels_by_number
SELECT label_id, parcel_id, direction, order_id, location_id, carrier, service, weight_g, length_mm, width_mm, height_mm,
    collect_on, status, refused_because, tracking_number, cost_minor, currency, wanted_at, bought_at, tracked_status,
    tracked_substatus, tracked_at
FROM labels WHERE carrier = $1 AND tracking_number = ANY($2)

-- name: lock_numbers
-- In buckets, so that a message about many parcels takes a bounded number of locks; always in the same order.
SELECT pg_advisory_xact_lock(hashtext('doorstep.tracking'), bucket) FROM (
    SELECT DISTINCT hashtext(current_schema() || '/' || carrier || '/' || number) & 1023 AS bucket
    FROM unnest($1::text[], $2::text[]) AS n (carrier, number) ORDER BY 1 OFFSET 0) AS buckets

-- name: buy_labels
WITH sold AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[])
        AS n (label_id, tracking_number, reference, cost_minor, currency, pdf)
), bought AS (
    UPDATE labels l SET status = 'bought', refused_because = NULL, tracking_number = s.tracking_number,
        carrier_reference = s.reference, cost_minor = s.cost_minor, currency = s.currency, pdf = s.pdf, bought_at = $7
    FROM sold s WHERE l.label_id = s.label_id AND l.status IN ('wanted', 'refused')
    RETURNING l.label_id, l.parcel_id, l.direction, l.tracking_number
), numbered AS (
    UPDATE shipments s SET tracking_number = b.tracking_number FROM bought b
    WHERE b.direction = 'out' AND s.shipment_id = b.parcel_id
)
SELECT label_id FROM bought

-- name: refuse_label
UPDATE labels SET status = 'refused', refused_because = $2 WHERE label_id = $1 AND status IN ('wanted', 'refused')

-- name: drop_label
UPDATE labels SET status = 'canceled', refused_because = NULL
WHERE parcel_id = $1 AND direction = 'back' AND status IN ('wanted', 'refused')
RETURNING label_id

-- name: unused_label
-- Bought for a parcel on its way back, which the carrier has not seen.
SELECT label_id FROM labels
WHERE parcel_id = $1 AND direction = 'back' AND status = 'bought' AND tracked_status IN ('pending', 'info_received')

-- name: cancel_label
UPDATE labels SET status = 'canceled' WHERE label_id = $1 AND status = 'bought'

-- name: shipped_before
SELECT DISTINCT order_id FROM shipments WHERE order_id = ANY($1) AND handed_over_at IS NOT NULL

-- name: hand_over
UPDATE shipments s SET handed_over_at = $3, amount_minor = h.amount_minor
FROM unnest($1::uuid[], $2::bigint[]) AS h (shipment_id, amount_minor)
WHERE s.shipment_id = h.shipment_id AND s.handed_over_at IS NULL

-- name: record
-- What came before is left out, however often and in however many messages the carrier sends it.
INSERT INTO tracking_events (carrier, carrier_event_id, tracking_number, status, substatus, description, place,
    expected_at, occurred_at)
SELECT $1, e.* FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
    $9::timestamptz[]) AS e
ON CONFLICT DO NOTHING
RETURNING carrier_event_id

-- name: recorded
SELECT * FROM tracking_events WHERE carrier = $1 AND tracking_number = ANY($2) ORDER BY occurred_at, carrier_event_id

-- name: progress
UPDATE shipments s SET status = p.status, substatus = p.substatus, status_at = p.status_at,
    last_heard_at = p.last_heard_at, delivered_at = p.delivered_at, late_at = p.late_at, lost_at = p.lost_at,
    came_back_at = p.came_back_at, expected_by = p.expected_by
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
    $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[])
    AS p (shipment_id, status, substatus, status_at, last_heard_at, delivered_at, late_at, lost_at, came_back_at, expected_by)
WHERE s.shipment_id = p.shipment_id

-- name: over
SELECT fulfillment_order_id FROM shipments WHERE fulfillment_order_id = ANY($1) GROUP BY fulfillment_order_id
HAVING bool_and(handed_over_at IS NOT NULL AND (lost_at IS NOT NULL OR came_back_at IS NOT NULL OR status = ANY($2)))

-- name: progress_back
UPDATE labels SET tracked_status = $2, tracked_substatus = $3, tracked_at = $4 WHERE label_id = $1

-- name: open_alarms
SELECT kind, subject FROM exceptions WHERE kind = ANY($1) AND subject = ANY($2) AND resolved_at IS NULL

-- name: page
SELECT * FROM shipments
WHERE ($1::uuid IS NULL OR order_id = $1) AND ($2::text IS NULL OR status = $2)
    AND ($3::integer IS NULL OR location_id = $3) AND ($4::boolean IS NULL OR (handed_over_at IS NOT NULL) = $4)
    AND ($5::boolean IS NULL OR (tracking_number IS NOT NULL) = $5) AND shipment_id > $6
ORDER BY shipment_id LIMIT $7

-- name: audit_without_label
SELECT s.shipment_id FROM shipments s LEFT JOIN labels l ON l.parcel_id = s.shipment_id
WHERE s.handed_over_at IS NOT NULL
    AND (l.status IS DISTINCT FROM 'bought' OR l.tracking_number IS DISTINCT FROM s.tracking_number)

-- name: audit_units
-- Handed over in parcels, shipped on fulfillment lines: the same units.
SELECT coalesce(p.order_id, f.order_id) AS order_id, coalesce(p.line_no, f.line_no) AS line_no,
    coalesce(p.quantity, 0) AS in_parcels, coalesce(f.shipped, 0) AS shipped
FROM (SELECT s.order_id, l.line_no, sum(l.quantity) AS quantity FROM shipments s JOIN package_lines l USING (shipment_id)
    WHERE s.handed_over_at IS NOT NULL GROUP BY s.order_id, l.line_no) p
FULL JOIN (SELECT order_id, line_no, sum(shipped) AS shipped FROM fulfillment_lines WHERE shipped > 0
    GROUP BY order_id, line_no) f USING (order_id, line_no)
WHERE coalesce(p.quantity, 0) <> coalesce(f.shipped, 0)

-- name: audit_movements
-- Handed over in parcels, left the house in the stock ledger: the same units.
SELECT coalesce(p.location_id, m.location_id) AS location_id, coalesce(p.quantity, 0) AS in_parcels,
    coalesce(m.quantity, 0) AS moved
FROM (SELECT s.location_id, sum(l.quantity) AS quantity FROM shipments s JOIN package_lines l USING (shipment_id)
    WHERE s.handed_over_at IS NOT NULL GROUP BY s.location_id) p
FULL JOIN (SELECT location_id, -sum(on_hand_delta) AS quantity FROM stock_movements WHERE kind = 'shipped'
    GROUP BY location_id) m USING (location_id)
WHERE coalesce(p.quantity, 0) <> coalesce(m.quantity, 0)

-- name: audit_idle_labels
-- Wanted, and nobody is going to buy them: no job, no exception.
SELECT l.label_id FROM labels l
WHERE l.status IN ('wanted', 'refused')
    AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'shipping.buy_label' AND j.subject = l.label_id AND j.state = 'waiting')
    AND NOT EXISTS (SELECT 1 FROM exceptions e WHERE e.subject = l.label_id AND e.resolved_at IS NULL)

-- name: audit_unwatched
-- On the road, and nobody looks whether it arrives.
SELECT s.shipment_id FROM shipments s
WHERE s.handed_over_at IS NOT NULL AND s.delivered_at IS NULL AND s.lost_at IS NULL
    AND s.came_back_at IS NULL AND s.status NOT IN ('returned', 'expired')
    AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'shipping.watch' AND j.subject = s.fulfillment_order_id
        AND j.state = 'waiting')
    AND NOT EXISTS (SELECT 1 FROM exceptions e WHERE e.subject = s.fulfillment_order_id AND e.resolved_at IS NULL)

-- name: audit_unprepared
-- Packed, and no parcel made of it. Says something once the reactions have caught up.
SELECT f.fulfillment_order_id FROM fulfillment_orders f
WHERE f.status = 'packed' AND NOT EXISTS (SELECT 1 FROM shipments s WHERE s.fulfillment_order_id = f.fulfillment_order_id)

-- name: audit_arrivals
-- Delivered parcels: their units are with the customer, or on their way back.
SELECT s.order_id, l.line_no FROM shipments s JOIN package_lines l USING (shipment_id)
JOIN order_lines o ON o.order_id = s.order_id AND o.line_no = l.line_no
WHERE s.delivered_at IS NOT NULL AND s.lost_at IS NULL AND s.came_back_at IS NULL
GROUP BY s.order_id, l.line_no
HAVING sum(l.quantity) <> max(o.delivered + o.return_requested + o.returned)
