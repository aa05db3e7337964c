-- name: terms
-- Who is to be told, and on whose terms; orders and contacts are read here because a batch needs both in one go.
SELECT o.order_id, o.contact_id, coalesce(p.locale, c.locale) AS locale, coalesce(p.channel, 'email') AS channel,
    coalesce(p.events, '{}') AS events, coalesce(p.only_if_late, false) AS only_if_late, p.quiet_from, p.quiet_until,
    coalesce(p.timezone, 'UTC') AS timezone, coalesce(c.email, '') <> '' AS has_email,
    coalesce(c.phone, '') <> '' AS has_phone
FROM orders o JOIN contacts c USING (contact_id) LEFT JOIN contact_preferences p USING (order_id)
WHERE o.order_id = ANY($1)

-- name: want
INSERT INTO updates (update_id, order_id, contact_id, event_id, kind, channel, locale, data, bad_news, status,
    suppressed_because, wanted_at)
SELECT n.update_id, n.order_id, n.contact_id, n.event_id, n.kind, n.channel, n.locale, n.data, n.bad_news,
    CASE WHEN n.because IS NULL THEN 'wanted' ELSE 'suppressed' END, n.because, $11
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::jsonb[],
    $9::boolean[], $10::text[]) AS n (update_id, order_id, contact_id, event_id, kind, channel, locale, data, bad_news,
    because)
ON CONFLICT ON CONSTRAINT updates_told_once DO NOTHING
RETURNING update_id

-- name: letters
-- All that messages say, in one round trip. Names and addresses are read here, at the last moment, and kept nowhere.
SELECT u.update_id, u.order_id, u.kind, u.channel, u.locale, u.data, u.bad_news, u.status, o.number, o.currency,
    o.total_minor, CASE WHEN v.known THEN v.promised_by ELSE o.promised_by END AS promised_by, c.name, c.email, c.phone, b.title AS shop, b.brand, r.number AS return_number,
    r.refund_by, x.number AS exchange_of, i.items, (SELECT clock_now()) AS now, k.accent, k.logo,
    (SELECT jsonb_object_agg(w.language, jsonb_build_array(w.subject, w.body, w.sms)) FROM wordings w WHERE w.kind = u.kind)
        AS wordings,
    coalesce((SELECT l.timezone FROM locations l WHERE l.enabled ORDER BY l.priority, l.location_id LIMIT 1), 'UTC')
        AS timezone
FROM updates u JOIN orders o USING (order_id) JOIN contacts c ON c.contact_id = u.contact_id
JOIN doorstep.brands b ON b.brand = current_schema()
CROSS JOIN (SELECT accent, left(encode(sha256(logo), 'hex'), 16) AS logo FROM look OFFSET 0) k
LEFT JOIN returns r ON r.return_id = (u.data ->> 'return_id')::uuid
LEFT JOIN LATERAL (
    SELECT p.number FROM exchanges e JOIN orders p ON p.order_id = e.order_id
    WHERE e.exchange_order_id = u.order_id LIMIT 1) x ON true
LEFT JOIN LATERAL (
    SELECT true AS known, p.promised_by FROM promises p
    WHERE p.order_id = u.order_id
        AND p.line_no IN (SELECT (n ->> 0)::smallint FROM jsonb_array_elements(u.data -> 'lines') n)
    ORDER BY p.version DESC LIMIT 1) v ON true
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_array(p.title, coalesce((n ->> 1)::integer, l.ordered - l.canceled))
        ORDER BY l.line_no), '[]') AS items
    FROM order_lines l JOIN products p USING (sku_id)
    LEFT JOIN jsonb_array_elements(u.data -> 'lines') n ON (n ->> 0)::smallint = l.line_no
    WHERE l.order_id = u.order_id AND (n IS NOT NULL OR NOT u.data ? 'lines')) i
WHERE u.update_id = ANY($1)

-- name: sent
UPDATE updates SET status = 'sent', sent_at = (SELECT clock_now()) WHERE update_id = ANY($1) AND status = 'wanted'
RETURNING update_id, sent_at

-- name: not_sent
UPDATE updates SET status = $2, suppressed_because = $3 WHERE update_id = $1 AND status = 'wanted'

-- name: other_way
-- The same news over the other channel, unless it went there anyway or there is no address.
INSERT INTO updates (update_id, order_id, contact_id, event_id, kind, channel, locale, data, bad_news, wanted_at)
SELECT $2, u.order_id, u.contact_id, u.event_id, u.kind, CASE u.channel WHEN 'email' THEN 'sms' ELSE 'email' END, u.locale,
    u.data, u.bad_news, clock_now()
