-- name: head
-- What the page says about the order itself. `version` moves on whenever anything happens to the order.
SELECT o.order_id, o.number, o.placed_at, o.promised_by, o.event_seq AS version, o.service, o.status,
    o.fulfillment_status, o.awaiting_payment, o.currency, o.total_minor, o.shipping_minor,
    coalesce(p.locale, c.locale) AS locale, b.title AS shop, s.title AS service_title, clock_now() AS now,
    coalesce((SELECT l.timezone FROM locations l WHERE l.enabled ORDER BY l.priority, l.location_id LIMIT 1), 'UTC')
        AS timezone,
    ARRAY(SELECT h.reason FROM holds h WHERE h.order_id = o.order_id AND h.released_at IS NULL) AS holds,
    x.number AS exchange_of, x.order_id AS exchange_of_id
FROM orders o JOIN contacts c USING (contact_id) JOIN doorstep.brands b ON b.brand = current_schema()
LEFT JOIN contact_preferences p USING (order_id) LEFT JOIN services s ON s.service = o.service
LEFT JOIN LATERAL (
    SELECT n.number, n.order_id FROM exchanges e JOIN orders n ON n.order_id = e.order_id
    WHERE e.exchange_order_id = o.order_id LIMIT 1) x ON true
WHERE o.order_id = $1

-- name: address_in_doubt
SELECT EXISTS (SELECT 1 FROM holds WHERE order_id = $1 AND reason = 'incorrect_address' AND released_at IS NULL)

-- name: version
SELECT event_seq FROM orders WHERE order_id = $1

-- name: shop
SELECT title FROM doorstep.brands WHERE brand = current_schema()

-- name: find
-- An order by its number and something only its customer knows: letters and digits are compared, without case.
SELECT o.order_id FROM orders o JOIN contacts c USING (contact_id) JOIN addresses a USING (address_id)
WHERE o.number = $1 AND $2 <> '' AND $2 IN (
    lower(regexp_replace(coalesce(c.email, ''), '\W', '', 'g')), lower(regexp_replace(a.postcode, '\W', '', 'g')))
ORDER BY o.order_id DESC LIMIT 1

-- name: queue_at
-- One answer at a time at a door, or many at once would all be counted as the last.
SELECT pg_advisory_xact_lock(hashtext('doorstep.door'), hashtext(current_schema() || '/' || door))
FROM (SELECT door FROM unnest($1::text[]) AS door ORDER BY door OFFSET 0) doors

-- name: wrong_answers
SELECT coalesce(max(answers), 0) FROM (SELECT count(*) AS answers FROM wrong_answers
    WHERE door = ANY($1) AND answered_at > clock_timestamp() - $2::interval GROUP BY door) counted

-- name: answered_wrong
INSERT INTO wrong_answers (door) SELECT unnest($1::text[])
