-- Delivery services a shop sells, and how long they take. Prices in minor units.
CREATE TABLE services (
    service text PRIMARY KEY CHECK (service ~ '^[a-z][a-z0-9-]{0,39}$'),
    title text NOT NULL,
    carrier text NOT NULL,
    lane smallint NOT NULL CHECK (lane IN (0, 1)),
    rank smallint NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- What one parcel costs us, and a kilogram in it.
    parcel_cost_minor bigint NOT NULL CHECK (parcel_cost_minor >= 0),
    kilogram_cost_minor bigint NOT NULL CHECK (kilogram_cost_minor >= 0),
    -- Orders before this local time leave the same working day.
    cut_off time NOT NULL,
    handling_days smallint NOT NULL DEFAULT 0 CHECK (handling_days BETWEEN 0 AND 60),
    saturday boolean NOT NULL DEFAULT false,
    enabled boolean NOT NULL DEFAULT true
);

-- The most working days under way to a destination; the longest matching postcode prefix wins, then the country, then
-- ZZ (any country without rows). Prefixes are compared in capitals and without spaces.
CREATE TABLE transit (
    service text NOT NULL REFERENCES services,
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    postcode_prefix text NOT NULL DEFAULT '',
    days smallint NOT NULL CHECK (days BETWEEN 0 AND 90),
    PRIMARY KEY (service, country, postcode_prefix)
);

-- On which days of its week a location sends. Without a row: on every day that the service leaves on.
CREATE TABLE opening_weeks (
    location_id integer PRIMARY KEY REFERENCES locations,
    -- This prevents a week in which a service without Saturdays never leaves, and days on which none does.
    weekdays text[] NOT NULL CHECK (weekdays && ARRAY['mon', 'tue', 'wed', 'thu', 'fri']
        AND weekdays <@ ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat'])
);

-- Days off: of a location, from which nothing leaves then, or of a country, in which nothing leaves and nothing arrives.
CREATE TABLE days_off (
    location_id integer REFERENCES locations,
    country text CHECK (country ~ '^[A-Z]{2}$'),
    day date NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 100),
    -- This prevents a day off of nobody, and of two at once.
    CHECK ((location_id IS NULL) <> (country IS NULL)),
    -- This prevents a day from having two reasons.
    UNIQUE NULLS NOT DISTINCT (location_id, country, day)
);

-- Extra working days a line service takes before its line can be packed.
CREATE TABLE work_times (
    work text PRIMARY KEY CHECK (work IN ('personalize', 'gift_wrap')),
    days smallint NOT NULL CHECK (days BETWEEN 0 AND 60),
    fee_minor bigint NOT NULL CHECK (fee_minor >= 0)
);

-- The promise ledger: version 1 at placing, every later version with its cause and when the customer was told.
-- A promise is never changed, only followed by the next.
CREATE TABLE promises (
    order_id uuid NOT NULL,
    line_no smallint NOT NULL,
    version smallint NOT NULL CHECK (version >= 1),
    service text NOT NULL,
    promised_from timestamptz NOT NULL,
    promised_by timestamptz,
    cause text NOT NULL,
    made_at timestamptz NOT NULL,
    told_at timestamptz,
    -- This prevents a promise from being overwritten.
    PRIMARY KEY (order_id, line_no, version),
    CHECK (promised_by IS NULL OR promised_by >= promised_from)
);

-- What the customer said to a date that moved to later: `seq` is the number of that delivery.repromised in its order.
CREATE TABLE delay_answers (
    order_id uuid NOT NULL,
    seq integer NOT NULL,
    answer text NOT NULL CHECK (answer IN ('wait', 'cancel', 'send_back')),
    line_nos smallint[] NOT NULL,
    answered_by text NOT NULL,
    answered_at timestamptz NOT NULL,
    -- This prevents a delay from having two answers: a change of mind replaces the first.
    PRIMARY KEY (order_id, seq)
);
