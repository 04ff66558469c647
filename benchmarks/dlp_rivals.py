"""What else finds such things, run on the same texts: `re`, RE2 and Presidio's pattern recognizers.

RE2 and Presidio are optional (`requirements/bench.txt`); without them their column says how to get them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from synapse.dlp import Rule
from synapse.dlp.language import forward, parse

Find = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Rival:
    """`find` gives how many matches it reports; None where it is not installed."""

    name: str
    find: Find | None
    remedy: str = ""


def rivals(rules: Sequence[Rule]) -> list[Rival]:
    cores = [forward(parse(core)) for rule in rules for core in (*rule.core, *rule.core_with_context)]
    return [_alternation(cores), *_re2(cores), _presidio()]


def _alternation(cores: Sequence[str]) -> Rival:
    """All cores in one expression, without validators, guards and contexts."""
    expression = re.compile("|".join(f"(?:{core})" for core in cores))
    return Rival(f"re, alternation ({len(cores)})", lambda text: sum(1 for _ in expression.finditer(text)))


def _re2(cores: Sequence[str]) -> list[Rival]:
    try:
        import re2
    except ImportError:
        return [Rival(name, None, "pip install google-re2") for name in ("RE2, Set", "RE2, one by one")]
    options = re2.Options()
    options.log_errors = False
    each = []
    every = re2.Set.SearchSet(options)
    for core in cores:
        try:
            each.append(re2.compile(core, options))
        except re2.error:
            continue  # it repeats at most 1,000 times
        every.Add(core)
    every.Compile()

    def by_set(text: str) -> int:
        """The set says which; those are then searched for where."""
        return sum(sum(1 for _ in each[number].finditer(text)) for number in every.Match(text) or ())

    def one_by_one(text: str) -> int:
        return sum(sum(1 for _ in expression.finditer(text)) for expression in each)

    return [Rival(f"RE2, Set ({len(each)})", by_set), Rival(f"RE2, one by one ({len(each)})", one_by_one)]


def _presidio() -> Rival:
    """Every pattern recognizer that it comes with, each with its validation; no model of language is loaded."""
    try:
        from presidio_analyzer import PatternRecognizer, predefined_recognizers
    except ImportError:
        return Rival("Presidio", None, "pip install presidio-analyzer")
    recognizers: list[Any] = []
    for name in sorted(vars(predefined_recognizers)):
        kind = getattr(predefined_recognizers, name)
        if isinstance(kind, type) and issubclass(kind, PatternRecognizer) and kind is not PatternRecognizer:
            try:
                recognizers.append(kind())
            except (TypeError, ValueError):
                continue  # it needs more than its patterns

    def find(text: str) -> int:
        return sum(len(one.analyze(text, one.supported_entities, None) or ()) for one in recognizers)

    return Rival(f"Presidio ({len(recognizers)})", find)
