"""Whether a match is meant: its validator, its entropy, and the words and forms that only stand in examples."""

import re

from .._dlp import entropy
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
        self._allowed: re.Pattern[bytes] | None = None

    def __call__(self, match: bytes) -> bool:
        rule = self._rule
        if self._validator is not None and not self._validator(match):
            return False
        if (rule.allow or rule.stop_words) and (self._allowed or self.compile()).search(match):
            return False
        return not rule.entropy or entropy(match) >= rule.entropy

    def compile(self) -> re.Pattern[bytes]:
        """Raises RuleError for an allowlist that is not made of regular expressions."""
        rule = self._rule
        forms = [*rule.allow, *(f"(?i:{re.escape(word)})" for word in rule.stop_words)]
        try:
            self._allowed = re.compile("|".join(f"(?:{form})" for form in forms).encode("ascii"))
        except (re.error, UnicodeEncodeError) as error:
            raise RuleError(rule.id, f"`allow` or `stop_words`: not an ASCII regular expression: {error}") from error
        return self._allowed
