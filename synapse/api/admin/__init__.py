"""The console's API below /admin/api. Who may do what is decided in `routing`, once; the pages are `api/console.py`."""

import blacksheep

from ...accounts import Accounts
from ...interfaces import PolicySource
from ...overview import Records
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
    """Put the console's API on the application, before it starts."""
    routes = AdminRoutes(app, accounts=accounts, addresses=addresses, secure_cookies=secure_cookies)
    Sessions(accounts, secure_cookies).register(routes)
    OverviewPage(records, policy).register(routes)
    routes.close()
