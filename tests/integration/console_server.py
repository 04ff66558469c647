"""The console alone on a real Granian with two workers, for the tests of the console. Not a test itself.

python console_server.py PORT DSN
"""

import os
import sys
from ipaddress import ip_network
from typing import Any

import blacksheep
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops

from synapse.api import admin
from synapse.api.admin.answers import empty_response
from synapse.api.admin.routing import AdminRoutes, Call
from synapse.api.client_address import AddressResolver
from synapse.policy import Snapshot, Target, Upstream
from synapse.postgres.console_database import ConsoleDatabase
from synapse.postgres.overview import PostgresRecords
from synapse.postgres.pool import runtime_pool
from synapse.postgres.users import PostgresAccounts

LOCAL = Upstream("local", "http://127.0.0.1:9/v1", "on_prem", api_key_ref="env:CREDENTIAL_NAME", provisioned=True)
CLOUD = Upstream("cloud", "https://cloud.example/v1", "cloud")


class FixedPolicy:
    snapshot = Snapshot(
        version=7,
        keys={},
        models={"echo": (Target(LOCAL, "echo"), Target(CLOUD, "echo-large")), "story": (Target(LOCAL, "story"),)},
        policies={},
    )


async def owners_only(_: Call) -> blacksheep.Response:
    return empty_response()


def build() -> blacksheep.Application:
    app = blacksheep.Application(router=blacksheep.Router())
    pools: list[Any] = []
    database = ConsoleDatabase(lambda: pools[0])

    async def open_pool(_: blacksheep.Application) -> None:
        pools.append(await runtime_pool(os.environ["CONSOLE_DSN"]))

    app.on_start += open_pool
    accounts = PostgresAccounts(database)
    # Tests come from any address they like.
    addresses = AddressResolver([ip_network("127.0.0.0/8")])
    routes = AdminRoutes(app, accounts=accounts, addresses=addresses, secure_cookies="auto")
    routes.add("GET", "/owners-only", owners_only, access=frozenset({"owner"}))
    admin.register(app, accounts=accounts, records=PostgresRecords(database), policy=FixedPolicy(), addresses=addresses)
    return app


if __name__ == "__main__":
    os.environ["CONSOLE_DSN"] = sys.argv[2]
    Granian(
        "console_server:build",
        factory=True,
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.ASGI,
        workers=2,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
    ).serve()
