"""The European packs on texts that their rules were not written from: found, found whole, and nothing else found."""

from collections.abc import Sequence

import pytest
from corpora.europe import near_misses, other_numbers, positives

from synapse.dlp import Ruleset, Side, check_rules, load_all_rules
from synapse.dlp.findings import Finding

PACKS = frozenset(
    "at be bg ch cy cz de dk ee es fi fr gr hr hu ie it lt lu lv mt nl no pl pt ro se si sk ua uk".split()
)


RULES = [rule for rule in load_all_rules() if rule.pack in PACKS]


@pytest.fixture(scope="module")
def europe() -> Ruleset:
    return Ruleset.compile(RULES, name="europe")


def test_no_rule_has_a_problem() -> None:
    assert {rule.pack for rule in RULES} == PACKS
    assert check_rules(RULES) == []


def _findings(ruleset: Ruleset, text: str) -> Sequence[Finding]:
    return ruleset.scan(text, Side.PROMPT).findings


def test_what_people_write_is_found_and_found_whole(europe: Ruleset) -> None:
    """Recall at least 0.97 and exact places at least 0.95, over all rules; no rule finds less than 0.8 of its texts."""
    found: dict[str, list[bool]] = {}
    exact = []
    for case in positives(seed=7, each=15):
        spans = [(finding.start, finding.end) for finding in _findings(europe, case.text)]
        found.setdefault(case.rule, []).append(any(start < case.end and end > case.start for start, end in spans))
        exact.append((case.start, case.end) in spans)
    every = [hit for hits in found.values() for hit in hits]
    assert sum(every) / len(every) >= 0.97
    assert sum(exact) / len(exact) >= 0.95
    assert [rule for rule, hits in found.items() if sum(hits) / len(hits) < 0.8] == []


def test_a_wrong_check_digit_is_no_finding(europe: Ruleset) -> None:
    wrong = [
        case for case in near_misses(seed=7, each=10) if case.rule in {f.rule for f in _findings(europe, case.text)}
    ]
    assert wrong == []


def test_other_numbers_are_left_alone(europe: Ruleset) -> None:
    """At most 1 % of order numbers, telephone numbers, times, hashes and the like, with every pack on."""
    texts = list(other_numbers(seed=7, count=2_000))
    assert sum(bool(_findings(europe, text)) for text in texts) <= len(texts) / 100
