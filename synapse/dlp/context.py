"""What has to stand to the left of a match: one of some words. `assignment` knows the stricter form.

Only the left is looked at, and only so much of it, whole text or stream: what comes later has not arrived yet when a
stream has to decide.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain, product

from .._dlp import CONTEXT_CHARS
from .language import Node, PatternError, forward, parse_part, width
from .shadow import fold

# The longest word of a context, with the separators that may stand in it.
WORD_CHARS_MAX = 48
# What is derived from a word is kept, as it is from a core: the rules that come with Synapse have 4,100 words.
WORDS_KEPT_MAX = 16_384

# Between the parts of a word: "account number", "account_number", "accountNumber", "account-no", "acc. no", "driver's".
_GAPS = ("", " ", "_", "-", ".", "/", "'", ". ")
_GAP = r"(?:[ _/'-]|\. ?)?"
_GAP_CHARS = 2
# Words are looked for by their beginnings: as many parts as this, or fewer when they have enough letters.
_SOUGHT_PARTS_MAX = 3
_SOUGHT_CHARS = 7
# A shorter one is a part of so many words that what stands before it is looked at at once.
_ALONE_CHARS = 5
# What a `*` at the end of a word stands for: the rest of a compound or an inflected form.
_REST = "[A-Za-z\\xc0-\\xfe]{0,28}"
_REST_CHARS = 28
LETTERS = "A-Za-z\\xc0-\\xfe"

# Scripts that put no space between words, or write particles and compounds in one: ranges of code points. A word of
# theirs may stand anywhere in a run of letters, as "身份证" does in "我的身份证号码是".
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Japanese syllables
    (0x3400, 0x9FFF),  # ideographs
    (0xAC00, 0xD7A3),  # Hangul
)


# The first character of the match.
_FIRST_OF_MATCH = r"[\x00-\xff]"

# The length of what `_either_case` writes, by its first sign.
_FIRST_CHARS = {"\\": len(r"\x00"), "[": len(r"[\x00\x00]")}


def spellings(word: str) -> tuple[str, ...]:
    """A word as it is given, in small letters, with capitals in front and in capitals: those which shadows tell apart.

    A capital of Cyrillic or Greek may look like a letter of ASCII and its small letter like none, as that of Te does.
    """
    if word.isascii():
        return (word,)
    every = (word, word.lower(), word.capitalize(), word.title(), word.upper())
    return tuple({fold(one)[0].lower(): one for one in reversed(every)}.values())


def word_expression(word: str) -> str:
    """One word as an expression of shadow bytes, without its edges. Raises PatternError."""
    folded, _ = fold(word.removesuffix("*"))
    parts = folded.split()
    starred = word.endswith("*")
    longest = sum(map(len, parts)) + _GAP_CHARS * (len(parts) - 1) + _REST_CHARS * starred
    if not parts or b"*" in folded or longest > WORD_CHARS_MAX:
        raise PatternError(
            f"the context word {word!r} cannot be used; write 1 to {WORD_CHARS_MAX} letters, with `*` only at its end"
        )
    return _GAP.join("".join(map(_either_case, part)) for part in parts) + _REST * starred


@lru_cache(WORDS_KEPT_MAX)
def sought(word: str, *, assigned: bool) -> tuple[str, ...]:
    """What to look for in a text to see whether the word may stand there: expressions of literals, in any letter case.

    Thousands of literals are found at the price of a few expressions with classes between their parts.
    """
    return tuple(dict.fromkeys(chain.from_iterable(_sought(one, assigned=assigned) for one in spellings(word))))


def _sought(word: str, *, assigned: bool) -> list[str]:
    parts = [part.decode("latin-1") for part in fold(word.removesuffix("*"))[0].split()]
    number = next((n for n in range(1, len(parts)) if sum(map(len, parts[:n])) >= _SOUGHT_CHARS), len(parts))
    parts = parts[: min(number, _SOUGHT_PARTS_MAX)]
    # A hump of camelCase may be where a name begins.
    anywhere = assigned or _unspaced(word[:1]) or sum(map(len, parts)) > _ALONE_CHARS
    edge = "" if anywhere else f"[^{LETTERS}]"
    # A short word is the beginning of many others: "tel" of "tell".
    whole = not anywhere and number == len(parts) and not word.endswith("*") and not _unspaced(word[-1:])
    end = f"[sS]?[^{LETTERS}]" if whole else ""
    written = [_escaped_all(part) for part in parts]
    gaps = product([_escaped_all(gap) for gap in _GAPS], repeat=len(parts) - 1)
    return [edge + "".join(chain.from_iterable(zip(written, (*gap, ""), strict=True))) + end for gap in gaps]


def _escaped_all(text: str) -> str:
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isascii() and character.isalnum() else f"\\x{ord(character):02x}"


def compile_context(words: Iterable[str]) -> re.Pattern[bytes]:
    """Finds a word of the context; see `context_source`."""
    return re.compile(context_source(words))


def context_source(words: Iterable[str], between: str = "") -> bytes:
    """The source of an expression: a word of the context between two non-letters; a plural s is a part of it.

    With `between`, only a word that nothing but a word of this expression separates from the match. What is searched
    has to end behind the match's first character: it must be no letter where the word ends in one.
    """
    spaced: list[str] = []
    unspaced: list[str] = []
    for word in chain.from_iterable(map(spellings, words)):
        after = "" if _unspaced(word[-1:]) else f"[sS]?(?![{LETTERS}])"
        (unspaced if _unspaced(word[:1]) else spaced).append(word_expression(word) + after)
    # A bracket may end a placeholder, and what stood there may have ended in a letter.
    every = [f"(?<![{LETTERS}\\]]){_by_first(spaced)}"] if spaced else []
    every += [_by_first(unspaced)] if unspaced else []
    nearest = f"(?:{forward(_parse_between(between))}){_FIRST_OF_MATCH}\\Z" if between else f"(?={_FIRST_OF_MATCH})"
    return f"(?:{'|'.join(every)}){nearest}".encode("ascii")


def _by_first(expressions: Iterable[str]) -> str:
    """One of these, sorted by their first letters: to try a hundred words at each place costs 20 times as much."""
    rests: dict[str, list[str]] = {}
    for expression in expressions:
        first = expression[: _FIRST_CHARS[expression[0]]]
        rests.setdefault(first, []).append(expression[len(first) :])
    firsts = "".join(first.strip("[]") for first in rests)
    sorted_by_first = "|".join(first + _either(rest) for first, rest in rests.items())
    return f"(?=[{firsts}])(?:{sorted_by_first})"


def _either(expressions: Iterable[str]) -> str:
    return f"(?:{'|'.join(dict.fromkeys(expressions))})"


def _parse_between(between: str) -> Node:
    node = parse_part(between)
    if width(node)[1] >= CONTEXT_CHARS:
        raise PatternError(f"`between` may match {width(node)[1]} characters; bound it to fewer than {CONTEXT_CHARS}")
    return node


def _unspaced(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _UNSPACED if character)


def _either_case(byte: int) -> str:
    lower, upper = bytes((byte,)).lower()[0], bytes((byte,)).upper()[0]
    return f"\\x{byte:02x}" if lower == upper else f"[\\x{lower:02x}\\x{upper:02x}]"
