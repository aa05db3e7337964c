-- name: queue_at
-- One attempt at a time at a door, or many at once would all be counted as the last.
SELECT pg_advisory_xact_lock(hashtext('doorstep.login'), hashtext(door))
FROM (SELECT door FROM unnest($1::text[]) AS door ORDER BY door OFFSET 0) doors

-- name: failed_logins
SELECT d.door, (SELECT count(*) FROM failed_logins f WHERE f.door = d.door AND f.failed_at > clock_timestamp() - $2::interval)
    AS failed
FROM unnest($1::text[]) AS d (door)

-- name: login_failed
INSERT INTO failed_logins (door, failed_at) SELECT d.door, c.at
FROM unnest($1::text[]) AS d (door) CROSS JOIN (SELECT clock_timestamp() AS at OFFSET 0) c RETURNING failed_at

-- name: login_worked
-- The pair's failures are forgotten; at its other doors ($2) this attempt was none.
DELETE FROM failed_logins WHERE door = $1 OR (door = ANY($2) AND failed_at = $3)

-- name: prune_failed_logins
DELETE FROM failed_logins WHERE failed_at < clock_timestamp() - interval '1 day'

-- name: find_user
SELECT user_id, login, password_hash FROM users WHERE login = $1 AND disabled_at IS NULL

-- name: user_by_id
SELECT user_id, login, name, password_hash, language FROM users WHERE user_id = $1 AND disabled_at IS NULL

-- name: has_users
SELECT EXISTS (SELECT 1 FROM memberships WHERE brand = $1)

-- name: people
-- The staff of a brand, by login. `elsewhere`: they work for another brand, too.
SELECT u.user_id, u.login, u.name, u.must_change, u.created_at, u.disabled_at, m.role, m.location_ids,
    (SELECT max(s.seen_at) FROM doorstep.sessions s WHERE s.user_id = u.user_id AND s.brand = m.brand) AS seen_at,
    EXISTS (SELECT 1 FROM doorstep.memberships o WHERE o.user_id = u.user_id AND o.brand <> m.brand) AS elsewhere
FROM doorstep.memberships m JOIN doorstep.users u USING (user_id)
WHERE m.brand = $1 AND ($2::uuid IS NULL OR u.user_id = $2) AND u.login > $3 ORDER BY u.login LIMIT $4

-- name: lock_person
-- A person's row, locked, so that two admins change them one after the other.
SELECT u.user_id FROM doorstep.users u JOIN doorstep.memberships m USING (user_id)
WHERE (u.login = $1 OR u.user_id = $2::uuid) AND m.brand = $3 FOR NO KEY UPDATE OF u

-- name: rename_user
UPDATE doorstep.users SET name = $2 WHERE user_id = $1

-- name: disable_user
UPDATE doorstep.users SET disabled_at = now() WHERE user_id = $1 AND disabled_at IS NULL

-- name: enable_user
UPDATE doorstep.users SET disabled_at = NULL WHERE user_id = $1 AND disabled_at IS NOT NULL

-- name: leave_brand
DELETE FROM doorstep.memberships WHERE user_id = $1 AND brand = $2

-- name: join_brand
INSERT INTO doorstep.memberships (user_id, brand, role, location_ids)
SELECT u.user_id, $2, $3, $4 FROM doorstep.users u WHERE u.login = $1
ON CONFLICT (user_id, brand) DO NOTHING RETURNING user_id

-- name: end_sessions
DELETE FROM doorstep.sessions WHERE user_id = $1

-- name: add_user
INSERT INTO doorstep.users (user_id, login, name, password_hash, must_change, language) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (login) DO NOTHING

-- name: put_membership
INSERT INTO doorstep.memberships (user_id, brand, role, location_ids) VALUES ($1, $2, $3, $4)
ON CONFLICT (user_id, brand) DO UPDATE SET role = excluded.role, location_ids = excluded.location_ids

-- name: memberships
SELECT m.brand, m.role, b.title FROM memberships m JOIN brands b USING (brand) WHERE m.user_id = $1 ORDER BY m.brand

-- name: set_password
UPDATE doorstep.users SET password_hash = $2, must_change = $3 WHERE user_id = $1

-- name: set_language
UPDATE users SET language = $2 WHERE user_id = $1

-- name: begin_session
INSERT INTO sessions (token_hash, user_id, brand) VALUES ($1, $2, $3)

-- name: session
-- Who is logged in with this token; nobody when it has been idle or open for too long, or they may no longer.
SELECT s.token_hash, s.brand, s.seen_at < now() - interval '5 minutes' AS stale, u.user_id, u.login, u.name, u.language,
    u.must_change, m.role, m.location_ids, b.title
FROM sessions s JOIN users u USING (user_id) JOIN memberships m USING (user_id, brand) JOIN brands b USING (brand)
WHERE s.token_hash = $1 AND u.disabled_at IS NULL AND s.seen_at > now() - $2::interval AND s.began_at > now() - $3::interval

-- name: seen
UPDATE sessions SET seen_at = now() WHERE token_hash = $1

-- name: end_session
DELETE FROM sessions WHERE token_hash = $1

-- name: end_other_sessions
DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2

-- name: prune_sessions
DELETE FROM sessions WHERE seen_at < now() - $1::interval OR began_at < now() - $2::interval

