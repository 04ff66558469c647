-- The audit log, append-only. Workers (synapse_runtime) may insert and select; nobody updates, deletes or truncates,
-- on the parents or on any partition, not even with session_replication_role = replica.
--
-- The columns stand in the order in which synapse/postgres/audit_rows.py encodes them, because the hash of an entry is
-- taken over exactly these bytes. A new column therefore goes to the end with a new `format`. There are no constraints
-- on texts, because each is one more way to refuse a record.

CREATE TABLE synapse.audit_writers (
    writer_id  uuid PRIMARY KEY,
    lock_key   bigint NOT NULL UNIQUE,     -- session advisory lock, held while the writer lives
    host       text NOT NULL,
    pid        integer NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,       -- its last batch
    seq        bigint NOT NULL DEFAULT 0,  -- the watermark: every record up to here is in the log
    head       bytea NOT NULL,             -- entry_hash of that record
    open_since timestamptz,                -- started_at of the oldest intent without an outcome, as of the watermark
    stopped_at timestamptz,                -- stopped cleanly, nothing open
    closed_at  timestamptz,                -- found dead, its open intents were given an outcome
    closed_by  uuid
) WITH (fillfactor = 50);

CREATE INDEX audit_writers_unfinished ON synapse.audit_writers (started_at)
    WHERE stopped_at IS NULL AND closed_at IS NULL;

CREATE TABLE synapse.audit_intents (
    format          smallint NOT NULL,
    request_id      uuid NOT NULL,
    started_at      timestamptz NOT NULL,
    request_bytes   bigint NOT NULL,
    stream          boolean NOT NULL,
    endpoint        text,
    team_id         uuid,
    team_name       text,
    key_id          uuid,
    key_prefix      text,
    client_ip       text,
    user_agent      text,
    model_requested text,
    upstream        text,
    zone            text,
    classification  text,
    route_reason    text,
    dlp_action      text,
    dlp_findings    json NOT NULL,         -- json keeps the bytes that were hashed; jsonb would not
    incident_id     text,
    policy_version  text,
    prompt_sha256   bytea,
    request_sha256  bytea,
    writer_id       uuid NOT NULL,
    seq             bigint NOT NULL,
    prev_hash       bytea NOT NULL,
    entry_hash      bytea NOT NULL,
    PRIMARY KEY (writer_id, seq, started_at)
) PARTITION BY RANGE (started_at);

CREATE INDEX audit_intents_request ON synapse.audit_intents (request_id);

CREATE TABLE synapse.audit_log (
    format            smallint NOT NULL,
    request_id        uuid NOT NULL,
    started_at        timestamptz NOT NULL,
    request_bytes     bigint NOT NULL,
    stream            boolean NOT NULL,
    endpoint          text,
    team_id           uuid,
    team_name         text,
    key_id            uuid,
    key_prefix        text,
    client_ip         text,
    user_agent        text,
    model_requested   text,
    upstream          text,
    zone              text,
    classification    text,
    route_reason      text,
    dlp_action        text,
    dlp_findings      json NOT NULL,
    incident_id       text,
    policy_version    text,
    prompt_sha256     bytea,
    request_sha256    bytea,
    ended_at          timestamptz NOT NULL,
    http_status       integer NOT NULL,
    response_bytes    bigint NOT NULL,
    latency_us        bigint NOT NULL,
    auth_us           bigint NOT NULL,
    dlp_in_us         bigint NOT NULL,
    dlp_out_us        bigint NOT NULL,
    outcome           text,
    model_served      text,
    error_code        text,
    finish_reason     text,
    prompt_tokens     bigint,
    completion_tokens bigint,
    ttft_us           bigint,
    upstream_us       bigint,
    response_sha256   bytea,
    writer_id         uuid NOT NULL,
    seq               bigint NOT NULL,
    prev_hash         bytea NOT NULL,
    entry_hash        bytea NOT NULL,
    PRIMARY KEY (request_id, started_at)
) PARTITION BY RANGE (started_at);

CREATE INDEX audit_log_started ON synapse.audit_log (started_at);
CREATE INDEX audit_log_key ON synapse.audit_log (key_id, started_at);
CREATE INDEX audit_log_writer ON synapse.audit_log (writer_id, seq);
-- "Was this text ever sent, or ever answered?" B-trees: the pages of a hash index that hold one value are a list which every
-- insert walks, and templates and canned answers make one value common.
CREATE INDEX audit_log_prompt ON synapse.audit_log (prompt_sha256);
CREATE INDEX audit_log_response ON synapse.audit_log (response_sha256);

CREATE FUNCTION synapse.refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: the audit log is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

-- Statement triggers: they fire for TRUNCATE and when no row matches. ENABLE ALWAYS: a replica role fires them too.
CREATE FUNCTION synapse.make_append_only(target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION synapse.refuse_audit_change()', target);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only', target);
END
$$;

