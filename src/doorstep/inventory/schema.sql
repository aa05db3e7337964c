-- Where goods are and where work is done.
CREATE TABLE locations (
    location_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    kind text NOT NULL CHECK (kind IN ('warehouse', 'store', 'workshop', 'vendor')),
    enabled boolean NOT NULL DEFAULT true,
    priority smallint NOT NULL DEFAULT 100,
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    postcode text NOT NULL,
    city text NOT NULL,
    street text NOT NULL,
    latitude double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    timezone text NOT NULL,
    -- What can be done here: personalize, gift_wrap, fragile, hazmat, oversize, cold, returns.
    capabilities text[] NOT NULL DEFAULT '{}',
    -- The moment of which the last feed spoke that was taken whole; nothing when the location is not fed.
    fed_as_of timestamptz,
    -- A feed older than this (none at all is) leaves the stock unknown; null: it may be as old as it is.
    feed_max_age_minutes integer CHECK (feed_max_age_minutes BETWEEN 1 AND 525600),
    -- What is done with stock that is unknown: it is not sold, or sold all the same.
    stale_stock text NOT NULL DEFAULT 'withhold' CHECK (stale_stock IN ('withhold', 'sell'))
);

CREATE TABLE stock (
    sku_id integer NOT NULL REFERENCES products,
    location_id integer NOT NULL REFERENCES locations,
    on_hand integer NOT NULL DEFAULT 0 CHECK (on_hand BETWEEN 0 AND 1000000000),
    reserved integer NOT NULL DEFAULT 0,
    safety_stock integer NOT NULL DEFAULT 0 CHECK (safety_stock BETWEEN 0 AND 1000000000),
    damaged integer NOT NULL DEFAULT 0 CHECK (damaged >= 0),
    quality_control integer NOT NULL DEFAULT 0 CHECK (quality_control >= 0),
    oversell_limit integer NOT NULL DEFAULT 0 CHECK (oversell_limit BETWEEN 0 AND 1000000000),
    PRIMARY KEY (sku_id, location_id),
    -- This prevents selling a unit twice, whatever the code above it does.
    CONSTRAINT stock_not_oversold CHECK (reserved BETWEEN 0 AND on_hand - damaged - quality_control + oversell_limit)
) WITH (fillfactor = 80);

-- A claim of an order line on a location's units; `claimed` is all it ever took there, `open` what it still holds.
-- Together with the movements these rows are the ledger of stock.reserved.
CREATE TABLE reservations (
    order_id uuid NOT NULL,
    line_no smallint NOT NULL,
    sku_id integer NOT NULL,
    location_id integer NOT NULL,
    claimed integer NOT NULL CHECK (claimed > 0),
    open integer NOT NULL,
    -- This prevents a claim from giving back more than it took.
    CONSTRAINT reservations_within_claim CHECK (open BETWEEN 0 AND claimed),
    -- This prevents a retried claim from standing twice.
    PRIMARY KEY (order_id, line_no, location_id)
);

-- A cart's claim on a location's units, until it expires: `claimed` is all it ever took there, `open` what it still holds.
-- Only whoever has locked the stock row of (sku_id, location_id) writes here, so that who reclaims under that lock and who
-- extends never meet. The cart itself is in cart_holds; `expires_at` is kept here too, for the index below.
CREATE TABLE cart_claims (
    hold_id uuid NOT NULL,
    sku_id integer NOT NULL,
    location_id integer NOT NULL,
    claimed integer NOT NULL CHECK (claimed > 0),
    open integer NOT NULL,
    expires_at timestamptz NOT NULL,
    -- This prevents a cart from giving back more than it took.
    CONSTRAINT cart_claims_within_claim CHECK (open BETWEEN 0 AND claimed),
    -- This prevents a cart from holding the same units twice.
    PRIMARY KEY (hold_id, sku_id, location_id)
);
-- What has expired, found without a look at what has not.
CREATE INDEX cart_claims_open ON cart_claims (sku_id, expires_at) WHERE open > 0;

