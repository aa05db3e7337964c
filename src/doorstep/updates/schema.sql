-- On whose terms we speak. One row an order; without one, defaults apply (e-mail, everything, any hour).
CREATE TABLE contact_preferences (
    order_id uuid PRIMARY KEY,
    channel text NOT NULL DEFAULT 'email' CHECK (channel IN ('email', 'sms', 'both', 'none')),
    -- Events wanted; empty = all.
    events text[] NOT NULL DEFAULT '{}',
    only_if_late boolean NOT NULL DEFAULT false,
    quiet_from time,
    quiet_until time,
    timezone text NOT NULL DEFAULT 'UTC',
    locale text,
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL))
);

-- Each row is an intent to tell a customer something; its id makes the Message-ID. `data` holds facts, nobody's name.
CREATE TABLE updates (
    update_id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    event_id uuid NOT NULL,
    kind text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    locale text NOT NULL,
    data jsonb NOT NULL,
    bad_news boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'wanted' CHECK (status IN ('wanted', 'sent', 'refused', 'suppressed')),
    -- Why it was not said: the customer's wish, or no address to say it to.
    suppressed_because text,
    wanted_at timestamptz NOT NULL,
    sent_at timestamptz,
    -- This prevents telling the same thing twice over one channel.
    CONSTRAINT updates_told_once UNIQUE (event_id, kind, channel),
    CHECK ((status = 'sent') = (sent_at IS NOT NULL)),
    -- This prevents silence without a reason.
    CHECK ((status = 'suppressed') = (suppressed_because IS NOT NULL))
);
CREATE INDEX updates_order ON updates (order_id);

-- A brand's own words for a message: one row a kind and language; a part that is null stays ours.
CREATE TABLE wordings (
    kind text NOT NULL,
    language text NOT NULL CHECK (language ~ '^[a-z]{2}$'),
    subject text CHECK (length(subject) BETWEEN 1 AND 300),
    body text CHECK (length(body) BETWEEN 1 AND 4000),
    sms text CHECK (length(sms) BETWEEN 1 AND 500),
    -- This prevents a row that says nothing from looking like one that does.
    CONSTRAINT wordings_say_something CHECK (num_nonnulls(subject, body, sms) > 0),
    -- This prevents two wordings of one message.
    PRIMARY KEY (kind, language)
);
