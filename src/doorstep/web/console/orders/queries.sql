-- name: scene
-- What every page here needs: the brand's time and the clock that people look at.
SELECT clock_now() AS now,
    coalesce((SELECT l.timezone FROM locations l WHERE l.enabled ORDER BY l.priority, l.location_id LIMIT 1), 'UTC') AS timezone

-- name: choices
-- What a list may be filtered by.
SELECT (SELECT coalesce(json_agg(json_build_array(service, title) ORDER BY rank, service), '[]') FROM services)::text AS services,
    (SELECT coalesce(json_agg(json_build_array(channel, title) ORDER BY channel), '[]') FROM channels)::text AS channels,
    (SELECT coalesce(json_agg(json_build_array(code, name) ORDER BY priority, location_id), '[]') FROM locations
        WHERE $1::integer[] IS NULL OR location_id = ANY($1))::text AS locations

-- name: visible
-- Whether somebody who may look at these locations ($2, null for all) may see the order.
SELECT 1 FROM orders o WHERE o.order_id = $1 AND order_is_at(o.order_id, $2)

-- name: exceptions_of
SELECT exception_id, kind, priority, owner, next_action, due_at, detail, opened_at FROM exceptions
WHERE order_id = $1 AND resolved_at IS NULL ORDER BY priority, due_at

-- name: acts_on
SELECT entry_id, actor, action, detail, recorded_at FROM audit_log WHERE order_id = $1 ORDER BY entry_id DESC LIMIT 50

-- name: head
SELECT s.title AS service_title, s.carrier, c.title AS channel_title, o.event_seq AS version, o.lane
FROM orders o LEFT JOIN services s USING (service) JOIN channels c USING (channel_id) WHERE o.order_id = $1

-- name: number
SELECT number FROM orders WHERE order_id = $1

-- name: hold_of
SELECT reason, note, placed_by, placed_at FROM holds WHERE hold_id = $1 AND order_id = $2

-- name: message_of
SELECT kind, channel FROM updates WHERE update_id = $1 AND order_id = $2

-- name: open_hold
SELECT hold_id FROM holds WHERE order_id = $1 AND reason = $2 AND released_at IS NULL
