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

-- What the pages list and search, entered after the message (contents.py). Empty text where there is nothing to say.
CREATE TABLE IF NOT EXISTS contents (
    message INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,              -- the addressee's
    addresses TEXT NOT NULL,
    subject TEXT NOT NULL,           -- or the beginning of a text message
    preview TEXT NOT NULL,
    order_number TEXT NOT NULL,
    language TEXT NOT NULL,
    sent_at TEXT NOT NULL,           -- the mail's own Date in UTC, ISO 8601
    about INTEGER NOT NULL,          -- 1: a text message, and the time is that of the mail before it
    words TEXT NOT NULL              -- what a search looks through
);

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

-- name: not_entered
SELECT * FROM messages WHERE id > (SELECT coalesce(max(message), 0) FROM contents) ORDER BY id LIMIT :most

-- name: last_time
SELECT sent_at FROM contents WHERE sent_at <> '' ORDER BY message DESC LIMIT 1

-- name: enter
INSERT INTO contents VALUES (
    :message, :kind, :name, :addresses, :subject, :preview, :order_number, :language, :sent_at, :about, :words
)

-- name: contents_of
SELECT * FROM contents WHERE message = :message

-- name: contents_before
SELECT * FROM contents
WHERE message < :before AND :kind IN ('', kind) AND instr(words, :words) > 0
  AND (:address = '' OR message IN (SELECT message FROM recipients WHERE address = :address))
ORDER BY message DESC LIMIT :most

-- name: contents_after
SELECT * FROM contents
WHERE message > :after AND :kind IN ('', kind) AND instr(words, :words) > 0
  AND (:address = '' OR message IN (SELECT message FROM recipients WHERE address = :address))
ORDER BY message LIMIT :most

-- name: contents_count
SELECT kind, count(*) AS total, count(*) FILTER (WHERE message > :top) AS above FROM contents
WHERE instr(words, :words) > 0
  AND (:address = '' OR message IN (SELECT message FROM recipients WHERE address = :address))
GROUP BY kind

-- name: places_of
SELECT mine.address, count(*) AS total, count(*) FILTER (WHERE each.message <= :message) AS nth,
       max(each.message) FILTER (WHERE each.message < :message) AS earlier,
       min(each.message) FILTER (WHERE each.message > :message) AS later
FROM recipients AS mine JOIN recipients AS each ON each.address = mine.address
WHERE mine.message = :message
GROUP BY mine.address ORDER BY mine.address

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

-- name: forget_contents
DELETE FROM contents
