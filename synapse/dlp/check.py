"""What is wrong with a set of rules: each must compile, find its hits whole, leave its misses alone."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from .findings import Side
from .patterns import compile_cores
from .rules import Rule, RuleError
from .ruleset import Ruleset


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, said so that the rule's author can cure it. It names examples by reason, not by text."""

    rule: str
    message: str


def check_rules(rules: Iterable[Rule]) -> list[Problem]:
    """All problems; an empty list means that the rules may be put in force."""
    rules = tuple(rules)
    problems = [Problem(name, "two rules have this id") for name, n in Counter(r.id for r in rules).items() if n > 1]
    for rule in rules:
        try:
            compile_cores([rule])
        except RuleError as error:
            problems.append(Problem(rule.id, error.reason))
        else:
            problems += _example_problems(rule, rules)
    return problems


def _example_problems(rule: Rule, rules: Sequence[Rule]) -> Iterator[Problem]:
    # Alone and switched on, whatever its action: other rules must not hide what it finds.
    alone = Ruleset.compile([replace(rule, prompt="alert", answer="off")], name=rule.id)
    for hit in rule.hits:
        place = len(hit.before), len(hit.before) + len(hit.text)
        if [(f.start, f.end) for f in alone.scan(hit.before + hit.text, Side.PROMPT).findings] != [place]:
            yield Problem(rule.id, f"it does not match its whole hit: {hit.why}")
    for miss in rule.misses:
        if alone.scan(miss.before + miss.text, Side.PROMPT).findings:
            yield Problem(rule.id, f"it matches in a miss: {miss.why}")
    for other in rules:
        if alone.scan(f"[REDACTED:{other.id}]", Side.PROMPT).findings:
            yield Problem(rule.id, f"it matches the placeholder of {other.id}; what is redacted must stay redacted")
