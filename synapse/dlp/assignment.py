"""The value of an assignment: what directly follows a name that contains one of some words, and the sign behind it.

`DB_PASSWORD=…`, `"apiKey": "…"`, `token => …`, `<secret>…`, `--password …`, `name: API_KEY, value: …`, "the key is …".
"""

import re
from collections.abc import Iterable
from itertools import chain

from .context import LETTERS, spellings, word_expression

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
_FOLLOWED = "|".join(f"(?<=(?i:{word}))" for word in _VALUE_FOLLOWS)
_UNSIGNED = rf"[ ](?:is|ist|est)[ :][{_QUOTES}\s]{{0,2}}|(?:{_FOLLOWED})[ ][{_QUOTES}]{{0,2}}"
# Lists of variables give name and value under names of their own.
_ITS_VALUE = rf"(?:[{_QUOTES}\s,]{{1,28}}[Vv]alue[{_QUOTES}\s]{{0,3}})?"

# From the end of the word to the value: the rest of the name, the sign, what opens the value.
_LEADS = re.compile(
    rf"(?P<rest>[A-Za-z0-9_. \-{LETTERS}]{{0,23}}[A-Za-z0-9_{LETTERS}])?"
    rf"(?:[{_QUOTES})\]\s]{{0,16}}{_ITS_VALUE}[=:>,(|?]{_OPENING}|{_UNSIGNED})\Z".encode("ascii")
)
_ENDS_HARMLESS = re.compile(
    "|".join(rf"[_. \-](?i:{word})|[a-z0-9]{word.capitalize()}|[a-z]{word.upper()}" for word in _HARMLESS)
    .join(("(?:", r")\Z"))
    .encode("ascii")
)
_HARMLESS_CHARS = 1 + max(map(len, _HARMLESS))


def name_part(words: Iterable[str]) -> bytes:
    """The source of an expression: one of these words where it may be a part of a name."""
    every = "|".join(map(word_expression, chain.from_iterable(map(spellings, words))))
    return f"{_BEGINS}(?:{every}){_ENDS}".encode("ascii")


def leads(window: bytes, end: int, start: int) -> bool:
    """Whether a word that ends at `end` is in the name of what begins at `start`."""
    found = _LEADS.match(window, end, start)
    if found is None:
        return False
    named = found.end("rest")
    # A word may itself say `id`; what a name adds to it may not.
    return named < 0 or _ENDS_HARMLESS.search(window, max(0, named - _HARMLESS_CHARS), named) is None
