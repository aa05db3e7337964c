-- What a night's look found at a location: how far counters, ledgers, orders and the location's own books were apart.
CREATE TABLE reconciliations (
    location_id integer NOT NULL REFERENCES locations,
    -- The night, by the location's calendar.
    day date NOT NULL,
    cause text NOT NULL CHECK (cause IN ('counter_drift', 'lost_movement', 'claim_without_line', 'line_without_claim',
        'shipped_not_theirs', 'received_not_theirs', 'received_not_ours', 'claims_unknown_there', 'claims_taken_off',
        'count_difference')),
    keys integer NOT NULL CHECK (keys >= 0),
    units bigint NOT NULL CHECK (units >= 0),
    looked_at timestamptz NOT NULL,
    -- This prevents a night from being looked at twice.
    PRIMARY KEY (location_id, day, cause)
);
