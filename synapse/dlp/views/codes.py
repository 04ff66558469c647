"""Text in another coat: base64, hex figures, lists of character codes, compressed bytes.

A run is decoded whatever it is; what counts is whether something readable comes out. Keys, hashes and pictures give
stretches of a few characters at most.
"""

import binascii
import re
import zlib
from collections.abc import Iterator
from functools import partial

from .view import Budget, Spelled, View, respelled

_BASE64 = re.compile(r"[A-Za-z0-9+/_-](?<![A-Za-z0-9+/_-].)[A-Za-z0-9+/_-]{15,}+(?:\r?\n[A-Za-z0-9+/_-]{4,}+)*+={0,2}")
_HEX = re.compile(r"[0-9A-Fa-f](?<![0-9A-Fa-f].)[0-9A-Fa-f]{19,}+")
_BASE64_URL = str.maketrans("-_", "+/", "\r\n=")
# The beginnings of pictures, sound, PDF and ZIP files in base64.
_MEDIA = re.compile("iVBORw0KG|/9j/|R0lGOD|UklGR|JVBERi|UEsDB|T2dnU|SUQz|AAAA.{2}Zn|Qk0|SUkq|TU0A|ZkxhQ|AGFzb|d09G")
MEDIA_CHARS_MAX = 4096
# Shorter stretches come out of random bytes now and then, and hold no match that stands alone but an address.
_READABLE = re.compile(rb"[\t\n\r\x20-\x7e]{12,}|(?:[\x20-\x7e]\x00){11,}[\x20-\x7e]\x00?")
_COMPRESSED = re.compile(rb"\x1f\x8b|\x78[\x01\x5e\x9c\xda]")
# zlib's own notation: 15 bits of window, with either of the two headers.
_EITHER_HEADER = 15 + 32

# Atomic throughout: what does not fit is passed over once.
_SEPARATOR = r"[ ,;:|\n-]{1,2}+"
_LISTS = tuple(
    (base, re.compile(rf"{first}(?<![0-9A-Za-z].){rest}(?>[ ,;:|\n-]{{1,2}}+{number}(?![0-9A-Za-z])){{9,4095}}+"))
    for base, first, rest, number in (
        (16, "[0-9A-Fa-f]", "(?:[0-9A-Fa-f]|(?<=0)[xX][0-9A-Fa-f]{2})", "(?:0[xX])?[0-9A-Fa-f]{2}"),
        (10, "[0-9]", "[0-9]{1,2}+", "[0-9]{2,3}+"),
        (8, "[01]", "[0-7]{2,3}+", "0?[01][0-7]{2}"),
        (2, "[01]", "[01]{6,7}+", "[01]{7,8}+"),
    )
)
_BITS = re.compile(r"[01](?<![01].)[01]{7}(?:[01]{8}){9,4095}+(?![01])")
_NUMBER = re.compile(r"[0-9A-Fa-f]+")
_EIGHT = re.compile(r"[01]{8}")
# How much of a list of character codes are letters, figures and blanks.
WORDS_MIN = 0.8
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"


def codes(text: str, budget: Budget) -> Iterator[View]:
    """Views of runs of base64 and of hex figures."""
    goes_on, budget.in_media = budget.in_media, False
    for run in _BASE64.finditer(text):
        is_media = _MEDIA.match(run[0]) is not None
        if goes_on and run.start() == 0:
            budget.in_media = run.end() == len(text)
        elif written := _affordable(run, budget, per_byte=4 / 3, is_media=is_media):
            budget.in_media = is_media and run.end() == len(text)
            yield from _base64(run.start(), written)
    for run in _HEX.finditer(text):
        if written := _affordable(run, budget, per_byte=2):
            yield from _hex(run.start(), written)


def lists(text: str, budget: Budget) -> Iterator[View]:
    """Views of numbers one after the other, read as codes of characters to four bases."""
    for base, pattern in _LISTS:
        yield from respelled(text, pattern.finditer(text), partial(_spell_numbers, base=base, number=_NUMBER), budget)
    yield from respelled(text, _BITS.finditer(text), partial(_spell_numbers, base=2, number=_EIGHT), budget)


def _affordable(run: re.Match[str], budget: Budget, *, per_byte: float, is_media: bool = False) -> str:
    """As much of a run as may still be decoded."""
    written = run[0]
    if is_media:
        # It has no text but perhaps at its beginning, and no use for the budget of the others.
        written = written[:MEDIA_CHARS_MAX]
    needed = int(len(written) / per_byte)
    granted = budget.take(needed, at=run.start())
    return written if granted == needed else written[: int(granted * per_byte)]


def _base64(begin: int, run: str) -> Iterator[View]:
    # It may be glued to what stands before it, and then begins at another of the four places of a group.
    written = run.translate(_BASE64_URL)
    places = range(len(run)) if len(written) == len(run) else [at for at, c in enumerate(run) if c not in "\r\n="]
    for shift in range(4):
        decoded = _decode_base64(written[shift:])
        shown = list(_readable(decoded))
        for text, start, end in shown:
            first, last = shift + start * 8 // 6, shift + (end * 8 - 1) // 6
            # Its end takes the padding with it.
            stop = len(run) if end == len(decoded) else places[last] + 1
            yield View(text, (begin + places[first], begin + stop))
        if sum(end - start for _, start, end in shown) * 2 > len(decoded):
            return


def _decode_base64(written: str) -> bytes:
    whole = written[: len(written) - (len(written) % 4 == 1)]
    return binascii.a2b_base64(whole + "=" * (-len(whole) % 4))


def _hex(begin: int, run: str) -> Iterator[View]:
    for shift in (0, 1):
        figures = run[shift:]
        for text, start, end in _readable(bytes.fromhex(figures[: len(figures) & ~1])):
            yield View(text, (begin + shift + 2 * start, begin + shift + 2 * end))


def _readable(decoded: bytes) -> Iterator[tuple[str, int, int]]:
    """What can be read of some bytes, and where."""
    if _COMPRESSED.match(decoded) and (inflated := _inflated(decoded)):
        for text, _, _ in _readable(inflated):
            yield text, 0, len(decoded)
        return
    try:
        text = decoded.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if text.isprintable() and not text.isascii():
        yield text, 0, len(decoded)
        return
    for stretch in _READABLE.finditer(decoded):
        yield stretch[0].decode("ascii").replace("\0", ""), *stretch.span()


def _inflated(packed: bytes) -> bytes:
    try:
        # What is packed ten times as small is still bounded; a bomb is not worth more.
        return zlib.decompressobj(_EITHER_HEADER).decompress(packed, 10 * len(packed))
    except zlib.error:
        return b""


def _spell_numbers(match: re.Match[str], *, base: int, number: re.Pattern[str]) -> list[Spelled] | None:
    begin = match.start()
    text = match[0].replace("0x", "  ").replace("0X", "  ")
    read = [(_read(int(each[0], base)), begin + each.start(), begin + each.end()) for each in number.finditer(text)]
    # Other lists of numbers have as many signs among them as letters.
    words = sum(character.isalnum() or character == " " for character, _, _ in read)
    return read if words >= WORDS_MIN * len(read) else None


def _read(code_point: int) -> str:
    return chr(code_point) if 32 <= code_point < 127 else _UNREADABLE
