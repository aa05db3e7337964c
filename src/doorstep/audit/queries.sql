-- name: one_snapshot
-- All checks of an audit see the same moment, so that what moves meanwhile is not counted twice or missed.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: waiting_without_supply
-- Units owed to a customer, and nothing that could bring them: no goods on their way, no hold, nobody told.
SELECT DISTINCT l.order_id FROM order_lines l JOIN orders o USING (order_id)
WHERE l.backordered + l.shortfall > 0 AND o.open_holds = 0
    AND NOT EXISTS (SELECT 1 FROM incoming i WHERE i.sku_id = l.sku_id AND i.received_at IS NULL AND i.canceled_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM exceptions e WHERE e.order_id = l.order_id AND e.resolved_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM events e WHERE e.order_id = l.order_id AND e.position IS NULL)

-- name: waiting_for_money
-- Orders that wait for a payment nobody is going to ask for.
SELECT o.order_id FROM orders o
WHERE o.awaiting_payment AND o.status IN ('open', 'on_hold') AND o.open_holds = 0
    AND NOT EXISTS (SELECT 1 FROM payment_transactions t JOIN jobs j ON j.subject = t.transaction_id
        WHERE t.order_id = o.order_id AND j.state = 'waiting')
    AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.subject = o.order_id AND j.state = 'waiting')
    AND NOT EXISTS (SELECT 1 FROM exceptions e WHERE e.order_id = o.order_id AND e.resolved_at IS NULL)

-- name: poisoned_unseen
-- Jobs that were given up, and no exception that shows it.
SELECT j.kind, j.subject FROM jobs j
WHERE j.state = 'poisoned' AND NOT EXISTS (
    SELECT 1 FROM exceptions e WHERE e.kind = 'job_poisoned' AND e.subject = j.subject AND e.resolved_at IS NULL)

-- name: parked_unseen
-- Events a reaction could not digest, and no exception that shows it.
SELECT p.reaction, p.position FROM parked p JOIN events v ON v.position = p.position
WHERE NOT EXISTS (SELECT 1 FROM exceptions e
    WHERE e.kind = 'reaction_failed' AND e.subject = v.event_id AND e.resolved_at IS NULL)

-- name: done_but_open
-- Completed or canceled orders that still hold stock.
SELECT DISTINCT o.order_id FROM orders o JOIN reservations r USING (order_id)
WHERE o.status IN ('completed', 'canceled') AND r.open > 0

-- name: all_arrived_but_open
-- Orders with nothing left to move that are still called open.
SELECT o.order_id FROM orders o JOIN order_lines l USING (order_id)
WHERE o.status = 'open' GROUP BY o.order_id
HAVING sum(l.ordered - l.canceled - l.delivered - l.returned) = 0

-- name: money_kept
-- Captured less refunded is the price of the goods the customer keeps, with the shipping fee as long as any is kept, less
-- the goodwill that no later refund was lowered by.
-- To the cent: captures and refunds move along the same cumulative shares (LineRow.value). Left
-- out: orders whose money is on its way or in a person's hands. What came back for an exchange counts as kept as long as
-- what was sent for it is.
WITH kept AS (
    SELECT l.order_id, sum(l.shipped + l.delivered + l.return_requested)::bigint AS units,
        sum(t.total_minor * (l.shipped + l.delivered + l.return_requested) / l.ordered)::bigint AS goods_minor
    FROM order_lines l CROSS JOIN LATERAL (
        SELECT l.unit_price_minor * l.ordered - l.discount_minor + l.tax_minor + coalesce(sum(s.fee_minor), 0)::bigint AS total_minor
        FROM line_services s WHERE s.order_id = l.order_id AND s.line_no = l.line_no) t
    GROUP BY l.order_id
), exchanged AS (
    SELECT order_id, sum(value_minor + fee_minor - refunded_minor)::bigint AS minor FROM exchanges GROUP BY order_id
)
SELECT p.order_id FROM payments p JOIN kept k USING (order_id) JOIN orders o USING (order_id) LEFT JOIN exchanged x USING (order_id)
CROSS JOIN LATERAL (
    SELECT coalesce((SELECT sum(t.amount_minor) FROM payment_transactions t WHERE t.order_id = p.order_id
            AND t.kind = 'refund' AND t.status = 'approved' AND starts_with(t.cause, 'goodwill:')), 0)::bigint
        - coalesce((SELECT sum(s.amount_minor) FROM payment_offsets s WHERE s.order_id = p.order_id), 0)::bigint AS minor) g
WHERE p.captured_minor - p.refunded_minor + g.minor <> k.goods_minor + CASE WHEN k.units > 0 THEN o.shipping_minor ELSE 0 END
        + coalesce(x.minor, 0)
    AND NOT EXISTS (SELECT 1 FROM payment_transactions t WHERE t.order_id = p.order_id AND t.status = 'wanted')
    AND NOT EXISTS (SELECT 1 FROM exceptions e WHERE e.order_id = p.order_id AND e.resolved_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM events e WHERE e.order_id = p.order_id AND e.position IS NULL)
    AND NOT EXISTS (SELECT 1 FROM exchanges s JOIN events e ON e.order_id = s.exchange_order_id
        WHERE s.order_id = p.order_id AND e.position IS NULL)
    AND NOT EXISTS (SELECT 1 FROM parked q WHERE q.order_id = p.order_id)
