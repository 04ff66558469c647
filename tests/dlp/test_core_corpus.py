"""The packs `core` and `us-health` on a held-out corpus: what is found, how exactly, and what is left alone."""

from collections import defaultdict
from collections.abc import Sequence

import pytest
from corpora import core

from synapse.dlp import Finding, Ruleset, Side, load_all_rules

RECALL, EXACT, FALSE = 0.97, 0.95, 0.01
# Of a single kind of number; over all of them the figures above hold.
RECALL_OF_A_KIND = 0.9


@pytest.fixture(scope="module")
def packs() -> Ruleset:
    return Ruleset.compile([rule for rule in load_all_rules() if rule.pack in {"core", "us-health"}], name="core")


def test_what_people_write_is_found_whole(packs: Ruleset) -> None:
    found: dict[str, list[bool]] = defaultdict(list)
    exact: list[bool] = []
    for case in core.positives(seed=7, number=30):
        findings = packs.scan(case.text, Side.PROMPT).findings
        mine = [f for f in findings if f.rule == case.rule and f.start < case.end and case.start < f.end]
        found[case.rule].append(bool(mine))
        exact.append((case.start, case.end) in [(f.start, f.end) for f in mine])
    every = [hit for hits in found.values() for hit in hits]
    assert _share(every) >= RECALL
    assert _share(exact) >= EXACT
    assert {rule: _share(hits) for rule, hits in found.items() if _share(hits) < RECALL_OF_A_KIND} == {}


def test_what_only_looks_like_something_is_left_alone(packs: Ruleset) -> None:
    cases = list(core.negatives(seed=11, number=20))
    fired = [case.text for case in cases if _findings(packs, case)]
    assert len(fired) <= FALSE * len(cases), fired


def _findings(packs: Ruleset, case: core.Case) -> tuple[Finding, ...]:
    return packs.scan(case.text, Side.PROMPT).findings


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)
