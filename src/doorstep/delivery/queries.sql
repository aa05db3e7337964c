-- name: services
SELECT service, title, carrier, lane, rank, price_minor, currency, parcel_cost_minor, kilogram_cost_minor, cut_off,
    handling_days, saturday, enabled
FROM services ORDER BY rank, service

-- name: transit
SELECT service, country, postcode_prefix, days FROM transit ORDER BY service, country, postcode_prefix

-- name: work_times
SELECT work, days, fee_minor FROM work_times ORDER BY work

-- name: put_services
INSERT INTO services (service, title, carrier, lane, rank, price_minor, currency, parcel_cost_minor,
    kilogram_cost_minor, cut_off, handling_days, saturday, enabled)
SELECT * FROM jsonb_to_recordset($1) AS s(service text, title text, carrier text, lane smallint, rank smallint,
    price_minor bigint, currency text, parcel_cost_minor bigint, kilogram_cost_minor bigint, cut_off time,
    handling_days smallint, saturday boolean, enabled boolean)
ORDER BY service
ON CONFLICT (service) DO UPDATE SET title = excluded.title, carrier = excluded.carrier, lane = excluded.lane,
    rank = excluded.rank, price_minor = excluded.price_minor, currency = excluded.currency,
    parcel_cost_minor = excluded.parcel_cost_minor, kilogram_cost_minor = excluded.kilogram_cost_minor,
    cut_off = excluded.cut_off, handling_days = excluded.handling_days, saturday = excluded.saturday,
    enabled = excluded.enabled

-- name: lock_services
-- Whoever replaces transit rows holds the rows of their services, so that two lists do not mix.
SELECT service FROM services WHERE service = ANY($1) ORDER BY service FOR NO KEY UPDATE

-- name: forget_transit
DELETE FROM transit WHERE service = ANY($1)

-- name: put_transit
INSERT INTO transit (service, country, postcode_prefix, days)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[])

-- name: put_work_times
INSERT INTO work_times (work, days, fee_minor)
SELECT * FROM unnest($1::text[], $2::smallint[], $3::bigint[])
ON CONFLICT (work) DO UPDATE SET days = excluded.days, fee_minor = excluded.fee_minor

-- name: opening_weeks
SELECT location_id, weekdays FROM opening_weeks ORDER BY location_id

-- name: days_off
SELECT location_id, country, day, reason FROM days_off ORDER BY day, country NULLS LAST, location_id

-- name: put_opening
INSERT INTO opening_weeks (location_id, weekdays) VALUES ($1, $2)
ON CONFLICT (location_id) DO UPDATE SET weekdays = excluded.weekdays

-- name: forget_days_off
DELETE FROM days_off WHERE location_id IS NOT DISTINCT FROM $1 AND country IS NOT DISTINCT FROM $2

-- name: put_days_off
-- A day that is there keeps its row and gets this reason.
INSERT INTO days_off (location_id, country, day, reason)
SELECT $1, $2, d.day, d.reason FROM unnest($3::date[], $4::text[]) AS d (day, reason)
ON CONFLICT (location_id, country, day) DO UPDATE SET reason = excluded.reason

-- name: forget_day_off
DELETE FROM days_off WHERE location_id IS NOT DISTINCT FROM $1 AND country IS NOT DISTINCT FROM $2 AND day = $3
RETURNING reason

-- name: open_ledger
-- Version 1 is what placing wrote on the order (its promise and its decision), line by line: a line sent in several
-- parts is there when the last part is; a line that came up short has no date yet, nor has an order that waits for its goods' return.
-- Orders stand above delivery, so their columns are read here by SQL, not imported.
WITH parts AS (
    SELECT o.order_id, (line ->> 0)::smallint AS line_no,
        min((part ->> 'promised_from')::timestamptz) AS promised_from,
        max((part ->> 'promised_by')::timestamptz) AS promised_by
    FROM orders o, jsonb_array_elements(coalesce(o.decision -> 'parts', '[]') || coalesce(o.decision -> 'awaited', '[]')) AS part,
        jsonb_path_query(part, '$.lines[*]') AS line
    WHERE o.order_id = ANY($1) GROUP BY o.order_id, (line ->> 0)::smallint
), short AS (
    SELECT DISTINCT o.order_id, (line ->> 0)::smallint AS line_no
    FROM orders o, jsonb_path_query(o.decision, '$.short[*]') AS line
    WHERE o.order_id = ANY($1)
), entries AS (
    SELECT l.order_id, l.line_no, o.service, o.placed_at, coalesce(p.promised_from, o.promised_from) AS promised_from,
        CASE WHEN s.line_no IS NULL AND (o.promised_by IS NOT NULL OR o.order_id IN (SELECT h.order_id FROM short h))
            THEN coalesce(p.promised_by, o.promised_by) END AS promised_by
    FROM orders o JOIN order_lines l USING (order_id)
    LEFT JOIN parts p USING (order_id, line_no) LEFT JOIN short s USING (order_id, line_no)
    WHERE o.order_id = ANY($1)
)
INSERT INTO promises (order_id, line_no, version, service, promised_from, promised_by, cause, made_at)
SELECT order_id, line_no, 1, service, LEAST(promised_from, promised_by), promised_by, 'placed', placed_at
FROM entries
ON CONFLICT (order_id, line_no, version) DO NOTHING

