-- Storefronts and marketplaces.
CREATE TABLE channels (
    channel_id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL UNIQUE CHECK (channel ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    title text NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    on_short text NOT NULL DEFAULT 'refuse' CHECK (on_short IN ('refuse', 'accept')),
    priority smallint NOT NULL DEFAULT 100,
    -- Orders whose risk score is above this are held for a person (0..100).
    risk_limit smallint NOT NULL DEFAULT 75 CHECK (risk_limit BETWEEN 0 AND 100)
);

-- Personal data lives in these two tables only, so that erasing a person blanks rows and breaks nothing.
CREATE TABLE contacts (
    contact_id uuid PRIMARY KEY,
    name text NOT NULL,
    email text,
    phone text,
    locale text NOT NULL DEFAULT 'en'
);
CREATE TABLE addresses (
    address_id uuid PRIMARY KEY,
    name text NOT NULL,
    street text NOT NULL,
    city text NOT NULL,
    region text NOT NULL DEFAULT '',
    postcode text NOT NULL,
    country text NOT NULL
);

CREATE TABLE orders (
    order_id uuid PRIMARY KEY,
    channel_id smallint NOT NULL,
    number text NOT NULL,
    -- SHA-256 of the normalized body, with the version of the normalization: a retry with another body is a conflict.
    body_hash bytea NOT NULL,
    contact_id uuid NOT NULL,
    address_id uuid NOT NULL,
    placed_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    service text NOT NULL,
    lane smallint NOT NULL CHECK (lane IN (0, 1)),
    on_short text NOT NULL CHECK (on_short IN ('refuse', 'accept')),
    currency text NOT NULL,
    total_minor bigint NOT NULL CHECK (total_minor >= 0),
    shipping_minor bigint NOT NULL CHECK (shipping_minor >= 0),
    -- The order-wide discount, prorated over the lines at capture and refund.
    discount_minor bigint NOT NULL DEFAULT 0 CHECK (discount_minor >= 0),
    -- Payment intent: the token to authorize, or nothing when the channel reports an authorization.
    payment_token text,
    payment_reference text,
    -- Promise v1 (the ledger's first entry is written from it) and the routing decision with its reasons.
    promised_from timestamptz NOT NULL,
    promised_by timestamptz,
    decision jsonb NOT NULL,
    event_seq integer NOT NULL DEFAULT 1,
    -- The first hold of every order; kept here so that placing writes one row less. Others are rows of holds.
    awaiting_payment boolean NOT NULL DEFAULT true,
    open_holds smallint NOT NULL DEFAULT 0 CHECK (open_holds >= 0),
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'on_hold', 'completed', 'canceled')),
    payment_status text NOT NULL DEFAULT 'awaiting' CHECK (payment_status IN
        ('awaiting', 'authorized', 'partially_captured', 'captured', 'partially_refunded', 'refunded', 'voided', 'failed')),
    fulfillment_status text NOT NULL DEFAULT 'unfulfilled' CHECK (fulfillment_status IN
        ('unfulfilled', 'backordered', 'in_progress', 'partially_shipped', 'shipped', 'partially_delivered', 'delivered',
         'partially_returned', 'returned')),
    -- This prevents an order sent twice from being placed twice.
    CONSTRAINT orders_placed_once UNIQUE (channel_id, number)
) WITH (fillfactor = 70);
-- An order by its number, for those who do not know the channel.
CREATE INDEX orders_number ON orders (number);
-- Lists by status. A new order is on hold until its money is authorized, so placing does not touch this index.
CREATE INDEX orders_status ON orders (status, order_id) WHERE status <> 'on_hold';

-- A line's units are in exactly one bucket each.
CREATE TABLE order_lines (
    order_id uuid NOT NULL REFERENCES orders,
    line_no smallint NOT NULL CHECK (line_no >= 1),
    sku_id integer NOT NULL,
    ordered integer NOT NULL CHECK (ordered BETWEEN 1 AND 1000000),
    canceled integer NOT NULL DEFAULT 0 CHECK (canceled >= 0),
    backordered integer NOT NULL DEFAULT 0 CHECK (backordered >= 0),
    shortfall integer NOT NULL DEFAULT 0 CHECK (shortfall >= 0),
    reserved integer NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    activated integer NOT NULL DEFAULT 0 CHECK (activated >= 0),
    picked integer NOT NULL DEFAULT 0 CHECK (picked >= 0),
    packed integer NOT NULL DEFAULT 0 CHECK (packed >= 0),
    shipped integer NOT NULL DEFAULT 0 CHECK (shipped >= 0),
    delivered integer NOT NULL DEFAULT 0 CHECK (delivered >= 0),
    return_requested integer NOT NULL DEFAULT 0 CHECK (return_requested >= 0),
    returned integer NOT NULL DEFAULT 0 CHECK (returned >= 0),
    -- Price of one unit; tax and discount of the whole line. All in minor units of the order's currency.
    unit_price_minor bigint NOT NULL CHECK (unit_price_minor >= 0),
    tax_minor bigint NOT NULL DEFAULT 0 CHECK (tax_minor >= 0),
    discount_minor bigint NOT NULL DEFAULT 0 CHECK (discount_minor >= 0),
    routing_kind text NOT NULL CHECK (routing_kind IN ('regular', 'personalized', 'special')),
    kind_reason text NOT NULL DEFAULT '',
    instructions text NOT NULL DEFAULT '',
    PRIMARY KEY (order_id, line_no),
    -- This prevents a unit from being in two places, or in none.
    CONSTRAINT order_lines_units_add_up CHECK (ordered = canceled + backordered + shortfall + reserved + activated
        + picked + packed + shipped + delivered + return_requested + returned)
) WITH (fillfactor = 70);
-- Lines waiting for goods, oldest first, when goods arrive.
CREATE INDEX order_lines_waiting ON order_lines (sku_id, order_id) WHERE backordered + shortfall > 0;

