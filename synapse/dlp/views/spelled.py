"""Figures and signs written as words, letters in place of figures, and text in signs that print nothing."""

import re
from collections.abc import Iterator
from itertools import chain

from .view import Budget, Spelled, View, respelled

_FIGURES = {name: str(value) for value, name in enumerate("zero one two three four five six seven eight nine".split())}
_FIGURES["oh"] = "0"
_FIGURE = "|".join(_FIGURES)
_FIGURE_WORDS = re.compile(
    rf"[zotfsenZOTFSEN](?<=\b.)(?<=(?=(?i:{_FIGURE})).)[A-Za-z]{{1,4}}+(?:[\s,.-]{{1,3}}+(?i:{_FIGURE})(?![A-Za-z])){{11,}}+"
)
_FIGURE_WORD = re.compile(_FIGURE, re.IGNORECASE)

# Four groups of four, as cards have them: in other numbers letters are letters.
_CARD_LIKE = re.compile(r"[0-9OoIl](?<![0-9A-Za-z].)[0-9OoIl]{3}(?:[ -]?[0-9OoIl]{4}){3}(?![0-9A-Za-z])")
_LOOK_ALIKES = str.maketrans("OoIl", "0011")

_AT = r"\s?[\[({<]\s?(?:at|@)\s?[\])}>]\s?"
_DOT = r"\s?[\[({<]\s?(?:dot|\.)\s?[\])}>]\s?|\s(?:dot)\s"
_NAME = "[A-Za-z0-9][A-Za-z0-9_+%-]{0,63}+"
_LABEL = "[A-Za-z0-9-]{1,63}+"
# Without brackets "at" is a word like others: it counts when what stands before it can be nothing but an address.
_ADDRESS = re.compile(
    rf"(?<![0-9A-Za-z]){_NAME}(?:(?:\.|{_DOT}){_NAME}){{0,4}}{_AT}{_LABEL}(?:(?:\.|{_DOT}){_LABEL}){{1,4}}(?![0-9A-Za-z])"
    rf"|(?<![0-9A-Za-z]){_NAME}(?:(?:\.|{_DOT}){_NAME}){{1,4}}\sat\s{_LABEL}(?:(?:{_DOT}){_LABEL}){{1,4}}(?![0-9A-Za-z])"
    rf"|(?<![0-9A-Za-z.]){_NAME}(?:\.{_NAME}){{0,4}}@{_LABEL}(?:(?:\.|{_DOT}){_LABEL}){{1,4}}(?![0-9A-Za-z])",
    re.IGNORECASE,
)
# Where an address may have its sign, and how much of the text before and after it is looked at.
_ABOUT_AT = re.compile(r"[@\s\[({<](?:(?<=@)|(?<=[\[({<])\s?(?i:at|@)|(?<=\s)(?i:at)\s)")
_WORD_START = re.compile(r"[0-9A-Za-z](?<![0-9A-Za-z].)")
_BEFORE_CHARS = 128
_AFTER_CHARS = 192
_SIGNS = re.compile(rf"(?P<at>{_AT}|\sat\s)|(?P<dot>{_DOT})|(?P<other>.)", re.IGNORECASE | re.DOTALL)

_TAGS = re.compile(r"[\U000E0020-\U000E007E]{8,}")
_SELECTORS = re.compile(r"[\uFE00-\uFE0F\U000E0100-\U000E01EF]{8,}")


def spelled(text: str, budget: Budget) -> Iterator[View]:
    """Views of card numbers in words or with look-alikes, and of addresses with `at` and `dot`."""
    return chain(
        respelled(text, _FIGURE_WORDS.finditer(text), _spell_figures, budget),
        respelled(text, _CARD_LIKE.finditer(text), _spell_look_alikes, budget),
        respelled(text, _addresses(text), _spell_address, budget),
    )


def unseen(text: str, budget: Budget) -> Iterator[View]:
    """Views of text in tag characters, and of bytes in variation selectors."""
    return chain(
        respelled(text, _TAGS.finditer(text), _spell_tags, budget),
        respelled(text, _SELECTORS.finditer(text), _spell_selectors, budget),
    )


def _addresses(text: str) -> Iterator[re.Match[str]]:
    done = 0
    for sign in _ABOUT_AT.finditer(text):
        for word in _WORD_START.finditer(text, max(done, sign.start() - _BEFORE_CHARS), sign.start()):
            if address := _ADDRESS.match(text, word.start(), sign.end() + _AFTER_CHARS):
                yield address
                done = address.end()
                break
        # An address has one sign: none that begins before this one has another.
        done = max(done, sign.start() + 1)


def _spell_figures(match: re.Match[str]) -> list[Spelled]:
    return [
        (_FIGURES[word[0].lower()], match.start() + word.start(), match.start() + word.end())
        for word in _FIGURE_WORD.finditer(match[0])
    ]


def _spell_look_alikes(match: re.Match[str]) -> list[Spelled] | None:
    figures = match[0].translate(_LOOK_ALIKES)
    if figures == match[0]:
        return None
    return [(figure, place, place + 1) for place, figure in enumerate(figures, match.start())]


def _spell_address(match: re.Match[str]) -> list[Spelled]:
    begin = match.start()
    signs = {"at": "@", "dot": "."}
    return [
        (signs.get(part.lastgroup or "", part[0]), begin + part.start(), begin + part.end())
        for part in _SIGNS.finditer(match[0])
    ]


def _spell_tags(match: re.Match[str]) -> list[Spelled]:
    return [(chr(ord(tag) - 0xE0000), place, place + 1) for place, tag in enumerate(match[0], match.start())]


def _spell_selectors(match: re.Match[str]) -> list[Spelled]:
    """Each selector is a byte: the first sixteen stand apart from the others."""
    data = bytes(ord(each) - 0xFE00 if each < "\U000e0100" else ord(each) - 0xE0100 + 16 for each in match[0])
    return [(character, *match.span()) for character in data.decode("utf-8", "replace")]
