"""The page about disguises says what is true, and the gate of 55 of 61 holds."""

from pathlib import Path

import pytest
from disguises import DISGUISES, Outcome, outcomes, page

from synapse.dlp import Ruleset

PAGE = Path(__file__).parents[2] / "docs" / "disguises.md"


@pytest.fixture(scope="module")
def found(ruleset: Ruleset) -> list[Outcome]:
    return list(outcomes(ruleset))


def test_at_least_55_of_61_disguises_are_found(found: list[Outcome]) -> None:
    assert len({disguise.text for disguise in DISGUISES}) == len(found) == 61
    assert sum(outcome.plain for outcome in found) == 5
    assert sum(outcome.shadow for outcome in found) == 24
    assert sum(outcome.views for outcome in found) == 55


def test_each_means_finds_what_the_weaker_one_does(found: list[Outcome]) -> None:
    for outcome in found:
        assert outcome.plain <= outcome.shadow <= outcome.views, outcome.disguise.how


def test_the_page_shows_this_table(ruleset: Ruleset) -> None:
    """Write it again with: python tests/dlp/disguises.py docs/disguises.md."""
    assert PAGE.read_text("utf-8") == page(ruleset)
