-- The queries of console users and sessions. `-- name:` starts one; the lines below it say what it is for.

-- name: any_user
select exists (select from synapse.users)

-- name: add_user
insert into synapse.users (login, password_hash, role) values ($1, $2, $3)

-- name: set_password
update synapse.users set password_hash = $2 where login = $1 returning id

-- name: revoke_sessions_of_user
update synapse.sessions set revoked_at = now() where user_id = $1 and revoked_at is null

-- name: user_by_login
select id, password_hash, role, disabled_at is not null as disabled from synapse.users where login = $1

-- name: add_session
-- With what keeps the table small: sessions long over are removed, and of one user only the newest stay valid.
with over as (
    delete from synapse.sessions where expires_at < now() - interval '30 days'
), surplus as (
    update synapse.sessions set revoked_at = now()
    where id in (
        select id from synapse.sessions
        where user_id = $2 and revoked_at is null and expires_at > now()
        order by created_at desc offset $6
    )
)
insert into synapse.sessions (token_sha256, user_id, address, user_agent, expires_at)
values ($1, $2, $3, $4, now() + make_interval(secs => $5))
returning id, created_at, expires_at

-- name: session_by_token
select s.id, u.login, u.role, s.created_at, s.expires_at,
       s.last_seen_at < now() - make_interval(secs => $3) as stale
from synapse.sessions s
join synapse.users u on u.id = s.user_id
where s.token_sha256 = $1
  and s.revoked_at is null
  and u.disabled_at is null
  and s.expires_at > now()
  and s.last_seen_at > now() - make_interval(secs => $2)

-- name: touch_session
update synapse.sessions set last_seen_at = now() where token_sha256 = $1

-- name: revoke_session
update synapse.sessions set revoked_at = now() where token_sha256 = $1 and revoked_at is null

-- name: begin_attempt
-- Counts an attempt before the password is looked at, so that attempts at the same time count as well. No row means
-- that it comes too early; such an attempt does not lengthen the wait. What is older than $3 seconds is forgotten.
-- The first $4 attempts are free; from then on the wait doubles from one second up to $5 seconds.
insert into synapse.sign_in_attempts as a (login_sha256, source, attempts, last_at, next_at)
values ($1, $2, 1, now(), now())
on conflict (login_sha256, source) do update
set (attempts, last_at, next_at) = (
    select n, now(), case when n < $4 then now() else now() + least(2 ^ least(n - $4, 30), $5) * interval '1 second' end
    from (select case when a.last_at < now() - make_interval(secs => $3) then 1 else a.attempts + 1 end) as counted (n)
)
where a.next_at <= now()
returning attempts

-- name: attempt_wait
select ceil(extract(epoch from next_at - now()))::int from synapse.sign_in_attempts
where login_sha256 = $1 and source = $2

-- name: forget_attempts
delete from synapse.sign_in_attempts where login_sha256 = $1 and source = $2

-- name: prune_attempts
-- The table is bounded: what is forgotten goes, and beyond $2 rows the ones that rested longest.
delete from synapse.sign_in_attempts
where last_at < now() - make_interval(secs => $1)
   or (login_sha256, source) in (
       select login_sha256, source from synapse.sign_in_attempts order by last_at desc offset $2
   )
