-- A cart that holds units for a while; where they lie is in cart_claims. Expired is no state: it is what the clock says.
CREATE TABLE cart_holds (
    hold_id uuid PRIMARY KEY,
    channel_id smallint NOT NULL,
    -- What was asked for: [sku_id, units] pairs, a SKU once, in the order they were named.
    lines jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended text CHECK (ended IN ('released', 'converted')),
    ended_at timestamptz,
    order_id uuid,
    -- This prevents a hold from ending without a time, and from becoming an order that is not named.
    CONSTRAINT cart_holds_end CHECK ((ended IS NULL) = (ended_at IS NULL)
        AND (order_id IS NOT NULL) = (ended IS NOT DISTINCT FROM 'converted'))
);
-- This prevents an order from eating two holds.
CREATE UNIQUE INDEX cart_holds_order ON cart_holds (order_id) WHERE order_id IS NOT NULL;
