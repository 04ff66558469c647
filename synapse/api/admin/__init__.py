"""The console: its API below /admin/api and its page at /admin/. Who may do what is decided in `routing`, once."""

import blacksheep

from ...accounts import Accounts
from ...interfaces import PolicySource
from ...overview import Records
from .. import console
from ..client_address import AddressResolver
from .cookies import SecureCookies
from .overview import OverviewPage
from .routing import AdminRoutes
from .sessions import Sessions

__all__ = ["SecureCookies", "register"]


def register(
    app: blacksheep.Application,
    *,
    accounts: Accounts,
    records: Records,
    policy: PolicySource,
    addresses: AddressResolver,
    secure_cookies: SecureCookies = "auto",
) -> None:
    """Put the whole console on the application, before it starts."""
    routes = AdminRoutes(app, accounts=accounts, addresses=addresses, secure_cookies=secure_cookies)
    Sessions(accounts, secure_cookies).register(routes)
    OverviewPage(records, policy).register(routes)
    routes.close()
    console.register(app)
