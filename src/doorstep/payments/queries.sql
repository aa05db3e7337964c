-- name: open_payments
-- The agreed total and the means of payment stand on the order's row, written when it was placed.
INSERT INTO payments (order_id, currency, total_minor, due_minor)
SELECT order_id, currency, total_minor, total_minor FROM orders WHERE order_id = ANY($1) ORDER BY order_id
ON CONFLICT (order_id) DO NOTHING

-- name: lock_payments
SELECT order_id FROM payments WHERE order_id = ANY($1) ORDER BY order_id FOR NO KEY UPDATE

-- name: books
-- After lock_payments, in a statement of its own: a snapshot taken before the lock would not see what was asked meanwhile.
SELECT p.order_id, p.currency, p.total_minor, p.due_minor, p.authorized_minor, p.captured_minor, p.refunded_minor,
    p.voided_minor, t.capturing_minor, t.voiding_minor, t.authorization_id
FROM payments p CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount_minor) FILTER (WHERE kind = 'capture' AND status = 'wanted'), 0)::bigint AS capturing_minor,
        coalesce(sum(amount_minor) FILTER (WHERE kind = 'void' AND status IN ('wanted', 'failed')), 0)::bigint
            AS voiding_minor,
        (array_agg(transaction_id) FILTER (WHERE kind = 'authorize' AND status = 'approved'))[1] AS authorization_id
    FROM payment_transactions t WHERE t.order_id = p.order_id) t
WHERE p.order_id = ANY($1)

-- name: means
SELECT order_id, number, payment_token AS token, payment_reference AS reference FROM orders WHERE order_id = ANY($1)

-- name: asked_before
SELECT cause FROM payment_transactions WHERE kind = $1 AND cause = ANY($2)

-- name: payers
-- Reads upwards, on purpose: what was sent in exchange was paid with the order whose goods came back.
SELECT DISTINCT exchange_order_id, order_id FROM exchanges WHERE exchange_order_id = ANY($1)

-- name: captures
-- What a refund may come out of. A failed refund keeps its part: a person may yet say retry.
SELECT c.transaction_id, c.order_id, c.cause, (c.amount_minor - coalesce(sum(r.amount_minor), 0))::bigint AS left_minor
FROM payment_transactions c
LEFT JOIN payment_transactions r ON r.order_id = c.order_id AND r.against = c.transaction_id AND r.kind = 'refund'
    AND r.status IN ('wanted', 'approved', 'failed')
WHERE c.order_id = ANY($1) AND c.kind = 'capture' AND c.status IN ('wanted', 'approved')
GROUP BY c.transaction_id ORDER BY c.transaction_id

-- name: set_off
-- What goodwill has given back, and no refund was lowered by yet, lowers this one. Again it answers the same.
INSERT INTO payment_offsets (cause, order_id, amount_minor)
SELECT $2, $1, least($3::bigint, g.free) FROM (
    SELECT coalesce((SELECT sum(amount_minor) FROM payment_transactions
            WHERE order_id = $1 AND kind = 'refund' AND starts_with(cause, 'goodwill:')
                AND status IN ('wanted', 'approved', 'failed')), 0)::bigint
        - coalesce((SELECT sum(amount_minor) FROM payment_offsets WHERE order_id = $1 AND cause <> $2), 0)::bigint AS free) g
WHERE g.free > 0
ON CONFLICT (cause) DO UPDATE SET cause = excluded.cause
RETURNING amount_minor

-- name: want
INSERT INTO payment_transactions (transaction_id, order_id, kind, cause, against, amount_minor, currency, wanted_at)
SELECT *, $8 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::text[])
ON CONFLICT ON CONSTRAINT payment_transactions_once DO NOTHING
RETURNING transaction_id

-- name: report
-- An authorization the channel made: it is there already, nobody is called.
INSERT INTO payment_transactions (transaction_id, order_id, kind, cause, amount_minor, currency, status, gateway_reference,
    wanted_at, settled_at)
SELECT n.transaction_id, n.order_id, 'authorize', n.cause, n.amount_minor, n.currency, 'approved', n.reference, $7, $7
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[])
    AS n (transaction_id, order_id, cause, amount_minor, currency, reference)
ON CONFLICT ON CONSTRAINT payment_transactions_once DO NOTHING
RETURNING transaction_id

-- name: hold_reported
UPDATE payments p SET authorized_minor = p.authorized_minor + t.amount_minor
FROM payment_transactions t WHERE t.transaction_id = ANY($1) AND p.order_id = t.order_id

-- name: reduce
WITH new AS (
    INSERT INTO payment_reductions (change_id, order_id, amount_minor)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[])
    ON CONFLICT (change_id) DO NOTHING RETURNING order_id, amount_minor
)
UPDATE payments p SET due_minor = greatest(0, p.due_minor - n.amount_minor)
FROM (SELECT order_id, sum(amount_minor)::bigint AS amount_minor FROM new GROUP BY order_id) n
WHERE p.order_id = n.order_id

-- name: intents
-- One after the other, each by its index, whatever PostgreSQL thinks of the sizes of the tables.
SELECT t.transaction_id, t.order_id, t.kind, t.status, t.amount_minor, t.currency, t.cause, o.number,
    o.payment_token AS token, p.due_minor, b.gateway_reference AS against, b.status AS against_status,
    (SELECT min(f.wanted_at) FROM (SELECT * FROM payment_transactions f WHERE f.order_id = t.order_id OFFSET 0) f
        WHERE f.kind = 'authorize') AS first_at
