-- name: server_time
SELECT clock_timestamp()

-- name: brands
SELECT brand FROM doorstep.brands ORDER BY brand

-- name: look_into
SELECT set_config('search_path', $1, true)

-- name: oldest_unplaced
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float8 FROM events WHERE position IS NULL

-- name: open_exceptions
SELECT count(*) FROM exceptions WHERE resolved_at IS NULL
