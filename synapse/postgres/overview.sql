-- The queries of the console's first page. `-- name:` starts one; the lines below it say what it is for.

-- name: teams
select t.name, t.contact, count(k.id) as keys_active, count(*) over () as total
from synapse.teams t
left join synapse.api_keys k
    on k.team_id = t.id
    and (k.disabled_at is null or k.disabled_at > now())
    and (k.expires_at is null or k.expires_at > now())
group by t.id
order by lower(t.name)
limit $1

-- name: keys
-- A disabled key that has also expired is shown as disabled: somebody did that. Disabling may lie in the future.
select k.prefix, t.name as team, k.purpose, k.models, k.classification, k.dlp_policy, k.expires_at,
       s.state, count(*) over () as total, count(*) filter (where s.state = 'active') over () as active
from synapse.api_keys k
join synapse.teams t on t.id = k.team_id
cross join lateral (
    select case
        when k.disabled_at <= now() then 'disabled'
        when k.expires_at <= now() then 'expired'
        else 'active'
    end as state
) as s
order by s.state = 'active' desc, k.created_at desc
limit $1

-- name: entries
select request_id, started_at, key_prefix, team_name, coalesce(model_served, model_requested) as model, upstream, zone,
       stream, outcome, http_status, error_code, latency_us, dlp_action, dlp_findings
from synapse.audit_log
order by started_at desc
limit $1

-- name: traffic
-- The newest $2 entries of the last $1 seconds: a busy gateway must not read a table for every look at a page.
select count(*) as requests,
       count(*) filter (where outcome like 'blocked%') as blocked,
       count(*) filter (where dlp_action = 'redact') as redacted,
       percentile_disc(0.5) within group (order by latency_us) as latency_p50_us,
       percentile_disc(0.5) within group (order by latency_us - upstream_us) filter (where upstream_us is not null)
           as overhead_p50_us
from (
    select outcome, dlp_action, latency_us, upstream_us
    from synapse.audit_log
    where started_at > now() - make_interval(secs => $1)
    order by started_at desc
    limit $2
) as recent
