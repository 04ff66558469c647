"""Excerpts show where a finding stands; whatever was found near it is masked as well."""

import pytest

from synapse.cli.dlp_excerpts import MASK, Excerpts, Places
from synapse.dlp import Finding

TEXT = "first line\nname Bob, card 4111, key AKIA, end\nlast"


def finding(text: str, action: str = "redact") -> Finding:
    start = TEXT.index(text)
    return Finding("toy", "toys", action, start, start + len(text))  # type: ignore[arg-type]  # of a parametrised test


def test_neighbours_on_the_line_are_shown_and_matches_are_not() -> None:
    card = finding("4111")

    assert Excerpts(TEXT, [card]).around(card) == f"name Bob, card {MASK}, key AKIA, end"


def test_other_findings_near_it_are_masked_too() -> None:
    every = [finding("Bob"), finding("4111"), finding("AKIA")]

    assert Excerpts(TEXT, every).around(every[1]) == f"name {MASK}, card {MASK}, key {MASK}, end"


@pytest.mark.parametrize("shown", [0, 1, 2])
def test_a_long_finding_that_others_stand_in_masks_all_of_it(shown: int) -> None:
    """What could not be decoded is one alert from there to the end, and more may be found in it."""
    every = [finding(TEXT[TEXT.index("Bob") :], "alert"), finding("4111"), finding("AKIA")]

    around = Excerpts(TEXT, every).around(every[shown])

    assert around.replace(MASK, "").strip() in "name"


def test_places_count_lines_and_columns_from_one() -> None:
    places = Places("a\r\nbc\n\n😀d")

    assert [places.of(offset) for offset in (0, 3, 4, 6, 8)] == ["1:1", "2:1", "2:2", "3:1", "4:2"]
