"""Console users, sessions and the lockout, on a real PostgreSQL as the runtime role."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from synapse import passwords
from synapse.accounts import DatabaseAway, SignedIn, TooBusy, TooManyAttempts, Visitor, WrongCredentials
from synapse.postgres import sign_in_attempts
from synapse.postgres.console_database import WAITING_MAX, ConsoleDatabase
from synapse.postgres.first_owner import OWNER_LOGIN, ensure_first_owner, forget_first_password
from synapse.postgres.sign_in_attempts import SignInAttempts, SignInGate, source_of
from synapse.postgres.users import (
    IDLE_S,
    SESSION_S,
    SESSIONS_PER_USER_MAX,
    PostgresAccounts,
    reset_password,
)

PASSWORD = "correct horse battery staple"
VISITOR = Visitor("192.0.2.1", "Browser/1.0")

Pool = Any


@pytest.fixture
async def owner(postgres_dsn: str) -> Any:
    """A connection that may change what the runtime role may not."""
    connection = await asyncpg.connect(postgres_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def accounts(postgres_dsn: str, runtime_pool: Pool, tmp_path: Path) -> PostgresAccounts:
    """With one user, the first owner."""
    await ensure_first_owner(postgres_dsn, PASSWORD, state_dir=tmp_path)
    return PostgresAccounts(ConsoleDatabase(lambda: runtime_pool))


async def sign_in(accounts: PostgresAccounts, password: str = PASSWORD, visitor: Visitor = VISITOR) -> SignedIn:
    return await accounts.sign_in(OWNER_LOGIN, password, visitor=visitor)


class TestTheFirstOwner:
    async def test_gets_a_generated_password_that_opens_the_console(
        self, postgres_dsn: str, runtime_pool: Pool, tmp_path: Path
    ) -> None:
        password = await ensure_first_owner(postgres_dsn, None, state_dir=tmp_path)
        assert password is not None
        signed_in = await sign_in(PostgresAccounts(ConsoleDatabase(lambda: runtime_pool)), password)
        assert (signed_in.session.login, signed_in.session.role) == ("admin", "owner")

    async def test_keeps_the_generated_password_until_it_was_shown(self, postgres_dsn: str, tmp_path: Path) -> None:
        password = await ensure_first_owner(postgres_dsn, None, state_dir=tmp_path)
        assert (tmp_path / "first-password").stat().st_mode & 0o777 == 0o600
        assert await ensure_first_owner(postgres_dsn, None, state_dir=tmp_path) == password

        forget_first_password(tmp_path)

        assert await ensure_first_owner(postgres_dsn, None, state_dir=tmp_path) is None
        assert list(tmp_path.iterdir()) == []

    async def test_is_not_promised_a_password_that_is_not_his(self, postgres_dsn: str, tmp_path: Path) -> None:
        await ensure_first_owner(postgres_dsn, PASSWORD, state_dir=tmp_path)
        (tmp_path / "first-password").write_text("of a start that came too late\n")

        assert await ensure_first_owner(postgres_dsn, None, state_dir=tmp_path) is None
        assert not (tmp_path / "first-password").exists()

    async def test_gets_the_given_password_and_keeps_it(
        self, postgres_dsn: str, runtime_pool: Pool, tmp_path: Path
    ) -> None:
        assert await ensure_first_owner(postgres_dsn, PASSWORD, state_dir=tmp_path) is None
        assert await ensure_first_owner(postgres_dsn, "another password", state_dir=tmp_path) is None
        assert not (tmp_path / "first-password").exists()
        accounts = PostgresAccounts(ConsoleDatabase(lambda: runtime_pool))
        assert (await sign_in(accounts)).session.role == "owner"
        with pytest.raises(WrongCredentials):
            await sign_in(accounts, "another password")

    async def test_is_one_when_gateways_start_at_once(self, postgres_dsn: str, owner: Any, tmp_path: Path) -> None:
        places = [tmp_path / str(number) for number in range(4)]
        for place in places:
            place.mkdir()
        told = await asyncio.gather(*(ensure_first_owner(postgres_dsn, None, state_dir=place) for place in places))
        assert len([password for password in told if password is not None]) == 1
        assert await owner.fetchval("select count(*) from synapse.users") == 1


class TestAResetPassword:
    async def test_opens_the_console_where_the_old_one_and_its_sessions_do_not(
        self, accounts: PostgresAccounts, postgres_dsn: str
    ) -> None:
        before = await sign_in(accounts)

        assert await reset_password(postgres_dsn, " Admin", "another password")

        assert await accounts.session(before.token, active=True) is None
        with pytest.raises(WrongCredentials):
            await sign_in(accounts)
        assert (await sign_in(accounts, "another password")).session.login == "admin"

    async def test_needs_a_user(self, accounts: PostgresAccounts, postgres_dsn: str) -> None:
        assert not await reset_password(postgres_dsn, "nobody\0", "another password")
        assert (await sign_in(accounts)).session.login == "admin"


class TestSessions:
    async def test_last_as_long_as_they_say(self, accounts: PostgresAccounts) -> None:
        session = (await sign_in(accounts)).session
        assert (session.expires_at - session.created_at).total_seconds() == pytest.approx(SESSION_S, abs=1)

    @pytest.mark.parametrize(
        "change",
        [
            "expires_at = now()",
            f"last_seen_at = now() - interval '{IDLE_S} seconds'",
            "revoked_at = now()",
        ],
    )
    async def test_end(self, accounts: PostgresAccounts, owner: Any, change: str) -> None:
        token = (await sign_in(accounts)).token
        assert await accounts.session(token, active=True) is not None
        await owner.execute(f"update synapse.sessions set {change}")
        assert await accounts.session(token, active=True) is None

    @pytest.mark.parametrize(("active", "goes_on"), [(True, True), (False, False)])
    async def test_go_on_only_while_somebody_is_there(
        self, accounts: PostgresAccounts, owner: Any, active: bool, goes_on: bool
    ) -> None:
        token = (await sign_in(accounts)).token
        await owner.execute(f"update synapse.sessions set last_seen_at = now() - interval '{IDLE_S - 30} seconds'")
        assert await accounts.session(token, active=active) is not None
        seen = await owner.fetchval("select last_seen_at > now() - interval '10 seconds' from synapse.sessions")
        assert seen is goes_on

    async def test_of_one_user_are_bounded_and_the_newest_stay(self, accounts: PostgresAccounts) -> None:
        tokens = [(await sign_in(accounts)).token for _ in range(SESSIONS_PER_USER_MAX + 1)]
        alive = [await accounts.session(token, active=False) is not None for token in tokens]
        assert alive == [False] + [True] * SESSIONS_PER_USER_MAX

    async def test_long_over_are_removed(self, accounts: PostgresAccounts, owner: Any) -> None:
        await sign_in(accounts)
        await owner.execute("update synapse.sessions set expires_at = now() - interval '31 days'")
        await sign_in(accounts)
        assert await owner.fetchval("select count(*) from synapse.sessions") == 1

    async def test_remember_a_strange_browser_within_bounds(self, accounts: PostgresAccounts, owner: Any) -> None:
        await sign_in(accounts, visitor=Visitor("192.0.2.1", "\0" + "x" * 1000))
        assert await owner.fetchval("select length(user_agent) from synapse.sessions") == 300


class TestTheLockout:
    async def test_doubles_the_wait_up_to_a_quarter_of_an_hour(self, runtime_pool: Pool, owner: Any) -> None:
        attempts = SignInAttempts()
        waits = []
        async with runtime_pool.acquire() as connection:
            for _ in range(18):
                await attempts.begin(connection, "admin", "192.0.2.1")
                waits.append(
                    await owner.fetchval(
                        "select round(extract(epoch from next_at - last_at))::int from synapse.sign_in_attempts"
                    )
                )
                await owner.execute("update synapse.sign_in_attempts set next_at = now()")
        assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]

    async def test_says_how_long_to_wait_and_does_not_lengthen_it(self, accounts: PostgresAccounts, owner: Any) -> None:
        for _ in range(5):
            with pytest.raises(WrongCredentials):
                await sign_in(accounts, "guess")
        await owner.execute("update synapse.sign_in_attempts set next_at = now() + interval '60 seconds'")
        for _ in range(3):
            with pytest.raises(TooManyAttempts) as refused:
                await sign_in(accounts)
            assert 55 <= refused.value.wait_s <= 60

    async def test_counts_attempts_that_come_at_the_same_time(self, postgres_dsn: str, runtime_pool: Pool) -> None:
        """They are counted before their passwords are looked at: a burst gets no more tries than a queue."""
        attempts = SignInAttempts()

        async def attempt() -> bool:
            async with runtime_pool.acquire() as connection:
                try:
                    await attempts.begin(connection, "admin", "192.0.2.1")
                except TooManyAttempts:
                    return False
                return True

        admitted = await asyncio.gather(*(attempt() for _ in range(20)))
        assert sum(admitted) == sign_in_attempts.ATTEMPTS_FREE

    async def test_forgets_after_the_right_password(self, accounts: PostgresAccounts, owner: Any) -> None:
        for _ in range(3):
            for _ in range(4):
                with pytest.raises(WrongCredentials):
                    await sign_in(accounts, "guess")
            await sign_in(accounts)
        assert await owner.fetchval("select count(*) from synapse.sign_in_attempts") == 0

    async def test_forgets_after_an_hour(self, accounts: PostgresAccounts, owner: Any) -> None:
        for _ in range(4):
            with pytest.raises(WrongCredentials):
                await sign_in(accounts, "guess")
        await owner.execute("update synapse.sign_in_attempts set last_at = now() - interval '61 minutes'")
        with pytest.raises(WrongCredentials):
            await sign_in(accounts, "guess")
        assert await owner.fetchval("select attempts from synapse.sign_in_attempts") == 1

    async def test_table_is_bounded_and_keeps_the_latest(self, runtime_pool: Pool, owner: Any) -> None:
        attempts = SignInAttempts(rows_max=5)
        async with runtime_pool.acquire() as connection:
            for number in range(9):
                await attempts.begin(connection, f"login-{number}", "192.0.2.1")
            assert await owner.fetchval("select count(*) from synapse.sign_in_attempts") == 5
            await attempts.begin(connection, "login-8", "192.0.2.1")
        assert await owner.fetchval("select max(attempts) from synapse.sign_in_attempts") == 2

    async def test_keeps_no_login_in_the_clear(self, accounts: PostgresAccounts, owner: Any) -> None:
        with pytest.raises(WrongCredentials):
            await accounts.sign_in("my-secret-password", "admin", visitor=VISITOR)
        assert "my-secret-password" not in str(await owner.fetch("select * from synapse.sign_in_attempts"))

    @pytest.mark.parametrize(
        ("address", "source"),
        [
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("unknown", "unknown"),
        ],
    )
    def test_takes_one_customers_network_for_one_source(self, address: str, source: str) -> None:
        assert source_of(address) == source


class TestAFlood:
    def test_from_one_source_leaves_room_for_others(self) -> None:
        gate = SignInGate()
        with gate.enter("192.0.2.1"), gate.enter("192.0.2.1"):
            with pytest.raises(TooBusy), gate.enter("192.0.2.1"):
                pass
            with gate.enter("192.0.2.2"):
                pass
        with gate.enter("192.0.2.1"):
            pass

    def test_from_everywhere_is_bounded(self) -> None:
        gate = SignInGate()
        inside = [gate.enter(f"192.0.2.{number}") for number in range(sign_in_attempts.SIGN_INS_AT_ONCE_MAX)]
        for entered in inside:
            entered.__enter__()
        with pytest.raises(TooBusy), gate.enter("198.51.100.1"):
            pass
        for entered in inside:
            entered.__exit__(None, None, None)
        with gate.enter("198.51.100.1"):
            pass

    async def test_takes_one_connection_of_the_pool_and_does_not_wait_for_ever(self, runtime_pool: Pool) -> None:
        database = ConsoleDatabase(lambda: runtime_pool)
        held = asyncio.Event()

        async def wait() -> None:
            async with database.connection():
                await held.wait()

        tasks = [asyncio.create_task(wait()) for _ in range(WAITING_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(DatabaseAway):
            async with database.connection():
                pass
        assert runtime_pool.get_size() - runtime_pool.get_idle_size() <= 1
        held.set()
        await asyncio.gather(*tasks)
        async with database.connection() as connection:
            assert await connection.fetchval("select 1") == 1


class TestTheRuntimeRole:
    @pytest.mark.parametrize(
        "statement",
        [
            "insert into synapse.users (login, password_hash, role) values ('eve', '$argon2id$', 'owner')",
            "update synapse.users set role = 'owner'",
            "update synapse.users set password_hash = '$argon2id$'",
            "delete from synapse.users",
            "truncate synapse.sessions",
            "update synapse.sessions set user_id = gen_random_uuid()",
            "update synapse.sessions set expires_at = now() + interval '1 year'",
            "update synapse.sessions set token_sha256 = sha256('')",
        ],
    )
    async def test_may_not(self, runtime_pool: Pool, statement: str) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await runtime_pool.execute(statement)


async def test_a_database_that_went_away_is_said_to_be_away(accounts: PostgresAccounts, runtime_pool: Pool) -> None:
    """Never "you are not signed in" because of the database."""
    token = (await sign_in(accounts)).token
    runtime_pool.terminate()
    with pytest.raises(DatabaseAway):
        await accounts.session(token, active=True)
    with pytest.raises(DatabaseAway):
        await sign_in(accounts)


async def test_a_server_that_ends_connections_at_any_moment_is_away_at_worst(
    runtime_pool: Pool, superuser_dsn: str
) -> None:
    """However the end of a connection meets a query, it is one error, and the next connection works."""
    database = ConsoleDatabase(lambda: runtime_pool)
    superuser = await asyncpg.connect(superuser_dsn)
    done = False

    async def query() -> None:
        while not done:
            with suppress(DatabaseAway):
                async with database.connection() as connection:
                    await connection.fetchval("select 1")
                    await connection.fetchval("select 2")

    tasks = [asyncio.create_task(query()) for _ in range(4)]
    for _ in range(40):
        await superuser.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
    done = True
    await asyncio.gather(*tasks)
    await superuser.close()

    async def works_again() -> int:
        while True:
            with suppress(DatabaseAway):
                async with database.connection() as connection:
                    return int(await connection.fetchval("select 3"))

    assert await asyncio.wait_for(works_again(), 10) == 3


class TestPasswords:
    async def test_of_nobody_take_as_long_as_wrong_ones(self) -> None:
        """The stand-in hash has today's parameters; else the time would tell which logins exist."""
        parameters = passwords.hash_password("x").split("$")[:4]
        assert passwords.DUMMY_HASH.split("$")[:4] == parameters
        checker = passwords.PasswordChecker()
        started = time.perf_counter()
        assert not await checker.matches(None, "x")
        unknown_s = time.perf_counter() - started
        assert unknown_s > 0.005

    async def test_are_checked_beside_the_event_loop(self) -> None:
        password_hash = passwords.hash_password(PASSWORD)
        checker = passwords.PasswordChecker()
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        assert all(await asyncio.gather(*(checker.matches(password_hash, PASSWORD) for _ in range(12))))
        ticking.cancel()
        assert ticks > 10

    @pytest.mark.parametrize("password", ["", "wrong", "x" * 2000, "\ud800", PASSWORD + " "])
    async def test_that_are_wrong_are_wrong(self, password: str) -> None:
        assert not await passwords.PasswordChecker().matches(passwords.hash_password(PASSWORD), password)

    async def test_with_a_broken_hash_are_wrong(self) -> None:
        assert not await passwords.PasswordChecker().matches("$argon2id$broken", PASSWORD)

    def test_that_are_generated_are_long_and_different(self) -> None:
        generated = {passwords.generate_password() for _ in range(100)}
        assert len(generated) == 100
        assert {len(password) for password in generated} == {23}
