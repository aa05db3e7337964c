-- The index orders are found by: made from the orders by a reaction, and to be made anew at any time. Orders stand in
-- segments of some thousands by their ids, which follow time; a search looks at the newest segment first. Within a segment
-- each order has a place, and each term the set of the places it is found at.

-- Whoever changes the index holds this row: two batches would set bits of the same sets.
CREATE TABLE search_writer (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row)
);
INSERT INTO search_writer DEFAULT VALUES;

-- A segment holds the orders from `first_id` to the next segment's; the first begins before every order.
CREATE TABLE search_segments (
    segment integer PRIMARY KEY,
    -- This prevents an order from belonging to two segments.
    first_id uuid NOT NULL UNIQUE,
    -- Places given, which is also the next one.
    orders integer NOT NULL CHECK (orders BETWEEN 0 AND 65536)
);
INSERT INTO search_segments (segment, first_id, orders) VALUES (1, '00000000-0000-0000-0000-000000000000', 0);

-- Where an order stands, and all the terms it is found by: words of its number, people, goods and parcels, and facets
-- such as `=status=open`. Words of people are personal data: once `contacts` and `addresses` are blank, digest() drops them.
CREATE TABLE search_orders (
    order_id uuid PRIMARY KEY,
    segment integer NOT NULL REFERENCES search_segments,
    place integer NOT NULL CHECK (place BETWEEN 0 AND 65535),
    terms text[] NOT NULL,
    -- This prevents two orders from being taken for each other.
    CONSTRAINT search_orders_place UNIQUE (segment, place)
) WITH (fillfactor = 85);

-- The set of places a term is found at, as places.py packs it. Never empty.
CREATE TABLE search_terms (
    segment integer NOT NULL,
    term text COLLATE "C" NOT NULL,
    places bytea NOT NULL CHECK (length(places) > 1),
    PRIMARY KEY (segment, term)
) WITH (fillfactor = 85);

-- What happened, hour by hour, added up as it happens: a chart costs the same however many orders there are.
CREATE TABLE figures (
    -- This prevents an hour from being told apart by where its reader lives.
    hour timestamptz NOT NULL CHECK (hour = date_trunc('hour', hour, 'UTC')),
    measure text NOT NULL CHECK (measure IN ('placed_regular', 'placed_personalized', 'placed_special', 'handed_over',
        'delivered_in_time', 'delivered_late', 'delivered_undated')),
    value bigint NOT NULL CHECK (value > 0),
    PRIMARY KEY (hour, measure)
);

-- Whether an order is of these locations (null: of any): it has claims or work there, or parcels that left from there.
-- The one rule by which somebody bound to locations sees an order and all that belongs to it.
CREATE FUNCTION order_is_at(uuid, integer[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT $2 IS NULL
        OR EXISTS (SELECT FROM reservations r WHERE r.order_id = $1 AND r.open > 0 AND r.location_id = ANY($2))
        OR EXISTS (SELECT FROM fulfillment_orders f WHERE f.order_id = $1 AND f.location_id = ANY($2))
        OR EXISTS (SELECT FROM shipments s WHERE s.order_id = $1 AND s.location_id = ANY($2))
$$;