-- Every change of a counter, append-only. Claims are the exception: the rows of reservations and cart_claims record them.
CREATE TABLE stock_movements (
    movement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku_id integer NOT NULL,
    location_id integer NOT NULL,
    kind text NOT NULL CHECK (kind IN
        ('received', 'counted', 'adjusted', 'released', 'moved', 'shipped', 'returned', 'transferred', 'reconciled')),
    on_hand_delta integer NOT NULL DEFAULT 0,
    reserved_delta integer NOT NULL DEFAULT 0,
    damaged_delta integer NOT NULL DEFAULT 0,
    quality_control_delta integer NOT NULL DEFAULT 0,
    reason text NOT NULL,
    reference text NOT NULL,
    actor text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX stock_movements_key ON stock_movements (sku_id, location_id, movement_id);
-- A product's movements at all locations, in order.
CREATE INDEX stock_movements_sku ON stock_movements (sku_id, movement_id);
-- What came and went at a location since a moment of which a feed or a count speaks; and what was counted since.
CREATE INDEX stock_movements_since ON stock_movements (location_id, occurred_at) WHERE on_hand_delta <> 0 OR kind = 'counted';
-- This prevents a delivery note, a count or a feed line sent twice from counting twice.
-- What was corrected where: who was counted last, and who keeps losing units.
CREATE INDEX stock_movements_corrected ON stock_movements (location_id, sku_id, occurred_at)
    WHERE kind IN ('counted', 'adjusted');
-- This prevents a delivery note, a count, an adjustment or a part of a transfer sent twice from counting twice.
CREATE UNIQUE INDEX stock_movements_once ON stock_movements (kind, reference, sku_id, location_id)
    WHERE kind IN ('received', 'counted', 'adjusted', 'returned', 'transferred');

-- What a channel sells of the stock, and how it shows it. Without a row: all of it, everywhere, as it is.
CREATE TABLE channel_stock (
    channel_id smallint PRIMARY KEY,
    -- The locations it sells from; null: all, those too that come later.
    location_ids integer[],
    -- Kept back from it of each SKU at each location: units, or percent of what is available, whichever is more.
    -- This prevents a buffer that gives instead of keeping.
    buffer_units integer NOT NULL DEFAULT 0 CHECK (buffer_units BETWEEN 0 AND 1000000),
    buffer_percent smallint NOT NULL DEFAULT 0 CHECK (buffer_percent BETWEEN 0 AND 100),
    -- It is shown no more than so many; or, instead of numbers, bands that end at these.
    -- This prevents a shop that shows nothing though there is something.
    show_at_most integer CHECK (show_at_most BETWEEN 1 AND 1000000),
    bands integer[] NOT NULL DEFAULT '{}'
);

-- How a SKU's stock stands, as it was last told: of all locations together (location_id 0), or of one that is watched.
CREATE TABLE stock_levels (
    sku_id integer NOT NULL,
    location_id integer NOT NULL,
    -- So many or fewer are low; null: the usual. One location is watched when it has a number of its own.
    low_at integer CHECK (low_at BETWEEN 0 AND 1000000),
    -- Null: not looked at yet. What is seen the first time is noted, not told.
    told text CHECK (told IN ('in_stock', 'low', 'out')),
    told_at timestamptz,
    -- This prevents a crossing that is told twice, once by each of two rows.
    PRIMARY KEY (sku_id, location_id)
);
-- What is low or out, and the thresholds, found without a look at the rest.
CREATE INDEX stock_levels_low ON stock_levels (sku_id, location_id) WHERE told IN ('low', 'out');
CREATE INDEX stock_levels_set ON stock_levels (sku_id, location_id) WHERE low_at IS NOT NULL;

-- Whose turn it is to look at them: the row lock is the lease.
CREATE TABLE stock_watch (
    -- This prevents two watches.
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    looked_at timestamptz
);
INSERT INTO stock_watch DEFAULT VALUES;

-- Dated supply on its way: open until all of it is here or it is called off. `arrived` of it is on a shelf already.
CREATE TABLE incoming (
    incoming_id uuid PRIMARY KEY,
    reference text NOT NULL,
    sku_id integer NOT NULL REFERENCES products,
    location_id integer NOT NULL REFERENCES locations,
    quantity integer NOT NULL CHECK (quantity > 0),
    expected_at timestamptz NOT NULL,
    -- More than `quantity` when more came than was expected.
    arrived integer NOT NULL DEFAULT 0 CHECK (arrived >= 0),
    -- All of it is here, or the last that will come.
    received_at timestamptz,
    -- Units that order lines wait for (supply_claims).
    promised integer NOT NULL DEFAULT 0,
    canceled_at timestamptz,
    -- This prevents promising a unit of a delivery twice, or one that will not come any more.
    CONSTRAINT incoming_not_overpromised CHECK (promised BETWEEN 0
        AND CASE WHEN received_at IS NULL AND canceled_at IS NULL THEN quantity - arrived ELSE 0 END),
    -- This prevents supply from having come and being called off.
    CONSTRAINT incoming_ends_once CHECK (received_at IS NULL OR canceled_at IS NULL),
    -- This prevents what is here already from being waited for.
    CONSTRAINT incoming_waits_for_something CHECK (arrived < quantity OR received_at IS NOT NULL),
    -- This prevents the same purchase order line from being expected twice.
    UNIQUE (reference, sku_id, location_id)
);
CREATE INDEX incoming_open ON incoming (sku_id, location_id, expected_at) WHERE received_at IS NULL AND canceled_at IS NULL;
-- What comes next, at one location or anywhere.
CREATE INDEX incoming_by_date ON incoming (expected_at, incoming_id);

-- Goods sent from one location to another: planned → in_transit → closed, or planned → canceled.
CREATE TABLE transfers (
    transfer_id uuid PRIMARY KEY,
    -- This prevents a transfer that is sent twice from being opened twice.
    reference text NOT NULL UNIQUE,
    from_location_id integer NOT NULL REFERENCES locations,
    to_location_id integer NOT NULL REFERENCES locations,
    state text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'in_transit', 'closed', 'canceled')),
    expected_at timestamptz NOT NULL,
    opened_by text NOT NULL,
    opened_at timestamptz NOT NULL,
    shipped_at timestamptz,
    ended_at timestamptz,
    -- Why it was closed with units missing.
    why text NOT NULL DEFAULT '',
    -- This prevents goods from being sent to where they are.
    CONSTRAINT transfers_elsewhere CHECK (from_location_id <> to_location_id),
    -- This prevents a state that its times do not bear out.
    CONSTRAINT transfers_times CHECK ((shipped_at IS NOT NULL) = (state IN ('in_transit', 'closed'))
        AND (ended_at IS NOT NULL) = (state IN ('closed', 'canceled')))
);
CREATE INDEX transfers_open ON transfers (transfer_id) WHERE ended_at IS NULL;

