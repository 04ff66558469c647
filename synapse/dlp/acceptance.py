"""Whether a match is meant: its validator, its entropy, and the words and forms that only stand in examples."""

import re
from functools import partial

from .._dlp import Automaton, entropy
from .programs import Program, compiled
from .rules import Rule, RuleError
from .validators import VALIDATORS, Validator


def acceptance(rule: Rule) -> Validator | None:
    """All checks of a rule as one pure function of the match; None when it has none."""
    if not (rule.entropy or rule.allow or rule.stop_words):
        return VALIDATORS[rule.validator] if rule.validator else None
    return Acceptance(rule)


class Acceptance:
    """Several checks. The expression of the allowlist is compiled when it is first needed."""

    __slots__ = ("_allowed", "_rule", "_validator")

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._validator = VALIDATORS[rule.validator] if rule.validator else None
        listed = bool(rule.allow or rule.stop_words)
        self._allowed = Automaton(partial(_allowed, rule), anywhere=True) if listed else None

    def __call__(self, match: bytes) -> bool:
        if self._validator is not None and not self._validator(match):
            return False
        if self._allowed is not None and self._allowed.finds(match):
            return False
        return not self._rule.entropy or entropy(match) >= self._rule.entropy

    def compile(self) -> None:
        """Raises RuleError for an allowlist that is not made of regular expressions."""
        if self._allowed is not None:
            self._allowed.compile()


def _allowed(rule: Rule) -> tuple[bytes, Program | None]:
    forms = [*rule.allow, *(f"(?i:{re.escape(word)})" for word in rule.stop_words)]
    try:
        source = "|".join(f"(?:{form})" for form in forms).encode("ascii")
        re.compile(source)
    except (re.error, UnicodeEncodeError) as error:
        raise RuleError(rule.id, f"`allow` or `stop_words`: not an ASCII regular expression: {error}") from error
    return compiled(source, anywhere=True)
