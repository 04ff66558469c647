-- The queries of the audit log. `-- name:` starts one; the lines below it say what it is for.

-- name: hold_lock
-- A writer lives as long as a session holds its lock, and only that session may advance it. It waits for an earlier
-- session of the same writer that is not over yet, as long as lock_timeout says.
SELECT pg_advisory_lock($1)

-- name: settings
-- A commit that was acknowledged must survive a crash of the server, whatever the database's default is. The
-- keepalives let the server notice within two minutes that a worker's machine is gone.
SELECT set_config('synchronous_commit', 'on', false),
       set_config('lock_timeout', '5s', false),
       set_config('tcp_keepalives_idle', '60', false),
       set_config('tcp_keepalives_interval', '15', false),
       set_config('tcp_keepalives_count', '4', false)

-- name: register
INSERT INTO synapse.audit_writers (writer_id, lock_key, host, pid, started_at, seen_at, head)
VALUES ($1, $2, $3, $4, $5, $5, $6)
ON CONFLICT (writer_id) DO NOTHING

-- name: watermark
-- The lock on the row makes this wait for a transaction whose outcome the writer did not learn.
SELECT seq, head, stopped_at IS NOT NULL OR closed_at IS NOT NULL AS finished
FROM synapse.audit_writers
WHERE writer_id = $1
FOR UPDATE

-- name: advance
UPDATE synapse.audit_writers SET seq = $2, head = $3, open_since = $4, seen_at = $5 WHERE writer_id = $1

-- name: stop
UPDATE synapse.audit_writers SET stopped_at = $2 WHERE writer_id = $1 AND stopped_at IS NULL AND closed_at IS NULL

-- name: ensure_partitions
SELECT synapse.ensure_audit_partitions($1, $2)

-- name: present
-- Which of these requests have their outcome in the log already.
SELECT request_id FROM synapse.audit_log
WHERE request_id = ANY($1::uuid[]) AND started_at BETWEEN $2 AND $3

-- name: lost_writers
-- Writers that neither stopped nor hold their lock. It only looks at the locks: taking one, even for a moment, would
-- make its writer look alive to others, or keep it from getting its own lock back.
SELECT writer_id, lock_key
FROM synapse.audit_writers AS writer
WHERE stopped_at IS NULL AND closed_at IS NULL AND writer_id <> $1
  AND NOT EXISTS (
      SELECT FROM pg_locks AS lock
      WHERE lock.locktype = 'advisory' AND lock.objsubid = 1 AND lock.granted
        AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (lock.classid::bigint << 32 | lock.objid::bigint) = writer.lock_key
  )

-- name: take_lost_writer
-- Of several workers that want to close a writer, the one that gets this lock does it, until the end of its transaction.
SELECT pg_try_advisory_xact_lock($1)

-- name: unfinished_writer
SELECT writer_id FROM synapse.audit_writers
WHERE writer_id = $1 AND stopped_at IS NULL AND closed_at IS NULL
FOR UPDATE

-- name: abandoned_intents
-- The last intent of each request that has no outcome. `open_since` keeps this from reading a long life's intents.
SELECT DISTINCT ON (intent.request_id) intent.*
FROM synapse.audit_intents AS intent
JOIN synapse.audit_writers AS writer USING (writer_id)
WHERE writer_id = $1 AND intent.started_at >= writer.open_since
  AND NOT EXISTS (
      SELECT FROM synapse.audit_log AS entry
      WHERE entry.request_id = intent.request_id AND entry.started_at = intent.started_at
  )
ORDER BY intent.request_id, intent.seq DESC

-- name: close_writer
UPDATE synapse.audit_writers SET closed_at = $2, closed_by = $3 WHERE writer_id = $1

-- name: find
-- Entries whose prompt or answer has this hash, the newest first.
SELECT request_id, started_at, team_name, key_prefix, endpoint, model_requested, model_served, upstream, zone, outcome,
       http_status, dlp_action, prompt_sha256 = $1 IS TRUE AS in_prompt, response_sha256 = $1 IS TRUE AS in_answer
FROM synapse.audit_log
WHERE prompt_sha256 = $1 OR response_sha256 = $1
ORDER BY started_at DESC
LIMIT $2

-- name: latest
SELECT request_id, started_at, team_name, key_prefix, endpoint, model_requested, model_served, upstream, zone, outcome,
       http_status, dlp_action, false AS in_prompt, false AS in_answer
FROM synapse.audit_log
ORDER BY started_at DESC
LIMIT $1
