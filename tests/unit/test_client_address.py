"""The client's address: what a trusted proxy wrote is believed, from the right; what the client wrote is not."""

from ipaddress import ip_network

import pytest

from synapse.api.client_address import AddressResolver

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("::1/128")]


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        ("192.0.2.1", [b"203.0.113.9"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [b"1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [b"1.1.1.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", [b"1.1.1.1", b"203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [b"1.1.1.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [b"\xff, 10.0.0.3"], "10.0.0.3"),
        ("10.0.0.1", [b"10.0.0.5, 10.0.0.6"], "10.0.0.5"),
        ("::ffff:10.0.0.1", [b"203.0.113.9"], "203.0.113.9"),
        ("::1", [b"2001:db8::1"], "2001:db8::1"),
        ("::1", [b"fe80::1%a-name-of-the-clients-own"], "::1"),
    ],
)
def test_address(peer: str, lines: list[bytes], address: str) -> None:
    scope = {"client": (peer, 1), "headers": [(b"x-forwarded-for", line) for line in lines]}
    assert AddressResolver(TRUSTED).resolve(scope) == address


def test_without_trusted_proxies_the_header_means_nothing() -> None:
    scope = {"client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", b"203.0.113.9")]}
    assert AddressResolver(()).resolve(scope) == "10.0.0.1"