FROM unnest($1::uuid[]) AS n (transaction_id)
CROSS JOIN LATERAL (SELECT * FROM payment_transactions t WHERE t.transaction_id = n.transaction_id OFFSET 0) t
CROSS JOIN LATERAL (SELECT * FROM payments p WHERE p.order_id = t.order_id OFFSET 0) p
CROSS JOIN LATERAL (SELECT number, payment_token FROM orders o WHERE o.order_id = t.order_id OFFSET 0) o
LEFT JOIN LATERAL (SELECT * FROM payment_transactions b WHERE b.transaction_id = t.against OFFSET 0) b ON true

-- name: move_money
-- After lock_payments, which puts everything about an order's money in line.
UPDATE payments p SET authorized_minor = p.authorized_minor + m.authorized, captured_minor = p.captured_minor + m.captured,
    refunded_minor = p.refunded_minor + m.refunded, voided_minor = p.voided_minor + m.voided,
    declines = p.declines + m.declines
FROM (SELECT order_id, coalesce(sum(amount_minor) FILTER (WHERE kind = 'authorize'), 0)::bigint AS authorized,
        coalesce(sum(amount_minor) FILTER (WHERE kind = 'capture'), 0)::bigint AS captured,
        coalesce(sum(amount_minor) FILTER (WHERE kind = 'refund'), 0)::bigint AS refunded,
        coalesce(sum(amount_minor) FILTER (WHERE kind = 'void'), 0)::bigint AS voided, sum(declines)::smallint AS declines
    FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::smallint[]) AS n (order_id, kind, amount_minor, declines)
    GROUP BY order_id) m
WHERE p.order_id = m.order_id
RETURNING p.order_id, p.declines, p.due_minor

-- name: settle
UPDATE payment_transactions t SET status = $4, gateway_reference = n.reference, code = n.code, settled_at = $5
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n (transaction_id, reference, code)
WHERE t.transaction_id = n.transaction_id AND t.status = ANY($6)

-- name: want_again
UPDATE payment_transactions SET status = 'wanted', code = NULL, settled_at = NULL
WHERE transaction_id = $1 AND status = ANY($2)
RETURNING order_id

-- name: balance
SELECT order_id, currency, total_minor, due_minor, authorized_minor, captured_minor, refunded_minor, voided_minor, declines
FROM payments WHERE order_id = ANY($1)

-- name: history
SELECT transaction_id, kind, status, amount_minor, currency, cause, gateway_reference, code, wanted_at, settled_at
FROM payment_transactions WHERE order_id = $1 ORDER BY transaction_id

-- name: order_money
-- An order whose payments are not opened yet (that follows placing by a moment) owes its total.
SELECT o.order_id, o.currency, coalesce(p.total_minor, o.total_minor) AS total_minor,
    coalesce(p.due_minor, o.total_minor) AS due_minor, coalesce(p.authorized_minor, 0) AS authorized_minor,
    coalesce(p.captured_minor, 0) AS captured_minor, coalesce(p.refunded_minor, 0) AS refunded_minor,
    coalesce(p.voided_minor, 0) AS voided_minor, coalesce(p.declines, 0) AS declines
FROM orders o LEFT JOIN payments p USING (order_id) WHERE o.order_id = $1

-- name: audit_sums
SELECT p.order_id FROM payments p LEFT JOIN (
    SELECT order_id, sum(amount_minor) FILTER (WHERE kind = 'authorize') AS authorized,
        sum(amount_minor) FILTER (WHERE kind = 'capture') AS captured,
        sum(amount_minor) FILTER (WHERE kind = 'refund') AS refunded,
        sum(amount_minor) FILTER (WHERE kind = 'void') AS voided
    FROM payment_transactions WHERE status = 'approved' GROUP BY order_id) t USING (order_id)
WHERE (p.authorized_minor, p.captured_minor, p.refunded_minor, p.voided_minor) IS DISTINCT FROM
    (coalesce(t.authorized, 0), coalesce(t.captured, 0), coalesce(t.refunded, 0), coalesce(t.voided, 0))

-- name: audit_due
SELECT p.order_id FROM payments p LEFT JOIN (
    SELECT order_id, sum(amount_minor) AS reduced FROM payment_reductions GROUP BY order_id) r USING (order_id)
WHERE p.due_minor <> p.total_minor - coalesce(r.reduced, 0) OR p.captured_minor > p.due_minor

-- name: audit_refunds
SELECT c.transaction_id FROM payment_transactions c
JOIN payment_transactions r ON r.against = c.transaction_id AND r.kind = 'refund' AND r.status = 'approved'
WHERE c.kind = 'capture' GROUP BY c.transaction_id
HAVING c.status <> 'approved' OR sum(r.amount_minor) > c.amount_minor

-- name: audit_held
-- Everything due was taken, nothing is on its way, and yet some of the authorization is neither taken nor let go.
SELECT p.order_id FROM payments p
WHERE p.captured_minor >= p.due_minor AND p.authorized_minor > p.captured_minor + p.voided_minor
    AND NOT EXISTS (SELECT 1 FROM payment_transactions t WHERE t.order_id = p.order_id AND t.status = 'wanted')
    AND NOT EXISTS (SELECT 1 FROM payment_transactions t JOIN exceptions e ON e.subject = t.transaction_id
        AND e.resolved_at IS NULL WHERE t.order_id = p.order_id)

-- name: audit_idle
SELECT t.transaction_id FROM payment_transactions t
LEFT JOIN jobs j ON j.kind = $1 AND j.subject = t.transaction_id
LEFT JOIN exceptions e ON e.subject = t.transaction_id AND e.resolved_at IS NULL
WHERE (t.status = 'wanted' AND j.state IS DISTINCT FROM 'waiting' AND e.exception_id IS NULL)
    OR (t.status = 'failed' AND e.exception_id IS NULL AND NOT EXISTS (
        SELECT 1 FROM exceptions r WHERE r.subject = t.transaction_id AND r.kind = 'payment_failed'))
