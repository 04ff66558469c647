"""The snapshot in force, kept up to date from Postgres: LISTEN for changes, a slow poll in case a notice was lost.

It fails closed: what does not build is logged and the last good snapshot stays; so it does while Postgres is away.
"""

import asyncio
import logging
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import asyncpg

from ..policy import Policies, Snapshot, Target, Upstream
from ..startup import StartupError
from .connect import UNREACHABLE, unreachable
from .pool import runtime_connection
from .queries import control_queries
from .snapshot import (
    ControlRows,
    PolicyRefused,
    Provisioned,
    build_snapshot,
    keeping_bound,
    shadowed_names,
    with_policies,
)

CHANNEL = "synapse_policy"
# A burst of changes, such as a script that makes keys, becomes one load.
DEBOUNCE_S = 0.05
POLL_INTERVAL_S = 10.0
BACKOFF_S_MIN = 0.1
BACKOFF_S_MAX = 5.0

logger = logging.getLogger("synapse.policy")


class PostgresPolicySource:
    """A PolicySource on one connection of its own. `start` before use, `stop` at the end."""

    def __init__(
        self,
        dsn: str,
        *,
        policies: Policies,
        provisioned_upstreams: Mapping[str, Upstream] | None = None,
        provisioned_models: Mapping[str, tuple[Target, ...]] | None = None,
        poll_interval_s: float = POLL_INTERVAL_S,
    ) -> None:
        self._dsn = dsn
        self._provisioned = Provisioned(policies, provisioned_upstreams or {}, provisioned_models or {})
        self._poll_interval_s = poll_interval_s
        self._snapshot: Snapshot | None = None
        # The version of the rows last looked at, which a refused snapshot does not put into force.
        self._seen_version: int | None = None
        self._changed = asyncio.Event()
        self._dlp_number = 0
        self._connection: asyncpg.Connection[Any] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def snapshot(self) -> Snapshot:
        assert self._snapshot is not None, "start() loads the first snapshot"
        return self._snapshot

    @property
    def loaded(self) -> bool:
        """Whether there is a snapshot in force."""
        return self._snapshot is not None

    @property
    def dlp_number(self) -> int:
        """The newest version of the DLP policies in the database, 0 when there is none."""
        return self._dlp_number

    def use(self, policies: Policies) -> None:
        """Scan with other policies from the next request on."""
        before, snapshot = self._provisioned, self.snapshot
        kept = keeping_bound(policies, before.policies, snapshot)
        for name in sorted(kept.names - policies.names):
            logger.error(
                "the DLP policy '%s' is gone, but keys are bound to it: they stay under its last version", name
            )
        self._provisioned = replace(before, policies=kept)
        self._snapshot = with_policies(snapshot, kept)
        if kept.names - before.policies.names:
            # A key of a policy that was not known here was refused, and with it everything since.
            self._seen_version = None
            self._changed.set()

    async def start(self) -> None:
        """Load the first snapshot, then keep it up to date. Raises StartupError when there is none to be had."""
        try:
            await self._load(await self._connect())
        except PolicyRefused as error:
            self._disconnect()
            raise StartupError(f"The control tables cannot come into force: {error}.") from error
        except (*UNREACHABLE, asyncpg.PostgresError, ValueError) as error:
            self._disconnect()
            raise unreachable(error) from error
        self._task = asyncio.create_task(self._follow(), name="policy source")

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._disconnect()

    async def _follow(self) -> None:
        backoff_s = BACKOFF_S_MIN
        failing = ""  # what was logged last; each failure is said once, and its end
        while True:
            try:
                connection = self._connection or await self._connect()
                while True:
                    await self._refresh(connection)
                    if failing:
                        logger.warning("the policy database is back")
                    backoff_s, failing = BACKOFF_S_MIN, ""
                    await self._wait_for_change()
            except (*UNREACHABLE, asyncpg.PostgresError) as error:
                if not failing:
                    away = type(error).__name__
                    logger.warning("the policy database is away (%s); the last snapshot stays in force", away)
                failing = failing or "away"
            except Exception as error:  # must not die, or no key could be disabled any more
                if failing != repr(error):
                    logger.exception("the policy could not be refreshed; the last snapshot stays in force")
                failing = repr(error)
            self._disconnect()
            await asyncio.sleep(backoff_s * random.uniform(0.8, 1.2))  # noqa: S311  spreads the workers, no secret
            backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)

    async def _connect(self) -> "asyncpg.Connection[Any]":
        self._connection = connection = await runtime_connection(self._dsn)
        connection.add_termination_listener(self._on_event)
        await connection.add_listener(CHANNEL, self._on_event)
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def _on_event(self, *_: object) -> None:
        self._changed.set()

    async def _wait_for_change(self) -> None:
        try:
            async with asyncio.timeout(self._poll_interval_s):
                await self._changed.wait()
        except TimeoutError:
            return
        await asyncio.sleep(DEBOUNCE_S)

    async def _refresh(self, connection: "asyncpg.Connection[Any]") -> None:
        # Cleared before looking: a change during the load sets it again.
        self._changed.clear()
        version = await connection.fetchval(control_queries()["policy_version"])
        if version == self._seen_version:
            return
        try:
            await self._load(connection)
        except PolicyRefused as error:
            logger.error("a change of policy is refused, the last snapshot stays in force: %s", error)  # noqa: TRY400
            self._seen_version = version

    async def _load(self, connection: "asyncpg.Connection[Any]") -> None:
        rows = await _read(connection)
        snapshot = build_snapshot(rows, self._provisioned)
        for name in shadowed_names(rows, self._provisioned):
            logger.warning("the %s in the database has no effect: the configuration file provisions it", name)
        self._snapshot, self._seen_version = snapshot, rows.version
        self._dlp_number = rows.dlp_number


async def _read(connection: "asyncpg.Connection[Any]") -> ControlRows:
    """Everything of one moment, so that a key never appears without its team."""
    queries = control_queries()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        head = await connection.fetchrow(queries["policy_version"])
        assert head is not None, "the migration puts this row there, and nobody may remove it"
        return ControlRows(
            version=head["version"],
            now=head["now"],
            keys=await connection.fetch(queries["keys"], None, None),
            upstreams=await connection.fetch(queries["upstreams"]),
            models=await connection.fetch(queries["models"]),
            dlp_number=await connection.fetchval(queries["dlp_number"]),
        )
