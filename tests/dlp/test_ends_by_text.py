"""Which of some joined texts an end is in, and the strongest of some actions, against plain Python."""

import random
from array import array
from itertools import accumulate

import pytest

from synapse._dlp import Finding, ends_by_text, strongest

CASES = 3_000


def plain(stretches: list[tuple[int, int]], lengths: list[int]) -> dict[int, list[tuple[int, int]]]:
    """By looking at each text: its ends are those behind its first character up to the one behind its last."""
    found: dict[int, list[tuple[int, int]]] = {}
    start = 0
    for number, length in enumerate(lengths):
        inside = [
            (max(first - start, 2), min(last - start, length + 1))
            for first, last in stretches
            if max(first - start, 2) <= min(last - start, length + 1)
        ]
        if inside:
            found[number] = inside
        start += length + 1
    return found


def test_each_end_is_in_its_text() -> None:
    chance = random.Random(1)
    for _ in range(CASES):
        lengths = [chance.choice((0, 1, 2, 3, 10, 40)) for _ in range(chance.randrange(1, 7))]
        places = sorted(chance.sample(range(2, 400), k=2 * chance.randrange(1, 5)))
        stretches = list(zip(places[::2], places[1::2], strict=True))
        starts = list(accumulate((length + 1 for length in lengths), initial=0))
        found = ends_by_text({7: array("I", places)}, starts)
        expected = plain(stretches, lengths)
        assert {
            number: list(zip(own[7][::2], own[7][1::2], strict=True)) for number, own in found.items()
        } == expected, (stretches, lengths)


def test_what_is_no_array_of_stretches_is_refused() -> None:
    for wrong in (array("I"), array("I", [1]), array("b", [1, 2])):
        with pytest.raises(ValueError, match="stretches"):
            ends_by_text({0: wrong}, [0, 10])


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["alert"], "alert"),
        (["alert", "redact", "alert"], "redact"),
        (["redact", "block", "alert"], "block"),
    ],
)
def test_the_strongest_of_the_actions_is_told(actions: list[str], expected: str) -> None:
    assert strongest([Finding("r", "c", action, 0, 1) for action in actions]) == expected
