-- A parcel's journey: from the label we want to the door. A fulfillment order travels in one or more.
CREATE TABLE shipments (
    shipment_id uuid PRIMARY KEY,
    fulfillment_order_id uuid NOT NULL,
    parcel_no smallint NOT NULL CHECK (parcel_no >= 1),
    order_id uuid NOT NULL,
    location_id integer NOT NULL,
    carrier text NOT NULL,
    service text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'info_received', 'in_transit', 'out_for_delivery',
        'available_for_pickup', 'attempt_failed', 'delivered', 'exception', 'returning', 'returned', 'expired')),
    substatus text NOT NULL DEFAULT '',
    -- When the carrier says that the present status began: an older event of the same rank does not replace it.
    status_at timestamptz,
    tracking_number text UNIQUE,
    -- What was promised when it was packed; and the later date we announced, when it will be late.
    promised_by timestamptz,
    expected_by timestamptz,
    -- What was charged for it: its goods, and the order's shipping fee with the first parcel.
    amount_minor bigint CHECK (amount_minor >= 0),
    created_at timestamptz NOT NULL,
    handed_over_at timestamptz,
    last_heard_at timestamptz,
    delivered_at timestamptz,
    late_at timestamptz,
    lost_at timestamptz,
    came_back_at timestamptz,
    -- This prevents the same box from becoming two shipments.
    CONSTRAINT shipments_one_per_parcel UNIQUE (fulfillment_order_id, parcel_no),
    -- This prevents a parcel from leaving without a number to follow, or without its price.
    CHECK (handed_over_at IS NULL OR (tracking_number IS NOT NULL AND amount_minor IS NOT NULL)),
    -- This prevents a parcel from being paid back twice, or without having left.
    CHECK (lost_at IS NULL OR came_back_at IS NULL),
    CHECK (handed_over_at IS NOT NULL OR (lost_at IS NULL AND came_back_at IS NULL))
);
CREATE INDEX shipments_order ON shipments (order_id);
-- The van's list.
CREATE INDEX shipments_waiting ON shipments (shipment_id) WHERE handed_over_at IS NULL;
-- Lists by status; nearly all have arrived, so that those need none.
CREATE INDEX shipments_status ON shipments (status, shipment_id) WHERE status <> 'delivered';
-- Parcels on the road.
CREATE INDEX shipments_on_the_road ON shipments (promised_by) WHERE handed_over_at IS NOT NULL AND delivered_at IS NULL;
-- The newest parcels at the door: were they there in time?
CREATE INDEX shipments_delivered ON shipments (delivered_at) WHERE delivered_at IS NOT NULL;

CREATE TABLE packages (
    package_id uuid PRIMARY KEY,
    -- This prevents one parcel from being measured twice.
    shipment_id uuid NOT NULL UNIQUE REFERENCES shipments,
    weight_g integer NOT NULL CHECK (weight_g > 0),
    length_mm integer NOT NULL CHECK (length_mm > 0),
    width_mm integer NOT NULL CHECK (width_mm > 0),
    height_mm integer NOT NULL CHECK (height_mm > 0)
);

CREATE TABLE package_lines (
    shipment_id uuid NOT NULL REFERENCES shipments,
    line_no smallint NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (shipment_id, line_no)
);

-- Each row is an intent to buy a label; its id is the carrier's idempotency key. A parcel out or back.
CREATE TABLE labels (
    label_id uuid PRIMARY KEY,
    -- The shipment or the return it is for. This prevents two labels for one parcel.
    parcel_id uuid NOT NULL UNIQUE,
    direction text NOT NULL CHECK (direction IN ('out', 'back')),
    order_id uuid NOT NULL,
    location_id integer NOT NULL,
    carrier text NOT NULL,
    service text NOT NULL,
    weight_g integer NOT NULL CHECK (weight_g > 0),
    length_mm integer NOT NULL CHECK (length_mm > 0),
    width_mm integer NOT NULL CHECK (width_mm > 0),
    height_mm integer NOT NULL CHECK (height_mm > 0),
    -- The day on which the carrier comes for a parcel on its way back; null when it is handed in.
    collect_on date CHECK (direction = 'back' OR collect_on IS NULL),
    status text NOT NULL DEFAULT 'wanted' CHECK (status IN ('wanted', 'bought', 'refused', 'canceled')),
    refused_because text,
    tracking_number text UNIQUE,
    carrier_reference text,
    cost_minor bigint,
    currency text,
    pdf bytea,
    wanted_at timestamptz NOT NULL,
    bought_at timestamptz,
    -- How far a parcel on its way back is; those on their way out have a shipment.
    tracked_status text NOT NULL DEFAULT 'pending',
    tracked_substatus text NOT NULL DEFAULT '',
    tracked_at timestamptz,
    -- This prevents a label without a number to follow.
    CHECK (status <> 'bought' OR (tracking_number IS NOT NULL AND pdf IS NOT NULL))
);

CREATE TABLE tracking_events (
    -- This prevents an event the carrier sends twice from counting twice.
    carrier text NOT NULL,
    carrier_event_id text NOT NULL,
    tracking_number text NOT NULL,
    status text NOT NULL,
    substatus text NOT NULL DEFAULT '',
    description text NOT NULL DEFAULT '',
    place text NOT NULL DEFAULT '',
    expected_at timestamptz,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (carrier, carrier_event_id)
);
CREATE INDEX tracking_events_number ON tracking_events (tracking_number, occurred_at);