-- A line that was a kit, as it was ordered; its components are lines of the order, and this number is none of theirs.
CREATE TABLE order_kits (
    order_id uuid NOT NULL REFERENCES orders,
    line_no smallint NOT NULL CHECK (line_no >= 1),
    sku_id integer NOT NULL,
    quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),
    unit_price_minor bigint NOT NULL CHECK (unit_price_minor >= 0),
    tax_minor bigint NOT NULL CHECK (tax_minor >= 0),
    discount_minor bigint NOT NULL CHECK (discount_minor >= 0),
    -- {"line_no of a component": its units in one kit}
    -- This prevents a kit of nothing.
    parts jsonb NOT NULL CHECK (jsonb_typeof(parts) = 'object' AND parts <> '{}'),
    -- This prevents one line from being two kits.
    PRIMARY KEY (order_id, line_no)
);

-- What is done to a line besides sending it.
CREATE TABLE line_services (
    order_id uuid NOT NULL,
    line_no smallint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('personalization', 'gift_wrap')),
    -- personalization: {"fields": {"name": "ADA"}}; gift_wrap: {"paper", "message", "hide_prices"}
    detail jsonb NOT NULL,
    fee_minor bigint NOT NULL DEFAULT 0 CHECK (fee_minor >= 0),
    PRIMARY KEY (order_id, line_no, kind),
    FOREIGN KEY (order_id, line_no) REFERENCES order_lines
);

CREATE TABLE holds (
    hold_id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders,
    reason text NOT NULL CHECK (reason IN ('awaiting_payment', 'high_risk_of_fraud', 'incorrect_address',
        'inventory_out_of_stock', 'unknown_delivery_date', 'awaiting_personalization_proof', 'customer_request',
        'promise_at_risk', 'awaiting_return', 'other')),
    note text NOT NULL DEFAULT '',
    placed_by text NOT NULL,
    placed_at timestamptz NOT NULL,
    released_by text,
    released_at timestamptz,
    CHECK ((released_at IS NULL) = (released_by IS NULL))
);
-- This prevents the same hold from standing twice on an order.
CREATE UNIQUE INDEX holds_open ON holds (order_id, reason) WHERE released_at IS NULL;

-- What was changed after placing; the order as placed stays as it was.
CREATE TABLE order_changes (
    change_id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders,
    kind text NOT NULL CHECK (kind IN ('cancel', 'address', 'reroute', 'goodwill')),
    -- cancel {"lines"}; address {"before": the id of the former address}; reroute {"from", "to"}; goodwill {"amount_minor"}
    detail jsonb NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX order_changes_order ON order_changes (order_id);

-- What the staff notes about an order for one another. A note stays as it was written; one taken away leaves its row.
CREATE TABLE order_notes (
    note_id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders,
    -- This prevents an empty note, and one that is still to be read after it was taken away.
    text text NOT NULL CHECK (length(text) <= 2000 AND (text = '') = (removed_at IS NOT NULL)),
    author text NOT NULL,
    written_at timestamptz NOT NULL,
    removed_by text,
    removed_at timestamptz,
    CHECK ((removed_at IS NULL) = (removed_by IS NULL))
);
CREATE INDEX order_notes_order ON order_notes (order_id);

-- Decisions after the first (which is on the order): why the claims moved.
CREATE TABLE routing_decisions (
    decision_id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders,
    attempt smallint NOT NULL,
    cause text NOT NULL,
    decision jsonb NOT NULL,
    decided_at timestamptz NOT NULL,
    UNIQUE (order_id, attempt)
);
-- Locations an order may not be routed to again (they rejected it, or came up short).
CREATE TABLE excluded_locations (
    order_id uuid NOT NULL REFERENCES orders,
    line_no smallint NOT NULL,
    location_id integer NOT NULL,
    cause text NOT NULL,
    PRIMARY KEY (order_id, line_no, location_id)
);
