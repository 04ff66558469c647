"""Where a request really comes from: X-Forwarded-For is believed from the right, as far as trusted proxies wrote it."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

# More hops than any real chain; a longer header is a client's invention.
HOPS_MAX = 32


class AddressResolver:
    """Resolves the client's address of an ASGI scope."""

    def __init__(self, trusted_proxies: Sequence[IPv4Network | IPv6Network]) -> None:
        self._trusted = tuple(trusted_proxies)

    def resolve(self, scope: Mapping[str, Any]) -> str | None:
        """The address of the last hop that is not one of our own proxies; None when the server does not know it."""
        client = scope.get("client")
        peer = client[0] if client else None
        if peer is None or not self._trusted or not self._is_trusted(peer):
            return peer
        # All header lines count, in order: proxies append lines as well as items.
        hops = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").split(b",")
        for hop in reversed(hops[-HOPS_MAX:]):
            address = _address(hop)
            if address is None:
                break
            peer = address
            if not self._is_trusted(address):
                break
        return peer

    def _is_trusted(self, address: str) -> bool:
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        mapped = getattr(ip, "ipv4_mapped", None)
        return any((mapped or ip) in network for network in self._trusted)


def _address(hop: bytes) -> str | None:
    if b"%" in hop:
        return None  # a zone is a name of the sender's own, as long as it likes
    try:
        return str(ip_address(hop.strip().decode("ascii")))
    except ValueError:  # UnicodeDecodeError is one
        return None
