-- One order's money, in minor units of its currency. due = total less what was canceled.
CREATE TABLE payments (
    order_id uuid PRIMARY KEY,
    currency text NOT NULL,
    total_minor bigint NOT NULL CHECK (total_minor >= 0),
    due_minor bigint NOT NULL CHECK (due_minor BETWEEN 0 AND total_minor),
    authorized_minor bigint NOT NULL DEFAULT 0 CHECK (authorized_minor >= 0),
    captured_minor bigint NOT NULL DEFAULT 0 CHECK (captured_minor >= 0),
    refunded_minor bigint NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    voided_minor bigint NOT NULL DEFAULT 0 CHECK (voided_minor >= 0),
    declines smallint NOT NULL DEFAULT 0,
    -- This prevents taking more than the customer agreed to.
    CONSTRAINT payments_captured_within_authorized CHECK (captured_minor + voided_minor <= authorized_minor),
    -- This prevents giving back more than was taken.
    CONSTRAINT payments_refunded_within_captured CHECK (refunded_minor <= captured_minor)
);

-- What will never be charged, and which change said so.
CREATE TABLE payment_reductions (
    -- This prevents one cancellation from lowering the amount due twice.
    change_id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0)
);
CREATE INDEX payment_reductions_order ON payment_reductions (order_id);

-- What a refund did not give back, because goodwill had given it before: nothing is given back twice.
CREATE TABLE payment_offsets (
    -- This prevents one refund from being set off twice.
    cause text PRIMARY KEY,
    order_id uuid NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0)
);
CREATE INDEX payment_offsets_order ON payment_offsets (order_id);

-- Each row is an intent to call the gateway; its id is the idempotency key there.
CREATE TABLE payment_transactions (
    transaction_id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('authorize', 'capture', 'refund', 'void')),
    -- What it is for: the order, a shipment, a return, a loss. Natural key of the intent.
    cause text NOT NULL,
    -- What it builds on: the authorization of a capture or void, the capture of a refund.
    against uuid REFERENCES payment_transactions,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL,
    status text NOT NULL DEFAULT 'wanted' CHECK (status IN ('wanted', 'approved', 'declined', 'failed', 'withdrawn')),
    gateway_reference text,
    -- Why it was declined, failed or withdrawn.
    code text,
    wanted_at timestamptz NOT NULL,
    settled_at timestamptz,
    -- This prevents a shipment from being charged twice, or a return refunded twice.
    CONSTRAINT payment_transactions_once UNIQUE (kind, cause),
    -- This prevents money from moving out of nowhere.
    CHECK ((kind = 'authorize') = (against IS NULL)),
    CHECK ((status = 'wanted') = (settled_at IS NULL))
);
CREATE INDEX payment_transactions_order ON payment_transactions (order_id);
-- This prevents two authorizations of one order from being in flight, or both from holding the customer's money.
CREATE UNIQUE INDEX payment_transactions_one_authorize ON payment_transactions (order_id)
    WHERE kind = 'authorize' AND status IN ('wanted', 'approved');
