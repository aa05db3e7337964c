-- The brand's clock: one row, so that every process agrees what time it is, also when a rehearsal runs fast.
CREATE TABLE clock (
    -- This prevents two clocks.
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    wall_from timestamptz NOT NULL,
    clock_from timestamptz NOT NULL,
    rate double precision NOT NULL DEFAULT 1 CHECK (rate >= 0)
);
INSERT INTO clock (wall_from, clock_from, rate) VALUES ('2000-01-01Z', '2000-01-01Z', 1);

CREATE FUNCTION clock_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT clock_from + (clock_timestamp() - wall_from) * rate FROM clock
$$;

-- Answers already given to commands without a natural key; kept as long as a caller may retry, then pruned.
CREATE TABLE commands (
    -- This prevents a retried command from acting twice.
    key text PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 200),
    route text NOT NULL,
    body_hash bytea NOT NULL,
    status smallint,
    answer bytea,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX commands_prune ON commands (recorded_at);

-- Wrong answers at a door without a key (an order's step-up, a look-up by number), counted so that nobody can try them all.
CREATE TABLE wrong_answers (
    door text NOT NULL CHECK (length(door) BETWEEN 1 AND 100),
    answered_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX wrong_answers_door ON wrong_answers (door, answered_at);
CREATE INDEX wrong_answers_prune ON wrong_answers (answered_at);

-- The console's first-run guide, and what was said in it for its later steps: one row from its first step on.
CREATE TABLE guide (
    -- This prevents two guides.
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    country text CHECK (country ~ '^[A-Z]{2}$'),
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    timezone text,
    ended_at timestamptz
);

-- How the shop looks to its customers, on their pages and in mails: a color and a small picture, each null for none.
CREATE TABLE look (
    -- This prevents two looks.
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    -- This prevents a style sheet from holding anything but a color here.
    accent text CHECK (accent ~ '^#[0-9a-f]{6}$'),
    logo bytea CHECK (octet_length(logo) BETWEEN 1 AND 300000),
    -- This prevents a picture that can hold a script (SVG), or a page in the guise of one.
    logo_type text CHECK (logo_type IN ('image/png', 'image/jpeg')),
    CHECK ((logo IS NULL) = (logo_type IS NULL))
);
INSERT INTO look DEFAULT VALUES;
