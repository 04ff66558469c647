"""Wires one worker: the only place that knows every piece."""

import asyncio
import functools
import logging
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from blacksheep import Application

from .affinity import keep_together
from .api import admin
from .api.asgi_client import Receive, Scope, Send
from .api.client_address import AddressResolver
from .api.data_plane import PREFIX, DataPlane
from .api.health import LIVE_PATHS, READY_PATHS, Health
from .chat import RequestLimits
from .limits import SharedLimiter
from .pipeline import Pipeline
from .policy_directory import PolicyDirectory
from .policy_follower import PolicyFollower, PolicyLoader, Tell
from .postgres.audit_log import PostgresAuditLog
from .postgres.console_database import ConsoleDatabase
from .postgres.overview import PostgresRecords
from .postgres.policy_source import PostgresPolicySource
from .postgres.pool import runtime_connection, runtime_pool
from .postgres.users import PostgresAccounts
from .settings import Settings
from .startup import StartupError
from .upstream.authorised import AuthorisedClient
from .upstream.client import HttpClient
from .upstream.limits import ClientLimits

logger = logging.getLogger("synapse.server")

# How long a stopping worker may take to write its last audit records.
AUDIT_DRAIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the parent makes once for all workers. It can be pickled, for platforms that do not fork."""

    settings: Settings
    dsn: str = field(repr=False)  # it holds a password


class Gateway(Application):
    """One worker's application. The data plane and the probes are answered before the router: they are the hot path,
    and the router matches paths more loosely than a contract may.
    """

    def __init__(self, data_plane: DataPlane, health: Health) -> None:
        super().__init__()
        self._data_plane = data_plane
        self._health = health

    def end_open_requests(self) -> None:
        """End what is still open, since this worker cannot wait any longer. Each is on record as aborted."""
        self._data_plane.end_open()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # As it was sent: "%2f" is not a slash here, and nothing is decoded twice.
            path = scope["raw_path"]
            if path.startswith(PREFIX):
                return await self._data_plane(scope, receive, send)
            if path in LIVE_PATHS:
                return await self._health.live(send)
            if path in READY_PATHS:
                return await self._health.ready(send)
            if not path.startswith(b"/"):
                # "CONNECT host:port" and "OPTIONS *": the router takes them for URLs that it cannot read.
                return await self._health.refuse(send)
        elif scope["type"] == "lifespan":
            return await self._live(receive, send)
        await super().__call__(scope, receive, send)  # type: ignore[no-untyped-call]  # BlackSheep's is not typed
        return None

    async def _live(self, receive: Receive, send: Send) -> None:
        """From start to stop. What cannot start says so in one sentence, since it may be tried again each second."""
        await receive()
        try:
            await self.start()  # type: ignore[no-untyped-call]  # BlackSheep's
        except StartupError as error:
            logger.error("a worker cannot start: %s", error)  # noqa: TRY400
            await send({"type": "lifespan.startup.failed"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()  # type: ignore[no-untyped-call]  # BlackSheep's
        await send({"type": "lifespan.shutdown.complete"})


def build_app(prepared: Prepared, *, tell: Tell) -> Gateway:
    """One worker's application, built in the worker; connections are opened when its lifespan begins.

    `tell` says something about DLP policies to the parent.
    """
    settings = prepared.settings
    directory = PolicyDirectory(settings.state_dir)
    loader = PolicyLoader(directory)
    connect = functools.partial(runtime_connection, prepared.dsn)
    policy = PostgresPolicySource(
        prepared.dsn,
        policies=loader.first(),
        provisioned_upstreams=settings.provisioned_upstreams(),
        provisioned_models=settings.provisioned_models(),
    )
    audit = PostgresAuditLog(
        connect,
        hash_key=_secret_bytes(settings),
        queue_records_max=settings.audit.queue_records_max,
        flush_interval_s=settings.audit.flush_interval_s,
    )
    limiter = SharedLimiter.open(settings.state_dir)
    http_client = HttpClient(_client_limits(settings))
    pipeline = Pipeline(
        policy=policy,
        audit=audit,
        limiter=limiter,
        upstreams=AuthorisedClient.over(http_client),
        response_bytes_max=settings.upstream.response_bytes_max,
        limits=RequestLimits(settings.server.messages_max, settings.server.json_depth_max),
    )
    addresses = AddressResolver(settings.server.trusted_proxies)
    data_plane = DataPlane(
        pipeline,
        addresses=addresses,
        body_bytes_max=settings.server.body_bytes_max,
        body_timeout_s=settings.server.body_timeout_s,
    )
    app = Gateway(data_plane, Health([("audit", lambda: audit.has_room)]))
    pools: list[asyncpg.Pool[Any]] = []
    database = ConsoleDatabase(lambda: pools[0])
    admin.register(
        app,
        accounts=PostgresAccounts(database),
        records=PostgresRecords(database),
        policy=policy,
        addresses=addresses,
    )

    follower = PolicyFollower(directory, loader, policy, tell)
    tasks: list[asyncio.Task[None]] = []

    @app.on_start
    async def start(_: Application) -> None:
        tasks.append(asyncio.create_task(keep_together(), name="affinity"))
        pools.append(await runtime_pool(prepared.dsn, size_max=settings.database.connections_max))
        await policy.start()
        await audit.start()
        tasks.append(asyncio.create_task(follower.run(), name="policy follower"))

    @app.on_stop
    async def stop(_: Application) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await http_client.aclose()
        await audit.stop(AUDIT_DRAIN_S)
        await policy.stop()
        for pool in pools:
            await pool.close()
        limiter.close()

    return app


def _secret_bytes(settings: Settings) -> bytes | None:
    key = settings.audit.hash_key
    return None if key is None else key.get_secret_value().encode()


def _client_limits(settings: Settings) -> ClientLimits:
    upstream = settings.upstream
    return ClientLimits(
        connections_max=upstream.connections_max,
        idle_s=upstream.keep_alive_s,
        connect_timeout_s=upstream.connect_timeout_s,
        first_byte_timeout_s=upstream.first_byte_timeout_s,
        idle_timeout_s=upstream.idle_timeout_s,
        total_timeout_s=upstream.total_timeout_s,
    )
