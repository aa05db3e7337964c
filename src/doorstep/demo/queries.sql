-- name: set_clock
-- The stopped clock of a rehearsal; rate 1 lets it run as fast as the wall.
UPDATE clock SET wall_from = clock_timestamp(), clock_from = $1, rate = $2

-- name: wake
-- Jobs may have become due: a hint to the workers, who else look once a second.
SELECT pg_notify('doorstep_jobs', current_schema())

-- name: orders
-- How the orders came out. An order is split when two houses or more sent parts of it.
WITH houses AS (
    SELECT order_id, count(DISTINCT location_id) AS houses, count(*) AS parcels
    FROM shipments WHERE handed_over_at IS NOT NULL GROUP BY order_id
), short AS (
    SELECT order_id FROM orders WHERE decision ?| ARRAY['short', 'awaited']
), waited AS (
    SELECT DISTINCT order_id FROM events WHERE kind = 'orders.allocated'
), picked_short AS (
    SELECT DISTINCT order_id FROM events WHERE kind = 'fulfillment.short_picked'
), turned_down AS (
    SELECT DISTINCT order_id FROM events WHERE kind = 'fulfillment.rejected'
), units AS (
    SELECT order_id, sum(ordered) AS ordered, sum(canceled) AS canceled,
        sum(delivered + return_requested + returned) AS arrived, sum(returned) AS returned,
        sum(shortfall + backordered) AS waiting, sum(reserved + activated + picked + packed) AS inside,
        sum(shipped) AS on_the_road
    FROM order_lines GROUP BY order_id
)
SELECT count(*) AS placed,
    count(*) FILTER (WHERE u.arrived = u.ordered - u.canceled AND u.arrived > 0) AS delivered,
    count(*) FILTER (WHERE o.status = 'canceled') AS canceled,
    count(*) FILTER (WHERE o.status NOT IN ('completed', 'canceled')) AS still_open,
    count(h.order_id) FILTER (WHERE h.houses > 1) AS split,
    coalesce(sum(h.parcels), 0)::bigint AS parcels,
    count(s.order_id) AS short,
    count(w.order_id) AS served_later,
    count(p.order_id) AS short_picked,
    count(t.order_id) AS turned_down,
    count(*) FILTER (WHERE u.waiting > 0) AS waiting,
    count(*) FILTER (WHERE u.inside > 0) AS inside,
    count(*) FILTER (WHERE u.on_the_road > 0) AS on_the_road
FROM orders o JOIN units u USING (order_id) LEFT JOIN houses h USING (order_id) LEFT JOIN short s USING (order_id)
LEFT JOIN waited w USING (order_id) LEFT JOIN picked_short p USING (order_id) LEFT JOIN turned_down t USING (order_id)

-- name: work_done
-- Orders with work of a kind done on them.
SELECT s.kind, count(DISTINCT f.order_id) AS orders, count(*) AS lines
FROM work_steps s JOIN fulfillment_orders f USING (fulfillment_order_id) WHERE s.status = 'done' GROUP BY s.kind

-- name: promises
-- Orders whose date moved back, and those that were told of it before the old date had passed. From the ledger alone.
WITH moved AS (
    SELECT p.order_id, p.cause, p.told_at, p.promised_by, before.promised_by AS was
    FROM promises p JOIN promises before
        ON before.order_id = p.order_id AND before.line_no = p.line_no AND before.version = p.version - 1
    WHERE before.promised_by IS NOT NULL AND (p.promised_by IS NULL OR p.promised_by > before.promised_by)
)
SELECT count(DISTINCT order_id) AS late,
    count(DISTINCT order_id) FILTER (WHERE told_at < was) AS told_before,
    count(DISTINCT order_id) FILTER (WHERE told_at IS NULL) AS not_told,
    coalesce(extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY was - told_at)
        FILTER (WHERE told_at < was)) / 3600, 0)::float8 AS median_hours_before
FROM moved

-- name: causes
-- What moved dates back.
SELECT p.cause, count(DISTINCT p.order_id) AS orders FROM promises p WHERE p.version > 1
GROUP BY p.cause ORDER BY orders DESC, p.cause

