-- name: overview
-- How much of each there is: what a shop needs before its first order can come, and what came of it.
SELECT (SELECT count(*) FROM locations WHERE enabled) AS locations,
    (SELECT count(*) FROM services WHERE enabled) AS services,
    (SELECT count(*) FROM products WHERE active) AS products,
    (SELECT count(*) FROM channels) AS channels,
    EXISTS (SELECT 1 FROM stock WHERE on_hand > 0) AS stocked,
    EXISTS (SELECT 1 FROM orders) AS ordered,
    (SELECT count(*) FROM doorstep.api_keys k WHERE k.brand = current_schema() AND k.revoked_at IS NULL) AS keys,
    (SELECT count(*) FROM doorstep.memberships m JOIN doorstep.users u USING (user_id)
        WHERE m.brand = current_schema() AND u.disabled_at IS NULL) AS people

-- name: audit_log
-- The newest entries before one. A day is looked up by the entries' ids, which begin with the time.
SELECT entry_id, actor, action, subject, order_id, detail, recorded_at FROM audit_log
WHERE entry_id < $1 AND entry_id >= $2 AND ($3::text IS NULL OR actor = $3) AND ($4::text IS NULL OR action = $4)
    AND ($5::text IS NULL OR order_id IN (SELECT o.order_id FROM orders o WHERE o.number = $5))
ORDER BY entry_id DESC LIMIT $6

-- name: audit_actors
-- Whoever stands in the log, each found by one step in the index.
WITH RECURSIVE one AS (
    (SELECT actor FROM audit_log ORDER BY actor LIMIT 1)
    UNION ALL SELECT (SELECT a.actor FROM audit_log a WHERE a.actor > one.actor ORDER BY a.actor LIMIT 1)
    FROM one WHERE one.actor IS NOT NULL
)
SELECT actor FROM one WHERE actor IS NOT NULL LIMIT 500

-- name: audit_actions
WITH RECURSIVE one AS (
    (SELECT action FROM audit_log ORDER BY action LIMIT 1)
    UNION ALL SELECT (SELECT a.action FROM audit_log a WHERE a.action > one.action ORDER BY a.action LIMIT 1)
    FROM one WHERE one.action IS NOT NULL
)
SELECT action FROM one WHERE action IS NOT NULL LIMIT 500

-- name: numbers_of_orders
SELECT order_id, number FROM orders WHERE order_id = ANY($1)

-- name: what_is_there
-- What lies at a location: units on its shelves, units claimed for orders, and work that is not finished.
SELECT (SELECT coalesce(sum(s.on_hand), 0)::bigint FROM stock s WHERE s.location_id = $1) AS on_hand,
    (SELECT coalesce(sum(s.reserved), 0)::bigint FROM stock s WHERE s.location_id = $1) AS reserved,
    (SELECT count(*) FROM fulfillment_orders f WHERE f.location_id = $1
        AND f.status_category IN ('draft', 'activated', 'fulfilling')) AS open_work

-- name: rename_brand
UPDATE doorstep.brands SET title = $1 WHERE brand = current_schema()

-- name: guide_waits
-- Whether the first-run guide is an admin's first page: it was begun and not ended, or the brand is empty.
SELECT NOT EXISTS (SELECT 1 FROM guide WHERE ended_at IS NOT NULL) AND (EXISTS (SELECT 1 FROM guide) OR NOT (
    EXISTS (SELECT 1 FROM locations) OR EXISTS (SELECT 1 FROM products) OR EXISTS (SELECT 1 FROM channels)))

-- name: guide
SELECT g.country, g.currency, g.timezone, g.one_row IS NOT NULL AS begun, g.ended_at IS NOT NULL AS ended, b.title
FROM doorstep.brands b LEFT JOIN guide g ON true WHERE b.brand = current_schema()

-- name: begin_guide
INSERT INTO guide (country, currency, timezone) VALUES ($1, $2, $3)
ON CONFLICT (one_row) DO UPDATE SET country = excluded.country, currency = excluded.currency,
    timezone = excluded.timezone

-- name: end_guide
INSERT INTO guide (ended_at) VALUES (clock_timestamp())
ON CONFLICT (one_row) DO UPDATE SET ended_at = coalesce(guide.ended_at, excluded.ended_at)

-- name: something_to_order
-- A product that is in stock and needs nothing printed, and a service: what a test order is made of.
SELECT p.sku, p.title, (SELECT s.service FROM services s WHERE s.enabled ORDER BY s.rank, s.service LIMIT 1) AS service
FROM stock k JOIN products p USING (sku_id) JOIN locations l USING (location_id)
WHERE p.active AND l.enabled AND k.on_hand - k.damaged - k.quality_control - k.reserved - k.safety_stock > 0
ORDER BY p.sku_id LIMIT 1

-- name: last_order
SELECT order_id, number FROM orders ORDER BY order_id DESC LIMIT 1

-- name: mail_was_tried
SELECT EXISTS (SELECT 1 FROM audit_log WHERE action = 'mail.test')

-- name: title
SELECT title FROM doorstep.brands WHERE brand = current_schema()

-- name: audit_entry
SELECT entry_id, actor, action, subject, order_id, detail, recorded_at FROM audit_log WHERE entry_id = $1
