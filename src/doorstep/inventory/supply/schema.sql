-- How a product may be sold beyond its stock, and how many units are. Whoever changes the supply of a product, the claims
-- on it or what is set aside of it holds this row, which is made when it is first needed.
CREATE TABLE beyond_stock (
    sku_id integer PRIMARY KEY REFERENCES products,
    kind text NOT NULL DEFAULT 'none' CHECK (kind IN ('none', 'backorder', 'preorder')),
    cap integer NOT NULL DEFAULT 0 CHECK (cap BETWEEN 0 AND 1000000000),
    promised integer NOT NULL DEFAULT 0,
    -- On channels that have no row of their own.
    sells boolean NOT NULL DEFAULT true,
    sold_until timestamptz,
    -- This prevents selling more units beyond the stock than the shop said.
    CONSTRAINT beyond_stock_within_cap CHECK (promised BETWEEN 0 AND cap)
);
CREATE TABLE beyond_stock_channels (
    sku_id integer NOT NULL REFERENCES beyond_stock,
    channel text NOT NULL,
    sells boolean NOT NULL,
    cap integer NOT NULL CHECK (cap BETWEEN 0 AND 1000000000),
    promised integer NOT NULL DEFAULT 0,
    PRIMARY KEY (sku_id, channel),
    -- This prevents a channel from selling more units beyond the stock than its share.
    CONSTRAINT beyond_stock_channels_within_cap CHECK (promised BETWEEN 0 AND cap)
);

-- Units of an order line that wait for goods: of a delivery on its way, or (incoming_id null) of whichever comes.
-- `sold`: on the terms above, counted there; the others are owed, for their order was confirmed or their units were lost.
CREATE TABLE supply_claims (
    order_id uuid NOT NULL,
    line_no smallint NOT NULL,
    sku_id integer NOT NULL,
    incoming_id uuid REFERENCES incoming,
    sold boolean NOT NULL,
    channel text NOT NULL,
    -- In this order they are served: lane, then the channel's priority, then who came first.
    lane smallint NOT NULL,
    priority smallint NOT NULL,
    -- What a location must be able to do.
    needs text[] NOT NULL,
    units integer NOT NULL CHECK (units > 0),
    -- Why the claim moved or its date did, until its order has followed.
    news text,
    -- This prevents a line from waiting twice for the same units.
    CONSTRAINT supply_claims_once UNIQUE NULLS NOT DISTINCT (order_id, line_no, incoming_id, sold)
);
CREATE INDEX supply_claims_sku ON supply_claims (sku_id);
CREATE INDEX supply_claims_incoming ON supply_claims (incoming_id);
CREATE INDEX supply_claims_news ON supply_claims (order_id) WHERE news IS NOT NULL;

-- Units that are there and belong to a line that waited for them: counted in stock.reserved, so nobody else gets them. They
-- become a claim when the order has followed, and not before the product's release.
CREATE TABLE set_aside (
    order_id uuid NOT NULL,
    line_no smallint NOT NULL,
    sku_id integer NOT NULL,
    location_id integer NOT NULL,
    units integer NOT NULL CHECK (units > 0),
    news text,
    PRIMARY KEY (order_id, line_no, location_id)
);
CREATE INDEX set_aside_sku ON set_aside (sku_id);
