-- The sandbox carrier's memory. Moments are milliseconds since 1970 UTC.
CREATE TABLE IF NOT EXISTS attempts (reference TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS labels (
    reference TEXT PRIMARY KEY,
    tracking_number TEXT NOT NULL UNIQUE,
    ordered BLOB NOT NULL,           -- the ShipmentOrder as JSON
    price_minor INTEGER NOT NULL,
    canceled INTEGER NOT NULL DEFAULT 0,
    handed_over_ms INTEGER
);

-- Where the driver comes for a parcel, and when.
CREATE TABLE IF NOT EXISTS collections (
    reference TEXT PRIMARY KEY,
    collect_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- What we charge for. Nothing is unique here on purpose: buying twice would show.
CREATE TABLE IF NOT EXISTS purchases (
    id INTEGER PRIMARY KEY,
    reference TEXT NOT NULL,
    price_minor INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS purchases_by_reference ON purchases (reference);

-- What we have to tell. An event may stand here twice: some are told twice.
CREATE TABLE IF NOT EXISTS tellings (
    id INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    tell_ms INTEGER NOT NULL,
    event BLOB NOT NULL,
    accepted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS tellings_due ON tellings (accepted, tell_ms, id);

CREATE INDEX IF NOT EXISTS tellings_by_event ON tellings (event_id);

CREATE TABLE IF NOT EXISTS tally (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;

-- name: count_attempt
INSERT INTO attempts VALUES (:reference, 1) ON CONFLICT (reference) DO UPDATE SET count = count + 1

-- name: attempts_at
SELECT count FROM attempts WHERE reference = :reference

-- name: label_by_reference
SELECT * FROM labels WHERE reference = :reference

-- name: label_by_tracking
SELECT * FROM labels WHERE tracking_number = :tracking_number

-- name: add_label
INSERT INTO labels (reference, tracking_number, ordered, price_minor)
VALUES (:reference, :tracking_number, :ordered, :price_minor)

-- name: add_purchase
INSERT INTO purchases (reference, price_minor) VALUES (:reference, :price_minor)

-- name: cancel_label
UPDATE labels SET canceled = 1 WHERE reference = :reference

-- name: hand_over
UPDATE labels SET handed_over_ms = :handed_over_ms WHERE reference = :reference

-- name: add_collection
INSERT INTO collections VALUES (:reference, :collect_ms)

-- name: collections_due
SELECT tracking_number, collect_ms FROM collections JOIN labels USING (reference)
WHERE collect_ms <= :now_ms AND canceled = 0 AND handed_over_ms IS NULL ORDER BY collect_ms, reference

-- name: add_telling
INSERT INTO tellings (event_id, tell_ms, event) VALUES (:event_id, :tell_ms, :event)

-- name: due
SELECT id, tell_ms, event FROM tellings
WHERE accepted = 0 AND tell_ms <= :now_ms AND (tell_ms, id) > (:after_ms, :after_id)
ORDER BY tell_ms, id LIMIT :most

-- name: tellings_of
-- Of one parcel: an event's name begins with its number. In the order of telling.
SELECT id, tell_ms, event, accepted FROM tellings
WHERE event_id > 'ev_' || :tracking_number || '_' AND event_id < 'ev_' || :tracking_number || '`' ORDER BY tell_ms, id

-- name: drop_what_follows
DELETE FROM tellings WHERE accepted = 0 AND tell_ms > :now_ms
    AND event_id > 'ev_' || :tracking_number || '_' AND event_id < 'ev_' || :tracking_number || '`'

-- name: parcels
-- Newest first, from before a row; whatever is sought in the number, the reference or the addresses.
SELECT labels.rowid AS number, * FROM labels
WHERE (:before = 0 OR labels.rowid < :before) AND (:sought = '' OR instr(lower(tracking_number), :sought)
    OR instr(lower(reference), :sought) OR instr(lower(CAST(ordered AS TEXT)), :sought))
ORDER BY labels.rowid DESC LIMIT :most

-- name: accept
UPDATE tellings SET accepted = 1 WHERE id = :id

-- name: due_left
SELECT count(*) AS count FROM tellings WHERE accepted = 0 AND tell_ms <= :now_ms

-- name: next_due
SELECT min(tell_ms) AS tell_ms FROM tellings WHERE accepted = 0 AND tell_ms > :now_ms

-- name: count
INSERT INTO tally VALUES (:name, :by) ON CONFLICT (name) DO UPDATE SET count = count + :by

-- name: tally
SELECT name, count FROM tally

-- name: ledger
SELECT reference, tracking_number, canceled, handed_over_ms, labels.price_minor,
    json_extract(ordered, '$.return_shipment') AS is_return, json_extract(ordered, '$.collection_date') AS collection_date,
    (SELECT count(*) FROM purchases WHERE purchases.reference = labels.reference) AS purchases,
    coalesce((SELECT count FROM attempts WHERE attempts.reference = labels.reference), 0) AS attempts
FROM labels ORDER BY reference

-- name: totals
SELECT (SELECT count(*) FROM labels) AS labels,
    (SELECT count(*) FROM labels WHERE canceled = 1) AS canceled,
    (SELECT count(*) FROM labels WHERE handed_over_ms IS NOT NULL) AS handed_over,
    (SELECT count(*) FROM purchases) AS purchases,
    (SELECT coalesce(sum(price_minor), 0) FROM purchases) AS charged_minor,
    (SELECT count(*) FROM tellings) AS tellings,
    (SELECT count(DISTINCT event_id) FROM tellings) AS events,
    (SELECT count(*) FROM tellings WHERE accepted = 1) AS accepted

-- name: forget_attempts
DELETE FROM attempts

-- name: forget_labels
DELETE FROM labels

-- name: forget_purchases
DELETE FROM purchases

-- name: forget_tellings
DELETE FROM tellings

-- name: forget_tally
DELETE FROM tally

-- name: forget_collections
DELETE FROM collections
