-- Work at one location: lines that share location, delivery method and recipient.
CREATE TABLE fulfillment_orders (
    fulfillment_order_id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    location_id integer NOT NULL,
    service text NOT NULL,
    lane smallint NOT NULL CHECK (lane IN (0, 1)),
    status_category text NOT NULL CHECK (status_category IN
        ('draft', 'activated', 'fulfilling', 'closed', 'canceled', 'rejected')),
    status text NOT NULL,
    request_status text NOT NULL DEFAULT 'unsubmitted' CHECK (request_status IN
        ('unsubmitted', 'submitted', 'accepted', 'rejected', 'cancellation_requested', 'cancellation_accepted',
         'cancellation_rejected', 'closed')),
    created_at timestamptz NOT NULL,
    activated_at timestamptz,
    accepted_at timestamptz,
    packed_at timestamptz,
    closed_at timestamptz,
    -- When it must leave the house: later than this and the promise is kept only by luck.
    pick_by timestamptz NOT NULL,
    promised_by timestamptz
);
CREATE INDEX fulfillment_orders_order ON fulfillment_orders (order_id);
-- The floor's work list: express first, then by when it must leave.
CREATE INDEX fulfillment_orders_work ON fulfillment_orders (location_id, lane, pick_by, fulfillment_order_id)
    WHERE status_category IN ('activated', 'fulfilling');
-- This prevents two drafts of one order at one location: their lines are merged instead.
CREATE UNIQUE INDEX fulfillment_orders_draft ON fulfillment_orders (order_id, location_id) WHERE status_category = 'draft';

CREATE TABLE fulfillment_lines (
    fulfillment_order_id uuid NOT NULL REFERENCES fulfillment_orders,
    order_id uuid NOT NULL,
    line_no smallint NOT NULL,
    sku_id integer NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    -- Taken back before picking: canceled by the customer, short on the shelf, or rejected by the location.
    withdrawn integer NOT NULL DEFAULT 0 CHECK (withdrawn >= 0),
    picked integer NOT NULL DEFAULT 0 CHECK (picked >= 0),
    packed integer NOT NULL DEFAULT 0 CHECK (packed >= 0),
    shipped integer NOT NULL DEFAULT 0 CHECK (shipped >= 0),
    PRIMARY KEY (fulfillment_order_id, line_no),
    -- This prevents packing what was not picked, and shipping what was not packed.
    CONSTRAINT fulfillment_lines_in_step CHECK (picked + withdrawn <= quantity AND packed <= picked AND shipped <= packed)
);
CREATE INDEX fulfillment_lines_order ON fulfillment_lines (order_id, line_no);

-- Work on a line besides picking it, in `step` order; packing waits until all are done.
CREATE TABLE work_steps (
    work_step_id uuid PRIMARY KEY,
    fulfillment_order_id uuid NOT NULL REFERENCES fulfillment_orders,
    line_no smallint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('acknowledge', 'personalize', 'gift_wrap')),
    step smallint NOT NULL,
    detail jsonb NOT NULL,
    status text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'done', 'canceled')),
    done_by text,
    done_at timestamptz,
    -- This prevents the same work from being done twice on a line.
    UNIQUE (fulfillment_order_id, line_no, kind)
);
