"""Whether a match may stand where it stands: behind a word of its context, or apart from a longer number.

A placeholder in the text keeps away what stands before it: the names of rules are made of such words, and a text that
is redacted a second time must not change because a placeholder is shorter than what it replaced.
"""

import re
from collections.abc import Callable

from .assignment import compile_assignment, is_signed
from .context import CONTEXT_CHARS, compile_beginnings, compile_context
from .rules import RULE_ID_CHARS_MAX, Rule

Condition = Callable[[bytes, int], bool]
Search = Callable[..., re.Match[bytes] | None]

_PLACEHOLDER = b"[REDACTED:"
_PLACEHOLDER_CHARS = len(_PLACEHOLDER) + RULE_ID_CHARS_MAX
# How far to the left of a match anything can matter: a word, and the beginning of a placeholder that it stands in.
LEFT_CHARS = CONTEXT_CHARS + _PLACEHOLDER_CHARS

# A digit and one separator: what stands behind them is the rest of a longer number in groups. So it is behind what was
# replaced, since that may have been such a number.
_GROUPED = re.compile(rb"(?:[0-9]|\[REDACTED:[a-z0-9_]{1,%d}\])[ ./-]\Z" % RULE_ID_CHARS_MAX)
_GROUPED_CHARS = _PLACEHOLDER_CHARS + 2


def condition(rule: Rule, *, in_context: bool) -> Condition | None:
    """What the surroundings of a core must be like; None when they do not matter."""
    if in_context:
        return InContext(rule)
    return stands_apart if rule.apart else None


def stands_apart(window: bytes, start: int) -> bool:
    # Two bytes tell for nearly all places; texts of nothing but figures ask this at every one.
    if start < 2 or window[start - 1] not in b" ./-":
        return True
    if window[start - 2] != 0x5D:  # the end of a placeholder
        return not 0x30 <= window[start - 2] <= 0x39
    return _GROUPED.search(window, max(0, start - _GROUPED_CHARS), start) is None


class InContext:
    """Whether a word stands shortly before a place. Its expressions are compiled when they are first needed."""

    __slots__ = ("_begins", "_match", "_rule")

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._begins: Search | None = None
        self._match: Callable[[bytes, int, int], object] | None = None

    def __call__(self, window: bytes, start: int) -> bool:
        first = max(0, start - CONTEXT_CHARS)
        if self._rule.assigned and not is_signed(window, first, start):
            return False
        placeholder = window.rfind(_PLACEHOLDER, max(0, first - _PLACEHOLDER_CHARS), start)
        if placeholder >= 0:
            first = max(first, window.find(b"]", placeholder, start) + 1 or start)
        if self._begins is None or self._match is None:
            self.compile()
        assert self._begins is not None
        assert self._match is not None
        # Where no word begins the whole expression, with all its words, need not be tried.
        left, at = window[first:start].lower(), 0
        end = start if self._rule.assigned else start + 1
        while begun := self._begins(left, at):
            at = begun.start() + 1
            if self._match(window, first + at - 1, end):
                return True
        return False

    def compile(self) -> None:
        """Raises PatternError."""
        rule = self._rule
        if rule.assigned:
            self._match = compile_assignment(rule.context)
        else:
            self._match = compile_context(rule.context, rule.between).match
        self._begins = compile_beginnings(rule.context).search
