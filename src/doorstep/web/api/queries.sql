-- name: find_key
SELECT k.key_id, k.brand, k.name, k.scope FROM api_keys k WHERE k.key_hash = $1 AND k.revoked_at IS NULL

-- name: add_key
INSERT INTO api_keys (key_id, brand, name, key_hash, scope)
SELECT $1, b.brand, $3, $4, $5 FROM brands b WHERE b.brand = $2

-- name: list_keys
SELECT key_id, brand, name, scope, created_at, revoked_at FROM api_keys
WHERE $1::text IS NULL OR brand = $1 ORDER BY brand, created_at, key_id

-- name: revoke_key
UPDATE api_keys SET revoked_at = now() WHERE key_id = $1 AND revoked_at IS NULL RETURNING key_id

-- name: events_after
SELECT event_id, position, order_id, kind, actor, data, occurred_at FROM events
WHERE position > $1 AND ($2::text IS NULL OR kind = $2) ORDER BY position LIMIT $3

-- name: clock
SELECT clock_now() AS now, wall_from, clock_from, rate FROM clock

-- name: oldest_unplaced
SELECT extract(epoch FROM clock_timestamp() - min(recorded_at))::double precision FROM events WHERE position IS NULL

-- name: open_exceptions_count
SELECT count(*) FROM exceptions WHERE resolved_at IS NULL
