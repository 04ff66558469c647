"""Checks that a regular expression cannot make: checksums, number ranges, decoding. Pure functions of the match.

A match is shadow text: bytes, ASCII wherever a rule's core asked for ASCII. One module holds the validators of one
family of rules; a rule names the function.
"""

from collections.abc import Callable, Mapping

from . import (
    africa_middle_east,
    asia_east,
    asia_south,
    brazil,
    crypto,
    documents,
    europe_central,
    europe_east,
    europe_north,
    europe_small,
    europe_south,
    europe_west,
    finance,
    health,
    latin_america,
    network,
    north_america,
    oceania,
    passwords,
    personal,
    secrets,
)
from .secrets import key_checksum

__all__ = ["VALIDATORS", "Validator", "key_checksum"]

Validator = Callable[[bytes], bool]

_FAMILIES = (
    *(crypto, documents, finance, health, network, passwords, personal, secrets),
    *(africa_middle_east, asia_east, asia_south, brazil, latin_america, north_america, oceania),
    *(europe_central, europe_east, europe_north, europe_small, europe_south, europe_west),
)

VALIDATORS: Mapping[str, Validator] = {
    validator.__name__: validator for family in _FAMILIES for validator in family.VALIDATORS
}
