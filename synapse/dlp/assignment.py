"""The value of an assignment: what directly follows a name that contains one of some words, and the sign behind it.

`DB_PASSWORD=…`, `"apiKey": "…"`, `token => …`, `<secret>…`, `--password …`, `name: API_KEY, value: …`, "the key is …".
"""

from collections.abc import Iterable
from functools import cache
from itertools import chain

from .._dlp import Assignment
from .context import LETTERS, spellings, word_expression
from .programs import automaton

# A hump of camelCase separates words as a non-letter does: "password" is a word of `dbPassword` and `passwordProd`.
_HUMP = "(?<=[a-z0-9])(?=[A-Z])"
_BEGINS = f"(?:(?<![{LETTERS}])|{_HUMP})"
_ENDS = f"[sS]?(?:(?![{LETTERS}])|{_HUMP})"

# A name that ends in one of these holds no secret, whatever stands before: `token_id`, `secretName`, `key-file`.
_HARMLESS = (
    *("id", "ids", "name", "url", "uri", "path", "file", "dir", "type", "kind", "count", "length", "size", "limit"),
    *("hash", "sha", "sha256", "digest", "checksum", "version", "commit", "revision", "host", "port", "user", "prefix"),
    *("alias", "date", "time", "at", "algorithm", "format", "label", "title", "field", "regex", "pattern", "policy"),
)
# After one of these a value may follow without a sign: "Bearer …", "--password …", "identified by '…'".
_VALUE_FOLLOWS = ("key", "token", "secret", "word", "bearer", "basic", "identified by")

_QUOTES = "\"'`\\\\"
_OPENING = rf"[=:>(|{_QUOTES}\s]{{0,16}}"
# Lists of variables give name and value under names of their own.
_ITS_VALUE = rf"(?:[{_QUOTES}\s,]{{1,28}}[Vv]alue[{_QUOTES}\s]{{0,3}})?"

# From the end of the name to the value: the sign, what opens the value.
_SIGNED = rf"(?:[{_QUOTES})\]\s]{{0,16}}{_ITS_VALUE}[=:>,(|?]{_OPENING}|[ ](?:is|ist|est)[ :][{_QUOTES}\s]{{0,2}})\Z"
_UNSIGNED = rf"[ ][{_QUOTES}]{{0,2}}\Z"
_FOLLOWED = rf"(?i:{'|'.join(_VALUE_FOLLOWS)})\Z"
_ENDS_HARMLESS = "|".join(
    rf"[_. \-](?i:{word})\Z|[a-z0-9]{word.capitalize()}\Z|[a-z]{word.upper()}\Z" for word in _HARMLESS
)
_LETTER_BYTES = bytes((*range(0x41, 0x5B), *range(0x61, 0x7B), *range(0xC0, 0xFF)))
# Of the rest of a name, behind the word; it may be in several words, and ends in a letter or a figure.
_REST_CHARS = 24
_ENDS_A_NAME = _LETTER_BYTES + b"0123456789_"


def name_part(words: Iterable[str]) -> bytes:
    """The source of an expression: one of these words where it may be a part of a name."""
    every = "|".join(map(word_expression, chain.from_iterable(map(spellings, words))))
    return f"{_BEGINS}(?:{every}){_ENDS}".encode("ascii")


@cache
def assignment() -> Assignment:
    """From a word in a name to the value. Its states are worth sharing by all rules."""
    return Assignment(
        rest=_ENDS_A_NAME + b". -",
        last=_ENDS_A_NAME,
        rest_max=_REST_CHARS,
        signed=automaton(_SIGNED.encode("ascii")),
        unsigned=automaton(_UNSIGNED.encode("ascii")),
        before=automaton(_FOLLOWED.encode("ascii")),
        before_max=max(map(len, _VALUE_FOLLOWS)),
        harmless=automaton(_ENDS_HARMLESS.encode("ascii")),
        harmless_max=1 + max(map(len, _HARMLESS)),
    )
