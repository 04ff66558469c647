"""Addresses of machines."""


def ipv4(match: bytes) -> bool:
    octets = match.split(b".")
    return len(octets) == 4 and all(int(octet) < 256 and (octet == b"0" or octet[:1] != b"0") for octet in octets)


VALIDATORS = (ipv4,)
