-- Files that say what is on the shelves of locations: all of it (full), or only what changed there (delta).
CREATE TABLE feeds (
    feed_id uuid PRIMARY KEY,
    -- This prevents a feed sent twice from being taken for two.
    reference text NOT NULL UNIQUE CHECK (length(reference) BETWEEN 1 AND 100),
    kind text NOT NULL CHECK (kind IN ('full', 'delta')),
    -- Each time the file is sent anew, as long as it never came to its end; rows of feed_rows belong to one attempt.
    attempt bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    -- As the sender asked: apply at once or only compare; refuse any bad row, or so many percent; empty shelves at all costs.
    applies boolean NOT NULL,
    strict boolean NOT NULL,
    most_bad_percent smallint NOT NULL CHECK (most_bad_percent BETWEEN 0 AND 100),
    allow_zeroing boolean NOT NULL,
    -- The moment of which the file speaks, on the brand's clock.
    as_of timestamptz NOT NULL,
    actor text NOT NULL,
    -- The locations it speaks of, in order.
    location_ids integer[] NOT NULL,
    state text NOT NULL DEFAULT 'receiving' CHECK (state IN
        ('receiving', 'waiting', 'checking', 'checked', 'refused', 'applying', 'done', 'failed', 'canceled')),
    -- Why it was refused or failed, as a word for programs.
    problem text,
    -- SHA-256 of what was sent, once all of it is here.
    digest bytea,
    rows_read integer NOT NULL DEFAULT 0,
    rows_bad integer NOT NULL DEFAULT 0,
    -- Bad rows of which not even the SKU and location are known; then nothing that is left out is taken for gone.
    rows_unreadable integer NOT NULL DEFAULT 0,
    rows_unchanged integer NOT NULL DEFAULT 0,
    -- What is to be changed: rows that differ, and keys a full feed leaves out though units are there.
    rows_changed integer NOT NULL DEFAULT 0,
    left_out integer NOT NULL DEFAULT 0,
    units_left_out bigint NOT NULL DEFAULT 0,
    units_before bigint NOT NULL DEFAULT 0,
    -- How far it was applied: the last key, and how the rows up to there came out.
    done_sku_id integer NOT NULL DEFAULT 0,
    done_location_id integer NOT NULL DEFAULT 0,
    rows_applied integer NOT NULL DEFAULT 0,
    rows_skipped integer NOT NULL DEFAULT 0,
    units_up bigint NOT NULL DEFAULT 0,
    units_down bigint NOT NULL DEFAULT 0,
    begun_at timestamptz NOT NULL,
    ended_at timestamptz,
    touched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- This prevents a feed from having ended without its time, or the other way round.
    CHECK ((ended_at IS NULL) = (state NOT IN ('done', 'failed', 'canceled')))
);
-- Those under way: few, looked for often.
CREATE INDEX feeds_open ON feeds (feed_id) WHERE state IN ('receiving', 'waiting', 'checking', 'applying');

-- The rows of a file on their way in. Not in the write-ahead log: what a crash of PostgreSQL takes here is sent again.
CREATE UNLOGGED TABLE feed_rows (
    attempt bigint NOT NULL,
    line integer NOT NULL,
    location_id integer NOT NULL,
    sku text NOT NULL,
    -- Nothing: the row is bad, but its key is known, and so is not left out.
    on_hand integer
);

-- Rows that could not be taken, by line of the file; of very many only the first are kept.
CREATE TABLE feed_bad (
    feed_id uuid NOT NULL REFERENCES feeds,
    line integer NOT NULL,
    reason text NOT NULL CHECK (reason IN ('unknown_sku', 'unknown_location', 'other_location', 'not_a_number', 'negative',
        'too_large', 'twice', 'encoding', 'columns', 'nul', 'too_long', 'quotes', 'not_json', 'no_sku')),
    -- The beginning of what stands there, for the person who looks for it.
    said text NOT NULL CHECK (length(said) <= 200),
    -- This prevents a line from being told as bad twice.
    PRIMARY KEY (feed_id, line)
);

-- Where a feed and the book differ as of the feed's moment: what is to be changed, in the order in which stock is locked.
CREATE TABLE feed_changes (
    feed_id uuid NOT NULL REFERENCES feeds,
    sku_id integer NOT NULL,
    location_id integer NOT NULL,
    -- Nothing: the feed leaves the key out.
    line integer,
    theirs integer NOT NULL,
    ours integer NOT NULL,
    -- Only what came out otherwise than by being applied in turn.
    outcome text CHECK (outcome IN ('kept', 'equal', 'counted_since', 'below_claims', 'below_zero', 'too_large')),
    PRIMARY KEY (feed_id, sku_id, location_id)
);
CREATE INDEX feed_changes_outcome ON feed_changes (feed_id, outcome) WHERE outcome IS NOT NULL;

-- Whose turn it is at a location.
CREATE TABLE feed_turns (
    -- This prevents two feeds of one location from being applied at the same time.
    location_id integer PRIMARY KEY REFERENCES locations,
    feed_id uuid REFERENCES feeds
);
