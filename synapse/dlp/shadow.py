"""The text that is scanned: one byte or none for each code point, so that look-alikes and invisible signs hide nothing.

Folding is done code point by code point and is therefore a homomorphism, `shadow(x + y) == shadow(x) + shadow(y)`:
a stream has the same shadow however it is cut. Normalising whole strings (NFKC) would break that. Of the control
characters only the line feed is in a shadow: tabs and carriage returns are spaces there, the rest is dropped.
"""

import unicodedata

from .._dlp import Folding

# A letter without an ASCII look-alike is one of these, by its code point: enough to tell a word from other words.
LETTERS = range(0xC0, 0xFF)
OTHER = 0x80  # anything else without one
DROPPED = 0xFF

# Look-alikes which Unicode does not call compatible (Cyrillic, Greek, dashes, quotes, stops, blanks).
_LOOK_ALIKES = {
    **dict(zip("аеорсухіјѕһԁԛԝьӏ", "aeopcyxijshdqwbl", strict=True)),  # look-alikes are the point
    **dict(zip("АВЕКМНОРСТХІЈЅУ", "ABEKMHOPCTXIJSY", strict=True)),  # noqa: RUF001
    **dict(zip("αορνικτυχγ", "aopviktuxy", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),  # noqa: RUF001
    **dict(zip("ıɡⅼ∕⁄∶ː․。·∙", "igl//::....", strict=True)),  # noqa: RUF001
    **dict(zip("‐‑‒–—―−﹣⁃˗＿＠﹫", "----------_@@", strict=True)),  # noqa: RUF001
    **dict(zip("‘’“”´ʼ", "''\"\"''", strict=True)),  # noqa: RUF001
    # Small capitals; figures and letters in dark or double circles and in squares.
    **dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True)),
    **{chr(ord(one) + n): str(1 + n) for one in "❶➀➊⓵" for n in range(9)},
    **{chr(ord(a) + n): chr(ord("A") + n) for a in "🅐🅰" for n in range(26)},
    **dict.fromkeys("⓿🄋🄌", "0"),
    # The control characters that stand between words; all others print nothing and are dropped.
    **dict(zip("\t\v\f\r\x85", "    \n", strict=True)),
}
# Fillers, blank signs and reserved places which print nothing but are not format characters: what Unicode calls
# default-ignorable, assigned or not (DerivedCoreProperties.txt), the blank Braille pattern and the blank note head.
_INVISIBLE = frozenset(
    (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2065, 0x2800, 0x3164, 0xFFA0, 0x1D159,
     *range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000))
)  # fmt: skip
# Ideographs and Hangul: all of them letters.
_IDEOGRAPHS = ((0x34, 0x4C), (0x4E, 0x9F), (0xAC, 0xD6), (0x200, 0x2F7), (0x300, 0x3FF))
# Surrogates, private use, planes without characters: the same byte for the whole page.
_UNIFORM = (
    (0xD8, 0xF8, OTHER),
    (0x400, 0xDFF, OTHER),
    (0xE00, 0xE0F, DROPPED),
    (0xE10, 0x10FF, OTHER),
)


def fold_code_point(code_point: int) -> int:
    """The byte that stands for a code point, or 0xFF when it is dropped."""
    if 0x20 <= code_point < 0x7F or code_point == 0x0A:
        return code_point
    character = chr(code_point)
    if character in _LOOK_ALIKES:
        return ord(_LOOK_ALIKES[character])
    category = unicodedata.category(character)
    # Accents are dropped too: one over a digit must not hide the digit.
    if category in {"Cc", "Cf", "Mn", "Me"} or code_point in _INVISIBLE:
        return DROPPED
    if category == "Nd":
        return 0x30 + unicodedata.decimal(character)
    if category in {"Zs", "Zl", "Zp"}:
        return 0x20 if category == "Zs" else 0x0A
    return _base_letter(character, letter(code_point) if category[0] == "L" else OTHER)


def letter(code_point: int) -> int:
    """The byte of a letter without an ASCII look-alike."""
    return LETTERS[code_point % len(LETTERS)]


def _base_letter(character: str, otherwise: int) -> int:
    """Full-width, mathematical, circled and accented letters are their ASCII letter."""
    base = [
        part
        for part in unicodedata.normalize("NFKD", character)
        if unicodedata.category(part) not in {"Mn", "Me", "Cf"}
    ]
    if len(base) != 1:
        return otherwise
    folded = _LOOK_ALIKES.get(base[0], base[0])
    return ord(folded) if folded.isascii() else otherwise


def fold_page(page: int) -> bytes:
    """The bytes of the 256 code points of a page."""
    for first, last, folded in _UNIFORM:
        if first <= page <= last:
            return bytes((folded,)) * 256
    if any(first <= page <= last for first, last in _IDEOGRAPHS):
        return bytes(letter(page << 8 | low) for low in range(256))
    return bytes(fold_code_point(page << 8 | low) for low in range(256))


# A table of pure values, filled on demand; it belongs to no request and no ruleset.
FOLDING = Folding(fold_page)
fold = FOLDING.fold
