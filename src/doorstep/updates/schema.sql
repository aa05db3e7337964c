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