-- name: switch_brand
UPDATE sessions SET brand = $2 WHERE token_hash = $1
    AND EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = sessions.user_id AND m.brand = $2)

-- name: saved_filters
SELECT name, query FROM saved_filters WHERE user_id = $1 AND brand = $2 ORDER BY lower(name)

-- name: save_filter
-- One more, up to $5; the same name again is the same list with other filters.
INSERT INTO saved_filters (user_id, brand, name, query)
SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM saved_filters WHERE user_id = $1 AND brand = $2 AND name <> $3) < $5
ON CONFLICT (user_id, brand, name) DO UPDATE SET query = excluded.query

-- name: forget_filter
DELETE FROM saved_filters WHERE user_id = $1 AND brand = $2 AND name = $3

-- name: frame
-- What stands around every page: the brand's time, whether it stands still, and how much waits for a person.
SELECT clock_now() AS now, c.rate, (SELECT count(*) FROM (SELECT 1 FROM exceptions WHERE resolved_at IS NULL LIMIT 100) e)
    AS exceptions,
    coalesce((SELECT l.timezone FROM locations l WHERE l.enabled ORDER BY l.priority, l.location_id LIMIT 1), 'UTC')
        AS timezone
FROM clock c

-- name: let_time_pass
UPDATE clock SET clock_from = clock_now() + $1::interval, wall_from = clock_timestamp()

-- name: wake
SELECT pg_notify('doorstep_jobs', current_schema())

-- name: version_of_order
SELECT event_seq FROM orders WHERE order_id = $1

-- name: events_since
SELECT kind, data, occurred_at FROM events WHERE order_id = $1 AND seq > $2 ORDER BY seq

-- name: list_exceptions
-- Open ones, the most urgent first. $5: whose ('mine' with $6, 'nobody', or all); $7: of these locations only.
SELECT e.*, o.number FROM exceptions e LEFT JOIN orders o USING (order_id)
WHERE e.resolved_at IS NULL AND (e.priority, e.due_at, e.exception_id) > ($1, $2, $3)
    AND ($4::text IS NULL OR e.kind = $4)
    AND ($5::text = 'all' OR ($5 = 'mine' AND e.assigned_to = $6) OR ($5 = 'nobody' AND e.assigned_to IS NULL))
    AND order_is_at(e.order_id, $7)
ORDER BY e.priority, e.due_at, e.exception_id LIMIT $8

-- name: chosen_exceptions
SELECT e.*, o.number FROM exceptions e LEFT JOIN orders o USING (order_id)
WHERE e.exception_id = ANY($1) AND order_is_at(e.order_id, $2)
ORDER BY e.priority, e.due_at, e.exception_id

-- name: colleagues
-- Who may be given work on exceptions.
SELECT u.login, u.name FROM doorstep.users u JOIN doorstep.memberships m USING (user_id)
WHERE m.brand = current_schema() AND u.disabled_at IS NULL AND m.role IN ('admin', 'agent') ORDER BY u.name, u.login

-- name: timezone
-- The shop's clock is that of its first location.
SELECT coalesce((SELECT l.timezone FROM locations l WHERE l.enabled ORDER BY l.priority, l.location_id LIMIT 1), 'UTC')

-- name: open_returns
-- Newest first, before $1; $2: theirs only. A small index has them all, however many have ended.
SELECT return_id FROM returns WHERE status IN ('requested', 'in_transit', 'received') AND return_id < $1
    AND ($2::integer[] IS NULL OR location_id = ANY($2)) ORDER BY return_id DESC LIMIT $3

-- name: returns_here
SELECT return_id FROM returns WHERE status IN ('requested', 'in_transit', 'received') AND status = 'received'
    AND return_id < $1 AND ($2::integer[] IS NULL OR location_id = ANY($2)) ORDER BY return_id DESC LIMIT $3

-- name: ended_returns
SELECT return_id FROM returns WHERE status IN ('closed', 'declined', 'expired') AND return_id < $1
    AND ($2::integer[] IS NULL OR location_id = ANY($2)) ORDER BY return_id DESC LIMIT $3

-- name: named_returns
-- By its number, its tracking number, the customer's code, or the order's number: $4.
SELECT return_id FROM returns WHERE return_id IN (
        SELECT return_id FROM returns WHERE number = $4
        UNION ALL SELECT return_id FROM returns WHERE tracking_number = $4
        UNION ALL SELECT return_id FROM returns WHERE qr_token = $4
        UNION ALL SELECT r.return_id FROM orders o JOIN returns r USING (order_id) WHERE o.number = $4)
    AND return_id < $1 AND ($2::integer[] IS NULL OR location_id = ANY($2)) ORDER BY return_id DESC LIMIT $3

-- name: shown_returns
SELECT r.return_id, r.number, r.status, r.handover, r.location_id, r.tracking_number, r.requested_at,
    o.number AS order_number,
    (SELECT sum(l.quantity) FROM return_lines l WHERE l.return_id = r.return_id)::integer AS units
FROM returns r JOIN orders o USING (order_id) WHERE r.return_id = ANY($1) ORDER BY r.return_id DESC

-- name: head_of_order
SELECT number, currency FROM orders WHERE order_id = $1
