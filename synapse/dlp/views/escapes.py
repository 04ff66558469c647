"""Characters written as codes: entities of HTML, percent signs, escapes of programming languages, quoted-printable."""

import re
from collections.abc import Iterator
from html.entities import html5

from .view import Budget, Spelled, View, respelled

# It begins with a plain class, as do the expressions of the other views: so the search is quick where nothing is.
_ESCAPE = re.compile(
    r"""
    [&%\\=](?:
      (?<=&)(?: \#(?P<entity>[0-9]{1,7});? | \#[xX](?P<hex_entity>[0-9A-Fa-f]{1,6});?
              | (?P<name>[A-Za-z][A-Za-z0-9]{1,30}+;) )
    | (?<=%)(?: (?P<percent>[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*+) | u(?P<percent_u>[0-9A-Fa-f]{4}) )
    | (?<=\\)(?: u(?P<u>[0-9A-Fa-f]{4}) | u\{(?P<u_braced>[0-9A-Fa-f]{1,6})\} | U(?P<u_long>[0-9A-Fa-f]{8})
               | x(?P<x>[0-9A-Fa-f]{2}) | x\{(?P<x_braced>[0-9A-Fa-f]{1,6})\} | (?P<octal>[0-3]?[0-7]{2,3})
               | (?P<sign>[\\"'/.@-]) | (?P<control>[nrt]) | (?P<continued>\r?\n) )
    | (?<==)(?P<quoted>(?:[0-9A-F]{2}|\r?\n)(?:=[0-9A-F]{2}|=\r?\n){2,}+)
    )
    """,
    re.VERBOSE,
)
_BASES = {"entity": 10, "octal": 8}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}
_BYTE = re.compile(r"[=%]([0-9A-Fa-f]{2})|=\r?\n")
_BLANKS = frozenset(b"\t\n\r")
_CODE_POINT_MAX = 0x10FFFF


def escapes(text: str, budget: Budget) -> Iterator[View]:
    """Views of the stretches in which characters are written as codes."""
    return respelled(text, _ESCAPE.finditer(text), _spell, budget)


def _spell(match: re.Match[str]) -> list[Spelled] | None:
    kind = match.lastgroup
    assert kind is not None
    if kind in {"percent", "quoted"}:
        return _spell_bytes(match)
    character = _character(kind, match[kind])
    return None if character is None else [(part, *match.span()) for part in character]


def _character(kind: str, written: str) -> str | None:
    match kind:
        case "name":
            return html5.get(written)
        case "sign":
            return written
        case "control":
            return _CONTROLS[written]
        case "continued":
            return ""
    code_point = int(written, _BASES.get(kind, 16))
    return _readable(code_point) if code_point <= _CODE_POINT_MAX else None


def _readable(code_point: int) -> str:
    """What a control character prints: nothing. But it stands between words, and is not left out as in a text."""
    return chr(code_point) if code_point >= 32 or code_point in _BLANKS else "\N{REPLACEMENT CHARACTER}"


def _spell_bytes(match: re.Match[str]) -> list[Spelled]:
    """The characters of some bytes: those of ASCII at their own places, others at that of the whole run."""
    start = match.start()
    found = [each for each in _BYTE.finditer(match[0]) if each[1]]
    written = bytes(int(each[1], 16) for each in found)
    if written.isascii():
        return [
            (_readable(byte), start + each.start(), start + each.end())
            for byte, each in zip(written, found, strict=True)
        ]
    return [(character, *match.span()) for character in written.decode("utf-8", "replace")]
