-- Every message accepted, as it came. Nothing but `id` is unique for mail: a message sent twice stands here twice.
CREATE TABLE IF NOT EXISTS attempts (reference TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,              -- mail or sms
    reference TEXT NOT NULL,         -- Message-ID or Idempotency-Key
    sender TEXT NOT NULL,
    raw BLOB NOT NULL                -- the mail as it came, or the text's form
);
CREATE INDEX IF NOT EXISTS messages_by_reference ON messages (reference);

CREATE TABLE IF NOT EXISTS recipients (
    address TEXT NOT NULL,           -- in lower case
    message INTEGER NOT NULL,
    PRIMARY KEY (address, message)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS recipients_by_message ON recipients (message);

-- name: count_attempt
INSERT INTO attempts VALUES (:reference, 1) ON CONFLICT (reference) DO UPDATE SET count = count + 1

-- name: attempts_at
SELECT count FROM attempts WHERE reference = :reference

-- name: add_message
INSERT INTO messages (kind, reference, sender, raw) VALUES (:kind, :reference, :sender, :raw) RETURNING id

-- name: add_recipient
INSERT OR IGNORE INTO recipients VALUES (:address, :message)

-- name: sms_by_reference
SELECT id, raw FROM messages WHERE kind = 'sms' AND reference = :reference

-- name: by_id
SELECT * FROM messages WHERE id = :id

-- name: mailbox
SELECT * FROM messages WHERE id > :after ORDER BY id LIMIT :most

-- name: mailbox_of
SELECT messages.* FROM recipients JOIN messages ON messages.id = recipients.message
WHERE recipients.address = :address AND recipients.message > :after
ORDER BY messages.id LIMIT :most

-- name: recipients_of
SELECT address FROM recipients WHERE message = :message

-- name: totals
SELECT kind, count(*) AS accepted, count(DISTINCT reference) AS references_seen FROM messages GROUP BY kind

-- name: repeated
SELECT kind, reference, count(*) AS times FROM messages GROUP BY kind, reference HAVING count(*) > 1 ORDER BY reference

-- name: forget_attempts
DELETE FROM attempts

-- name: forget_messages
DELETE FROM messages

-- name: forget_recipients
DELETE FROM recipients
