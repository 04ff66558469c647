"""The session cookie. Over https, and anywhere but on this machine, it is `__Host-synapse`: Secure, of this host alone.

Browsers keep a `__Host-` cookie only with Secure, and not all of them, nor curl, take Secure over plain http from a
loopback address. There, and only there, it is called `synapse` and does without.
"""

from ipaddress import ip_address
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import blacksheep

SECURE_NAME = b"__Host-synapse"
LOOPBACK_NAME = b"synapse"

# "auto": Secure unless the browser is on a loopback address over plain http. "always": no exception.
SecureCookies = Literal["auto", "always"]

# 32 bytes in URL-safe base64: what is not of this form is no token, and the database need not be asked.
_TOKEN_LENGTH = 43
_TOKEN_CHARACTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def session_token(request: blacksheep.Request, mode: SecureCookies) -> str | None:
    """The token that the browser sent. The Secure one goes first: nobody on a sister domain can plant it."""
    token = _cookie(request, SECURE_NAME)
    if token is None and mode == "auto" and _host_is_loopback(request):
        token = _cookie(request, LOOPBACK_NAME)
    if token is None or len(token) != _TOKEN_LENGTH or not _TOKEN_CHARACTERS.issuperset(token):
        return None
    return token.decode("ascii")


def set_cookie(request: blacksheep.Request, mode: SecureCookies, token: str, *, max_age_s: int) -> bytes:
    """The Set-Cookie value of a new session; no token and no age take it away."""
    value = token.encode("ascii")
    age = b"Max-Age=%d" % max_age_s
    if mode == "always" or _wants_secure(request):
        return b"%s=%s; Path=/; %s; HttpOnly; SameSite=Strict; Secure" % (SECURE_NAME, value, age)
    return b"%s=%s; Path=/admin; %s; HttpOnly; SameSite=Strict" % (LOOPBACK_NAME, value, age)


def _wants_secure(request: blacksheep.Request) -> bool:
    """Asked of the Origin, which browsers send with every write: a proxy may speak http to us, and as another host."""
    origin = request.get_first_header(b"origin")
    if origin is None:
        return request.scope["scheme"] != "http" or not _host_is_loopback(request)
    parts = _split(origin.decode("latin-1"))
    return parts is None or parts.scheme != "http" or not _is_loopback(parts.hostname)


def _host_is_loopback(request: blacksheep.Request) -> bool:
    host = request.get_first_header(b"host") or b""
    parts = _split("//" + host.decode("latin-1"))
    return parts is not None and _is_loopback(parts.hostname)


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:  # such as a bracket that is not closed
        return None


def _is_loopback(host: str | None) -> bool:
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _cookie(request: blacksheep.Request, name: bytes) -> bytes | None:
    """The value of a cookie; None also when there are two of the name, because then one was planted."""
    found: bytes | None = None
    for line in request.get_headers(b"cookie"):
        for item in line.split(b";"):
            key, _, value = item.strip(b" \t").partition(b"=")
            if key != name:
                continue
            if found is not None:
                return None
            found = value
    return found
