-- The sandbox gateway's memory. Amounts are minor units.
CREATE TABLE IF NOT EXISTS attempts (reference TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS transactions (
    reference TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,         -- our name for it
    kind TEXT NOT NULL,
    parent TEXT,                     -- id of the authorization of a capture or void, of the capture of a refund
    order_number TEXT NOT NULL,
    token TEXT NOT NULL,
    currency TEXT NOT NULL,
    approved INTEGER NOT NULL,
    asked BLOB NOT NULL,             -- kind and body, to tell a replay from another wish
    answered BLOB NOT NULL           -- the Transaction as JSON
);
CREATE INDEX IF NOT EXISTS transactions_by_order ON transactions (order_number, token);

-- Money that moved. Nothing is unique here on purpose: moving it twice would show.
CREATE TABLE IF NOT EXISTS movements (
    number INTEGER PRIMARY KEY,
    reference TEXT NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,            -- id of the authorization or capture that the money comes out of
    order_number TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0)
);
CREATE INDEX IF NOT EXISTS movements_by_source ON movements (source, kind);
CREATE INDEX IF NOT EXISTS movements_by_reference ON movements (reference);

-- name: count_attempt
INSERT INTO attempts VALUES (:reference, 1) ON CONFLICT (reference) DO UPDATE SET count = count + 1

-- name: attempts_at
SELECT count FROM attempts WHERE reference = :reference

-- name: by_reference
SELECT * FROM transactions WHERE reference = :reference

-- name: by_id
SELECT * FROM transactions WHERE id = :id AND kind = :kind

-- name: declined_before
SELECT count(*) AS count FROM transactions
WHERE order_number = :order_number AND token = :token AND kind = 'authorization' AND approved = 0

-- name: moved
SELECT coalesce(sum(amount), 0) AS amount FROM movements WHERE source = :source AND kind = :kind

-- name: voided
SELECT count(*) AS count FROM movements WHERE source = :source AND kind = 'void'

-- name: add_transaction
INSERT INTO transactions
VALUES (:reference, :id, :kind, :parent, :order_number, :token, :currency, :approved, :asked, :answered)

-- name: add_movement
INSERT INTO movements (reference, kind, source, order_number, currency, amount)
VALUES (:reference, :kind, :source, :order_number, :currency, :amount)

-- name: ledger
SELECT reference, id, kind, parent, order_number, currency, approved,
    json_extract(answered, '$.amount') AS amount_minor,
    (SELECT count(*) FROM movements WHERE movements.reference = transactions.reference) AS executions,
    coalesce((SELECT count FROM attempts WHERE attempts.reference = transactions.reference), 0) AS attempts
FROM transactions ORDER BY reference

-- name: orders
SELECT order_number, currency,
    sum(amount) FILTER (WHERE kind = 'authorization') AS authorized_minor,
    sum(amount) FILTER (WHERE kind = 'capture') AS captured_minor,
    sum(amount) FILTER (WHERE kind = 'refund') AS refunded_minor,
    sum(amount) FILTER (WHERE kind = 'void') AS voided_minor
FROM movements GROUP BY order_number, currency ORDER BY order_number, currency

-- name: totals
SELECT currency,
    count(*) FILTER (WHERE kind = 'authorization') AS authorizations,
    count(*) FILTER (WHERE kind = 'capture') AS captures,
    count(*) FILTER (WHERE kind = 'refund') AS refunds,
    count(*) FILTER (WHERE kind = 'void') AS voids,
    coalesce(sum(amount) FILTER (WHERE kind = 'authorization'), 0) AS authorized_minor,
    coalesce(sum(amount) FILTER (WHERE kind = 'capture'), 0) AS captured_minor,
    coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded_minor,
    coalesce(sum(amount) FILTER (WHERE kind = 'void'), 0) AS voided_minor
FROM movements GROUP BY currency ORDER BY currency

-- name: forget_attempts
DELETE FROM attempts

-- name: forget_transactions
DELETE FROM transactions

-- name: forget_movements
DELETE FROM movements
