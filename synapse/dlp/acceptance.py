"""Whether a match is meant: its validator, its entropy, and the words and forms that only stand in examples."""

import math
import re
from collections import Counter

from .rules import Rule, RuleError
from .validators import VALIDATORS, Validator


def acceptance(rule: Rule) -> Validator | None:
    """All checks of a rule as one pure function of the match; None when it has none. Raises RuleError."""
    checks = [*_validator(rule), *_allowlist(rule), *_entropy(rule)]
    if len(checks) <= 1:
        return checks[0] if checks else None
    return lambda match: all(check(match) for check in checks)


def entropy(match: bytes) -> float:
    """Shannon's entropy in bits for each character: 0 when all are the same, 4 for random hex, near 6 for base64."""
    length = len(match)
    return -sum(n / length * math.log2(n / length) for n in Counter(match).values())


def _validator(rule: Rule) -> list[Validator]:
    return [VALIDATORS[rule.validator]] if rule.validator else []


def _entropy(rule: Rule) -> list[Validator]:
    least = rule.entropy
    return [lambda match: entropy(match) >= least] if least else []


def _allowlist(rule: Rule) -> list[Validator]:
    forms = [*rule.allow, *(f"(?i:{re.escape(word)})" for word in rule.stop_words)]
    if not forms:
        return []
    try:
        allowed = re.compile("|".join(f"(?:{form})" for form in forms).encode("ascii"))
    except (re.error, UnicodeEncodeError) as error:
        raise RuleError(rule.id, f"`allow` or `stop_words` is not an ASCII regular expression: {error}") from error
    return [lambda match: allowed.search(match) is None]