-- name: kept
-- Parcels that came by the last date their customer was told, and by the first.
WITH dates AS (
    SELECT s.shipment_id, s.delivered_at,
        max(p.promised_by) FILTER (WHERE p.version = 1) AS first_date,
        max(p.promised_by) FILTER (WHERE p.made_at <= s.delivered_at) AS last_date
    FROM shipments s JOIN package_lines l USING (shipment_id)
    JOIN promises p ON p.order_id = s.order_id AND p.line_no = l.line_no
    WHERE s.delivered_at IS NOT NULL GROUP BY s.shipment_id, s.delivered_at
)
SELECT count(*) AS parcels, count(*) FILTER (WHERE delivered_at <= first_date) AS by_first,
    count(*) FILTER (WHERE delivered_at <= last_date) AS by_last
FROM dates

-- name: lead_times
-- Hours from the order to the carrier and to the door, by service; medians over parcels of orders never short.
SELECT o.service, count(DISTINCT o.order_id) AS orders,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM s.handed_over_at - o.placed_at) / 3600)::float8 AS to_carrier_h,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM s.delivered_at - o.placed_at) / 3600)::float8 AS to_door_h
FROM orders o JOIN shipments s USING (order_id)
WHERE s.delivered_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM events e WHERE e.order_id = o.order_id AND e.kind = 'orders.backordered')
GROUP BY o.service ORDER BY to_door_h

-- name: returns
SELECT handover, count(*) AS opened, count(*) FILTER (WHERE status = 'closed') AS closed,
    count(DISTINCT order_id) FILTER (WHERE refund_minor > 0) AS orders, coalesce(sum(refund_minor), 0)::bigint AS refund_minor
FROM returns GROUP BY handover

-- name: returned_orders
SELECT count(DISTINCT order_id) FROM return_lines WHERE accepted > 0

-- name: units
SELECT coalesce(sum(claimed), 0)::bigint AS reserved, coalesce(sum(open), 0)::bigint AS still_reserved FROM reservations

-- name: unit_buckets
SELECT coalesce(sum(ordered), 0)::bigint AS ordered, coalesce(sum(canceled), 0)::bigint AS canceled,
    coalesce(sum(shipped + delivered + return_requested + returned), 0)::bigint AS shipped,
    coalesce(sum(delivered + return_requested + returned), 0)::bigint AS delivered,
    coalesce(sum(returned), 0)::bigint AS returned
FROM order_lines

-- name: on_hand
SELECT coalesce(sum(on_hand), 0)::bigint AS on_hand,
    count(*) FILTER (WHERE reserved > on_hand - damaged - quality_control) AS rows_oversold
FROM stock

-- name: money
SELECT coalesce(sum(p.authorized_minor), 0)::bigint AS authorized_minor,
    coalesce(sum(p.captured_minor), 0)::bigint AS captured_minor,
    coalesce(sum(p.refunded_minor), 0)::bigint AS refunded_minor, coalesce(sum(p.voided_minor), 0)::bigint AS voided_minor
FROM payments p

-- name: messages
SELECT kind, channel, status, count(*) AS messages FROM updates GROUP BY kind, channel, status

-- name: work_left
SELECT (SELECT count(*) FROM exceptions WHERE resolved_at IS NULL) AS exceptions_open,
    (SELECT count(*) FROM exceptions WHERE resolved_at IS NOT NULL) AS exceptions_resolved,
    (SELECT count(*) FROM jobs WHERE state = 'done') AS jobs_done,
    (SELECT count(*) FROM jobs WHERE state = 'waiting') AS jobs_waiting,
    (SELECT count(*) FROM jobs WHERE state = 'poisoned') AS jobs_poisoned,
    (SELECT count(*) FROM jobs WHERE attempts > 1) AS jobs_retried,
    (SELECT count(*) FROM events) AS events

-- name: open_exceptions
SELECT kind, count(*) AS open FROM exceptions WHERE resolved_at IS NULL GROUP BY kind ORDER BY open DESC, kind

-- name: story
-- An order that a lot happened to, and that is short enough to read.
SELECT o.order_id, o.number, count(DISTINCT e.kind) AS kinds
FROM orders o JOIN events e USING (order_id)
WHERE (SELECT count(*) FROM order_lines l WHERE l.order_id = o.order_id) <= 8
GROUP BY o.order_id, o.number ORDER BY kinds DESC, count(*), o.number LIMIT 1

-- name: on_the_road
SELECT shipment_id, tracking_number FROM shipments
WHERE handed_over_at IS NOT NULL AND delivered_at IS NULL AND tracking_number IS NOT NULL AND shipment_id <> ALL($1)
