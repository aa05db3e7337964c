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
