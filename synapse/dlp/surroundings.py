"""Whether a match may stand where it stands: behind a word of its context; or apart from a longer number, and from a
word for numbers of another kind.

A placeholder in the text keeps away what stands before it: the names of rules are made of such words, and a text that
is redacted a second time must not change because a placeholder is shorter than what it replaced.
"""

import re
from collections.abc import Callable

from .._dlp import CONTEXT_CHARS, RULE_ID_CHARS_MAX, WordsBefore
from . import other_numbers
from .assignment import assignment, name_part
from .context import context_source
from .programs import Program, compiled, shared
from .rules import Rule

Condition = Callable[[bytes, int], bool]

_PLACEHOLDER = b"[REDACTED:"
_PLACEHOLDER_CHARS = len(_PLACEHOLDER) + RULE_ID_CHARS_MAX
# How far to the left of a match anything can matter: a word, and the beginning of a placeholder that it stands in.
LEFT_CHARS = CONTEXT_CHARS + _PLACEHOLDER_CHARS

# A digit and one separator: what stands behind them is the rest of a longer number in groups. So it is behind what was
# replaced, since that may have been such a number.
_GROUPED = re.compile(rb"(?:[0-9]|\[REDACTED:[a-z0-9_]{1,%d}\])[ ./-]\Z" % RULE_ID_CHARS_MAX)
_GROUPED_CHARS = _PLACEHOLDER_CHARS + 2


def condition(rule: Rule, *, behind_words: bool) -> Condition | None:
    """What the surroundings of a core must be like; None when they do not matter."""
    if behind_words:
        return in_context(rule)
    if rule.unclaimed:
        return Unclaimed(apart=rule.apart)
    return stands_apart if rule.apart else None


def stands_apart(window: bytes, start: int) -> bool:
    # Two bytes tell for nearly all places; texts of nothing but figures ask this at every one.
    if start < 2 or window[start - 1] not in b" ./-":
        return True
    if window[start - 2] != 0x5D:  # the end of a placeholder
        return not 0x30 <= window[start - 2] <= 0x39
    return _GROUPED.search(window, max(0, start - _GROUPED_CHARS), start) is None


class Unclaimed:
    """That no word for numbers of another kind leads to a place; with `apart`, nor a longer number."""

    __slots__ = ("_apart", "_claims")

    def __init__(self, *, apart: bool) -> None:
        self._apart = apart
        self._claims = WordsBefore(shared(_words, other_numbers.WORDS, other_numbers.BETWEEN, False))

    def __call__(self, window: bytes, start: int) -> bool:
        return not (self._apart and not stands_apart(window, start)) and not self._claims(window, start)


def in_context(rule: Rule) -> WordsBefore:
    """Whether a word of a rule's context stands before a place. Its expressions are compiled when first needed."""
    words = shared(_words, rule.context, rule.between, rule.assigned)
    return WordsBefore(words, leads=assignment() if rule.assigned else None)


def _words(context: tuple[str, ...], between: str, assigned: bool) -> tuple[bytes, Program | None]:
    """Raises PatternError."""
    return compiled(name_part(context) if assigned else context_source(context, between))
