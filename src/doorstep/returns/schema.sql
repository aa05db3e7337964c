CREATE TABLE returns (
    return_id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    -- The customer's own number for it, or one made for them. This prevents a request sent twice from opening two.
    number text NOT NULL CHECK (length(number) BETWEEN 1 AND 100),
    status text NOT NULL CHECK (status IN ('requested', 'in_transit', 'received', 'closed', 'declined', 'expired')),
    outcome text NOT NULL CHECK (outcome IN ('refund', 'exchange')),
    handover text NOT NULL CHECK (handover IN ('label', 'qr', 'store', 'collection', 'keep')),
    -- The day on which the carrier comes for it.
    collect_on date CHECK ((collect_on IS NOT NULL) = (handover = 'collection')),
    -- Where it is expected; after a drop-off, where it is.
    location_id integer NOT NULL,
    -- What the QR code says: whoever shows it has the mail it came with.
    qr_token text UNIQUE,
    tracking_number text,
    refund_by timestamptz NOT NULL,
    refund_minor bigint NOT NULL DEFAULT 0 CHECK (refund_minor >= 0),
    -- How many times something of it was received or judged; numbers the receipts.
    receipts smallint NOT NULL DEFAULT 0 CHECK (receipts >= 0),
    requested_at timestamptz NOT NULL,
    received_at timestamptz,
    closed_at timestamptz,
    expires_at timestamptz NOT NULL,
    CONSTRAINT returns_requested_once UNIQUE (order_id, number)
);
CREATE INDEX returns_open ON returns (expires_at) WHERE status IN ('requested', 'in_transit', 'received');
-- What the floor waits for, and how it finds what lies before it.
CREATE INDEX returns_worklist ON returns (return_id) WHERE status IN ('requested', 'in_transit', 'received');
CREATE INDEX returns_number ON returns (number);
CREATE INDEX returns_tracking ON returns (tracking_number) WHERE tracking_number IS NOT NULL;

CREATE TABLE return_lines (
    return_id uuid NOT NULL REFERENCES returns,
    order_id uuid NOT NULL,
    line_no smallint NOT NULL,
    sku_id integer NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    reason text NOT NULL,
    reception text NOT NULL DEFAULT 'awaiting' CHECK (reception IN
        ('awaiting', 'in_transit', 'received', 'lost', 'short', 'wrong_item', 'expired', 'kept')),
    acceptance text NOT NULL DEFAULT 'pending' CHECK (acceptance IN ('pending', 'accepted', 'rejected', 'manual')),
    disposition text CHECK (disposition IN ('restock', 'refurbish', 'damaged', 'scrap', 'return_to_vendor')),
    -- Units that arrived, that our carrier lost, or that the customer keeps; of these, those taken back, and those that stay the customer's.
    received integer NOT NULL DEFAULT 0 CHECK (received BETWEEN 0 AND quantity),
    accepted integer NOT NULL DEFAULT 0 CHECK (accepted >= 0),
    rejected integer NOT NULL DEFAULT 0 CHECK (rejected >= 0),
    -- Units that never came and are the customer's again: short, expired or declined.
    missing integer NOT NULL DEFAULT 0 CHECK (missing >= 0),
    refund_minor bigint NOT NULL DEFAULT 0 CHECK (refund_minor >= 0),
    PRIMARY KEY (return_id, line_no),
    -- This prevents more from being settled than was announced.
    CONSTRAINT return_lines_settled_once CHECK (accepted + rejected <= received AND received + missing <= quantity),
    -- This prevents a refund for what did not come back.
    CONSTRAINT return_lines_refund_needs_goods CHECK (accepted > 0 OR refund_minor = 0)
);
CREATE INDEX return_lines_line ON return_lines (order_id, line_no);

-- What is sent for the units of a line that come back for an exchange, by a line of an order that costs nothing. What was
-- paid for a unit that is accepted goes over to the goods sent; what of these is taken away again is given back, out of
-- the captures of the order that paid.
CREATE TABLE exchanges (
    return_id uuid NOT NULL,
    line_no smallint NOT NULL,
    -- The order that paid.
    order_id uuid NOT NULL,
    exchange_order_id uuid NOT NULL,
    exchange_line_no smallint NOT NULL,
    -- Units that came back and were accepted, what was paid for them, and the shipping fee when it went over with the last.
    accepted integer NOT NULL DEFAULT 0 CHECK (accepted >= 0),
    value_minor bigint NOT NULL DEFAULT 0 CHECK (value_minor >= 0),
    fee_minor bigint NOT NULL DEFAULT 0 CHECK (fee_minor >= 0),
    refunded_minor bigint NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    -- This prevents goods from being sent twice for what comes back once.
    PRIMARY KEY (return_id, line_no),
    -- This prevents goods that are sent once from standing for two things that come back.
    CONSTRAINT exchanges_sent_once UNIQUE (exchange_order_id, exchange_line_no),
    FOREIGN KEY (return_id, line_no) REFERENCES return_lines,
    -- This prevents more from being given back than went over.
    CONSTRAINT exchanges_given_back_within CHECK (refunded_minor <= value_minor + fee_minor),
    -- This prevents value from going over for goods that did not come back.
    CONSTRAINT exchanges_value_needs_goods CHECK (accepted > 0 OR value_minor + fee_minor = 0)
);
CREATE INDEX exchanges_order ON exchanges (order_id);

-- What was found in the parcel, and what was decided on it, in the order of work. Never rewritten.
CREATE TABLE return_receipts (
    return_id uuid NOT NULL,
    receipt smallint NOT NULL,
    item smallint NOT NULL,
    line_no smallint NOT NULL,
    location_id integer NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    reception text NOT NULL CHECK (reception IN ('received', 'wrong_item', 'lost', 'kept')),
    acceptance text NOT NULL CHECK (acceptance IN ('accepted', 'rejected', 'manual')),
    disposition text CHECK (disposition IN ('restock', 'refurbish', 'damaged', 'scrap', 'return_to_vendor')),
    refund_minor bigint NOT NULL DEFAULT 0 CHECK (refund_minor >= 0),
    actor text NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (return_id, receipt, item),
    FOREIGN KEY (return_id, line_no) REFERENCES return_lines,
    -- This prevents a refund for goods that were not taken back.
    CHECK (acceptance = 'accepted' OR refund_minor = 0)
);

-- Where a carrier takes parcels: shops, lockers, post offices. Written by people; a point that is gone is switched off.
CREATE TABLE drop_off_points (
    carrier text NOT NULL CHECK (carrier ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 60),
    name text NOT NULL,
    street text NOT NULL,
    postcode text NOT NULL,
    city text NOT NULL,
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    latitude double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    hours text NOT NULL,
    enabled boolean NOT NULL,
    -- This prevents a point imported twice from standing twice.
    PRIMARY KEY (carrier, code)
);
CREATE INDEX drop_off_points_country ON drop_off_points (country) WHERE enabled;

-- The middle of the area whose postcodes begin with a prefix, in capitals and without spaces: what distances count from.
CREATE TABLE postcode_areas (
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    prefix text NOT NULL CHECK (prefix ~ '^[A-Z0-9]{1,10}$'),
    latitude double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    -- This prevents one postcode from lying in two places.
    PRIMARY KEY (country, prefix)
);
