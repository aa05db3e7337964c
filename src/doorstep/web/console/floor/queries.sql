-- name: counts
-- How much work waits at each location, by its step; of what may be done now, when the first must leave.
SELECT w.location_id, w.step, count(*) AS work, count(*) FILTER (WHERE w.lane = 0) AS express,
    count(*) FILTER (WHERE w.pick_by < $2) AS late, min(w.pick_by) AS first
FROM (
    SELECT f.location_id, f.lane, f.pick_by, CASE
        WHEN f.status_category = 'activated' THEN 'accept'
        WHEN f.status = 'packed' THEN 'ship'
        WHEN f.status <> 'picked' THEN 'pick'
        ELSE coalesce((SELECT CASE s.kind WHEN 'gift_wrap' THEN 'wrap' ELSE 'personalize' END FROM work_steps s
            WHERE s.fulfillment_order_id = f.fulfillment_order_id AND s.status = 'waiting' ORDER BY s.step LIMIT 1), 'pack')
        END AS step
    FROM fulfillment_orders f
    WHERE f.status_category IN ('activated', 'fulfilling') AND ($1::integer[] IS NULL OR f.location_id = ANY($1))
) w GROUP BY w.location_id, w.step

-- name: work
-- A location's work at these steps, in the order in which to do it. $7: leave out what a hold stands on.
SELECT w.fulfillment_order_id, w.lane, w.pick_by
FROM (
    SELECT f.fulfillment_order_id, f.order_id, f.lane, f.pick_by, CASE
        WHEN f.status_category = 'activated' THEN 'accept'
        WHEN f.status = 'packed' THEN 'ship'
        WHEN f.status <> 'picked' THEN 'pick'
        ELSE coalesce((SELECT CASE s.kind WHEN 'gift_wrap' THEN 'wrap' ELSE 'personalize' END FROM work_steps s
            WHERE s.fulfillment_order_id = f.fulfillment_order_id AND s.status = 'waiting' ORDER BY s.step LIMIT 1), 'pack')
        END AS step
    FROM fulfillment_orders f
    WHERE f.status_category IN ('activated', 'fulfilling') AND f.location_id = $1
        AND (f.lane, f.pick_by, f.fulfillment_order_id) > ($3, $4, $5)
) w JOIN orders o USING (order_id)
WHERE w.step = ANY($2) AND NOT ($7 AND (o.awaiting_payment OR o.open_holds > 0))
ORDER BY w.lane, w.pick_by, w.fulfillment_order_id LIMIT $6

-- name: parcels
-- Parcels of a location that have not left, in the order in which they must.
SELECT s.shipment_id, s.fulfillment_order_id, s.parcel_no, s.carrier, s.service, s.tracking_number, l.status AS label,
    l.weight_g, f.lane, f.pick_by, o.number, o.awaiting_payment OR o.open_holds > 0 AS on_hold
FROM shipments s JOIN fulfillment_orders f USING (fulfillment_order_id) JOIN orders o ON o.order_id = s.order_id
LEFT JOIN labels l ON l.parcel_id = s.shipment_id
WHERE s.handed_over_at IS NULL AND s.location_id = $1 AND f.status = 'packed'
    AND (f.lane, f.pick_by, s.shipment_id) > ($2, $3, $4)
ORDER BY f.lane, f.pick_by, s.shipment_id LIMIT $5

-- name: parcels_of
SELECT s.shipment_id, s.parcel_no, s.carrier, s.service, s.tracking_number, s.handed_over_at, s.status,
    l.status AS label, l.refused_because, l.weight_g
FROM shipments s LEFT JOIN labels l ON l.parcel_id = s.shipment_id
WHERE s.fulfillment_order_id = $1 ORDER BY s.parcel_no

-- name: location_of_parcel
SELECT location_id FROM shipments WHERE shipment_id = $1

-- name: locations_of_parcels
SELECT shipment_id, location_id FROM shipments WHERE shipment_id = ANY($1)

-- name: on_hand
-- What the book says is on the shelf.
SELECT on_hand FROM stock WHERE sku_id = $1 AND location_id = $2
