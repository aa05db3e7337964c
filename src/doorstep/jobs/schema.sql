-- Work with the outside, or for later. `due_at` is on the brand's clock; leases and back-off are on the wall clock,
-- so that a fast rehearsal neither hammers a failing partner nor steals work from the living.
CREATE TABLE jobs (
    job_id uuid PRIMARY KEY,
    kind text NOT NULL,
    subject uuid NOT NULL,
    lane smallint NOT NULL DEFAULT 1 CHECK (lane IN (0, 1)),
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'poisoned')),
    due_at timestamptz NOT NULL,
    retry_at timestamptz NOT NULL DEFAULT '-infinity',
    attempts integer NOT NULL DEFAULT 0,
    lease uuid,
    leased_until timestamptz,
    last_error text,
    done_at timestamptz,
    -- This prevents the same intent from being carried out by two jobs.
    CONSTRAINT jobs_one_per_intent UNIQUE (kind, subject)
);
CREATE INDEX jobs_due ON jobs (kind, lane, due_at) WHERE state = 'waiting';
CREATE INDEX jobs_prune ON jobs (done_at) WHERE state = 'done';
-- Those given up: few, and counted often.
CREATE INDEX jobs_poisoned ON jobs (kind) WHERE state = 'poisoned';

-- A failed step is a work item a person can see, retry or resolve.
CREATE TABLE exceptions (
    exception_id uuid PRIMARY KEY,
    kind text NOT NULL,
    subject uuid NOT NULL,
    order_id uuid,
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 3),
    owner text NOT NULL,
    -- Who of the staff has taken it on, by login.
    assigned_to text,
    next_action text NOT NULL,
    due_at timestamptz NOT NULL,
    detail jsonb NOT NULL,
    opened_at timestamptz NOT NULL,
    resolved_at timestamptz,
    resolved_by text,
    resolution text,
    CHECK ((resolved_at IS NULL) = (resolved_by IS NULL))
);
-- This prevents the same trouble from filling the list: one open item a subject and kind.
CREATE UNIQUE INDEX exceptions_open ON exceptions (kind, subject) WHERE resolved_at IS NULL;
CREATE INDEX exceptions_worklist ON exceptions (priority, due_at) WHERE resolved_at IS NULL;
CREATE INDEX exceptions_subject ON exceptions (subject);
CREATE INDEX exceptions_order ON exceptions (order_id);
