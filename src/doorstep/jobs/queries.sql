-- name: enqueue
-- Wakes the workers, too, when its transaction is committed. Only a hint.
INSERT INTO jobs (job_id, kind, subject, lane, due_at)
SELECT n.* FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::smallint[], $5::timestamptz[]) AS n
CROSS JOIN (SELECT pg_notify('doorstep_jobs', current_schema())) woken
ON CONFLICT ON CONSTRAINT jobs_one_per_intent DO NOTHING

-- name: reawaken
UPDATE jobs SET state = 'waiting', attempts = least(attempts, 1), retry_at = '-infinity', due_at = $3, lease = NULL, leased_until = NULL, done_at = NULL
FROM (SELECT pg_notify('doorstep_jobs', current_schema())) woken
WHERE kind = $1 AND subject = $2 AND state <> 'waiting'

-- name: move
UPDATE jobs j SET due_at = n.due_at FROM unnest($2::uuid[], $3::timestamptz[]) AS n (subject, due_at)
WHERE j.kind = $1 AND j.subject = n.subject AND j.state = 'waiting' AND j.leased_until IS NULL

-- name: drop
UPDATE jobs SET state = 'done', done_at = clock_timestamp(), leased_until = NULL, last_error = NULL
WHERE kind = $1 AND subject = ANY($2) AND state = 'waiting'

-- name: claim
-- Up to so many of each kind, express first, or only ($5). Kind and lane are equalities, so that what is due later is never looked at;
-- and no more rows are locked than taken, or another worker would find nothing.
WITH wanted AS (
    SELECT * FROM unnest($3::text[], $4::integer[]) AS k (kind, most)
), express AS MATERIALIZED (
    SELECT k.kind, due.job_id FROM wanted k CROSS JOIN LATERAL (
        SELECT j.job_id FROM jobs j
        WHERE j.state = 'waiting' AND j.kind = k.kind AND j.lane = 0 AND j.due_at <= clock_now()
            AND j.retry_at <= clock_timestamp() AND (j.leased_until IS NULL OR j.leased_until < clock_timestamp())
        ORDER BY j.due_at LIMIT k.most FOR UPDATE SKIP LOCKED) due
), standard AS MATERIALIZED (
    SELECT k.kind, due.job_id FROM wanted k CROSS JOIN LATERAL (
        SELECT j.job_id FROM jobs j
        WHERE j.state = 'waiting' AND j.kind = k.kind AND j.lane = 1 AND j.due_at <= clock_now()
            AND j.retry_at <= clock_timestamp() AND (j.leased_until IS NULL OR j.leased_until < clock_timestamp())
        ORDER BY j.due_at LIMIT CASE WHEN $5 THEN 0 ELSE k.most - (SELECT count(*) FROM express e WHERE e.kind = k.kind) END
        FOR UPDATE SKIP LOCKED) due
)
UPDATE jobs SET lease = $1, leased_until = clock_timestamp() + $2, attempts = attempts + 1
WHERE job_id IN (SELECT job_id FROM express UNION ALL SELECT job_id FROM standard)
RETURNING job_id, kind, subject, lane, attempts, lease

-- name: renew
-- A row that is locked is being ended by its holder, or cannot be claimed meanwhile: never wait for one here.
UPDATE jobs SET leased_until = clock_timestamp() + $3 WHERE job_id IN (
    SELECT j.job_id FROM jobs j JOIN unnest($1::uuid[], $2::uuid[]) AS n (job_id, lease)
        ON j.job_id = n.job_id AND j.lease = n.lease
    WHERE j.state = 'waiting' AND j.leased_until IS NOT NULL FOR NO KEY UPDATE OF j SKIP LOCKED)

-- name: finish
UPDATE jobs j SET state = 'done', done_at = clock_timestamp(), leased_until = NULL, last_error = NULL
FROM unnest($1::uuid[], $2::uuid[]) AS n (job_id, lease)
WHERE j.job_id = n.job_id AND j.lease = n.lease AND j.state = 'waiting'

-- name: postpone
UPDATE jobs j SET due_at = n.due_at, lease = NULL, leased_until = NULL, attempts = j.attempts - 1
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS n (job_id, lease, due_at)
WHERE j.job_id = n.job_id AND j.lease = n.lease AND j.state = 'waiting'

-- name: wait_for_adapter
UPDATE jobs SET retry_at = clock_timestamp() + $3::interval, lease = NULL, leased_until = NULL, attempts = attempts - 1,
    last_error = $4
WHERE job_id = $1 AND lease = $2 AND state = 'waiting'

-- name: fail
UPDATE jobs SET retry_at = clock_timestamp() + $3, lease = NULL, leased_until = NULL, last_error = $4
WHERE job_id = $1 AND lease = $2 AND state = 'waiting'

-- name: poison
UPDATE jobs SET state = 'poisoned', lease = NULL, leased_until = NULL, last_error = $3
WHERE job_id = $1 AND lease = $2 AND state = 'waiting'

-- name: prune
DELETE FROM jobs WHERE state = 'done' AND done_at < clock_timestamp() - $1::interval

-- name: backlog
SELECT count(*) FILTER (WHERE due_at <= $1) AS due, count(*) AS waiting, min(due_at) AS next_due_at,
    count(*) FILTER (WHERE due_at <= $1 AND retry_at > clock_timestamp()) AS backing_off
FROM jobs WHERE state = 'waiting'

-- name: poisoned
SELECT count(*) FROM jobs WHERE state = 'poisoned'

-- name: open_exception
INSERT INTO exceptions (exception_id, kind, subject, order_id, priority, owner, next_action, due_at, detail, opened_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING

-- name: resolve_exception
UPDATE exceptions SET resolved_at = $5, resolved_by = $3, resolution = $4
WHERE kind = $1 AND subject = $2 AND resolved_at IS NULL

-- name: resolve_exception_by_id
UPDATE exceptions SET resolved_at = $4, resolved_by = $2, resolution = $3
WHERE exception_id = $1 AND resolved_at IS NULL
RETURNING *

-- name: exception
SELECT * FROM exceptions WHERE exception_id = $1

-- name: open_exceptions
SELECT * FROM exceptions
WHERE resolved_at IS NULL AND (priority, due_at, exception_id) > ($1, $2, $3) AND ($4::text IS NULL OR kind = $4)
ORDER BY priority, due_at, exception_id LIMIT $5

-- name: assign_exceptions
UPDATE exceptions SET assigned_to = $2 WHERE exception_id = ANY($1) AND resolved_at IS NULL RETURNING exception_id