FROM updates u JOIN contacts c USING (contact_id)
WHERE u.update_id = $1 AND CASE u.channel WHEN 'email' THEN coalesce(c.phone, '') ELSE coalesce(c.email, '') END <> ''
ON CONFLICT ON CONSTRAINT updates_told_once DO NOTHING
RETURNING update_id

-- name: want_again
UPDATE updates SET status = 'wanted' WHERE update_id = $1 AND status = 'refused'

-- name: repeat
-- The same news once more, told because of another event: somebody asked for it.
INSERT INTO updates (update_id, order_id, contact_id, event_id, kind, channel, locale, data, bad_news, wanted_at)
SELECT $2, u.order_id, u.contact_id, $3, u.kind, $4, u.locale, u.data, u.bad_news, $5 FROM updates u WHERE u.update_id = $1

-- name: to_repeat
SELECT u.order_id, u.kind, u.channel, u.status, coalesce(c.email, '') <> '' AS has_email, coalesce(c.phone, '') <> '' AS has_phone
FROM updates u JOIN contacts c USING (contact_id) WHERE u.update_id = $1 AND u.order_id = $2

-- name: put_preferences
INSERT INTO contact_preferences (order_id, channel, events, only_if_late, quiet_from, quiet_until, timezone, locale)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (order_id) DO UPDATE SET channel = excluded.channel, events = excluded.events,
    only_if_late = excluded.only_if_late, quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until,
    timezone = excluded.timezone, locale = excluded.locale

-- name: preferences
SELECT channel, events, only_if_late, quiet_from, quiet_until, timezone, locale FROM contact_preferences
WHERE order_id = $1

-- name: history
SELECT update_id, kind, channel, locale, bad_news, status, suppressed_because, wanted_at, sent_at FROM updates
WHERE order_id = $1 ORDER BY update_id

-- name: told_early
-- How long before the old date passed the customer knew of the new one, in hours; over whichever channel was first.
SELECT count(*) AS told, count(*) FILTER (WHERE hours < 0) AS after, count(*) FILTER (WHERE hours BETWEEN 0 AND 24)
    AS within_a_day, percentile_cont(0.5) WITHIN GROUP (ORDER BY hours) AS median_h, min(hours) AS least_h
FROM (
    SELECT max(extract(epoch FROM (data ->> 'was_promised_by')::timestamptz - sent_at) / 3600)::float8 AS hours
    FROM updates WHERE status = 'sent' AND kind = ANY($1) AND data ->> 'was_promised_by' IS NOT NULL
    GROUP BY event_id) t

-- name: audit_untold
-- Events the reaction has passed that left no trace here.
SELECT e.event_id FROM events e
JOIN cursors c ON c.reaction = $2 AND c.lane = e.lane AND c.partition = e.partition AND e.position <= c.position
WHERE e.kind = ANY($1) AND NOT EXISTS (SELECT 1 FROM updates u WHERE u.event_id = e.event_id)
    AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.reaction = $2 AND p.position = e.position)

-- name: audit_idle
SELECT u.update_id FROM updates u LEFT JOIN jobs j ON j.kind = $1 AND j.subject = u.update_id
WHERE u.status = 'wanted' AND j.state IS DISTINCT FROM 'waiting'
    AND NOT EXISTS (SELECT 1 FROM exceptions e WHERE e.subject = u.update_id AND e.resolved_at IS NULL)

-- name: audit_told_late
-- Bad news that could have been told in time: it was known (the ledger's entry was made) before the old date.
SELECT event_id FROM updates
WHERE kind = ANY($1) AND status = 'sent' AND wanted_at < (data ->> 'was_promised_by')::timestamptz
GROUP BY event_id, data HAVING min(sent_at) > (data ->> 'was_promised_by')::timestamptz

-- name: audit_not_marked
SELECT DISTINCT u.update_id FROM updates u
JOIN promises p ON p.order_id = u.order_id AND p.version = (u.data ->> 'version')::smallint
WHERE u.status = 'sent' AND u.data ? 'version' AND p.told_at IS NULL

-- name: wordings
SELECT kind, language, subject, body, sms FROM wordings ORDER BY kind, language

-- name: put_wording
INSERT INTO wordings (kind, language, subject, body, sms) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (kind, language) DO UPDATE SET subject = excluded.subject, body = excluded.body, sms = excluded.sms

-- name: drop_wording
DELETE FROM wordings WHERE kind = $1 AND language = $2