-- name: waiting
-- What the next date of lines depends on. It leaves from the location the order was routed to first, else from the first
-- location there is. Reads orders, their addresses and services by SQL, because they stand above delivery.
SELECT l.order_id, l.line_no, o.service, coalesce(d.timezone, 'UTC') AS timezone,
    coalesce(d.location_id, 0) AS location_id, coalesce(d.country, a.country) AS from_country, a.country, a.postcode,
    ARRAY(SELECT CASE s.kind WHEN 'personalization' THEN 'personalize' ELSE s.kind END
        FROM line_services s WHERE s.order_id = l.order_id AND s.line_no = l.line_no) AS works
FROM unnest($1::uuid[], $2::smallint[]) AS l(order_id, line_no)
JOIN orders o USING (order_id)
JOIN addresses a USING (address_id)
LEFT JOIN LATERAL (
    SELECT n.location_id, n.country, n.timezone FROM locations n
    ORDER BY n.location_id = coalesce(o.decision #>> '{parts,0,location_id}',
            o.decision #>> '{awaited,0,location_id}')::integer DESC NULLS LAST, n.enabled DESC,
        n.priority, n.location_id
    LIMIT 1
) d ON true

-- name: current
SELECT DISTINCT ON (order_id, line_no) order_id, line_no, version, service, promised_from, promised_by, cause, made_at,
    told_at
FROM promises WHERE order_id = ANY($1) ORDER BY order_id, line_no, version DESC

-- name: history
SELECT order_id, line_no, version, service, promised_from, promised_by, cause, made_at, told_at
FROM promises WHERE order_id = $1 ORDER BY version, line_no

-- name: next_promises
INSERT INTO promises (order_id, line_no, version, service, promised_from, promised_by, cause, made_at)
SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::smallint[], $4::text[], $5::timestamptz[], $6::timestamptz[],
    $7::text[], $8::timestamptz[])

-- name: mark_told
UPDATE promises SET told_at = $3 WHERE order_id = $1 AND version = $2 AND told_at IS NULL

-- name: delays
-- The dates of orders that moved (a date that was unknown can only get better), and what was said to each.
-- Read from the journal: its numbers within an order say which came after which.
SELECT e.order_id, e.seq, e.data, e.occurred_at AS made_at, a.answer, a.answered_by, a.answered_at
FROM events e LEFT JOIN delay_answers a USING (order_id, seq)
WHERE e.order_id = ANY($1) AND e.kind = 'delivery.repromised' AND e.data ->> 'was_promised_by' IS NOT NULL
ORDER BY e.order_id, e.seq

-- name: last_answers
SELECT DISTINCT ON (order_id) order_id, answer, line_nos, answered_by FROM delay_answers
WHERE order_id = ANY($1) ORDER BY order_id, seq DESC

-- name: answer_delay
-- The same answer again touches no row.
INSERT INTO delay_answers (order_id, seq, answer, line_nos, answered_by, answered_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (order_id, seq) DO UPDATE SET answer = excluded.answer, line_nos = excluded.line_nos,
    answered_by = excluded.answered_by, answered_at = excluded.answered_at
WHERE delay_answers.answer <> excluded.answer

-- name: lines_without_promise
SELECT l.order_id || ' line ' || l.line_no AS example
FROM order_lines l
WHERE NOT EXISTS (SELECT FROM promises p WHERE p.order_id = l.order_id AND p.line_no = l.line_no AND p.version = 1)
ORDER BY 1

-- name: gaps_in_versions
SELECT order_id || ' line ' || line_no AS example
FROM promises GROUP BY order_id, line_no HAVING max(version) <> count(*) ORDER BY 1

-- name: promises_told_before_made
SELECT order_id || ' line ' || line_no || ' version ' || version AS example
FROM promises WHERE told_at < made_at ORDER BY 1
