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
