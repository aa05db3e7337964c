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

-- The staff. A login is an e-mail address or a short name, kept in small letters.
CREATE TABLE doorstep.users (
    user_id uuid PRIMARY KEY,
    -- This prevents two people from having one name, however they write it.
    login text NOT NULL UNIQUE CHECK (login = lower(login) AND length(login) BETWEEN 1 AND 254),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- This prevents a password from being kept as it is, or under a hash made for speed.
    password_hash text NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    -- The first password was made by us, or given by an admin: it must be replaced.
    must_change boolean NOT NULL DEFAULT true,
    language text NOT NULL DEFAULT 'en',
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);

-- What somebody may do at a brand, and at which locations (null: at all of them; ids of the brand's locations).
CREATE TABLE doorstep.memberships (
    user_id uuid NOT NULL REFERENCES doorstep.users,
    brand text NOT NULL REFERENCES doorstep.brands,
    role text NOT NULL CHECK (role IN ('admin', 'agent', 'floor', 'vendor', 'viewer')),
    location_ids integer[],
    -- This prevents a vendor, who is not of the house, from seeing every location for want of a choice.
    CONSTRAINT memberships_vendor_has_locations CHECK (role <> 'vendor' OR location_ids IS NOT NULL),
    PRIMARY KEY (user_id, brand)
);

CREATE FUNCTION doorstep.keep_an_admin() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched text[];
BEGIN
    IF TG_TABLE_NAME = 'memberships' THEN
        touched := ARRAY[OLD.brand];
    ELSE
        touched := ARRAY(SELECT m.brand FROM doorstep.memberships m WHERE m.user_id = OLD.user_id AND m.role = 'admin');
    END IF;
    -- Whoever takes an admin away queues up at the brand's row; the second one then sees what the first one did.
    PERFORM 1 FROM doorstep.brands b WHERE b.brand = ANY (touched) ORDER BY b.brand FOR NO KEY UPDATE;
    IF EXISTS (SELECT 1 FROM unnest(touched) t (brand) WHERE NOT EXISTS (
            SELECT 1 FROM doorstep.memberships m JOIN doorstep.users u USING (user_id)
            WHERE m.brand = t.brand AND m.role = 'admin' AND u.disabled_at IS NULL)) THEN
        RAISE EXCEPTION 'a brand keeps an admin'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_keep_an_admin';
    END IF;
    RETURN NULL;
END
$$;
-- This prevents a brand from losing its last admin, also when two admins take each other's role at the same time.
CREATE TRIGGER memberships_changed_keep_an_admin AFTER UPDATE ON doorstep.memberships FOR EACH ROW
    WHEN (OLD.role = 'admin' AND NEW.role <> 'admin') EXECUTE FUNCTION doorstep.keep_an_admin();
CREATE TRIGGER memberships_gone_keep_an_admin AFTER DELETE ON doorstep.memberships FOR EACH ROW
    WHEN (OLD.role = 'admin') EXECUTE FUNCTION doorstep.keep_an_admin();
CREATE TRIGGER users_keep_an_admin AFTER UPDATE ON doorstep.users FOR EACH ROW
    WHEN (OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL) EXECUTE FUNCTION doorstep.keep_an_admin();

-- Who is logged in. The token itself is only in the browser's cookie.
CREATE TABLE doorstep.sessions (
    -- This prevents a stolen database from opening a session: only the SHA-256 of the 256-bit random token is kept.
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    user_id uuid NOT NULL REFERENCES doorstep.users,
    brand text NOT NULL REFERENCES doorstep.brands,
    began_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sessions_user ON doorstep.sessions (user_id);
CREATE INDEX sessions_prune ON doorstep.sessions (seen_at);

-- Lists somebody looks at again and again: a name and the filters, as the list's address says them.
CREATE TABLE doorstep.saved_filters (
    user_id uuid NOT NULL,
    brand text NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    query text NOT NULL CHECK (length(query) BETWEEN 1 AND 1000),
    -- This prevents two lists of one person from having one name.
    PRIMARY KEY (user_id, brand, name),
    -- Who leaves the brand leaves their lists.
    FOREIGN KEY (user_id, brand) REFERENCES doorstep.memberships ON DELETE CASCADE
);

-- Logins that failed, by name and by address, counted so that nobody can try them all.
CREATE TABLE doorstep.failed_logins (
    door text NOT NULL CHECK (length(door) BETWEEN 1 AND 100),
    failed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX failed_logins_door ON doorstep.failed_logins (door, failed_at);
CREATE INDEX failed_logins_prune ON doorstep.failed_logins (failed_at);
