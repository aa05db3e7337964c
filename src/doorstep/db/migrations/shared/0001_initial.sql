-- The shared schema: which brands there are, and who may call. Everything else lives in a brand's own schema.
CREATE TABLE doorstep.brands (
    brand text PRIMARY KEY CHECK (brand ~ '^[a-z][a-z0-9_]{0,30}$'),
    title text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE doorstep.api_keys (
    key_id uuid PRIMARY KEY,
    brand text NOT NULL REFERENCES doorstep.brands,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- This prevents a stolen database from opening the door: only the SHA-256 of the 192-bit random key is kept.
    key_hash bytea NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    scope text NOT NULL CHECK (scope IN ('read', 'write')),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
