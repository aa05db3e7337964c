-- name: insert_return
INSERT INTO returns (return_id, order_id, number, status, outcome, handover, location_id, qr_token, refund_by,
    requested_at, expires_at, collect_on)
VALUES ($1, $2, $3, 'requested', $4, $5, $6, $7, $8, $9, $10, $11)

-- name: insert_lines
INSERT INTO return_lines (return_id, order_id, line_no, sku_id, quantity, reason)
SELECT $1, $2, * FROM unnest($3::smallint[], $4::integer[], $5::integer[], $6::text[])

-- name: insert_receipts
INSERT INTO return_receipts (return_id, receipt, item, line_no, location_id, quantity, reception, acceptance,
    disposition, refund_minor, actor, occurred_at)
SELECT $1, $2, i.*, $9, $10
FROM (SELECT row_number() OVER ()::smallint, line_no, $11::integer, quantity, reception, acceptance, disposition, refund
    FROM unnest($3::smallint[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::bigint[])
        AS u(line_no, quantity, reception, acceptance, disposition, refund)) AS i

-- name: insert_exchanges
INSERT INTO exchanges (return_id, line_no, order_id, exchange_order_id, exchange_line_no)
SELECT $1, line_no, $2, $3, place FROM unnest($4::smallint[]) WITH ORDINALITY AS e(line_no, place)

-- name: write_exchanges
UPDATE exchanges e SET accepted = w.accepted, value_minor = w.value_minor, fee_minor = w.fee_minor,
    refunded_minor = w.refunded_minor
FROM unnest($1::uuid[], $2::smallint[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS w(return_id, line_no, accepted, value_minor, fee_minor, refunded_minor)
WHERE e.return_id = w.return_id AND e.line_no = w.line_no

-- name: exchanges_of_returns
-- Read again under the lock of the order that is sent: its units move with it.
SELECT e.return_id, e.line_no, e.order_id, e.exchange_order_id, e.exchange_line_no, o.number AS exchange_number, l.sku_id,
    l.ordered - l.canceled - l.returned AS meant, e.accepted, e.value_minor, e.fee_minor, e.refunded_minor
FROM exchanges e JOIN order_lines l ON l.order_id = e.exchange_order_id AND l.line_no = e.exchange_line_no
JOIN orders o ON o.order_id = e.exchange_order_id
WHERE e.return_id = ANY($1) ORDER BY e.return_id, e.line_no

-- name: exchanges_sent_with
SELECT e.return_id, e.line_no, e.order_id, e.exchange_order_id, e.exchange_line_no, o.number AS exchange_number, l.sku_id,
    l.ordered - l.canceled - l.returned AS meant, e.accepted, e.value_minor, e.fee_minor, e.refunded_minor
FROM exchanges e JOIN order_lines l ON l.order_id = e.exchange_order_id AND l.line_no = e.exchange_line_no
JOIN orders o ON o.order_id = e.exchange_order_id
WHERE e.exchange_order_id = ANY($1) ORDER BY e.exchange_order_id, e.exchange_line_no

-- name: sent_for
-- The orders that are sent for what comes back; which they are never changes.
SELECT DISTINCT exchange_order_id FROM exchanges WHERE return_id = ANY($1)

-- name: are_sent
-- Which of these orders are sent in exchange.
SELECT DISTINCT exchange_order_id FROM exchanges WHERE exchange_order_id = ANY($1)

-- name: order_of
SELECT order_id FROM returns WHERE return_id = $1

-- name: order_of_token
SELECT return_id FROM returns WHERE qr_token = $1

-- name: returns_by_id
SELECT return_id, order_id, number, status, outcome, handover, location_id, qr_token, tracking_number, refund_by,
    refund_minor, receipts, requested_at, received_at, closed_at, expires_at, collect_on
FROM returns WHERE return_id = ANY($1)

-- name: returns_of_orders
SELECT return_id, order_id, number, status, outcome, handover, location_id, qr_token, tracking_number, refund_by,
    refund_minor, receipts, requested_at, received_at, closed_at, expires_at, collect_on
FROM returns WHERE order_id = ANY($1) ORDER BY return_id

-- name: page
SELECT return_id, order_id, number, status, outcome, handover, location_id, qr_token, tracking_number, refund_by,
    refund_minor, receipts, requested_at, received_at, closed_at, expires_at, collect_on
FROM returns
WHERE return_id > $1 AND ($2::uuid IS NULL OR order_id = $2) AND ($3::text IS NULL OR status = $3)
    AND ($4::integer IS NULL OR location_id = $4)
ORDER BY return_id LIMIT $5

-- name: lines_of
SELECT return_id, line_no, sku_id, quantity, reason, reception, acceptance, disposition, received, accepted, rejected,
    missing, refund_minor
FROM return_lines WHERE return_id = ANY($1) ORDER BY return_id, line_no

-- name: move_on
-- The one door between the states of a return; a return that is not in one of the states $2 stays as it is.
UPDATE returns SET status = $3, location_id = $4, refund_by = $5, refund_minor = $6, receipts = $7, received_at = $8,
    closed_at = $9, expires_at = $10, tracking_number = $11
WHERE return_id = $1 AND status = ANY($2)

-- name: write_lines
UPDATE return_lines l SET reception = w.reception, acceptance = w.acceptance, disposition = w.disposition,
    received = w.received, accepted = w.accepted, rejected = w.rejected, missing = w.missing,
    refund_minor = w.refund_minor
FROM unnest($2::smallint[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::integer[], $8::integer[],
    $9::integer[], $10::bigint[])
    AS w(line_no, reception, acceptance, disposition, received, accepted, rejected, missing, refund_minor)
WHERE l.return_id = $1 AND l.line_no = w.line_no

-- name: put_points
-- What stands already stays untouched: the same file again changes no row.
INSERT INTO drop_off_points AS p
SELECT * FROM jsonb_to_recordset($1) AS n(carrier text, code text, name text, street text, postcode text, city text,
    country text, latitude double precision, longitude double precision, hours text, enabled boolean)
ORDER BY carrier, code
ON CONFLICT (carrier, code) DO UPDATE SET name = excluded.name, street = excluded.street, postcode = excluded.postcode,
    city = excluded.city, country = excluded.country, latitude = excluded.latitude, longitude = excluded.longitude,
    hours = excluded.hours, enabled = excluded.enabled
WHERE p IS DISTINCT FROM excluded

-- name: put_areas
INSERT INTO postcode_areas AS a
SELECT * FROM jsonb_to_recordset($1) AS n(country text, prefix text, latitude double precision, longitude double precision)
ORDER BY country, prefix
ON CONFLICT (country, prefix) DO UPDATE SET latitude = excluded.latitude, longitude = excluded.longitude
WHERE a IS DISTINCT FROM excluded

-- name: position
-- The first of these prefixes that is known.
SELECT latitude, longitude FROM postcode_areas WHERE country = $1 AND prefix = ANY($2)
ORDER BY array_position($2, prefix) LIMIT 1

-- name: nearest_points
-- By the plane that touches the earth at (latitude $3, longitude $4): right for what is near, and cheap for all.
SELECT carrier, code, name, street, postcode, city, country, latitude, longitude, hours, enabled FROM drop_off_points
WHERE country = $1 AND enabled AND ($2::text IS NULL OR carrier = $2)
ORDER BY (latitude - $3) ^ 2 + ((longitude - $4) * cos(radians($3))) ^ 2, carrier, code LIMIT $5

-- name: audit_units
-- Units of lines in the buckets of returns, against the lines of returns.
WITH told AS (
    SELECT order_id, line_no, sum(quantity - accepted - rejected - missing) AS open, sum(accepted) AS accepted
    FROM return_lines GROUP BY order_id, line_no
)
SELECT l.order_id || ' line ' || l.line_no AS example
FROM order_lines l LEFT JOIN told t USING (order_id, line_no)
WHERE (l.return_requested, l.returned) IS DISTINCT FROM (coalesce(t.open, 0)::integer, coalesce(t.accepted, 0)::integer)
ORDER BY 1

-- name: audit_receipts
-- What was decided on the units of a return, against the sums kept on its lines.
SELECT l.return_id || ' line ' || l.line_no AS example
FROM return_lines l LEFT JOIN return_receipts r USING (return_id, line_no)
GROUP BY l.return_id, l.line_no
HAVING (l.accepted, l.rejected, l.refund_minor) IS DISTINCT FROM (
    coalesce(sum(r.quantity) FILTER (WHERE r.acceptance = 'accepted'), 0)::integer,
    coalesce(sum(r.quantity) FILTER (WHERE r.acceptance = 'rejected'), 0)::integer, coalesce(sum(r.refund_minor), 0)::bigint)
ORDER BY 1

-- name: audit_refunds
-- Refunds asked of payments for returns, against what the returns say. Payments write their causes as we give them,
-- with `#2` and so on behind when one refund comes out of several captures; what goodwill gave before is set off.
SELECT r.return_id || ' refunds ' || r.refund_minor AS example
FROM returns r LEFT JOIN (SELECT DISTINCT exchange_order_id, order_id AS paid_by FROM exchanges) x
    ON x.exchange_order_id = r.order_id
LEFT JOIN payment_transactions t ON t.order_id = coalesce(x.paid_by, r.order_id) AND t.kind = 'refund'
    AND starts_with(t.cause, 'return:' || replace(r.return_id::text, '-', ''))
GROUP BY r.return_id, x.paid_by HAVING r.refund_minor <> coalesce(sum(t.amount_minor), 0) + coalesce((
    SELECT sum(o.amount_minor) FROM payment_offsets o
    WHERE o.order_id = coalesce(x.paid_by, r.order_id)
        AND starts_with(o.cause, 'return:' || replace(r.return_id::text, '-', ''))), 0) ORDER BY 1

-- name: audit_exchanges
-- What went over to goods that are sent in exchange, against what came back and what of the goods is still meant for the
-- customer. Not while something about the goods is still to be acted on.
SELECT e.return_id || ' line ' || e.line_no AS example
FROM exchanges e JOIN return_lines r USING (return_id, line_no)
JOIN order_lines l ON l.order_id = e.exchange_order_id AND l.line_no = e.exchange_line_no
WHERE e.accepted <> r.accepted
    OR NOT EXISTS (SELECT FROM events v WHERE v.order_id = e.exchange_order_id AND v.position IS NULL) AND (
        l.ordered - l.canceled - l.returned >= e.accepted AND e.refunded_minor > 0 AND e.accepted > 0
        OR l.ordered = l.canceled + l.returned AND e.refunded_minor <> e.value_minor + e.fee_minor)
ORDER BY 1

-- name: audit_exchange_holds
-- Goods kept for a customer until something comes back that will not come any more.
SELECT h.order_id::text AS example
FROM holds h
WHERE h.reason = 'awaiting_return' AND h.released_at IS NULL AND NOT EXISTS (
    SELECT FROM exchanges e JOIN returns r USING (return_id)
    WHERE e.exchange_order_id = h.order_id AND r.status IN ('requested', 'in_transit', 'received'))
ORDER BY 1

-- name: audit_work
-- Open returns that nothing will ever close.
SELECT r.return_id || ' ' || r.status AS example
FROM returns r
WHERE r.status IN ('requested', 'in_transit', 'received')
    AND NOT EXISTS (SELECT FROM jobs j WHERE j.kind = 'returns.expire' AND j.subject = r.return_id AND j.state = 'waiting')
    AND NOT EXISTS (SELECT FROM exceptions e WHERE e.subject = r.return_id AND e.resolved_at IS NULL)
ORDER BY 1
