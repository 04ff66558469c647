"""The texts that rules are measured on: varied, the same each time, and of the kind that they are called."""

import random

import pytest

from synapse.cli.dlp_bench_texts import KINDS, MATCHES_PER_KB
from synapse.dlp import Rule, Ruleset, Side, load_default_rules


@pytest.fixture(scope="module")
def rules() -> list[Rule]:
    return load_default_rules()


@pytest.fixture(scope="module")
def ruleset(rules: list[Rule]) -> Ruleset:
    return Ruleset.compile(rules, name="default")


def texts(kind: str, rules: list[Rule], seed: int = 1) -> list[str]:
    chance = random.Random(seed)
    return [KINDS[kind](chance, 2048, rules) for _ in range(30)]


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_varied_and_made_again_alike(kind: str, rules: list[Rule]) -> None:
    some = texts(kind, rules)

    assert len(set(some)) == len(some)
    assert {len(text) for text in some} == {2048}
    assert some == texts(kind, rules)


def findings(texts_of_one_kind: list[str], ruleset: Ruleset) -> int:
    return sum(len(ruleset.scan(text, Side.PROMPT).findings) for text in texts_of_one_kind)


def test_personal_texts_have_about_what_they_say(rules: list[Rule], ruleset: Ruleset) -> None:
    # Some fall into one another or over the end.
    assert findings(texts("personal", rules), ruleset) > MATCHES_PER_KB * 2 * 30 * 0.6


def test_clean_texts_have_hardly_anything(rules: list[Rule], ruleset: Ruleset) -> None:
    assert findings(texts("clean", rules), ruleset) * 10 < findings(texts("personal", rules), ruleset)


def test_hostile_texts_are_full_of_matches_and_errors(rules: list[Rule], ruleset: Ruleset) -> None:
    assert findings(texts("hostile", rules), ruleset) > 30 * 10
