-- name: find_key
SELECT k.key_id, k.brand, k.name, k.scope FROM api_keys k WHERE k.key_hash = $1 AND k.revoked_at IS NULL

-- name: add_key
INSERT INTO doorstep.api_keys (key_id, brand, name, key_hash, scope)
SELECT $1, b.brand, $3, $4, $5 FROM doorstep.brands b WHERE b.brand = $2

-- name: list_keys
SELECT key_id, brand, name, scope, created_at, revoked_at FROM doorstep.api_keys
WHERE $1::text IS NULL OR brand = $1 ORDER BY brand, created_at, key_id

-- name: revoke_key
UPDATE doorstep.api_keys SET revoked_at = now() WHERE key_id = $1 AND ($2::text IS NULL OR brand = $2) AND revoked_at IS NULL RETURNING key_id

-- name: events_after
SELECT event_id, position, order_id, kind, actor, data, occurred_at FROM events
WHERE position > $1 AND ($2::text IS NULL OR kind = $2) ORDER BY position LIMIT $3

-- name: clock
SELECT clock_now() AS now, wall_from, clock_from, rate FROM clock

-- name: oldest_unplaced
SELECT extract(epoch FROM clock_timestamp() - min(recorded_at))::double precision FROM events WHERE position IS NULL

-- name: open_exceptions_count
SELECT count(*) FROM exceptions WHERE resolved_at IS NULL

-- name: open_exceptions_by_kind
SELECT kind, count(*) AS open FROM exceptions WHERE resolved_at IS NULL GROUP BY kind ORDER BY kind

-- name: carts_that_hold
-- Carts that hold units, by whether their time is up; what is read is bounded by what is held.
SELECT CASE WHEN expires_at > $1 THEN 'open' ELSE 'expired' END AS state, count(DISTINCT hold_id) AS carts
FROM cart_claims WHERE open > 0 GROUP BY 1

-- name: orders_placed
-- Counted by the relay as it gives positions; what has none yet is counted here. The orders themselves are not looked at.
SELECT (SELECT coalesce(sum(h.events), 0)::bigint FROM heads h WHERE h.kind = $1)
    + (SELECT count(*) FROM events e WHERE e.position IS NULL AND e.kind = $1)

-- name: first_dates_kept
-- Whether the newest parcels at the door came by the date their customer was told first: $2 of them at most, delivered
-- after $1. A parcel whose goods had no date at first is neither in time nor late. Each date is looked up once.
WITH recent AS MATERIALIZED (
    SELECT shipment_id, order_id, delivered_at FROM shipments
    WHERE delivered_at > $1 ORDER BY delivered_at DESC LIMIT $2
), dated AS MATERIALIZED (
    SELECT r.delivered_at, (
        SELECT max(p.promised_by) FROM package_lines l
        JOIN promises p ON p.order_id = r.order_id AND p.line_no = l.line_no AND p.version = 1
        WHERE l.shipment_id = r.shipment_id) AS first_date
    FROM recent r
)
SELECT count(*) FILTER (WHERE delivered_at <= first_date) AS in_time,
    count(*) FILTER (WHERE delivered_at > first_date) AS late,
    count(*) FILTER (WHERE first_date IS NULL) AS undated
FROM dated
