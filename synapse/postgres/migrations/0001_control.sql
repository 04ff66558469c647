-- Who may do what: teams, keys with their bindings, upstreams and models. The runtime role gets column by column what
-- the gateway and its console need; what a key is bound to can be changed by nobody.

CREATE TABLE synapse.teams (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$' AND name = btrim(name)),
    contact text NOT NULL CHECK (contact <> '' AND length(contact) <= 254),
    time_zone text NOT NULL DEFAULT 'UTC' CHECK (time_zone <> ''),
    -- When requests are expected, in the team's time zone, such as 'mon-fri 08:00-18:00'; null is at any time.
    business_hours text CHECK (
        business_hours ~ '^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))? ([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d$'
    ),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE synapse.api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- What people may see of the secret, and all that is kept of the rest.
    prefix text NOT NULL CHECK (prefix ~ '^syn_[0-9A-Za-z]{8}$'),
    sha256 bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
    -- The binding.
    team_id uuid NOT NULL REFERENCES synapse.teams,
    purpose text NOT NULL CHECK (purpose <> '' AND length(purpose) <= 500),
    system_prompt text CHECK (system_prompt <> ''),
    models text[] NOT NULL CHECK (cardinality(models) > 0 AND array_position(models, NULL) IS NULL),
    classification text NOT NULL DEFAULT 'sensitive' CHECK (classification IN ('sensitive', 'non_sensitive')),
    dlp_policy text NOT NULL CHECK (dlp_policy <> ''),
    history text NOT NULL DEFAULT 'redact' CHECK (history IN ('redact', 'block')),
    caps jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(caps) = 'object'),
    expires_at timestamptz,
    rotated_from uuid REFERENCES synapse.api_keys,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL CHECK (created_by <> ''),
    -- What may change: limits (null is unlimited), and the end of the key, which may only come closer.
    requests_per_minute integer CHECK (requests_per_minute > 0),
    concurrent_requests integer CHECK (concurrent_requests > 0),
    tokens_per_day bigint CHECK (tokens_per_day > 0 AND tokens_per_day < 1::bigint << 38),  -- what a counter holds
    disabled_at timestamptz
);

CREATE INDEX api_keys_team ON synapse.api_keys (team_id);

CREATE TABLE synapse.upstreams (
    name text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    base_url text NOT NULL CHECK (base_url ~ '^https?://[^[:space:]@?#]+$'),
    zone text NOT NULL CHECK (zone IN ('on_prem', 'cloud')),
    provider text NOT NULL DEFAULT 'openai' CHECK (provider IN ('openai', 'ollama', 'vllm')),
    -- Where the credential is, never the credential.
    api_key_ref text CHECK (api_key_ref ~ '^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$'),
    ca_file text CHECK (ca_file ~ '^/'),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE synapse.models (
    name text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$'),
    upstream text NOT NULL REFERENCES synapse.upstreams,
    -- What the upstream calls it.
    upstream_model text NOT NULL CHECK (upstream_model ~ '^[[:graph:]]{1,200}$'),
    -- The lowest is tried first.
    position integer NOT NULL DEFAULT 0 CHECK (position >= 0),
    PRIMARY KEY (name, upstream)
);

CREATE INDEX models_upstream ON synapse.models (upstream);

-- One row: how often any table above has changed. A worker compares it with the version of its snapshot.
CREATE TABLE synapse.policy_version (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version bigint NOT NULL
);

INSERT INTO synapse.policy_version (version) VALUES (1);

-- Whoever changes a control table moves the version, which the runtime role itself may not write.
CREATE FUNCTION synapse.announce_policy() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE synapse.policy_version SET version = version + 1;
    PERFORM pg_notify('synapse_policy', '');
    RETURN NULL;
END
$$;

-- Names what may change instead of what may not, so that a column added later is part of the binding from its start.
CREATE FUNCTION synapse.refuse_binding_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changeable CONSTANT text[] := ARRAY['requests_per_minute', 'concurrent_requests', 'tokens_per_day', 'disabled_at'];
BEGIN
    IF to_jsonb(old) - changeable IS DISTINCT FROM to_jsonb(new) - changeable THEN
        RAISE EXCEPTION 'the binding of an API key cannot be changed: create another key'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF old.disabled_at IS NOT NULL AND (new.disabled_at IS NULL OR new.disabled_at > old.disabled_at) THEN
        RAISE EXCEPTION 'a disabled API key stays disabled: create another key'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN new;
END
$$;

CREATE FUNCTION synapse.refuse_removal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never removed', tg_table_name USING ERRCODE = 'integrity_constraint_violation';
END
$$;

-- The audit log refers to a team by its id and shows its name: neither may come to mean somebody else.
CREATE FUNCTION synapse.refuse_team_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (new.id, new.name, new.created_at) IS DISTINCT FROM (old.id, old.name, old.created_at) THEN
        RAISE EXCEPTION 'a team keeps its name: create another team' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN new;
END
$$;

CREATE TRIGGER binding BEFORE UPDATE ON synapse.api_keys
    FOR EACH ROW EXECUTE FUNCTION synapse.refuse_binding_change();
CREATE TRIGGER removal BEFORE DELETE OR TRUNCATE ON synapse.api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION synapse.refuse_removal();
CREATE TRIGGER identity BEFORE UPDATE ON synapse.teams
    FOR EACH ROW EXECUTE FUNCTION synapse.refuse_team_change();
CREATE TRIGGER removal BEFORE DELETE OR TRUNCATE ON synapse.teams
    FOR EACH STATEMENT EXECUTE FUNCTION synapse.refuse_removal();

CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON synapse.teams
    FOR EACH STATEMENT EXECUTE FUNCTION synapse.announce_policy();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON synapse.api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION synapse.announce_policy();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON synapse.upstreams
    FOR EACH STATEMENT EXECUTE FUNCTION synapse.announce_policy();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON synapse.models
    FOR EACH STATEMENT EXECUTE FUNCTION synapse.announce_policy();

-- ALWAYS: not even a session that plays a replica (session_replication_role) passes them by.
ALTER TABLE synapse.teams ENABLE ALWAYS TRIGGER identity, ENABLE ALWAYS TRIGGER removal, ENABLE ALWAYS TRIGGER announce;
ALTER TABLE synapse.api_keys
    ENABLE ALWAYS TRIGGER binding, ENABLE ALWAYS TRIGGER removal, ENABLE ALWAYS TRIGGER announce;
ALTER TABLE synapse.upstreams ENABLE ALWAYS TRIGGER announce;
ALTER TABLE synapse.models ENABLE ALWAYS TRIGGER announce;

REVOKE ALL ON FUNCTION synapse.announce_policy() FROM PUBLIC;

GRANT SELECT ON synapse.teams, synapse.api_keys, synapse.upstreams, synapse.models, synapse.policy_version
    TO synapse_runtime;
GRANT INSERT ON synapse.teams, synapse.api_keys, synapse.upstreams, synapse.models TO synapse_runtime;
GRANT UPDATE (contact, time_zone, business_hours) ON synapse.teams TO synapse_runtime;
GRANT UPDATE (requests_per_minute, concurrent_requests, tokens_per_day, disabled_at) ON synapse.api_keys
    TO synapse_runtime;
GRANT DELETE ON synapse.upstreams, synapse.models TO synapse_runtime;
