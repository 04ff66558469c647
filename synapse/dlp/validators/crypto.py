"""Addresses and keys of crypto-currencies: Base58Check, Bech32, EIP-55, BIP-39."""

import hashlib
from functools import cache
from importlib.resources import files

from ..._dlp import base58, bech32, keccak256


def base58check(match: bytes, length: int) -> bytes | None:
    """The payload of `length` bytes, when the four bytes behind it are the beginning of its double SHA-256."""
    decoded = base58(match)
    if len(decoded) != length + 4:
        return None
    payload, check = decoded[:length], decoded[length:]
    return payload if hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4] == check else None


# The first byte of an address: to a key and to a script, of the network and of its test network.
_BITCOIN_VERSIONS = b"\x00\x05\x6f\xc4"
# What the checksum must leave (BIP-173 for witness version 0, BIP-350 for the others).
_BECH32, _BECH32M = 1, 0x2BC830A3


def btc_address(match: bytes) -> bool:
    """Base58Check, or the polynomial of bech32; both hold a checksum of the whole address."""
    if match[:3].lower() in {b"bc1", b"tb1"}:
        return _segwit(match)
    payload = base58check(match, 21)
    return payload is not None and payload[0] in _BITCOIN_VERSIONS


def _segwit(match: bytes) -> bool:
    address = match.lower()
    if match not in {address, match.upper()}:  # BIP-173 refuses mixed cases
        return False
    version = address[3:4]  # q is 0
    return bech32(address[:2], address[3:]) == (_BECH32 if version == b"q" else _BECH32M)


def eth_address(match: bytes) -> bool:
    """EIP-55: in an address of both cases, the case of each letter is a bit of its hash. One case says nothing."""
    address = match[2:]
    lower = address.lower()
    if address in {lower, address.upper()}:
        return len(set(lower)) > 2  # no placeholder
    nibbles = keccak256(lower).hex()
    return all(
        nibble > "7" if character < 0x60 else nibble < "8"
        for character, nibble in zip(address, nibbles, strict=False)
        if character > 0x39
    )


# BIP-32: public half aside, these are the versions of extended private keys, as Base58 shows them (SLIP-132).
_PRIVATE_EXTENDED = frozenset(b"xprv yprv zprv tprv uprv vprv Yprv Zprv Uprv Vprv".split())


def crypto_private_key(match: bytes) -> bool:
    """A wallet's key: the import format (one byte, 32 bytes, perhaps a flag), or an extended key of 78 bytes."""
    if match[:4] in _PRIVATE_EXTENDED:
        return base58check(match, 78) is not None
    return any(
        payload is not None and payload[0] in b"\x80\xef" and payload[33:] in {b"", b"\x01"}
        for payload in (base58check(match, 33), base58check(match, 34))
    )


# Small letters, and a blank for all that is no letter.
_LETTERS = bytes(byte | 0x20 if chr(byte).isascii() and chr(byte).isalpha() else 0x20 for byte in range(256))
_SEED_WORDS = frozenset((12, 15, 18, 21, 24))


def crypto_seed_phrase(match: bytes) -> bool:
    """BIP-39: each word is eleven bits, and the last of them are the beginning of the SHA-256 of the others."""
    words = match.translate(_LETTERS).split()
    if len(words) not in _SEED_WORDS:
        return False
    known, bits = _seed_words(), 0
    for word in words:
        number = known.get(word)
        if number is None:
            return False
        bits = bits << 11 | number
    check_bits = len(words) // 3
    secret = (bits >> check_bits).to_bytes(check_bits * 4, "big")
    return hashlib.sha256(secret).digest()[0] >> (8 - check_bits) == bits & ((1 << check_bits) - 1)


@cache
def _seed_words() -> dict[bytes, int]:
    """The English list of BIP-39, which never changes."""
    words = (files(__package__) / "bip39_english.txt").read_bytes().split()
    return {word: number for number, word in enumerate(words)}


VALIDATORS = (btc_address, crypto_private_key, crypto_seed_phrase, eth_address)
