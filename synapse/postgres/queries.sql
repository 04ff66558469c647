-- Queries on the control tables. Values are parameters, always.

-- name: team_insert
-- A new team.
INSERT INTO synapse.teams (name, contact, time_zone, business_hours)
VALUES ($1, $2, $3, $4)
RETURNING id::text, name, contact, time_zone, business_hours, created_at;

-- name: teams
-- All teams, by name.
SELECT id::text, name, contact, time_zone, business_hours, created_at
FROM synapse.teams
ORDER BY name;

-- name: team_id
-- A team by its name.
SELECT id FROM synapse.teams WHERE name = $1;

-- name: key_insert
-- A new key with its binding and its first limits.
INSERT INTO synapse.api_keys (
    prefix, sha256, team_id, purpose, system_prompt, models, classification, dlp_policy, history, caps, expires_at,
    created_by, requests_per_minute, concurrent_requests, tokens_per_day
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
RETURNING id;

-- name: key_insert_rotated
-- A new secret for the binding and the limits of another key.
INSERT INTO synapse.api_keys (
    prefix, sha256, team_id, purpose, system_prompt, models, classification, dlp_policy, history, caps, expires_at,
    created_by, requests_per_minute, concurrent_requests, tokens_per_day, rotated_from
)
SELECT
    $2, $3, team_id, purpose, system_prompt, models, classification, dlp_policy, history, caps, expires_at,
    $4, requests_per_minute, concurrent_requests, tokens_per_day, id
FROM synapse.api_keys
WHERE id = $1
RETURNING id;

-- name: keys
-- All keys with their teams, the newest first; one of them when its id is given, those of a team when its name is.
SELECT
    k.id::text, k.prefix, k.sha256, k.team_id::text, t.name AS team_name, k.purpose, k.system_prompt, k.models,
    k.classification, k.dlp_policy, k.history, k.caps, k.expires_at, k.rotated_from::text, k.created_at, k.created_by,
    k.requests_per_minute, k.concurrent_requests, k.tokens_per_day, k.disabled_at
FROM synapse.api_keys AS k
JOIN synapse.teams AS t ON t.id = k.team_id
WHERE ($1::uuid IS NULL OR k.id = $1) AND ($2::text IS NULL OR t.name = $2)
ORDER BY k.created_at DESC, k.id;

-- name: key_ids
-- The keys that an id or a visible prefix means: one, none, or (a prefix) several.
SELECT id FROM synapse.api_keys WHERE id::text = lower($1) OR prefix = $1;

-- name: key_lock
-- A key, kept as it is until the transaction ends, and whether it can still be used.
SELECT
    disabled_at <= now() AS disabled,
    expires_at <= now() AS expired
FROM synapse.api_keys
WHERE id = $1
FOR UPDATE;

-- name: key_disable
-- Disable a key some seconds from now; never later than it already is.
UPDATE synapse.api_keys
SET disabled_at = least(disabled_at, now() + make_interval(secs => $2))
WHERE id = $1;

-- name: key_set_limits
-- Replace the limits of a key; null is unlimited.
UPDATE synapse.api_keys
SET requests_per_minute = $2, concurrent_requests = $3, tokens_per_day = $4
WHERE id = $1;

-- name: upstream_insert
-- A new upstream.
INSERT INTO synapse.upstreams (name, base_url, zone, provider, api_key_ref, ca_file)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: upstreams
-- All upstreams, by name.
SELECT name, base_url, zone, provider, api_key_ref, ca_file FROM synapse.upstreams ORDER BY name;

-- name: upstream_delete
-- Remove an upstream that serves no model any more.
DELETE FROM synapse.upstreams WHERE name = $1 RETURNING name;

-- name: model_insert
-- Let an upstream serve a model; without a position it comes after the others that do.
INSERT INTO synapse.models (name, upstream, upstream_model, position)
VALUES ($1, $2, $3, coalesce($4, (SELECT max(position) + 1 FROM synapse.models WHERE name = $1), 0));

-- name: models
-- All models with the upstreams that serve them, in the order they are tried.
SELECT name, upstream, upstream_model, position FROM synapse.models ORDER BY name, position, upstream;

-- name: model_delete
-- Stop serving a model: by one upstream, or by all when none is named.
DELETE FROM synapse.models WHERE name = $1 AND ($2::text IS NULL OR upstream = $2) RETURNING upstream;

-- name: models_delete_of_upstream
-- Stop serving everything that an upstream serves.
DELETE FROM synapse.models WHERE upstream = $1;

-- name: policy_version
-- Moves with every change of the tables above; with the database's own time.
SELECT version, now() AS now FROM synapse.policy_version;

-- name: dlp_number
-- The newest version of the DLP policies, 0 when there is none.
SELECT coalesce(max(number), 0) FROM synapse.dlp_policy_versions;

-- name: dlp_version_insert
-- A new version of the DLP policies, in force from now on where no file is in charge.
INSERT INTO synapse.dlp_policy_versions (author, source, sha256, engine, names, policies, document, note)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
RETURNING number;

-- name: dlp_versions
-- Versions of the DLP policies, the newest first: at most so many, or one by its number.
SELECT number, applied_at, author, source, sha256, engine, names, policies, document, note
FROM synapse.dlp_policy_versions
WHERE $1::bigint IS NULL OR number = $1
ORDER BY number DESC
LIMIT $2;

-- name: dlp_bound
-- How many keys that can still be used are bound to each DLP policy.
SELECT dlp_policy AS name, count(*) AS keys
FROM synapse.api_keys
WHERE disabled_at IS NULL OR disabled_at > now()
GROUP BY dlp_policy;

-- name: dlp_unknown_teams
-- Those of some names that no team has.
SELECT name FROM unnest($1::text[]) AS named(name)
WHERE NOT EXISTS (SELECT 1 FROM synapse.teams AS team WHERE team.name = named.name);

-- name: dlp_unknown_keys
-- Those of some beginnings that no key has.
SELECT beginning FROM unnest($1::text[]) AS named(beginning)
WHERE NOT EXISTS (SELECT 1 FROM synapse.api_keys AS key WHERE starts_with(key.prefix, named.beginning));

-- name: dlp_lock
-- One writer of versions at a time, until the transaction ends ("dlp" in ASCII).
SELECT pg_advisory_xact_lock(6581360);
