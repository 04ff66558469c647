-- The versions of the DLP policies, append-only: what was in force, from when on, and who brought it. The newest is in
-- force, unless a gateway has a policy file; then this is the record of what the file said.

CREATE TABLE synapse.dlp_policy_versions (
    number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    applied_at timestamptz NOT NULL DEFAULT now(),
    author text NOT NULL CHECK (author <> '' AND length(author) <= 254),
    source text NOT NULL CHECK (source IN ('file', 'command', 'console', 'shipped')),
    -- Of the document.
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    -- A hash of the engine, the rules and the policies of the Synapse that took it over.
    engine text NOT NULL CHECK (engine <> ''),
    -- The policies that keys can be bound to.
    names text[] NOT NULL CHECK (cardinality(names) > 0 AND array_position(names, NULL) IS NULL),
    -- Of those that were compiled: the version that audit entries have as `policy_version`.
    policies jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(policies) = 'object'),
    document text NOT NULL CHECK (octet_length(document) <= 1048576),
    note text CHECK (note <> '' AND length(note) <= 500)
);

CREATE FUNCTION synapse.refuse_dlp_version_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: versions of policies are append-only', tg_op, tg_table_schema, tg_table_name
        USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON synapse.dlp_policy_versions
    FOR EACH STATEMENT EXECUTE FUNCTION synapse.refuse_dlp_version_change();
CREATE TRIGGER announce AFTER INSERT ON synapse.dlp_policy_versions
    FOR EACH STATEMENT EXECUTE FUNCTION synapse.announce_policy();
-- ALWAYS: not even a session that plays a replica (session_replication_role) passes them by.
ALTER TABLE synapse.dlp_policy_versions ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER announce;

REVOKE ALL ON FUNCTION synapse.refuse_dlp_version_change() FROM PUBLIC;

GRANT SELECT ON synapse.dlp_policy_versions TO synapse_runtime;
-- Neither its number nor its time can be chosen.
GRANT INSERT (author, source, sha256, engine, names, policies, document, note) ON synapse.dlp_policy_versions
    TO synapse_runtime;
