-- The people who use the console, and their sessions. Neither a password nor a session token is ever stored: a user has
-- an argon2id hash, a session the SHA-256 of its 256-bit token.

CREATE TABLE synapse.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- A name or an e-mail address, in lower case, so that two spellings are not two people.
    login text NOT NULL UNIQUE CHECK (login ~ '^[a-z0-9][a-z0-9._%+@-]{0,253}$'),
    password_hash text NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'analyst', 'auditor')),
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);

CREATE TABLE synapse.sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    token_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(token_sha256) = 32),
    user_id uuid NOT NULL REFERENCES synapse.users ON DELETE CASCADE,
    address text,
    user_agent text CHECK (length(user_agent) <= 300),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

CREATE INDEX sessions_user ON synapse.sessions (user_id, created_at);
CREATE INDEX sessions_expiry ON synapse.sessions (expires_at);

-- How often an account was tried in vain from one place, shared by all workers. The login is a hash, because people
-- type their password into the wrong field.
CREATE TABLE synapse.sign_in_attempts (
    login_sha256 bytea NOT NULL CHECK (octet_length(login_sha256) = 32),
    source text NOT NULL,
    attempts integer NOT NULL,
    last_at timestamptz NOT NULL,
    -- Not before this time may the next attempt be made.
    next_at timestamptz NOT NULL,
    PRIMARY KEY (login_sha256, source)
);

CREATE INDEX sign_in_attempts_age ON synapse.sign_in_attempts (last_at);

-- The runtime role signs people in and out. It can make no user, change no password or role, and move no session to
-- another user or a later end.
GRANT SELECT ON synapse.users, synapse.sessions TO synapse_runtime;
GRANT INSERT (token_sha256, user_id, address, user_agent, expires_at) ON synapse.sessions TO synapse_runtime;
GRANT UPDATE (last_seen_at, revoked_at) ON synapse.sessions TO synapse_runtime;
GRANT DELETE ON synapse.sessions TO synapse_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON synapse.sign_in_attempts TO synapse_runtime;