SELECT synapse.make_append_only('synapse.audit_log');
SELECT synapse.make_append_only('synapse.audit_intents');

-- A writer's row moves forwards only, by the session that holds the writer's lock, and not at all once the writer has
-- stopped or was closed. Without the lock anybody could advance a watermark, after which the writer ships nothing more,
-- or close a writer, after which nobody gives its open intents an outcome.
CREATE FUNCTION synapse.refuse_writer_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF new.seq < old.seq OR old.stopped_at IS NOT NULL OR old.closed_at IS NOT NULL
        OR new.writer_id <> old.writer_id OR new.lock_key <> old.lock_key
    THEN
        RAISE EXCEPTION 'audit writer % is finished or would go backwards', old.writer_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_locks AS lock
        WHERE lock.pid = pg_backend_pid() AND lock.granted
            AND lock.locktype = 'advisory' AND lock.objsubid = 1 AND lock.mode = 'ExclusiveLock'
            AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (lock.classid::bigint << 32 | lock.objid::bigint) = old.lock_key
    ) THEN
        RAISE EXCEPTION 'audit writer % is not changed without its lock', old.writer_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF new.open_since IS DISTINCT FROM old.open_since AND new.seq = old.seq THEN
        RAISE EXCEPTION 'audit writer % opens and closes requests by writing records only', old.writer_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF new.closed_at IS NOT NULL AND EXISTS (
        SELECT FROM synapse.audit_intents AS intent
        WHERE intent.writer_id = old.writer_id AND intent.started_at >= old.open_since
            AND NOT EXISTS (
                SELECT FROM synapse.audit_log AS entry
                WHERE entry.request_id = intent.request_id AND entry.started_at = intent.started_at
            )
    ) THEN
        RAISE EXCEPTION 'audit writer % has requests without an outcome', old.writer_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN new;
END
$$;

CREATE TRIGGER only_forwards BEFORE UPDATE ON synapse.audit_writers
    FOR EACH ROW EXECUTE FUNCTION synapse.refuse_writer_change();
ALTER TABLE synapse.audit_writers ENABLE ALWAYS TRIGGER only_forwards;

CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON synapse.audit_writers
    FOR EACH STATEMENT EXECUTE FUNCTION synapse.refuse_audit_change();
ALTER TABLE synapse.audit_writers ENABLE ALWAYS TRIGGER append_only;

-- Makes the partitions of `months` months from the month of `day` on; those that are there already are left alone.
-- It runs as its owner, so that the runtime role needs no right to create tables. A partition is built beside its
-- parent and then attached, because ATTACH lets inserts go on where CREATE TABLE ... PARTITION OF would stop them.
CREATE FUNCTION synapse.ensure_audit_partitions(day date, months integer DEFAULT 1) RETURNS void
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    parent    text;
    first     timestamp;
    name      text;
BEGIN
    IF months NOT BETWEEN 1 AND 12 OR day NOT BETWEEN DATE '1970-01-01' AND DATE '2261-12-31' THEN
        RAISE EXCEPTION 'ensure_audit_partitions: 1 to 12 months from 1970 to 2261'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('synapse.ensure_audit_partitions', 0));
    FOREACH parent IN ARRAY ARRAY['audit_log', 'audit_intents'] LOOP
        FOR offset_months IN 0 .. months - 1 LOOP
            first := date_trunc('month', day::timestamp) + make_interval(months => offset_months);
            name := format('%s_%s', parent, to_char(first, 'YYYY_MM'));
            CONTINUE WHEN to_regclass(format('synapse.%I', name)) IS NOT NULL;
            EXECUTE format('CREATE TABLE synapse.%I (LIKE synapse.%I INCLUDING ALL)', name, parent);
            PERFORM synapse.make_append_only(format('synapse.%I', name)::regclass);
            EXECUTE format(
                'ALTER TABLE synapse.%I ATTACH PARTITION synapse.%I FOR VALUES FROM (%L) TO (%L)',
                parent, name,
                first AT TIME ZONE 'UTC', (first + INTERVAL '1 month') AT TIME ZONE 'UTC');
        END LOOP;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION synapse.refuse_audit_change() FROM PUBLIC;
REVOKE ALL ON FUNCTION synapse.refuse_writer_change() FROM PUBLIC;
REVOKE ALL ON FUNCTION synapse.make_append_only(regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION synapse.ensure_audit_partitions(date, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION synapse.ensure_audit_partitions(date, integer) TO synapse_runtime;

GRANT SELECT, INSERT ON synapse.audit_log, synapse.audit_intents TO synapse_runtime;
GRANT SELECT, INSERT ON synapse.audit_writers TO synapse_runtime;
GRANT UPDATE (seen_at, seq, head, open_since, stopped_at, closed_at, closed_by)
    ON synapse.audit_writers TO synapse_runtime;
