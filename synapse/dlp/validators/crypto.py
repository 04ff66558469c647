"""Addresses and keys of crypto-currencies: Base58Check, Bech32, EIP-55, BIP-39."""

import hashlib
import re
from functools import cache
from importlib.resources import files

from ..._dlp import base58, keccak256

_BECH32_VALUES = {character: number for number, character in enumerate(b"qpzry9x8gf2tvdw0s3jn54khce6mua7l")}


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
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


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
    values = [_BECH32_VALUES[character] for character in address[3:]]
    return _bech32_remainder(address[:2], values) == (_BECH32M if values[0] else _BECH32)


def _bech32_remainder(prefix: bytes, values: list[int]) -> int:
    remainder = 1
    for number in (*(c >> 5 for c in prefix), 0, *(c & 31 for c in prefix), *values):
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ number
        for place, generator in enumerate(_BECH32_GENERATOR):
            if top >> place & 1:
                remainder ^= generator
    return remainder


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


_WORD = re.compile(rb"[A-Za-z]+")
_SEED_WORDS = frozenset((12, 15, 18, 21, 24))


def crypto_seed_phrase(match: bytes) -> bool:
    """BIP-39: each word is eleven bits, and the last of them are the beginning of the SHA-256 of the others."""
    words = _WORD.findall(match.lower())
    known = _seed_words()
    if len(words) not in _SEED_WORDS or not known.keys() >= set(words):
        return False
    bits = 0
    for word in words:
        bits = bits << 11 | known[word]
    check_bits = len(words) // 3
    secret = (bits >> check_bits).to_bytes(check_bits * 4, "big")
    return hashlib.sha256(secret).digest()[0] >> (8 - check_bits) == bits & ((1 << check_bits) - 1)


@cache
def _seed_words() -> dict[bytes, int]:
    """The English list of BIP-39, which never changes."""
    words = (files(__package__) / "bip39_english.txt").read_bytes().split()
    return {word: number for number, word in enumerate(words)}


VALIDATORS = (btc_address, crypto_private_key, crypto_seed_phrase, eth_address)
