"""Whether a match may stand where it stands: behind a word of its context; or apart from a longer number, and from a
word for numbers of another kind.

A placeholder in the text keeps away what stands before it: the names of rules are made of such words, and a text that
is redacted a second time must not change because a placeholder is shorter than what it replaced.
"""

from collections.abc import Callable

from .._dlp import CONTEXT_CHARS, RULE_ID_CHARS_MAX, Apart, WordsBefore
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


def condition(rule: Rule, *, behind_words: bool) -> Condition | None:
    """What the surroundings of a core must be like; None when they do not matter."""
    if behind_words:
        return in_context(rule)
    if rule.apart or rule.unclaimed:
        return Apart(groups=rule.apart, claims=claims() if rule.unclaimed else None)
    return None


def claims() -> WordsBefore:
    """Whether a word for numbers of another kind stands before a place."""
    return WordsBefore(shared(_words, other_numbers.WORDS, other_numbers.BETWEEN, False))


def in_context(rule: Rule) -> WordsBefore:
    """Whether a word of a rule's context stands before a place. Its expressions are compiled when first needed."""
    words = shared(_words, rule.context, rule.between, rule.assigned)
    return WordsBefore(words, leads=assignment() if rule.assigned else None)


def _words(context: tuple[str, ...], between: str, assigned: bool) -> tuple[bytes, Program | None]:
    """Raises PatternError."""
    return compiled(name_part(context) if assigned else context_source(context, between))
