"""The value of an assignment: what directly follows a name that contains one of some words, and the sign behind it.

`DB_PASSWORD=…`, `"apiKey": "…"`, `token => …`, `<secret>…`, `--password …`, `name: API_KEY, value: …`, "the key is …".
"""

import re
from collections.abc import Iterable

from .context import LETTERS, word_expression

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


def compile_assignment(words: Iterable[str]) -> re.Pattern[bytes]:
    """Finds an assignment to such a name that ends where its value begins."""
    every = "|".join(map(word_expression, words))
    return re.compile(f"{_BEGINS}(?:{every}){_ENDS}{_rest_of_name()}{_sign()}".encode("ascii"))


def _rest_of_name() -> str:
    inside = rf"[A-Za-z0-9_. \-{LETTERS}]"
    harmless = "".join(
        rf"(?<![_. \-]{_insensitive(word)})(?<![a-z0-9]{word.capitalize()})(?<![a-z]{word.upper()})"
        for word in _HARMLESS
    )
    return rf"(?:{inside}{{0,23}}[A-Za-z0-9_{LETTERS}]{harmless})?"


def _sign() -> str:
    blanks = rf"[{_QUOTES})\]\s]"
    # Lists of variables give name and value under names of their own.
    value = rf"(?:[{_QUOTES}\s,]{{1,28}}[Vv]alue[{_QUOTES}\s]{{0,3}})?"
    follows = "|".join(f"(?<={_insensitive(word)})" for word in _VALUE_FOLLOWS)
    return (
        rf"(?:{blanks}{{0,4}}{value}[=:>,(|?][=:>(|{_QUOTES}\s]{{0,6}}"
        rf"|[ ](?:is|ist|est)[ :][{_QUOTES}\s]{{0,2}}"
        rf"|(?:{follows})[ ][{_QUOTES}]{{0,2}})\Z"
    )


def _insensitive(word: str) -> str:
    return "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in word)
