"""Where an upstream is: its base URL taken apart and checked once, and the TLS settings for it."""

import re
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# What may stand in a request target: visible ASCII, no fragment. Anything else has to be percent-encoded before.
TARGET: Final = re.compile(r"/[!\"$-~]*")


class BadBaseUrl(ValueError):
    """The text says what is wrong with the URL without quoting it: it may hold a credential."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What connections have in common that can serve the same requests: the key of a pool."""

    scheme: str
    host: str
    port: int
    ca_file: str | None

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def tls_context(self) -> ssl.SSLContext | None:
        """None for plain HTTP. Reads certificates from disk. A custom CA replaces the system's, it does not join it."""
        if self.scheme != "https":
            return None
        context = ssl.create_default_context(cafile=self.ca_file)
        context.set_alpn_protocols(["http/1.1"])
        return context


def parse_base_url(base_url: str, *, ca_file: str | None) -> tuple[Origin, str]:
    """The origin, and the path that goes before every request's path, without a slash at its end."""
    if not base_url.isascii() or not base_url.isprintable() or " " in base_url:
        raise BadBaseUrl("it may hold visible ASCII characters only")
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError as error:
        raise BadBaseUrl("its host or port is malformed") from error
    _check(parts, port)
    assert parts.hostname is not None
    origin = Origin(parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme], ca_file)
    return origin, parts.path.rstrip("/")


def _check(parts: SplitResult, port: int | None) -> None:
    if parts.scheme not in _DEFAULT_PORTS:
        raise BadBaseUrl("it must begin with http:// or https://")
    if not parts.hostname or port == 0:
        raise BadBaseUrl("it needs a host, and a port other than 0 if any")
    if parts.username is not None or parts.password is not None:
        raise BadBaseUrl("it must not hold a user or password; use api_key_ref")
    if parts.query or parts.fragment:
        raise BadBaseUrl("it must not have a query or fragment")
    if parts.path and not TARGET.fullmatch(parts.path):
        raise BadBaseUrl("its path is malformed")