-- What of a SKU left, and what became of it. In transit is what left and has not been accounted for.
CREATE TABLE transfer_lines (
    transfer_id uuid NOT NULL REFERENCES transfers,
    sku_id integer NOT NULL REFERENCES products,
    quantity integer NOT NULL CHECK (quantity > 0),
    shipped integer NOT NULL DEFAULT 0,
    -- Arrived good; arrived damaged; arrived beyond what was sent.
    received integer NOT NULL DEFAULT 0 CHECK (received >= 0),
    damaged integer NOT NULL DEFAULT 0 CHECK (damaged >= 0),
    surplus integer NOT NULL DEFAULT 0 CHECK (surplus >= 0),
    -- When closed: never left after all, and back in the book there; written off.
    found integer NOT NULL DEFAULT 0 CHECK (found >= 0),
    missing integer NOT NULL DEFAULT 0 CHECK (missing >= 0),
    -- This prevents sending more than was ordered to be sent.
    CONSTRAINT transfer_lines_shipped CHECK (shipped BETWEEN 0 AND quantity),
    -- This prevents units from coming out of a transfer that never went into it.
    CONSTRAINT transfer_lines_add_up CHECK (received + damaged + found + missing <= shipped + surplus),
    -- This prevents a SKU from standing twice on a transfer.
    PRIMARY KEY (transfer_id, sku_id)
);

-- A job to count shelves of a location: open → closed, or open → canceled.
CREATE TABLE count_jobs (
    count_job_id uuid PRIMARY KEY,
    -- This prevents a job that is sent twice from being opened twice.
    reference text NOT NULL UNIQUE,
    location_id integer NOT NULL REFERENCES locations,
    chosen_by text NOT NULL CHECK (chosen_by IN ('list', 'not_counted', 'losing', 'zero')),
    -- A count that differs from the book by more units than this, and by more percent, is not believed at once.
    tolerance_units integer NOT NULL CHECK (tolerance_units BETWEEN 0 AND 1000000),
    tolerance_percent smallint NOT NULL CHECK (tolerance_percent BETWEEN 0 AND 100),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed', 'canceled')),
    opened_by text NOT NULL,
    opened_at timestamptz NOT NULL,
    ended_at timestamptz,
    -- This prevents a job from being over without a time.
    CONSTRAINT count_jobs_end CHECK ((state = 'open') = (ended_at IS NULL))
);
CREATE INDEX count_jobs_open ON count_jobs (count_job_id) WHERE ended_at IS NULL;

-- A shelf of a job: to_count → booked; or, when it differs too much, to_recount → booked or to_approve → booked. What is not
-- counted when the job ends is skipped.
CREATE TABLE count_lines (
    count_job_id uuid NOT NULL REFERENCES count_jobs,
    sku_id integer NOT NULL REFERENCES products,
    state text NOT NULL DEFAULT 'to_count' CHECK (state IN ('to_count', 'to_recount', 'to_approve', 'booked', 'skipped')),
    -- The last count, and by how much it differed from the book as of its time; the difference of the one before it.
    counted integer CHECK (counted BETWEEN 0 AND 1000000000),
    counted_at timestamptz,
    counted_by text,
    difference integer,
    first_difference integer,
    approved_by text,
    -- Why it could not be booked, when it could not.
    problem text NOT NULL DEFAULT '',
    -- This prevents a count without its time, its person and what it came to.
    CONSTRAINT count_lines_counted CHECK (num_nulls(counted, counted_at, counted_by, difference) IN (0, 4)),
    -- This prevents booking what nobody has counted.
    CONSTRAINT count_lines_seen CHECK (state IN ('to_count', 'skipped') OR counted IS NOT NULL),
    -- This prevents a shelf from standing twice on a job.
    PRIMARY KEY (count_job_id, sku_id)
);
